//! How a request can fail, and whether the upstream may have acted on it.
//!
//! Texts of the HTTP library never pass: they carry addresses, and what an upstream sent. Each message is ours.

use super::denied::Denied;
use std::io::ErrorKind;

/// Whether the upstream may have acted. Decides whether a rotating secret is still good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// No byte of the request left: there was no connection yet. Sending it again is safe.
    NotSent,
    /// A connection stood and no usable answer came. Whether the request arrived, nobody knows; in doubt, it is this.
    Unanswered,
}

/// A request without a usable answer.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// A rule refused it.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The name did not resolve.
    #[error("`{host}` does not resolve: {cause}")]
    Dns {
        /// The name.
        host: String,
        /// The operating system's reason.
        cause: ErrorKind,
    },
    /// No connection.
    #[error("no connection to `{host}`: {cause}")]
    Connect {
        /// Scheme, host and port.
        host: String,
        /// The reason.
        cause: String,
    },
    /// The other side is not who it should be, or speaks another TLS.
    #[error("no trusted connection to `{host}`: {cause}; further authorities can be listed in `egress.ca_files`")]
    Tls {
        /// Scheme, host and port.
        host: String,
        /// The reason.
        cause: String,
    },
    /// Too many requests on their way already.
    #[error("no request to `{host}` could be started in time: too many are on their way")]
    Busy {
        /// Scheme, host and port.
        host: String,
    },
    /// The time was over.
    #[error("`{host}` took longer than {limit_ms} ms to {stage}")]
    Timeout {
        /// Scheme, host and port.
        host: String,
        /// What it was waited for: `connect` or `answer`.
        stage: &'static str,
        /// The time it had.
        limit_ms: u128,
        /// Whether something may have been sent.
        reached: Reached,
    },
    /// The answer is larger than what is taken.
    #[error("the {part} of the answer of `{host}` has more than {limit_bytes} bytes")]
    TooLarge {
        /// Scheme, host and port.
        host: String,
        /// `headers` or `body`.
        part: &'static str,
        /// What is taken.
        limit_bytes: usize,
    },
    /// The connection ended, or what came is no answer.
    #[error("`{host}` gave no usable answer: {why}")]
    Protocol {
        /// Scheme, host and port.
        host: String,
        /// The rule.
        why: &'static str,
    },
}

impl EgressError {
    /// The code that a provider sees (`wit/upstream.wit`).
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Denied(_) => "egress-denied",
            Self::Dns { .. } | Self::Connect { .. } | Self::Busy { .. } => "connect",
            Self::Tls { .. } => "tls",
            Self::Timeout { .. } => "timeout",
            Self::TooLarge { .. } => "too-large",
            Self::Protocol { .. } => "protocol",
        }
    }

    /// Whether the upstream may have acted.
    #[must_use]
    pub fn reached(&self) -> Reached {
        match self {
            Self::Denied(_) | Self::Dns { .. } | Self::Connect { .. } | Self::Tls { .. } | Self::Busy { .. } => Reached::NotSent,
            Self::Timeout { reached, .. } => *reached,
            Self::TooLarge { .. } | Self::Protocol { .. } => Reached::Unanswered,
        }
    }
}
