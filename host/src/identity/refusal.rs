//! Why nobody was settled on.

/// How the world outside hears of a refusal. A token read is answered 404 wherever possible: one stray 403 makes a runner fail
/// its whole turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// 404: it does not exist, or the caller may not know that it does.
    NotFound,
    /// 403: a write out of reach; for token reads, only a header that names somebody else.
    Forbidden,
    /// 503: the server cannot tell at the moment.
    Unavailable,
}

/// Why a read ends before any credential is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// The header names somebody else than the rules yield.
    #[error("`X-Runner-Current-User` names somebody else than the user of this read; send the sender's own bearer or the turn's token")]
    HeaderMismatch,
    /// No such session in that project.
    #[error("session not found")]
    SessionNotFound,
    /// The bearer belongs to another session or project than the one asked for.
    #[error("the bearer belongs to another session; a session reads its own credentials alone")]
    OtherSession,
    /// The session is not running.
    #[error("the session is not running; credentials are readable from its start until it ends")]
    SessionOver,
    /// The turn is closed, or another one has its name.
    #[error("the turn is over; a turn's token is good while its message is being answered")]
    TurnClosed,
    /// The person behind the caller, or behind the turn, was deactivated.
    #[error("the person behind this bearer was deactivated; another person has to make a new one")]
    PersonDeactivated,
    /// The session's creator was deactivated, and it runs on nobody else's behalf.
    #[error("the creator of this session was deactivated; another person has to start it anew")]
    CreatorDeactivated,
}

impl Refusal {
    /// The stable code for audit and `explain`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::HeaderMismatch => "current-user-mismatch",
            Self::SessionNotFound => "session-not-found",
            Self::OtherSession => "other-session",
            Self::SessionOver => "session-over",
            Self::TurnClosed => "turn-closed",
            Self::PersonDeactivated => "person-deactivated",
            Self::CreatorDeactivated => "creator-deactivated",
        }
    }

    /// How it is answered.
    #[must_use]
    pub const fn class(self) -> Class {
        match self {
            Self::HeaderMismatch => Class::Forbidden,
            _ => Class::NotFound,
        }
    }
}
