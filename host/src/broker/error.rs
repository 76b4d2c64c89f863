//! Why there is no token, in the classes that a reader can act on.

use super::flight::Remember;
use super::narrowing::CannotNarrow;
use crate::runtime::{Cause, ProviderFault, RetryAdvice};

/// How long a rate limit lasts that names no end, in milliseconds: GitHub asks for a minute at least.
const RATE_LIMIT_MS: u64 = 60_000;

/// Why there is no token. Cloned to every reader of a flight, so it holds text, not errors.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BrokerError {
    /// Somebody has to connect the account again.
    #[error("the credential must be connected again: {0}")]
    NeedsReconnect(String),
    /// Something about the credential, its key or its instance is wrong; waiting does not help.
    #[error("the credential or its upstream is misconfigured: {0}")]
    Misconfigured(String),
    /// The grant does not cover what was asked.
    #[error("the upstream does not grant this: {0}")]
    MissingScope(String),
    /// Nobody knows what to do with what is stored: the provider was removed, or another version lacks the kind.
    #[error("{0}")]
    NotLoaded(String),
    /// The provider component failed; its author has to mend it.
    #[error("the provider failed: {0}")]
    ProviderBroken(String),
    /// Not now.
    #[error("the upstream cannot be asked now: {reason}")]
    Transient {
        /// What happened.
        reason: String,
        /// When to come again, in milliseconds, where that is known.
        retry_after_ms: Option<u64>,
    },
    /// A rotating secret was sent and no answer came.
    #[error("the upstream did not answer a refresh, so nobody knows which refresh token is good; connect the account again if this stays")]
    Indeterminate,
    /// The flight goes on; the reader does not.
    #[error("the refresh takes longer than a reader waits; come again")]
    WaitOver,
    /// The call's outer limit.
    #[error("the provider's call took too long: {0}")]
    TimedOut(String),
    /// A limit that the provider does not know.
    #[error(transparent)]
    CannotNarrow(#[from] CannotNarrow),
    /// This kind of credential does not do that: a token that cannot be narrowed, say. Asking for less than what is stored must not bring more.
    #[error("the credential's kind does not do this: {0}")]
    Unsupported(String),
    /// Gone while the flight was under way.
    #[error("the credential was removed")]
    Gone,
    /// Ours.
    #[error("internal: {0}")]
    Internal(String),
}

impl BrokerError {
    /// The stable code for audit and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NeedsReconnect(_) => "needs-reconnect",
            Self::Misconfigured(_) => "misconfigured",
            Self::MissingScope(_) => "missing-scope",
            Self::NotLoaded(_) => "provider-not-loaded",
            Self::ProviderBroken(_) => "provider-broken",
            Self::Transient { .. } => "transient",
            Self::Indeterminate => "indeterminate",
            Self::WaitOver => "wait-over",
            Self::TimedOut(_) => "timed-out",
            Self::CannotNarrow(_) => "cannot-narrow",
            Self::Unsupported(_) => "unsupported",
            Self::Gone => "gone",
            Self::Internal(_) => "internal",
        }
    }

    /// What a provider's fault means to readers.
    pub(super) fn of_fault(fault: &ProviderFault) -> Self {
        let text = fault.to_string();
        let failure = match &fault.cause {
            Cause::Failure(failure) => failure,
            Cause::TimedOut { .. } => return Self::TimedOut(text),
            Cause::Busy { .. } => {
                return Self::Transient {
                    reason: text,
                    retry_after_ms: None,
                };
            }
            Cause::Credential(_) => return Self::Misconfigured(text),
            _ => return Self::ProviderBroken(text),
        };
        match (failure.code.as_str(), failure.retry) {
            ("insufficient-scope", _) => Self::MissingScope(text),
            ("unsupported", _) => Self::Unsupported(text),
            ("echoed-secret" | "placement-denied", _) => Self::ProviderBroken(text),
            ("rate-limited", RetryAdvice::Later(None)) => Self::Transient {
                reason: text,
                retry_after_ms: Some(RATE_LIMIT_MS),
            },
            (_, RetryAdvice::Reauthorise) => Self::NeedsReconnect(text),
            (_, RetryAdvice::Later(retry_after_ms)) => Self::Transient {
                reason: text,
                retry_after_ms,
            },
            (_, RetryAdvice::Never) => Self::Misconfigured(text),
        }
    }
}

impl Remember for BrokerError {
    fn is_remembered(&self) -> bool {
        match self {
            // One that names its end pauses the whole credential, which says more than a flight's memory.
            Self::Transient { retry_after_ms, .. } => retry_after_ms.is_none(),
            Self::WaitOver | Self::Gone | Self::CannotNarrow(_) => false,
            _ => true,
        }
    }
}
