//! What went wrong in a call, named: which provider, which version, which bytes, why, and what to do about it.
//!
//! A fault is either the provider's own answer ([`Cause::Failure`]) or the host's judgement. The two never mix: a guest cannot make the host
//! say that an upstream was not asked when it was.

use std::fmt;

/// A call that brought no token.
#[derive(Debug, Clone, thiserror::Error)]
#[error("provider `{provider}` {version} (sha256 {digest}…): {cause}")]
pub struct ProviderFault {
    /// Its name.
    pub provider: String,
    /// Its version.
    pub version: String,
    /// The first twelve hexadecimal digits of the component's SHA-256.
    pub digest: String,
    /// Why.
    pub cause: Cause,
    /// What else the host noticed in this call. See [`Incident`].
    pub incidents: Vec<Incident>,
    /// How many secrets were read as text, for the audit trail.
    pub reveals: u32,
    /// Whether a request left the host and its outcome is unknown. The host's own record, whatever the provider says.
    pub upstream_may_have_acted: bool,
}

/// Why a call brought no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// An endless loop, or a provider that needs more.
    #[error(
        "it used more than {limit_ms} ms of processor time; if it honestly needs more, its manifest can ask for `cpu-ms` and you can approve it"
    )]
    CpuExceeded {
        /// The limit.
        limit_ms: u32,
    },
    /// It wanted more memory than it may have.
    #[error(
        "it wanted {wanted_bytes} bytes of {what} and may have {limit_bytes}; its manifest can ask for `memory-mib` and you can approve it"
    )]
    MemoryExceeded {
        /// `memory`, `table elements`, `instances`.
        what: &'static str,
        /// How much it wanted.
        wanted_bytes: usize,
        /// How much it may have.
        limit_bytes: usize,
    },
    /// Recursion without end.
    #[error("its call stack is exhausted; this is a fault in the provider, report it to its author")]
    StackOverflow,
    /// The whole call took too long, waiting included.
    #[error("the call took longer than {limit_ms} ms; the upstream is slow, or the provider waits for something that does not come")]
    TimedOut {
        /// The limit.
        limit_ms: u64,
    },
    /// All slots for calls were taken for as long as a call may last.
    #[error("no slot became free within {limit_ms} ms; {slots} calls were running")]
    Busy {
        /// How long it waited.
        limit_ms: u64,
        /// How many run at one time.
        slots: u32,
    },
    /// Too many calls of host functions.
    #[error("it called the host more than {limit} times in one call (`{what}`); this is a fault in the provider")]
    HostCallFlood {
        /// Which function overflowed its number.
        what: &'static str,
        /// The limit.
        limit: u32,
    },
    /// Too many handles.
    #[error("it held more than {limit} secrets and answers at one time; this is a fault in the provider: handles must be dropped")]
    HandleFlood {
        /// The limit.
        limit: usize,
    },
    /// Too many or too long log lines.
    #[error("it wrote more than {lines} log lines or {bytes} bytes in one call")]
    LogFlood {
        /// Lines allowed.
        lines: u32,
        /// Bytes allowed.
        bytes: usize,
    },
    /// Text or a list larger than a host call may carry.
    #[error("it passed more than {limit_bytes} bytes in one call between it and the host")]
    HostCallData {
        /// The limit.
        limit_bytes: usize,
    },
    /// It ended itself: a panic, an exception, an illegal operation.
    #[error("it stopped: {message}")]
    Trap {
        /// The trap, and the last line that the provider logged, secrets removed.
        message: String,
    },
    /// It broke a rule of the contract.
    #[error("it broke the contract: {0}")]
    Contract(String),
    /// What it returned would have given a secret away. Nothing of it left.
    #[error("what it returned was held back: {0}")]
    LeakPrevented(String),
    /// The credential does not fit the kind that it names.
    #[error("the credential does not fit: {0}")]
    Credential(String),
    /// The provider's answer: an orderly failure.
    #[error("{0}")]
    Failure(ProviderFailure),
}

/// An orderly failure, as the provider tells it, secrets removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderFailure {
    /// One of the codes that `wit/README.md` lists; an unknown one is treated by `retry` alone.
    pub code: String,
    /// For the operator.
    pub message: String,
    /// What may be done.
    pub retry: RetryAdvice,
    /// Open details: `upstream-status`, `missing-scope`, `clock-skew-seconds`.
    pub details: Vec<(String, String)>,
}

/// What may be done about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAdvice {
    /// The same request would fail again.
    Never,
    /// After so many milliseconds, where that is known.
    Later(Option<u64>),
    /// A person has to connect the account again.
    Reauthorise,
}

impl fmt::Display for ProviderFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.code, self.message)
    }
}

/// Something that the host prevented or noticed, whether or not the call went on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// What kind.
    pub kind: IncidentKind,
    /// Which field, endpoint or position, never a value.
    pub detail: String,
}

/// The kinds of [`Incident`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IncidentKind {
    /// A request outside the approved endpoints.
    EgressDenied,
    /// A secret, or a header, where none may stand.
    PlacementDenied,
    /// `reveal` without the operator's grant.
    RevealDenied,
    /// An answer, a log line or a failure held a secret of this call.
    EchoedSecret,
    /// A second use of a rotating secret in one call.
    SecondRotation,
    /// What was rotated could not be stored.
    RotationNotStored,
}

impl IncidentKind {
    /// The stable name, for metrics and the audit trail.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EgressDenied => "egress-denied",
            Self::PlacementDenied => "placement-denied",
            Self::RevealDenied => "reveal-denied",
            Self::EchoedSecret => "echoed-secret",
            Self::SecondRotation => "second-rotation",
            Self::RotationNotStored => "rotation-not-stored",
        }
    }
}

impl Cause {
    /// The stable name, for metrics, the audit trail and tests.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::CpuExceeded { .. } => "cpu-exceeded",
            Self::MemoryExceeded { .. } => "memory-exceeded",
            Self::StackOverflow => "stack-overflow",
            Self::TimedOut { .. } => "timed-out",
            Self::Busy { .. } => "busy",
            Self::HostCallFlood { .. } => "host-call-flood",
            Self::HandleFlood { .. } => "handle-flood",
            Self::LogFlood { .. } => "log-flood",
            Self::HostCallData { .. } => "host-call-data",
            Self::Trap { .. } => "trap",
            Self::Contract(_) => "contract",
            Self::LeakPrevented(_) => "leak-prevented",
            Self::Credential(_) => "credential",
            Self::Failure(failure) => &failure.code,
        }
    }

    /// Whether the same call may do better later, without anybody's doing.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::TimedOut { .. } | Self::Busy { .. } => true,
            Self::Failure(failure) => matches!(failure.retry, RetryAdvice::Later(_)),
            _ => false,
        }
    }
}

/// A limit that a host function or the limiter found exceeded. It travels through wasmtime as the error that ends the guest, and is found again
/// at the end of the call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Stop(pub(super) Cause);

/// Names the error with which a call ended. `last_words` is the guest's last log line, already without secrets.
pub(super) fn classify(error: &wasmtime::Error, limits: &super::limits::Limits, last_words: Option<&str>) -> Cause {
    if let Some(Stop(cause)) = error.downcast_ref::<Stop>() {
        return cause.clone();
    }
    match error.downcast_ref::<wasmtime::Trap>() {
        Some(wasmtime::Trap::StackOverflow) => return Cause::StackOverflow,
        Some(wasmtime::Trap::Interrupt) => return Cause::CpuExceeded { limit_ms: limits.cpu_ms },
        _ => {}
    }
    // wasmtime 48 has no types for these; the tests fail if the wording changes.
    let root = error.root_cause().to_string();
    if root.contains("fuel allocated for hostcalls has been exhausted") {
        return Cause::HostCallData {
            limit_bytes: limits.host_call_bytes,
        };
    }
    if root.contains("store handle limit exceeded") {
        return Cause::HandleFlood { limit: limits.handles };
    }
    let message = match last_words {
        Some(words) => format!("{root}; its last words: {words}"),
        None => root,
    };
    Cause::Trap { message }
}
