//! The keys of one issuer: fetched by one task, read by every request.
//!
//! They are fetched at start, every `refresh_s`, and when a token names one that is not there. That last can be brought about by anybody, so it is bounded twice: one
//! fetch at a time that all who need it wait for, and an allowance. A key that was not there after asking is not asked for again for a
//! minute. If the issuer cannot be reached, the keys that were there last are believed for `keep_s`.

use super::jwk::Key;
use super::source::{KeysError, Source};
use crate::clock::{Millis, SharedClock, random_below};
use crate::config::{Algorithm, Issuer};
use crate::egress::Egress;
use arc_swap::ArcSwapOption;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// A request waits so long for a fetch: half of what a runner waits for us.
const WAIT: Duration = Duration::from_secs(5);
/// So many fetches may be brought about by unknown keys at once …
const BURST: i64 = 5;
/// … and one more after each so many milliseconds.
const EVERY_MS: Millis = 10_000;
/// A key that was not there is not asked for again before then, in milliseconds. Short: it may be published a moment later.
const UNKNOWN_MS: Millis = 60_000;
/// So many unknown keys are remembered; the allowance bounds the rest.
const MOST_UNKNOWN: usize = 1_000;
/// After a failure the next attempt comes this soon, then in twice the time, up to the ordinary pace.
const RETRY_S: u64 = 5;

/// The keys as they were fetched last.
pub(super) struct Keyset {
    keys: Vec<Key>,
    fetched_at_ms: Millis,
    /// Changes whenever a key goes. What was verified under another epoch has to be verified again.
    pub(super) epoch: u64,
}

/// Which keys a token could be signed with.
pub(super) enum Candidates<'k> {
    These(Vec<&'k Key>),
    /// There is such a key, and it does not fit the algorithm.
    Unfit,
    /// None of that name.
    Unknown,
    /// It names none, and several would fit.
    Ambiguous,
}

impl Keyset {
    pub(super) fn candidates(&self, kid: Option<&str>, algorithm: Algorithm) -> Candidates<'_> {
        let fitting = || self.keys.iter().filter(|key| key.fits(algorithm));
        match kid {
            Some(kid) => {
                let of_name: Vec<&Key> = fitting().filter(|key| key.kid.as_deref() == Some(kid)).collect();
                if !of_name.is_empty() {
                    Candidates::These(of_name)
                } else if self.keys.iter().any(|key| key.kid.as_deref() == Some(kid)) {
                    Candidates::Unfit
                } else {
                    Candidates::Unknown
                }
            }
            None => match fitting().collect::<Vec<_>>() {
                one if one.len() == 1 => Candidates::These(one),
                none if none.is_empty() => Candidates::Unfit,
                _ => Candidates::Ambiguous,
            },
        }
    }
}

/// One issuer's keys and the task that keeps them.
pub(super) struct Keys {
    issuer: String,
    source: Source,
    bearer: Option<PathBuf>,
    egress: Arc<Egress>,
    clock: SharedClock,
    refresh_s: u64,
    keep_ms: Millis,
    current: ArcSwapOption<Keyset>,
    asking: Mutex<Asking>,
    /// How many fetches have ended.
    ended: watch::Sender<u64>,
    wanted: Notify,
}

struct Asking {
    under_way: bool,
    /// Fetches that may still be brought about, and since when that has been so.
    allowance: i64,
    counted_at_ms: Millis,
    /// Hashes of keys' names that were not there, until when that is believed.
    unknown: HashMap<String, Millis>,
}

impl Keys {
    pub(super) fn new(issuer: &Issuer, egress: Arc<Egress>, clock: SharedClock) -> Result<Self, KeysError> {
        let source = Source::of(issuer)?;
        let now_ms = clock.now_ms();
        // A file that does not read is a mistake of the operator's, and told at start; an issuer may be late.
        let current = match &source {
            Source::File(path) => Some(Arc::new(Keyset {
                keys: Source::read(path)?,
                fetched_at_ms: now_ms,
                epoch: 0,
            })),
            Source::Address(_) | Source::Discovered(..) => None,
        };
        Ok(Self {
            issuer: issuer.url.clone(),
            source,
            bearer: issuer.bearer_file.clone(),
            egress,
            clock,
            refresh_s: issuer.refresh_s,
            keep_ms: i64::try_from(issuer.keep_s.saturating_mul(1000)).unwrap_or(i64::MAX),
            asking: Mutex::new(Asking {
                // The first fetch comes unasked.
                under_way: current.is_none(),
                allowance: BURST,
                counted_at_ms: now_ms,
                unknown: HashMap::new(),
            }),
            current: ArcSwapOption::from(current),
            ended: watch::Sender::new(0),
            wanted: Notify::new(),
        })
    }

    /// The keys, if they are young enough to be believed.
    pub(super) fn current(&self, now_ms: Millis) -> Option<Arc<Keyset>> {
        let current = self.current.load_full()?;
        (now_ms.saturating_sub(current.fetched_at_ms) <= self.keep_ms).then_some(current)
    }

    /// Asks the issuer for a key that is not there, or waits for the fetch that is under way. Comes back when that has ended, or at once if
    /// asking is of no use now.
    pub(super) async fn ask_for(&self, kid: Option<&str>) {
        let now_ms = self.clock.now_ms();
        let mut ended = self.ended.subscribe();
        {
            let mut asking = self.asking();
            let known_absent = kid.and_then(|kid| asking.unknown.get(kid)).is_some_and(|until| *until > now_ms);
            if known_absent {
                return;
            }
            if !asking.under_way {
                if !asking.may(now_ms) {
                    tracing::warn!(
                        issuer = self.issuer,
                        "tokens name keys that are not there more often than its issuer is asked"
                    );
                    return;
                }
                asking.under_way = true;
                self.wanted.notify_one();
            }
            // Under the lock, so that no end goes by unseen.
            ended.mark_unchanged();
        }
        if tokio::time::timeout(WAIT, ended.changed()).await.is_err() {
            return;
        }
        let now_ms = self.clock.now_ms();
        let absent = |kid: &&str| {
            self.current(now_ms)
                .is_some_and(|set| set.keys.iter().all(|key| key.kid.as_deref() != Some(*kid)))
        };
        if let Some(kid) = kid.filter(absent) {
            let mut asking = self.asking();
            if asking.unknown.len() >= MOST_UNKNOWN {
                asking.unknown.retain(|_, until| *until > now_ms);
            }
            if asking.unknown.len() < MOST_UNKNOWN {
                asking.unknown.insert(kid.to_owned(), now_ms.saturating_add(UNKNOWN_MS));
            }
        }
    }

    /// Keeps the keys current until the task is dropped.
    pub(super) async fn keep(&self) {
        let mut failures: u32 = 0;
        loop {
            let fetched = self.source.fetch(&self.egress, self.bearer.as_ref()).await;
            match fetched {
                Ok(keys) => {
                    if failures > 0 {
                        tracing::info!(issuer = self.issuer, "its keys can be fetched again");
                    }
                    failures = 0;
                    self.take(keys);
                }
                Err(error) => {
                    if failures == 0 {
                        tracing::warn!(issuer = self.issuer, %error, "its keys cannot be fetched; those that were there last are believed for a while");
                    }
                    failures = failures.saturating_add(1);
                }
            }
            {
                let mut asking = self.asking();
                asking.under_way = false;
                // Under the lock: whoever asks from now on waits for the next one.
                self.ended.send_modify(|ended| *ended = ended.wrapping_add(1));
            }
            let pause = match failures {
                0 => self.refresh_s,
                failures => self.refresh_s.min(RETRY_S.saturating_mul(1 << failures.saturating_sub(1).min(10))),
            };
            // A tenth more or less, so that replicas do not ask in step.
            let pause = Duration::from_millis(pause * 900 + random_below(pause * 200));
            tokio::select! {
                biased;
                () = self.wanted.notified() => {}
                () = tokio::time::sleep(pause) => self.asking().under_way = true,
            }
        }
    }

    fn take(&self, keys: Vec<Key>) {
        let before = self.current.load_full();
        let epoch = before.as_ref().map_or(0, |before| {
            let gone = before.keys.iter().any(|key| !keys.contains(key));
            if gone { before.epoch.wrapping_add(1) } else { before.epoch }
        });
        self.current.store(Some(Arc::new(Keyset {
            keys,
            fetched_at_ms: self.clock.now_ms(),
            epoch,
        })));
    }

    fn asking(&self) -> MutexGuard<'_, Asking> {
        // Nothing in there can be left half done.
        self.asking.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Asking {
    /// Whether one more fetch may be brought about; takes it.
    fn may(&mut self, now_ms: Millis) -> bool {
        let more = now_ms.saturating_sub(self.counted_at_ms).max(0) / EVERY_MS;
        if more > 0 {
            self.allowance = self.allowance.saturating_add(more).min(BURST);
            self.counted_at_ms = now_ms;
        }
        let may = self.allowance > 0;
        if may {
            self.allowance -= 1;
        }
        may
    }
}
