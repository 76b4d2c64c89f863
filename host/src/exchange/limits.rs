//! How often the exchange may be asked: by each session, and in vain by everybody together.

use crate::clock::Millis;
use crate::ids::SessionHandle;
use moka::sync::Cache;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A runner and five sidecars start at once and try three times each; from then on each comes every four or five minutes.
const PER_SESSION: Pace = Pace {
    every_ms: 2_000,
    at_once: 30,
};

/// In vain: fifty, then five a second. Only what the refusal says depends on it, unless the bare address is served.
const IN_VAIN: Pace = Pace {
    every_ms: 200,
    at_once: 50,
};

/// Sessions that are remembered, 200 bytes each. Only one with a right secret gets here.
const REMEMBERED: u64 = 50_000;
/// After this long a session's allowance is whole again.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);

/// So many at once, then one in so many milliseconds.
#[derive(Debug, Clone, Copy)]
struct Pace {
    every_ms: Millis,
    at_once: Millis,
}

/// An allowance at a pace, by the time at which it would be whole again (GCRA).
#[derive(Debug, Default)]
struct Allowance {
    whole_at_ms: Millis,
}

impl Allowance {
    fn is_left(&self, pace: Pace, now_ms: Millis) -> bool {
        self.whole_at_ms.max(now_ms) - now_ms <= pace.every_ms * (pace.at_once - 1)
    }

    fn take(&mut self, pace: Pace, now_ms: Millis) -> bool {
        let left = self.is_left(pace, now_ms);
        if left {
            self.whole_at_ms = self.whole_at_ms.max(now_ms) + pace.every_ms;
        }
        left
    }
}

/// The allowances.
pub(super) struct Limits {
    sessions: Cache<SessionHandle, Arc<Mutex<Allowance>>>,
    in_vain: Mutex<Allowance>,
}

impl Limits {
    pub(super) fn new() -> Self {
        Self {
            sessions: Cache::builder().max_capacity(REMEMBERED).time_to_idle(FORGOTTEN_AFTER).build(),
            in_vain: Mutex::default(),
        }
    }

    /// Whether this session may ask now.
    pub(super) fn session_may(&self, session: SessionHandle, now_ms: Millis) -> bool {
        let allowance = self.sessions.get_with(session, Arc::default);
        allowance.lock().is_ok_and(|mut allowance| allowance.take(PER_SESSION, now_ms))
    }

    /// Whether one more may be refused after work.
    pub(super) fn may_be_in_vain(&self, now_ms: Millis) -> bool {
        self.in_vain.lock().is_ok_and(|allowance| allowance.is_left(IN_VAIN, now_ms))
    }

    /// Somebody asked in vain; whether there may be more of that.
    pub(super) fn was_in_vain(&self, now_ms: Millis) -> bool {
        self.in_vain.lock().is_ok_and(|mut allowance| allowance.take(IN_VAIN, now_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ProjectId, SessionId};

    fn handle(session: &str) -> SessionHandle {
        SessionHandle::of(&ProjectId::parse("atlas").unwrap(), &SessionId::parse(session).unwrap())
    }

    #[test]
    fn a_session_has_its_own_allowance_which_comes_back() {
        let limits = Limits::new();
        let (one, other) = (handle("one"), handle("other"));
        let taken = (0..100).filter(|_| limits.session_may(one, 1_000)).count();
        assert_eq!(taken, 30);
        assert!(limits.session_may(other, 1_000));
        assert!(!limits.session_may(one, 2_999));
        assert!(limits.session_may(one, 3_000));
        assert!(!limits.session_may(one, 3_000));
        assert_eq!((0..100).filter(|_| limits.session_may(one, 1_000_000)).count(), 30);
    }

    #[test]
    fn in_vain_is_counted_for_all() {
        let limits = Limits::new();
        assert_eq!((0..500).filter(|_| limits.was_in_vain(5_000)).count(), 50);
        assert!(!limits.may_be_in_vain(5_000));
        assert!(limits.may_be_in_vain(5_200));
    }
}
