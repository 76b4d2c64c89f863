//! How often a person may have an upstream asked on their word.

use crate::clock::Millis;
use crate::ids::Username;
use moka::sync::Cache;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// One more in so many seconds, once the first are used up: somebody who corrects a form is slower.
pub(super) const EVERY_S: u64 = 3;
const EVERY_MS: Millis = 3_000;
/// At once: the forms of all providers, each a few times.
const AT_ONCE: Millis = 20;
/// People who are remembered, 200 bytes each.
const REMEMBERED: u64 = 50_000;
/// After this long an allowance is whole again.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);

/// Each person's allowance, by the time at which it would be whole again (GCRA).
pub(in crate::api) struct Trials(Cache<Username, Arc<Mutex<Millis>>>);

impl Trials {
    /// Nobody has used any.
    pub(in crate::api) fn new() -> Self {
        Self(Cache::builder().max_capacity(REMEMBERED).time_to_idle(FORGOTTEN_AFTER).build())
    }

    /// Whether this person may ask now; it counts.
    pub(super) fn take(&self, person: &Username, now_ms: Millis) -> bool {
        let allowance = self.0.get_with(person.clone(), Arc::default);
        let Ok(mut whole_at_ms) = allowance.lock() else { return false };
        let left = (*whole_at_ms).max(now_ms) - now_ms <= EVERY_MS * (AT_ONCE - 1);
        if left {
            *whole_at_ms = (*whole_at_ms).max(now_ms) + EVERY_MS;
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_has_an_allowance_of_their_own_which_comes_back() {
        let trials = Trials::new();
        let (ada, bob) = (Username::parse("ada").unwrap(), Username::parse("bob").unwrap());
        let taken = |person: &Username, at| (0..100).filter(|_| trials.take(person, at)).count();
        assert_eq!(taken(&ada, 1_000), 20);
        assert_eq!(taken(&ada, 3_999), 0);
        assert_eq!(taken(&ada, 4_000), 1);
        assert_eq!(taken(&bob, 4_000), 20);
        assert_eq!(taken(&ada, 1_000_000), 20);
    }
}
