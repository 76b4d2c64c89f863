//! One place through which records reach the file, in order, as durable as the operator chose.
//!
//! *Written*: the reader's own thread gives its line to the operating system under a short lock. A hop to another thread and back
//! costs 5 to 20 µs, the write itself 2 to 4.
//!
//! *Synced*: lines gather while a thread writes and syncs those before them; each sync then serves all that came meanwhile. A sync
//! takes milliseconds, so the hop does not matter, and 64 readers share one.
//!
//! Every wait is bounded ([`WAIT`]). While the disk hangs, whoever comes later is refused at once instead of queueing. When a batch
//! fails, the chain goes back to what is on the disk and everyone who built on the batch fails with it.

use super::chain::{Chain, Tail};
use super::error::AuditError;
use super::line::Line;
use super::segments::Segments;
use crate::clock::SharedClock;
use crate::config::Durability;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, TryLockError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// How long a reader waits for its record. Longer means a sick disk, and a runner gives up at 10 s.
pub(super) const WAIT: Duration = Duration::from_secs(2);

/// More than this is never queued for a sync, in bytes: 64 readers make 40 KB.
const QUEUE_BYTES: usize = 8 * 1024 * 1024;

/// The sink's word that a record is as durable as it has to be. Made here alone.
#[derive(Debug)]
pub(super) struct Written(());

type Waiter = oneshot::Sender<Result<(), AuditError>>;

/// The sink.
pub(super) struct Sink {
    shared: Arc<Shared>,
    clock: SharedClock,
    durability: Durability,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    head: Mutex<Head>,
    segments: Mutex<Segments>,
    wake: Condvar,
    folder: PathBuf,
    started: Instant,
    /// When the write that is under way began, in microseconds since `started`, plus one; 0 while none is.
    busy_since_us: AtomicU64,
}

/// Where the chain stands, and what waits to be synced.
struct Head {
    chain: Chain,
    /// Where the chain stands on the disk.
    durable: Tail,
    lines: Vec<u8>,
    waiters: Vec<Waiter>,
    closing: bool,
}

impl Sink {
    pub(super) fn start(segments: Segments, chain: Chain, durability: Durability, clock: SharedClock) -> Result<Self, AuditError> {
        let folder = segments.folder().to_owned();
        let head = Head {
            durable: chain.tail(),
            chain,
            lines: Vec::new(),
            waiters: Vec::new(),
            closing: false,
        };
        let shared = Arc::new(Shared {
            head: Mutex::new(head),
            segments: Mutex::new(segments),
            wake: Condvar::new(),
            folder,
            started: Instant::now(),
            busy_since_us: AtomicU64::new(0),
        });
        let thread = match durability {
            Durability::Written => None,
            Durability::Synced => {
                let shared = Arc::clone(&shared);
                let spawned = std::thread::Builder::new()
                    .name("audit".to_owned())
                    .spawn(move || shared.sync_batches());
                Some(spawned.map_err(|cause| AuditError::Io {
                    path: PathBuf::from("audit"),
                    cause: Arc::new(cause),
                })?)
            }
        };
        Ok(Self {
            shared,
            clock,
            durability,
            thread,
        })
    }

    /// Appends a record and returns once it is as durable as it has to be.
    pub(super) async fn append(&self, record: &Line) -> Result<Written, AuditError> {
        if self.durability == Durability::Written {
            return self.write(record).map(Written);
        }
        let (done, waiting) = oneshot::channel();
        self.enqueue(record, Some(done))?;
        match tokio::time::timeout(WAIT, waiting).await {
            Ok(Ok(outcome)) => outcome.map(Written),
            Ok(Err(_)) => Err(AuditError::Closed),
            Err(_) => Err(self.shared.stalled()),
        }
    }

    /// Appends a record without waiting for the disk; what is known to be wrong already is said.
    pub(super) fn append_unwatched(&self, record: &Line) -> Result<(), AuditError> {
        match self.durability {
            Durability::Written => self.write(record),
            Durability::Synced => self.enqueue(record, None),
        }
    }

    fn write(&self, record: &Line) -> Result<(), AuditError> {
        let mut head = self.shared.head()?;
        let mut segments = self.shared.bounded(&self.shared.segments)?;
        let head = &mut *head;
        let before = head.chain.tail();
        head.lines.clear();
        head.chain.append(record, self.clock.now_ms(), &mut head.lines);
        let written = self.shared.busy(|| segments.write(before.seq + 1, &head.lines, false));
        if written.is_err() {
            head.chain.rewind(before);
        }
        written
    }

    fn enqueue(&self, record: &Line, waiter: Option<Waiter>) -> Result<(), AuditError> {
        let mut head = self.shared.head()?;
        if head.lines.len() > QUEUE_BYTES {
            return Err(self.shared.stalled());
        }
        let Head { chain, lines, waiters, .. } = &mut *head;
        chain.append(record, self.clock.now_ms(), lines);
        waiters.extend(waiter);
        drop(head);
        self.shared.wake.notify_one();
        Ok(())
    }

    /// What a hanging disk looks like from outside.
    #[cfg(test)]
    pub(super) fn hang<T>(&self, meanwhile: impl FnOnce() -> T) -> T {
        let _held = self.shared.segments.lock().unwrap();
        self.shared.busy(meanwhile)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        if let Ok(mut head) = self.shared.head.lock() {
            head.closing = true;
        }
        self.shared.wake.notify_one();
        // A disk that hangs must not keep the process from ending.
        let deadline = Instant::now() + WAIT;
        while !thread.is_finished() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Shared {
    fn stalled(&self) -> AuditError {
        AuditError::Stalled { path: self.folder.clone() }
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn hangs(&self) -> bool {
        let since = self.busy_since_us.load(Ordering::Relaxed);
        since != 0 && u128::from(self.now_us().saturating_sub(since - 1)) > WAIT.as_micros()
    }

    fn busy<T>(&self, work: impl FnOnce() -> T) -> T {
        self.busy_since_us.store(self.now_us().saturating_add(1), Ordering::Relaxed);
        let done = work();
        self.busy_since_us.store(0, Ordering::Relaxed);
        done
    }

    fn head(&self) -> Result<MutexGuard<'_, Head>, AuditError> {
        if self.hangs() {
            return Err(self.stalled());
        }
        self.bounded(&self.head)
    }

    /// Takes a lock, but not for longer than a reader may wait: its holder may hang in a write.
    fn bounded<'a, T>(&self, lock: &'a Mutex<T>) -> Result<MutexGuard<'a, T>, AuditError> {
        // A write takes a few µs: spin through it, then yield, and only then sleep.
        const SPINS: u32 = 200;
        const YIELDS: u32 = 2_000;
        let mut tries = 0;
        let mut deadline = None;
        loop {
            match lock.try_lock() {
                Ok(guard) => return Ok(guard),
                // A panic half-way leaves an unknown state behind: nothing more is written.
                Err(TryLockError::Poisoned(_)) => return Err(AuditError::Closed),
                Err(TryLockError::WouldBlock) => {}
            }
            tries += 1;
            if tries < SPINS {
                std::hint::spin_loop();
            } else if tries < YIELDS {
                std::thread::yield_now();
            } else {
                let now = Instant::now();
                if now >= *deadline.get_or_insert(now + WAIT) {
                    return Err(self.stalled());
                }
                std::thread::sleep(Duration::from_micros(500));
            }
        }
    }

    /// The thread's work: one batch after the other, until the sink closes and nothing is left.
    fn sync_batches(&self) {
        loop {
            let Ok(mut head) = self.head.lock() else { return };
            while head.lines.is_empty() && !head.closing {
                head = match self.wake.wait(head) {
                    Ok(head) => head,
                    Err(_) => return,
                };
            }
            if head.lines.is_empty() {
                return;
            }
            let first_seq = head.durable.seq + 1;
            let reached = head.chain.tail();
            let lines = std::mem::take(&mut head.lines);
            let waiters = std::mem::take(&mut head.waiters);
            drop(head);

            let written = match self.segments.lock() {
                Ok(mut segments) => self.busy(|| segments.write(first_seq, &lines, true)),
                Err(_) => Err(AuditError::Closed),
            };

            let Ok(mut head) = self.head.lock() else { return };
            let also = match &written {
                Ok(()) => {
                    head.durable = reached;
                    Vec::new()
                }
                Err(_) => {
                    // What was queued meanwhile continues a chain that does not exist.
                    let durable = head.durable;
                    head.chain.rewind(durable);
                    head.lines.clear();
                    std::mem::take(&mut head.waiters)
                }
            };
            drop(head);
            for waiter in waiters.into_iter().chain(also) {
                // A reader that went away meanwhile is not told.
                let _ = waiter.send(written.clone());
            }
        }
    }
}
