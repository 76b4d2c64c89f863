//! One flight per key: whoever comes while a refresh is under way waits for it instead of starting another.
//!
//! The flight is a task of its own. A reader that goes away does not end it, and a reader that waits too long is told so
//! while the flight goes on. What failed is remembered for a moment under the same key, so that a broken upstream is not asked
//! once per reader.

use crate::clock::{Millis, SharedClock, random_below};
use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// A failure is remembered for at least this long, in milliseconds…
const REMEMBER_AT_LEAST_MS: u64 = 5_000;
/// …and at most this long. Spread, so that readers of many credentials do not come back in step.
const REMEMBER_AT_MOST_MS: u64 = 10_000;
/// A flight that takes longer is given up, whatever it waits for. Two provider calls of at most 20 s each fit.
const FLIGHT_AT_MOST: Duration = Duration::from_secs(60);
/// Remembered failures beyond this number make room by forgetting all that have run out.
const REMEMBERED_AT_MOST: usize = 10_000;

/// Whether a failure is remembered.
pub trait Remember {
    /// Whether it would most likely be the same for whoever asks next.
    fn is_remembered(&self) -> bool;
}

/// What came of waiting.
#[derive(Debug)]
pub enum Waited<T, E> {
    /// The flight's result.
    Landed(Result<T, E>),
    /// It is still under way.
    StillFlying,
    /// The task died; nothing is known of its outcome.
    Crashed,
}

type Outcome<T, E> = Option<Result<T, E>>;

/// The flights under way and the failures remembered.
pub struct Flights<K, T, E> {
    clock: SharedClock,
    table: Arc<Mutex<Table<K, T, E>>>,
}

struct Table<K, T, E> {
    flying: HashMap<K, watch::Receiver<Outcome<T, E>>>,
    failed: HashMap<K, (E, Millis)>,
}

impl<K, T, E> Flights<K, T, E>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
    E: Clone + Remember + Send + Sync + 'static,
{
    /// None yet.
    #[must_use]
    pub fn new(clock: SharedClock) -> Self {
        Self {
            clock,
            table: Arc::new(Mutex::new(Table {
                flying: HashMap::new(),
                failed: HashMap::new(),
            })),
        }
    }

    /// Joins the flight of this key, or starts one, and waits at most `wait`. A remembered failure is answered at once.
    pub async fn ride<F>(&self, key: K, wait: Duration, flight: impl FnOnce() -> F) -> Waited<T, E>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let mut landing = match self.board(key, flight) {
            Ok(landing) => landing,
            Err(failure) => return Waited::Landed(Err(failure)),
        };
        match tokio::time::timeout(wait, landing.wait_for(Option::is_some)).await {
            Err(_) => Waited::StillFlying,
            Ok(Err(_)) => Waited::Crashed,
            Ok(Ok(outcome)) => outcome.clone().map_or(Waited::Crashed, Waited::Landed),
        }
    }

    /// Starts a flight that nobody waits for, unless one is under way or has just failed.
    pub fn start<F>(&self, key: K, flight: impl FnOnce() -> F)
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        drop(self.board(key, flight));
    }

    /// Forgets a failure: new secrets came, or somebody connected again.
    pub fn forget(&self, matching: impl Fn(&K) -> bool) {
        lock(&self.table).failed.retain(|key, _| !matching(key));
    }

    fn board<F>(&self, key: K, flight: impl FnOnce() -> F) -> Result<watch::Receiver<Outcome<T, E>>, E>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let now_ms = self.clock.now_ms();
        let mut table = lock(&self.table);
        if let Some((failure, until_ms)) = table.failed.get(&key) {
            if now_ms < *until_ms {
                return Err(failure.clone());
            }
            table.failed.remove(&key);
        }
        // A receiver whose sender is gone belongs to a task that died before it could clean up.
        if let Some(landing) = table.flying.get(&key).filter(|landing| landing.has_changed().is_ok()) {
            return Ok(landing.clone());
        }
        let flight = flight();
        let flight = async move { ((), flight.await) };
        Ok(self.take_off(table, key, flight).0)
    }

    /// Lets the flight of this key land, then flies alone on it: whoever boards meanwhile gets the second half of the result. `None` if the flight
    /// before takes longer than `wait`, or this one longer than any may.
    pub async fn alone<F, R>(&self, key: K, wait: Duration, flight: impl FnOnce() -> F) -> Option<R>
    where
        F: Future<Output = (R, Result<T, E>)> + Send + 'static,
        R: Send + 'static,
    {
        let deadline = tokio::time::Instant::now() + wait;
        let answer = loop {
            let mut before = {
                let table = lock(&self.table);
                match table.flying.get(&key).filter(|landing| landing.has_changed().is_ok()) {
                    None => break self.take_off(table, key, flight()).1,
                    Some(landing) => landing.clone(),
                }
            };
            // A sender that died is found dead in the next round.
            drop(tokio::time::timeout_at(deadline, before.wait_for(Option::is_some)).await.ok()?);
        };
        answer.await.ok()
    }

    fn take_off<F, R>(
        &self,
        mut table: MutexGuard<'_, Table<K, T, E>>,
        key: K,
        flight: F,
    ) -> (watch::Receiver<Outcome<T, E>>, oneshot::Receiver<R>)
    where
        F: Future<Output = (R, Result<T, E>)> + Send + 'static,
        R: Send + 'static,
    {
        let (announce, landing) = watch::channel(None);
        let (tell, answer) = oneshot::channel();
        table.flying.insert(key.clone(), landing.clone());
        drop(table);

        let cleanup = Cleanup {
            key,
            table: Arc::clone(&self.table),
            clock: Arc::clone(&self.clock),
            failure: None,
        };
        tokio::spawn(async move {
            let mut cleanup = cleanup;
            let Ok((own, outcome)) = tokio::time::timeout(FLIGHT_AT_MOST, flight).await else {
                tracing::error!(
                    seconds = FLIGHT_AT_MOST.as_secs(),
                    "a call to a provider was given up: it took longer than any may"
                );
                return;
            };
            cleanup.failure = outcome.as_ref().err().cloned();
            // The table is cleared before the news goes out: who comes in between starts from what was just stored.
            drop(cleanup);
            announce.send_replace(Some(outcome));
            drop(tell.send(own));
        });
        (landing, answer)
    }
}

/// Takes the flight off the table however its task ends, a panic included.
struct Cleanup<K: Eq + Hash, T, E: Remember> {
    key: K,
    table: Arc<Mutex<Table<K, T, E>>>,
    clock: SharedClock,
    failure: Option<E>,
}

impl<K: Eq + Hash, T, E: Remember> Drop for Cleanup<K, T, E> {
    fn drop(&mut self) {
        let now_ms = self.clock.now_ms();
        let mut table = lock(&self.table);
        let Some((key, _)) = table.flying.remove_entry(&self.key) else {
            return;
        };
        let Some(failure) = self.failure.take() else { return };
        if !failure.is_remembered() {
            return;
        }
        if table.failed.len() >= REMEMBERED_AT_MOST {
            table.failed.retain(|_, (_, until_ms)| *until_ms > now_ms);
        }
        let remember_ms = REMEMBER_AT_LEAST_MS + random_below(REMEMBER_AT_MOST_MS - REMEMBER_AT_LEAST_MS);
        table
            .failed
            .insert(key, (failure, now_ms.saturating_add(i64::try_from(remember_ms).unwrap_or(0))));
    }
}

// A panic while the lock was held leaves the maps whole: every change is a single insert or remove.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Notify;

    #[derive(Clone, Debug, PartialEq)]
    struct Refused;
    impl Remember for Refused {
        fn is_remembered(&self) -> bool {
            true
        }
    }

    const LONG: Duration = Duration::from_secs(30);

    fn flights() -> (Arc<Flights<&'static str, u32, Refused>>, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(1));
        (Arc::new(Flights::new(Arc::clone(&clock) as SharedClock)), clock)
    }

    #[tokio::test]
    async fn fifty_readers_one_flight() {
        let (flights, _) = flights();
        let (started, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let readers: Vec<_> = (0..50)
            .map(|_| {
                let (flights, started, gate) = (Arc::clone(&flights), Arc::clone(&started), Arc::clone(&gate));
                tokio::spawn(async move {
                    flights
                        .ride("key", LONG, || async move {
                            started.fetch_add(1, Ordering::SeqCst);
                            gate.notified().await;
                            Ok(7)
                        })
                        .await
                })
            })
            .collect();
        while started.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        gate.notify_one();
        for reader in readers {
            assert!(matches!(reader.await.unwrap(), Waited::Landed(Ok(7))));
        }
        assert_eq!(started.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_reader_that_leaves_does_not_end_the_flight() {
        let (flights, _) = flights();
        let gate = Arc::new(Notify::new());
        let (inner, outer) = (Arc::clone(&gate), Arc::clone(&flights));
        let first = tokio::spawn(async move {
            outer
                .ride("key", LONG, || async move {
                    inner.notified().await;
                    Ok(1)
                })
                .await
        });
        while lock(&flights.table).flying.is_empty() {
            tokio::task::yield_now().await;
        }
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled());
        let outer = Arc::clone(&flights);
        let second = tokio::spawn(async move { outer.ride("key", LONG, || async { Ok(2) }).await });
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        gate.notify_one();
        assert!(
            matches!(second.await.unwrap(), Waited::Landed(Ok(1))),
            "the second reader gets the first one's flight"
        );
    }

    #[tokio::test]
    async fn a_failure_is_remembered_for_a_while_and_not_longer() {
        let (flights, clock) = flights();
        assert!(matches!(
            flights.ride("key", LONG, || async { Err(Refused) }).await,
            Waited::Landed(Err(Refused))
        ));
        assert!(matches!(
            flights.ride("key", LONG, || async { Ok(1) }).await,
            Waited::Landed(Err(Refused))
        ));
        assert!(matches!(
            flights.ride("other", LONG, || async { Ok(2) }).await,
            Waited::Landed(Ok(2))
        ));
        clock.advance_ms(30_000);
        assert!(matches!(flights.ride("key", LONG, || async { Ok(3) }).await, Waited::Landed(Ok(3))));
    }

    #[tokio::test]
    async fn a_flight_that_panics_blocks_nobody() {
        let (flights, _) = flights();
        let crashed = flights.ride("key", LONG, || async { std::panic::panic_any("as a test") }).await;
        assert!(matches!(crashed, Waited::Crashed));
        assert!(matches!(flights.ride("key", LONG, || async { Ok(4) }).await, Waited::Landed(Ok(4))));
    }

    #[tokio::test]
    async fn waiting_ends_and_the_flight_goes_on() {
        let (flights, _) = flights();
        let gate = Arc::new(Notify::new());
        let inner = Arc::clone(&gate);
        let flight = || async move {
            inner.notified().await;
            Ok(5)
        };
        assert!(matches!(
            flights.ride("key", Duration::from_millis(20), flight).await,
            Waited::StillFlying
        ));
        gate.notify_one();
        assert!(matches!(flights.ride("key", LONG, || async { Ok(6) }).await, Waited::Landed(Ok(5))));
    }
}
