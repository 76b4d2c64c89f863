//! Every number that bounds a provider, in one place, with the reason for it.
//!
//! Each limit has a hostile component in `host/tests/runtime/hostile.rs` that trips it. What a manifest asks for raises three of them, up to the
//! ceiling, once the operator's approval has put the wish into the lock file; nothing else can be raised from outside.

use crate::manifest::WantedLimits;
use std::time::Duration;

/// One tick of the clock that measures guest time. Ten milliseconds: fine enough for a limit of hundreds, and a thread that wakes a
/// hundred times a second is not seen in a profile.
pub const TICK: Duration = Duration::from_millis(10);

/// A larger component file is refused before it is read. The largest seen (Python) had 19 MB.
pub const COMPONENT_BYTES: u64 = 64 * 1024 * 1024;

/// A larger component that has no compiled copy is compiled in a child process: one of 12 MB (JavaScript) takes 9 to 14 s and 400 MB,
/// most of which a server would keep for ever. Providers written in Rust have 24 to 100 KB.
pub const COMPILE_HERE_BYTES: usize = 2 * 1024 * 1024;

/// A longer manifest is refused. The longest of ours has 8 KB.
pub const MANIFEST_BYTES: usize = 256 * 1024;

/// Calls that run at the same time, and the size of every pool. One call of a Rust provider lasts 50 µs without its upstream; with a
/// slow upstream (1 s) this still lets 64 mints a second through, and further ones wait.
pub const CONCURRENT_CALLS: u32 = 64;

/// Stack for WebAssembly. The deepest of our providers uses 20 KB; Python needs about 300 KB.
pub const WASM_STACK_BYTES: usize = 512 * 1024;

/// Stack of the fiber: WebAssembly's, and as much again for host functions that run on it.
pub const FIBER_STACK_BYTES: usize = 1024 * 1024;

/// Most linear memory that a lock file can grant. Python minted with 14 MB; half a gigabyte for 64 calls would be the machine.
pub const MEMORY_CEILING_MIB: u32 = 128;

/// Most processor time that a lock file can grant. Python minted in 3.3 ms; a second is a fault, not a slow provider.
pub const CPU_CEILING_MS: u32 = 2_000;

/// Most requests to the upstream that a lock file can grant.
pub const UPSTREAM_CALLS_CEILING: u32 = 32;

/// A secret that a provider builds may have this many bytes. A signed assertion has 1 KiB, a kubeconfig 20 KiB.
pub const SECRET_BYTES: usize = 64 * 1024;

/// All secrets of one call together, those whose handles are gone included: each is searched for in what leaves. The most that an honest call has
/// is a key file, its assertion and a form of both.
pub const KNOWN_BYTES: usize = 512 * 1024;

/// Signatures in one call. An RSA signature costs the host a millisecond, which is not the guest's own time.
pub const SIGNATURES: u32 = 8;

/// A log line is cut here.
pub const LOG_LINE_BYTES: usize = 2 * 1024;

/// Largest request body, headers included in neither. An assertion with its form has 2 KiB.
pub const REQUEST_BODY_BYTES: usize = 256 * 1024;

/// Headers of one request. The busiest of our providers sends five.
pub const REQUEST_HEADERS: usize = 32;

/// How long a call waits for a rotation that it began, after the call itself has ended: the upstream's own timeouts are shorter.
pub const SETTLE: Duration = Duration::from_secs(60);

/// What one call may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory of all instances together, in bytes. Rust providers use 1.1 MB, JavaScript ones 10 MB.
    pub memory_bytes: usize,
    /// Elements of one table. Python's largest has 5,684, JavaScript's 7,701.
    pub table_elements: usize,
    /// Core instances. Python has 38.
    pub instances: usize,
    /// Tables and memories. A component has a few; Python's modules share theirs.
    pub tables: usize,
    /// Linear memories.
    pub memories: usize,
    /// Time on the processor, in milliseconds. A mint takes 0.05 (Rust) to 3.3 (Python); the rest is for a busy machine.
    pub cpu_ms: u32,
    /// The whole call, waiting included. Beyond the 10 s at which runners give up, so that a slow answer still reaches the cache.
    pub call: Duration,
    /// What one host call may carry, in bytes. wasmtime's default is 128 MiB.
    pub host_call_bytes: usize,
    /// Calls of host functions. The busiest of our providers makes about forty.
    pub host_calls: u32,
    /// Secrets and answers alive at one time, on each side. wasmtime's defaults are a million and a hundred thousand.
    pub handles: usize,
    /// Requests to the upstream. GitHub's App needs two.
    pub upstream_calls: u32,
    /// Bytes sent to the upstream in the whole call.
    pub sent_bytes: usize,
    /// Bytes of answers in the whole call.
    pub received_bytes: usize,
    /// Log lines. More is a flood, and ends the call.
    pub log_lines: u32,
    /// Log bytes. More is a flood as well.
    pub log_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 32 * 1024 * 1024,
            table_elements: 10_000,
            instances: 64,
            tables: 64,
            memories: 16,
            cpu_ms: 250,
            call: Duration::from_secs(20),
            host_call_bytes: 1024 * 1024,
            host_calls: 2_000,
            handles: 256,
            upstream_calls: 8,
            sent_bytes: 1024 * 1024,
            received_bytes: 4 * 1024 * 1024,
            log_lines: 100,
            log_bytes: 32 * 1024,
        }
    }
}

impl Limits {
    /// These limits, raised as far as the approval says and the ceilings allow. A wish never lowers a limit.
    #[must_use]
    pub fn raised(mut self, granted: &WantedLimits) -> Self {
        if let Some(mib) = granted.memory_mib {
            let bytes = usize::try_from(mib.min(MEMORY_CEILING_MIB)).unwrap_or(0) * 1024 * 1024;
            self.memory_bytes = self.memory_bytes.max(bytes);
        }
        if let Some(ms) = granted.cpu_ms {
            self.cpu_ms = self.cpu_ms.max(ms.min(CPU_CEILING_MS));
        }
        if let Some(calls) = granted.upstream_calls {
            self.upstream_calls = self.upstream_calls.max(calls.min(UPSTREAM_CALLS_CEILING));
        }
        self
    }

    /// The processor limit in ticks; at least one.
    pub(super) fn cpu_ticks(&self) -> u32 {
        let tick = u32::try_from(TICK.as_millis()).unwrap_or(u32::MAX).max(1);
        self.cpu_ms.div_ceil(tick).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_granted_up_to_the_ceiling_and_never_lowers() {
        let wish = WantedLimits {
            memory_mib: Some(4096),
            cpu_ms: Some(1),
            upstream_calls: Some(9),
        };
        let limits = Limits::default().raised(&wish);
        assert_eq!(limits.memory_bytes, 128 * 1024 * 1024);
        assert_eq!(limits.cpu_ms, Limits::default().cpu_ms);
        assert_eq!(limits.upstream_calls, 9);
    }
}
