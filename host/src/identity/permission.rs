//! `resource:action`: what a role allows and what an API key is limited to.

/// The one permission that hands out tokens, as `(resource, action)`.
pub const FETCH_TOKEN: (&str, &str) = ("credential", "fetch_token");

/// The permission to say whose message is being answered, as `(resource, action)`.
pub const OPEN_TURN: (&str, &str) = ("turn", "open");

/// A parsed permission. Either side may be `*`, yet no wildcard ever matches [`FETCH_TOKEN`]: administering the platform and
/// reading people's tokens are two things (law 1). Nor does one match [`OPEN_TURN`]: whoever opens turns speaks for everybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    resource: Side,
    action: Side,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Side {
    Any,
    Only(Box<str>),
}

impl Side {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "*" => Some(Self::Any),
            "" => None,
            _ if text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') => Some(Self::Only(text.into())),
            _ => None,
        }
    }

    fn is(&self, text: &str) -> bool {
        matches!(self, Self::Only(only) if **only == *text)
    }

    fn covers(&self, text: &str) -> bool {
        matches!(self, Self::Any) || self.is(text)
    }
}

impl Permission {
    /// Reads `resource:action`. Anything else is no permission.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (resource, action) = text.split_once(':')?;
        Some(Self {
            resource: Side::parse(resource)?,
            action: Side::parse(action)?,
        })
    }

    /// Whether it allows this action on this resource.
    #[must_use]
    pub fn allows(&self, resource: &str, action: &str) -> bool {
        if action == FETCH_TOKEN.1 || (resource, action) == OPEN_TURN {
            return self.resource.is(resource) && self.action.is(action);
        }
        self.resource.covers(resource) && self.action.covers(action)
    }
}

/// What an API key may be used for. It intersects with what its creator may; it never adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyScopes {
    /// All that the creator may.
    All,
    /// Only these. A wildcard in them does not cover reading tokens either.
    Only(Vec<Permission>),
    /// What both allow.
    Both(Box<(Self, Self)>),
}

impl KeyScopes {
    /// Whether the key may be used for this.
    #[must_use]
    pub fn allow(&self, resource: &str, action: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(permissions) => permissions.iter().any(|permission| permission.allows(resource, action)),
            Self::Both(both) => both.0.allow(resource, action) && both.1.allow(resource, action),
        }
    }

    /// What these allow, as far as the others do.
    #[must_use]
    pub fn and(self, others: Self) -> Self {
        match (self, others) {
            (Self::All, only) | (only, Self::All) => only,
            both => Self::Both(Box::new(both)),
        }
    }
}
