//! Roles: what they allow, how high they stand, and what a binding of theirs means.

use crate::ids::RoleId;
use crate::records::model::Role;

pub use crate::identity::{FETCH_TOKEN, Permission};

/// The role of whoever may do anything with a credential, reading its token included.
pub const CREDENTIAL_OWNER: &str = "credential:owner";
/// The role that reads tokens and does nothing else.
pub const TOKEN_READER: &str = "credential:token-reader";
/// The owner of a project.
pub const PROJECT_OWNER: &str = "project:owner";
/// Whoever works in a project.
pub const PROJECT_EDITOR: &str = "project:editor";

/// How privileged a role is; a lower number is more. The order decides who may grant what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Level(u16);

impl Level {
    /// The platform's administrators.
    pub const ADMIN: Self = Self(0);
    /// Owners.
    pub const OWNER: Self = Self(1);
    /// No role, or one that is not in the table.
    pub const NONE: Self = Self(999);

    /// Whether somebody of this level may grant a role of that level: administrators grant whatever the table has, others only
    /// what is strictly lower.
    #[must_use]
    pub fn may_grant(self, role: Self) -> bool {
        role != Self::NONE && (self == Self::ADMIN || self < role)
    }
}

/// The hierarchy. `agent:runner` is absent on purpose: nobody may grant it.
const HIERARCHY: [(&str, u16); 14] = [
    ("platform:admin", 0),
    ("project:owner", 1),
    ("credential:owner", 1),
    ("gitops:admin", 1),
    ("platform:viewer", 2),
    ("project:editor", 2),
    ("agent:operator", 2),
    ("agent:editor", 2),
    ("credential:reader", 2),
    ("credential:token-reader", 2),
    ("credential:viewer", 2),
    ("project:viewer", 3),
    ("agent:observer", 3),
    ("gitops:viewer", 3),
];

/// Roles that only the platform itself and its administrators assign.
const INTERNAL: [&str; 2] = ["agent:runner", TOKEN_READER];

/// How high a role of this name stands.
#[must_use]
pub fn level_of(name: &str) -> Level {
    HIERARCHY
        .iter()
        .find(|(role, _)| *role == name)
        .map_or(Level::NONE, |(_, level)| Level(*level))
}

/// A role, read for deciding.
#[derive(Debug, Clone)]
pub struct KnownRole {
    /// Its id.
    pub id: RoleId,
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub level: Level,
    permissions: Vec<Permission>,
}

impl KnownRole {
    /// From its record. A permission that cannot be read allows nothing. Only what came with the server stands in the hierarchy: a role
    /// that somebody made under a name of it would be granted like the platform's own.
    #[must_use]
    pub fn read(role: &Role) -> Self {
        Self {
            id: role.id.clone(),
            name: role.name.clone(),
            level: if role.built_in { level_of(&role.name) } else { Level::NONE },
            permissions: role.permissions.iter().filter_map(|text| Permission::parse(text)).collect(),
        }
    }

    /// Whether it allows this.
    #[must_use]
    pub fn allows(&self, resource: &str, action: &str) -> bool {
        self.permissions.iter().any(|permission| permission.allows(resource, action))
    }

    /// Whether it reads tokens.
    #[must_use]
    pub fn fetches_tokens(&self) -> bool {
        self.allows(FETCH_TOKEN.0, FETCH_TOKEN.1)
    }

    /// Whether it lets somebody send messages to a session.
    #[must_use]
    pub fn messages(&self) -> bool {
        self.allows("session_message", "create")
    }

    /// Whether only the platform and its administrators assign it.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        INTERNAL.contains(&self.name.as_str())
    }

    /// Whether a credential binding with this role hands the credential to a project or agent. Roles that read tokens say who
    /// may read, not where a credential belongs: else a grant to one session would make the credential everybody's default.
    #[must_use]
    pub fn injects(&self) -> bool {
        self.name != CREDENTIAL_OWNER && self.name != TOKEN_READER && !self.fetches_tokens()
    }
}
