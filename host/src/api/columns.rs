//! What each list can be searched and ordered by. A credential's token is not among it, nor its kind's fields: what cannot be asked for cannot be
//! found out letter by letter.

use super::listing::Resource;
use super::present;
use super::search::{Cell, Column, Type};
use crate::records::Detailed;
use crate::records::model::{Agent, Binding, Credential, Project, Role, Session, User};
use std::borrow::Cow;

/// The columns of a resource: `name: Type => how it is read`, and the two moments that every record has.
macro_rules! columns {
    (detailed: $($name:literal: $holds:ident => $read:expr,)* + $($text:literal)*) => {
        &[
            $(
                Column {
                    name: $name,
                    holds: Type::$holds,
                    read: $read,
                },
            )*
            $(
                Column {
                    name: $text,
                    holds: Type::Text,
                    read: |detailed| Cell::maybe(detailed.details.text($text)),
                },
            )*
            Column {
                name: "created_at",
                holds: Type::Time,
                read: |detailed| Cell::number(detailed.record.created_at_ms),
            },
            Column {
                name: "updated_at",
                holds: Type::Time,
                read: |detailed| Cell::number(detailed.record.updated_at_ms),
            },
        ]
    };
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

/// `GET /projects`
pub const PROJECTS: Resource<Detailed<Project>> = Resource {
    kind: "ProjectList",
    table: "projects",
    columns: columns! {
        detailed:
        "id": Text => |project| Cell::text(project.record.id.as_str()),
        "name": Text => |project| Cell::text(project.record.id.as_str()),
        "description": Text => |project| Cell::maybe(project.record.description.as_ref()),
        "credential_policy": Text => |project| Cell::text(present::policy(project.record.credential_policy)),
        + "labels" "annotations" "prompt" "status"
    },
    others: &[],
};

/// `GET /projects/{project}/agents`
pub const AGENTS: Resource<Detailed<Agent>> = Resource {
    kind: "AgentList",
    table: "agents",
    columns: columns! {
        detailed:
        "id": Text => |agent| Cell::text(agent.record.id.as_str()),
        "name": Text => |agent| Cell::text(&agent.record.name),
        "project_id": Text => |agent| Cell::text(agent.record.project_id.as_str()),
        "llm_temperature": Number => |agent| agent.details.number("llm_temperature").map_or(Cell::Null, Cell::Number),
        "llm_max_tokens": Number => |agent| agent.details.number("llm_max_tokens").map_or(Cell::Null, Cell::Number),
        + "parent_agent_id" "owner_user_id" "display_name" "description" "prompt" "repo_url" "workflow_id" "llm_model" "bot_account_name"
          "resource_overrides" "environment_variables" "labels" "annotations"
    },
    others: &["current_session_id"],
};

/// `GET /sessions`
pub const SESSIONS: Resource<Detailed<Session>> = Resource {
    kind: "SessionList",
    table: "sessions",
    columns: columns! {
        detailed:
        "id": Text => |session| Cell::text(session.record.id.as_str()),
        "name": Text => |session| Cell::text(&session.record.name),
        "project_id": Text => |session| Cell::text(session.record.project_id.as_str()),
        "agent_id": Text => |session| Cell::maybe(session.record.agent_id.as_ref()),
        "created_by_user_id": Text => |session| Cell::text(session.record.created_by.as_str()),
        "trigger": Text => |session| Cell::text(present::trigger(session.record.trigger)),
        "phase": Text => |session| Cell::text(present::phase(session.record.phase)),
        "kube_cr_name": Text => |session| Cell::text(session.record.id.as_str()),
        "llm_temperature": Number => |session| session.details.number("llm_temperature").map_or(Cell::Null, Cell::Number),
        "llm_max_tokens": Number => |session| session.details.number("llm_max_tokens").map_or(Cell::Null, Cell::Number),
        "timeout": Number => |session| session.details.number("timeout").map_or(Cell::Null, Cell::Number),
        + "description" "prompt" "repo_url" "repos" "workflow_id" "parent_session_id" "assigned_user_id" "llm_model" "bot_account_name"
          "resource_overrides" "environment_variables" "labels" "annotations"
    },
    others: &[],
};

/// `GET /users`
pub const USERS: Resource<User> = Resource {
    kind: "UserList",
    table: "users",
    columns: columns! {
        "id": Text => |user| Cell::text(user.id.as_str()),
        "username": Text => |user| Cell::text(user.username.as_str()),
        "name": Text => |user| Cell::text(user.name.as_deref().unwrap_or(user.username.as_str())),
        "email": Text => |user| Cell::maybe(user.email.as_ref()),
        "active": Flag => |user| Cell::flag(user.active),
    },
    others: &[],
};
