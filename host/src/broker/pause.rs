//! An upstream that says "not before then" is not asked before then.
//!
//! The pause is the whole credential's: its narrowings share one quota, and asking with another one is what turns a limit into a ban. What is
//! cached and fresh is answered all the same. A change of the credential lifts it, here by [`Pauses::lift`] and on other replicas because a
//! change of secrets raises the generation. Each replica keeps its own: n of them ask at most n times.

use super::error::BrokerError;
use crate::clock::Millis;
use crate::ids::{CredentialId, Generation};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The shortest pause, in milliseconds, as for any other failure that is remembered: some upstreams say "0".
const SHORTEST_MS: u64 = 5_000;
/// The longest, in milliseconds. GitHub's limits are counted by the hour; what says more than that is tried again after one.
const LONGEST_MS: u64 = 3_600_000;
/// Credentials that are paused at one time; one more takes the place of the pause that ends soonest.
const AT_MOST: usize = 10_000;

/// Which credentials are not to be used, and until when.
#[derive(Default)]
pub(super) struct Pauses(Mutex<HashMap<CredentialId, Pause>>);

struct Pause {
    generation: Generation,
    until_ms: Millis,
    reason: String,
}

impl Pauses {
    /// Remembers a failure that names its end; others pass. Returns the failure as readers are to be told it: with the time for which
    /// nobody is asked.
    pub(super) fn note(&self, id: &CredentialId, generation: Generation, failure: BrokerError, now_ms: Millis) -> BrokerError {
        let BrokerError::Transient {
            reason,
            retry_after_ms: Some(wanted_ms),
        } = failure
        else {
            return failure;
        };
        let wait_ms = wanted_ms.clamp(SHORTEST_MS, LONGEST_MS);
        let until_ms = now_ms.saturating_add(i64::try_from(wait_ms).unwrap_or(0));
        let mut pauses = self.lock();
        if pauses.len() >= AT_MOST && !pauses.contains_key(id) {
            make_room(&mut pauses, now_ms);
        }
        let pause = Pause {
            generation,
            until_ms,
            reason: reason.clone(),
        };
        pauses.insert(id.clone(), pause);
        BrokerError::Transient {
            reason,
            retry_after_ms: Some(wait_ms),
        }
    }

    /// Why the credential may not be used now, with the time that is left.
    pub(super) fn of(&self, id: &CredentialId, generation: Generation, now_ms: Millis) -> Option<BrokerError> {
        let mut pauses = self.lock();
        let pause = pauses.get(id)?;
        let left_ms = u64::try_from(pause.until_ms.saturating_sub(now_ms)).unwrap_or(0);
        if left_ms == 0 || pause.generation != generation {
            pauses.remove(id);
            return None;
        }
        Some(BrokerError::Transient {
            reason: pause.reason.clone(),
            retry_after_ms: Some(left_ms),
        })
    }

    /// The credential is another one now.
    pub(super) fn lift(&self, id: &CredentialId) {
        self.lock().remove(id);
    }

    // The map stays whole whatever panics: every change is one insert or remove.
    fn lock(&self) -> MutexGuard<'_, HashMap<CredentialId, Pause>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn make_room(pauses: &mut HashMap<CredentialId, Pause>, now_ms: Millis) {
    pauses.retain(|_, pause| pause.until_ms > now_ms);
    if pauses.len() < AT_MOST {
        return;
    }
    let soonest = pauses.iter().min_by_key(|(_, pause)| pause.until_ms).map(|(id, _)| id.clone());
    if let Some(id) = soonest {
        pauses.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const G: Generation = Generation(3);

    fn id(n: usize) -> CredentialId {
        CredentialId::parse(format!("c{n:026}")).unwrap()
    }

    fn limited(retry_after_ms: Option<u64>) -> BrokerError {
        BrokerError::Transient {
            reason: "too often".to_owned(),
            retry_after_ms,
        }
    }

    #[test]
    fn a_pause_ends_when_it_said_and_tells_how_much_is_left() {
        let pauses = Pauses::default();
        assert_eq!(pauses.note(&id(1), G, limited(Some(90_000)), 1_000), limited(Some(90_000)));
        assert_eq!(pauses.of(&id(1), G, 1_000), Some(limited(Some(90_000))));
        assert_eq!(pauses.of(&id(1), G, 90_999), Some(limited(Some(1))));
        assert_eq!(pauses.of(&id(2), G, 1_000), None, "another credential's");
        assert_eq!(pauses.of(&id(1), G, 91_000), None);
        assert!(pauses.lock().is_empty());
    }

    #[test]
    fn it_lasts_between_five_seconds_and_an_hour() {
        let pauses = Pauses::default();
        assert_eq!(pauses.note(&id(1), G, limited(Some(0)), 0), limited(Some(5_000)));
        assert_eq!(pauses.note(&id(1), G, limited(Some(u64::MAX)), 0), limited(Some(3_600_000)));
        assert_eq!(pauses.of(&id(1), G, 3_599_999), Some(limited(Some(1))));
    }

    #[test]
    fn a_failure_without_a_time_pauses_nothing() {
        let pauses = Pauses::default();
        for failure in [
            limited(None),
            BrokerError::NeedsReconnect("gone".to_owned()),
            BrokerError::Indeterminate,
        ] {
            assert_eq!(pauses.note(&id(1), G, failure.clone(), 0), failure);
        }
        assert_eq!(pauses.of(&id(1), G, 0), None);
    }

    #[test]
    fn a_changed_credential_is_not_paused() {
        let pauses = Pauses::default();
        pauses.note(&id(1), G, limited(Some(60_000)), 0);
        assert_eq!(pauses.of(&id(1), G.next(), 0), None, "its generation has moved on");
        pauses.note(&id(1), G, limited(Some(60_000)), 0);
        pauses.lift(&id(1));
        assert_eq!(pauses.of(&id(1), G, 0), None);
    }

    #[test]
    fn memory_is_bounded_and_the_pause_that_ends_soonest_goes_first() {
        let pauses = Pauses::default();
        for n in 0..AT_MOST + 3 {
            pauses.note(&id(n), G, limited(Some(60_000 + u64::try_from(n).unwrap())), 0);
        }
        assert_eq!(pauses.lock().len(), AT_MOST);
        assert_eq!(pauses.of(&id(2), G, 0), None);
        assert!(pauses.of(&id(3), G, 0).is_some());
    }
}
