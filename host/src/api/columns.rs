//! What each list can be searched and ordered by. A credential's token is not among it, nor its kind's fields: what cannot be asked for cannot be
//! found out letter by letter.

use super::listing::Resource;
use super::present;
use super::search::{Cell, Column, Type};
use crate::records::model::{Binding, Credential, Role};
use std::borrow::Cow;

/// The columns of a resource: `name: Type => how it is read`, and the two moments that every record has.
macro_rules! columns {
    ($($name:literal: $holds:ident => $read:expr,)*) => {
        &[
            $(Column { name: $name, holds: Type::$holds, read: $read },)*
            Column { name: "created_at", holds: Type::Time, read: |record| Cell::number(record.created_at_ms) },
            Column { name: "updated_at", holds: Type::Time, read: |record| Cell::number(record.updated_at_ms) },
        ]
    };
}

/// `GET /credentials`
pub const CREDENTIALS: Resource<Credential> = Resource {
    kind: "CredentialList",
    table: "credentials",
    columns: columns! {
        "id": Text => |credential| Cell::text(credential.id.as_str()),
        "name": Text => |credential| Cell::text(&credential.name),
        "description": Text => |credential| Cell::maybe(credential.description.as_ref()),
        "provider": Text => |credential| Cell::text(credential.provider.as_str()),
        "url": Text => |credential| Cell::maybe(credential.url.as_ref()),
        "email": Text => |credential| Cell::maybe(credential.email.as_ref()),
        "labels": Text => |credential| Cell::maybe(credential.labels.as_ref()),
        "annotations": Text => |credential| Cell::maybe(credential.annotations.as_ref()),
        "credential_kind": Text => |credential| Cell::text(&credential.kind),
        "generation": Number => |credential| Cell::number(credential.generation.0),
        "connected": Flag => |credential| Cell::flag(credential.connected_to.is_some()),
    },
    others: &["fields", "state"],
};

/// `GET /roles`
pub const ROLES: Resource<Role> = Resource {
    kind: "RoleList",
    table: "roles",
    columns: columns! {
        "id": Text => |role| Cell::text(role.id.as_str()),
        "name": Text => |role| Cell::text(&role.name),
        "display_name": Text => |role| Cell::maybe(role.display_name.as_ref()),
        "description": Text => |role| Cell::maybe(role.description.as_ref()),
        "permissions": Text => |role| Cell::Text(Cow::Owned(present::permissions(role))),
        "built_in": Flag => |role| Cell::flag(role.built_in),
    },
    others: &[],
};

/// `GET /role_bindings`
pub const ROLE_BINDINGS: Resource<Binding> = Resource {
    kind: "RoleBindingList",
    table: "role_bindings",
    columns: columns! {
        "id": Text => |binding| Cell::text(binding.id.as_str()),
        "role_id": Text => |binding| Cell::text(binding.role_id.as_str()),
        "scope": Text => |binding| Cell::text(present::scope(binding.scope)),
        "user_id": Text => |binding| Cell::maybe(binding.user_id.as_ref()),
        "project_id": Text => |binding| Cell::maybe(binding.project_id.as_ref()),
        "agent_id": Text => |binding| Cell::maybe(binding.agent_id.as_ref()),
        "session_id": Text => |binding| Cell::maybe(binding.session_id.as_ref()),
        "credential_id": Text => |binding| Cell::maybe(binding.credential_id.as_ref()),
    },
    others: &[],
};
