//! The proof that a read was allowed, and its opposite.

use crate::identity::{Class, EffectiveUser, Refusal};
use crate::ids::Username;
use crate::records::model::Credential;
use std::sync::Arc;

/// Leave to read the token of one credential, once. Only [`super::decide()`] and [`super::permit()`] make one; `cache` and `broker` answer nobody
/// without it, so a read that skips the decision does not compile.
///
/// ```compile_fail
/// // Its fields are private and it has no public constructor.
/// let permit = claviger::access::Permit { credential: todo!(), reason: todo!(), owner: None, effective: todo!() };
/// ```
#[derive(Debug, Clone)]
pub struct Permit {
    credential: Arc<Credential>,
    reason: Reason,
    owner: Option<Username>,
    effective: EffectiveUser,
}

impl Permit {
    pub(super) const fn new(credential: Arc<Credential>, reason: Reason, owner: Option<Username>, effective: EffectiveUser) -> Self {
        Self {
            credential,
            reason,
            owner,
            effective,
        }
    }

    /// The credential, as it was when the decision was made.
    #[must_use]
    pub const fn credential(&self) -> &Arc<Credential> {
        &self.credential
    }

    /// By which rule.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// Whose it is, for the audit trail: the session's creator in a session, else the person it is connected to or its reader.
    #[must_use]
    pub const fn owner(&self) -> Option<&Username> {
        self.owner.as_ref()
    }

    /// For whom.
    #[must_use]
    pub const fn effective(&self) -> &EffectiveUser {
        &self.effective
    }

    /// Leave to refresh this credential in the background, after a reader found it close to its end.
    #[must_use]
    pub fn maintenance(&self) -> MaintenancePermit {
        MaintenancePermit {
            credential: Arc::clone(&self.credential),
        }
    }
}

/// Leave to refresh a credential, to ask its upstream whose it is and to end it there, and nothing more: what is done with it answers a
/// token to nobody outside this server.
#[derive(Debug, Clone)]
pub struct MaintenancePermit {
    credential: Arc<Credential>,
}

impl MaintenancePermit {
    /// For the server's own upkeep, without a reader.
    #[must_use]
    pub const fn for_upkeep(credential: Arc<Credential>) -> Self {
        Self { credential }
    }

    /// The credential to refresh.
    #[must_use]
    pub const fn credential(&self) -> &Arc<Credential> {
        &self.credential
    }
}

/// By which rule a read is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The person's own connected account.
    ConnectedAccount,
    /// A binding of the reader's own: owner or token reader.
    OwnBinding,
    /// The session was granted it.
    SessionGrant,
    /// A turn of the reader is open in a session that was granted it.
    OpenTurn,
}

impl Reason {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::ConnectedAccount => "connected-account",
            Self::OwnBinding => "own-binding",
            Self::SessionGrant => "session-grant",
            Self::OpenTurn => "open-turn",
        }
    }
}

/// Why a read is denied. Outside, most of these look alike on purpose; the audit trail has the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Denial {
    /// Nobody could be settled on.
    #[error(transparent)]
    Identity(#[from] Refusal),
    /// The index is behind.
    #[error("the authorisation data is more than 5 s behind the records; check the database")]
    IndexBehind,
    /// The effective user was settled for another place than this request's.
    #[error("the effective user was settled for another request")]
    OtherPlace,
    /// There is no such credential.
    #[error("no such credential")]
    NoSuchCredential,
    /// No rule lets this reader have it.
    #[error("no binding lets this caller read it; ask its owner for `credential:token-reader`")]
    NotPermitted,
    /// It is somebody's connected account, and this is not the person or not the place.
    #[error("a connected account is read by its person alone")]
    NotYourAccount,
    /// The key's scopes do not include reading tokens.
    #[error("the API key's scopes do not include `credential:fetch_token`")]
    KeyScope,
    /// It does not resolve for that project.
    #[error("the credential does not resolve for this project; bind it there")]
    NotResolved,
    /// The caller may not see the session.
    #[error("session not found")]
    SessionNotVisible,
    /// Nothing for that provider.
    #[error("no credentials for this provider are configured")]
    NotConfigured,
}

impl Denial {
    /// The stable code for audit and `explain`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Identity(refusal) => refusal.code(),
            Self::IndexBehind => "index-behind",
            Self::OtherPlace => "other-place",
            Self::NoSuchCredential => "no-such-credential",
            Self::NotPermitted => "not-permitted",
            Self::NotYourAccount => "not-your-account",
            Self::KeyScope => "key-scope",
            Self::NotResolved => "not-resolved",
            Self::SessionNotVisible => "session-not-visible",
            Self::NotConfigured => "not-configured",
        }
    }

    /// How it is answered.
    #[must_use]
    pub const fn class(self) -> Class {
        match self {
            Self::Identity(refusal) => refusal.class(),
            Self::IndexBehind => Class::Unavailable,
            _ => Class::NotFound,
        }
    }
}
