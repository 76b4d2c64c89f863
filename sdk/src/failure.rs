//! Why there is no token, in the classes that a host can act on.

/// The codes that providers use. The host has more of its own (`wit/README.md`), which a provider passes on unchanged.
pub mod codes {
    /// The upstream is not well, or not yet. The same request may work later.
    pub const TRANSIENT: &str = "transient";
    /// Too many requests. `retry` says how long to wait.
    pub const RATE_LIMITED: &str = "rate-limited";
    /// The grant is gone: a person has to connect the account again.
    pub const REAUTH_REQUIRED: &str = "reauth-required";
    /// Something that an operator set is wrong: a client secret, an application id, an address, a missing delegation.
    pub const MISCONFIGURED: &str = "misconfigured";
    /// The credential may not do what was asked for.
    pub const INSUFFICIENT_SCOPE: &str = "insufficient-scope";
    /// The upstream has switched the account or the installation off.
    pub const SUSPENDED: &str = "suspended";
    /// The upstream and the host disagree on the time.
    pub const CLOCK_SKEW: &str = "clock-skew";
    /// This kind of credential cannot do that at all.
    pub const UNSUPPORTED: &str = "unsupported";
    /// What is stored cannot be what it should be.
    pub const INVALID_CREDENTIAL: &str = "invalid-credential";
    /// The answer does not follow the upstream's own documentation.
    pub const UPSTREAM_PROTOCOL: &str = "upstream-protocol";
}

/// What may be done about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same request would fail again.
    Never,
    /// After so many milliseconds, where that is known; else when the host sees fit.
    Later(Option<u64>),
    /// A person has to connect the account again.
    Reauthorise,
}

/// The one shape of failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// One of [`codes`], or one of the host's.
    pub code: String,
    /// For the operator: what, why, what to do. Never a secret.
    pub message: String,
    /// What may be done.
    pub retry: Retry,
    /// True if a request was sent and its outcome is unknown. Only the host can know; a provider's own failures say no.
    pub upstream_may_have_acted: bool,
    /// Known keys: `upstream-status`, `upstream-error`, `missing-scope`, `clock-skew-seconds`.
    pub details: Vec<(String, String)>,
}

impl Failure {
    /// A failure with a code of one's own choice. Prefer the named constructors.
    #[must_use]
    pub fn new(code: &str, message: impl Into<String>, retry: Retry) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
            retry,
            upstream_may_have_acted: false,
            details: Vec::new(),
        }
    }

    /// [`codes::TRANSIENT`], to be tried again after so many milliseconds, if that is known.
    #[must_use]
    pub fn transient(message: impl Into<String>, after_ms: Option<u64>) -> Self {
        Self::new(codes::TRANSIENT, message, Retry::Later(after_ms))
    }

    /// [`codes::RATE_LIMITED`], to be tried again after so many milliseconds, if that is known.
    #[must_use]
    pub fn rate_limited(message: impl Into<String>, after_ms: Option<u64>) -> Self {
        Self::new(codes::RATE_LIMITED, message, Retry::Later(after_ms))
    }

    /// [`codes::REAUTH_REQUIRED`].
    #[must_use]
    pub fn reauth_required(message: impl Into<String>) -> Self {
        Self::new(codes::REAUTH_REQUIRED, message, Retry::Reauthorise)
    }

    /// [`codes::MISCONFIGURED`].
    #[must_use]
    pub fn misconfigured(message: impl Into<String>) -> Self {
        Self::new(codes::MISCONFIGURED, message, Retry::Never)
    }

    /// [`codes::INSUFFICIENT_SCOPE`], naming what is missing where that is known.
    #[must_use]
    pub fn insufficient_scope(message: impl Into<String>, missing: Option<&str>) -> Self {
        let failure = Self::new(codes::INSUFFICIENT_SCOPE, message, Retry::Never);
        match missing {
            Some(scope) => failure.detail("missing-scope", scope),
            None => failure,
        }
    }

    /// [`codes::SUSPENDED`].
    #[must_use]
    pub fn suspended(message: impl Into<String>) -> Self {
        Self::new(codes::SUSPENDED, message, Retry::Never)
    }

    /// [`codes::CLOCK_SKEW`]: by how many seconds the host's clock is ahead of the upstream's, where that is known.
    #[must_use]
    pub fn clock_skew(message: impl Into<String>, ahead_seconds: Option<i64>) -> Self {
        let failure = Self::new(codes::CLOCK_SKEW, message, Retry::Later(None));
        match ahead_seconds {
            Some(seconds) => failure.detail("clock-skew-seconds", seconds.to_string()),
            None => failure,
        }
    }

    /// [`codes::UNSUPPORTED`].
    #[must_use]
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(codes::UNSUPPORTED, message, Retry::Never)
    }

    /// [`codes::INVALID_CREDENTIAL`].
    #[must_use]
    pub fn invalid_credential(message: impl Into<String>) -> Self {
        Self::new(codes::INVALID_CREDENTIAL, message, Retry::Never)
    }

    /// [`codes::UPSTREAM_PROTOCOL`].
    #[must_use]
    pub fn upstream_protocol(message: impl Into<String>) -> Self {
        Self::new(codes::UPSTREAM_PROTOCOL, message, Retry::Later(None))
    }

    /// Adds a detail.
    #[must_use]
    pub fn detail(mut self, key: &str, value: impl Into<String>) -> Self {
        self.details.push((key.to_owned(), value.into()));
        self
    }

    /// The detail of this name.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.details.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}
