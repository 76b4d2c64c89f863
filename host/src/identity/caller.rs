//! Who presented the bearer.

use super::permission::KeyScopes;
use crate::ids::{ApiKeyId, ProjectId, RunId, SessionId, TurnId, Username};

/// An authenticated caller. Its fields are private and it has one constructor for use, which only `authn` may call (a test reads the
/// sources): holding a `Caller` means that a bearer was verified. The other constructor is for explaining.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    kind: CallerKind,
}

/// What kinds of caller there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallerKind {
    /// A person, with a bearer of their own.
    Person {
        /// The principal.
        user: Username,
        /// Which bearer it was.
        via: PersonBearer,
    },
    /// An API key: everything done with it is done for its creator.
    ApiKey {
        /// The key.
        id: ApiKeyId,
        /// The person who made it.
        creator: Username,
        /// What the key may be used for; never more than its creator may.
        scopes: KeyScopes,
    },
    /// A session, with its own signed bearer. Everybody who types to the agent can use it, so it is nobody's identity.
    Session {
        /// The session.
        session: SessionId,
        /// Its project: two projects may each have a session of one name.
        project: ProjectId,
        /// For which of its starts the bearer was issued. None: for each of them, as a pod's service account is.
        start: Option<i64>,
    },
    /// One message being answered, with a signed bearer for it.
    Turn {
        /// The turn.
        turn: TurnId,
        /// Its session.
        session: SessionId,
        /// The session's project.
        project: ProjectId,
        /// The run, as the trusted proxy named it.
        run: RunId,
        /// Who sent the message.
        user: Username,
    },
    /// A positively identified service, matched by issuer and subject. A lookup that failed is never one.
    Service {
        /// Its name, as role bindings name it.
        name: Username,
        /// What the operator lets it do at most.
        scopes: KeyScopes,
    },
}

/// Which bearer a person presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PersonBearer {
    /// A signed token of a configured issuer.
    Issuer,
    /// A stored bearer of the development server.
    Development,
}

impl Caller {
    /// A verified caller. For `authn` alone, after the bearer has been checked.
    #[must_use]
    pub const fn authenticated(kind: CallerKind) -> Self {
        Self { kind }
    }

    /// One that presented nothing. For `access::explain` alone, which answers what somebody would read and never the leave to read it.
    #[must_use]
    pub(crate) const fn supposed(kind: CallerKind) -> Self {
        Self { kind }
    }

    /// Which kind.
    #[must_use]
    pub const fn kind(&self) -> &CallerKind {
        &self.kind
    }

    /// How the caller was authenticated, as the audit trail writes it.
    #[must_use]
    pub const fn method(&self) -> &'static str {
        match self.kind {
            CallerKind::Person {
                via: PersonBearer::Issuer, ..
            } => "person",
            CallerKind::Person {
                via: PersonBearer::Development,
                ..
            } => "dev-person",
            CallerKind::ApiKey { .. } => "api-key",
            CallerKind::Session { .. } => "session-token",
            CallerKind::Turn { .. } => "turn-token",
            CallerKind::Service { .. } => "service",
        }
    }

    /// The principal whose role bindings speak for this caller. A session and a turn have none: what they may read was granted
    /// to the session.
    #[must_use]
    pub const fn principal(&self) -> Option<&Username> {
        match &self.kind {
            CallerKind::Person { user, .. } => Some(user),
            CallerKind::ApiKey { creator, .. } => Some(creator),
            CallerKind::Service { name, .. } => Some(name),
            CallerKind::Session { .. } | CallerKind::Turn { .. } => None,
        }
    }

    /// The session and project that a session's or a turn's bearer is bound to.
    #[must_use]
    pub const fn bound_session(&self) -> Option<(&ProjectId, &SessionId)> {
        match &self.kind {
            CallerKind::Session { session, project, .. } | CallerKind::Turn { session, project, .. } => Some((project, session)),
            _ => None,
        }
    }

    /// Whether it is a service caller.
    #[must_use]
    pub const fn is_service(&self) -> bool {
        matches!(self.kind, CallerKind::Service { .. })
    }

    /// What the bearer itself is limited to: all for everyone but API keys and services.
    #[must_use]
    pub const fn scopes(&self) -> &KeyScopes {
        match &self.kind {
            CallerKind::ApiKey { scopes, .. } | CallerKind::Service { scopes, .. } => scopes,
            _ => &KeyScopes::All,
        }
    }
}
