//! Time and randomness, passed in, so that every rule can be tested without sleeping (law 6).

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Milliseconds since the Unix epoch. Signed, as the database stores it.
pub type Millis = i64;

/// Where the time comes from.
pub trait Clock: Send + Sync + 'static {
    /// Now, in milliseconds since the Unix epoch.
    fn now_ms(&self) -> Millis;
}

/// A shared clock.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> Millis {
        // Before 1970 there is no useful answer; zero makes every token stale, which is the safe side.
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A clock that a test moves by hand.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that stands at `now_ms`.
    #[must_use]
    pub fn at(now_ms: Millis) -> Self {
        Self(AtomicI64::new(now_ms))
    }

    /// Moves the clock forward.
    pub fn advance_ms(&self, by_ms: Millis) {
        self.0.fetch_add(by_ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> Millis {
        self.0.load(Ordering::SeqCst)
    }
}

/// RFC 3339 with microseconds and `Z`, as the wire writes times (`2026-08-17T10:00:00.123000Z`).
#[must_use]
pub fn rfc3339(at_ms: Millis) -> String {
    use time::OffsetDateTime;
    use time::macros::format_description;
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at_ms) * 1_000_000)
        .ok()
        .and_then(|at| at.format(&format).ok())
        .unwrap_or_else(|| "1970-01-01T00:00:00.000000Z".to_owned())
}

/// Reads an RFC 3339 time, as upstreams write them.
#[must_use]
pub fn from_rfc3339(text: &str) -> Option<Millis> {
    let at = time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).ok()?;
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok()
}

/// Fills the buffer from the operating system's generator.
///
/// # Panics
/// If the operating system has no randomness to give: nothing that follows could be safe.
pub fn fill_random(buffer: &mut [u8]) {
    use ring::rand::SecureRandom;
    #[expect(clippy::expect_used, reason = "without randomness no id and no key may be made")]
    ring::rand::SystemRandom::new()
        .fill(buffer)
        .expect("the operating system gives random bytes");
}

/// Fills the buffer with random bytes that no id has had before. They come from the same generator as [`fill_random`]'s, 4 KiB at a time
/// and per thread: a call of the operating system for each request's id took 0.4 µs. For ids alone: a key must not lie about in a buffer.
///
/// # Panics
/// As [`fill_random`].
pub fn fill_for_id(buffer: &mut [u8]) {
    thread_local! {
        static POOL: RefCell<Pool> = const { RefCell::new(Pool { bytes: [0; POOL_BYTES], used: POOL_BYTES }) };
    }
    POOL.with_borrow_mut(|pool| pool.take(buffer));
}

const POOL_BYTES: usize = 4096;

struct Pool {
    bytes: [u8; POOL_BYTES],
    used: usize,
}

impl Pool {
    fn take(&mut self, buffer: &mut [u8]) {
        if self.bytes.len() - self.used < buffer.len() {
            fill_random(&mut self.bytes);
            self.used = 0;
        }
        match self.bytes.get(self.used..self.used + buffer.len()) {
            Some(bytes) => {
                buffer.copy_from_slice(bytes);
                self.used += buffer.len();
            }
            // Longer than the pool.
            None => fill_random(buffer),
        }
    }
}

/// A random number below `bound` (zero if the bound is zero), for jitter; not for keys.
#[must_use]
pub fn random_below(bound: u64) -> u64 {
    if bound == 0 {
        return 0;
    }
    let mut bytes = [0; 8];
    fill_random(&mut bytes);
    u64::from_le_bytes(bytes) % bound
}
