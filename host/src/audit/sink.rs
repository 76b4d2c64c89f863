//! One place through which records reach the file, in order, as durable as the operator chose.
//!
//! Lines gather in a queue while somebody writes those before them; each write then serves all that came meanwhile. There is one writer at a
//! time:
//!
//! - *Written*: the reader that finds nobody writing, on its own thread: a hop to another thread and back costs 5 to 20 µs, the write itself
//!   2 to 4. Readers that come meanwhile give their thread back and are told; none of them spins.
//! - *Synced*: a thread. A sync takes milliseconds, so the hop does not matter, and 64 readers share one.
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
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// How long a reader waits for its record. Longer means a sick disk, and a runner gives up at 10 s.
pub(super) const WAIT: Duration = Duration::from_secs(2);

/// More than this is never queued, in bytes: 64 readers make 40 KB.
const QUEUE_BYTES: usize = 8 * 1024 * 1024;

/// A reader that writes does it for those who come meanwhile as well, but not for longer than this, its own batch included: on many cores
/// somebody always comes. The thread takes over then.
const READERS_BATCHES: u32 = 4;

/// The sink's word that a record is as durable as it has to be. Made here alone.
#[derive(Debug)]
pub(super) struct Written(());

type Waiter = oneshot::Sender<Result<(), AuditError>>;

/// What is left to do for a record that was queued.
enum Queued {
    /// Nobody writes: the caller has to, at once.
    ToWrite,
    /// Somebody does; watched records are told of the outcome here.
    Written(Option<oneshot::Receiver<Result<(), AuditError>>>),
}

/// The sink.
pub(super) struct Sink {
    shared: Arc<Shared>,
    clock: SharedClock,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    /// Held for the making of one line, never during a write.
    head: Mutex<Head>,
    /// Only the writer takes it.
    segments: Mutex<Segments>,
    sync: bool,
    wake: Condvar,
    folder: PathBuf,
    started: Instant,
    /// When the write that is under way began, in microseconds since `started`, plus one; 0 while none is.
    busy_since_us: AtomicU64,
}

/// Where the chain stands, and what waits to be written.
struct Head {
    chain: Chain,
    /// Where the chain stands on the disk.
    durable: Tail,
    lines: Vec<u8>,
    /// The buffer of the batch before, to be filled next.
    spare: Vec<u8>,
    waiters: Vec<Waiter>,
    /// Whether somebody is the writer: sees to it that the queue gets empty.
    writing: bool,
    closing: bool,
}

impl Sink {
    pub(super) fn start(segments: Segments, chain: Chain, durability: Durability, clock: SharedClock) -> Result<Self, AuditError> {
        let folder = segments.folder().to_owned();
        let head = Head {
            durable: chain.tail(),
            chain,
            lines: Vec::new(),
            spare: Vec::new(),
            waiters: Vec::new(),
            writing: false,
            closing: false,
        };
        let shared = Arc::new(Shared {
            head: Mutex::new(head),
            segments: Mutex::new(segments),
            sync: durability == Durability::Synced,
            wake: Condvar::new(),
            folder,
            started: Instant::now(),
            busy_since_us: AtomicU64::new(0),
        });
        let thread = std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || shared.serve_queue()
            })
            .map_err(|cause| AuditError::Io {
                path: PathBuf::from("audit"),
                cause: Arc::new(cause),
            })?;
        Ok(Self {
            shared,
            clock,
            thread: Some(thread),
        })
    }

    /// Appends a record and returns once it is as durable as it has to be.
    pub(super) async fn append(&self, record: &Line) -> Result<Written, AuditError> {
        let waiting = match self.enqueue(record, true)? {
            Queued::ToWrite => return self.shared.write_queue(READERS_BATCHES).map(Written),
            Queued::Written(waiting) => waiting.ok_or(AuditError::Closed)?,
        };
        match tokio::time::timeout(WAIT, waiting).await {
            Ok(Ok(outcome)) => outcome.map(Written),
            Ok(Err(_)) => Err(AuditError::Closed),
            Err(_) => Err(self.shared.stalled()),
        }
    }

    /// Appends a record without waiting for anybody; what is known to be wrong already is said.
    pub(super) fn append_unwatched(&self, record: &Line) -> Result<(), AuditError> {
        match self.enqueue(record, false)? {
            Queued::ToWrite => self.shared.write_queue(READERS_BATCHES),
            Queued::Written(_) => Ok(()),
        }
    }

    fn enqueue(&self, record: &Line, watched: bool) -> Result<Queued, AuditError> {
        if self.shared.hangs() {
            return Err(self.shared.stalled());
        }
        let mut head = self.shared.head()?;
        if head.lines.len() > QUEUE_BYTES {
            return Err(self.shared.stalled());
        }
        let Head { chain, lines, .. } = &mut *head;
        chain.append(record, self.clock.now_ms(), lines);
        if !self.shared.sync && !head.writing {
            head.writing = true;
            return Ok(Queued::ToWrite);
        }
        let waiting = watched.then(|| {
            let (done, waiting) = oneshot::channel();
            head.waiters.push(done);
            waiting
        });
        drop(head);
        if self.shared.sync {
            self.shared.wake.notify_one();
        }
        Ok(Queued::Written(waiting))
    }

    /// What a hanging disk looks like from outside.
    #[cfg(test)]
    pub(super) fn hang<T>(&self, meanwhile: impl FnOnce() -> T) -> T {
        let held = self.shared.segments.lock().unwrap();
        if !self.shared.sync {
            self.shared.head().unwrap().writing = true;
        }
        let done = self.shared.busy(meanwhile);
        drop(held);
        if !self.shared.sync {
            self.shared.write_queue(1).unwrap();
        }
        done
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
        // A panic half-way leaves an unknown state behind: nothing more is written.
        self.head.lock().map_err(|_| AuditError::Closed)
    }

    /// The thread's work, until the sink closes and nothing is left: every batch of a synced trail, and what the readers of a written one leave.
    fn serve_queue(&self) {
        loop {
            let Ok(mut head) = self.head() else { return };
            while !head.closing && (head.lines.is_empty() || head.writing) {
                head = match self.wake.wait(head) {
                    Ok(head) => head,
                    Err(_) => return,
                };
            }
            if head.lines.is_empty() || head.writing {
                return;
            }
            head.writing = true;
            drop(head);
            // Each of its records has a waiter of its own, or nobody who waits.
            let _ = self.write_queue(1);
        }
    }

    /// Writes what is queued, at most so many batches, and returns the outcome of the first. For whoever has set `writing`.
    fn write_queue(&self, batches: u32) -> Result<(), AuditError> {
        let mut first = None;
        for _ in 0..batches {
            match self.write_batch()? {
                Some(written) => drop(first.get_or_insert(written)),
                None => break,
            }
        }
        let mut head = self.head()?;
        head.writing = false;
        let more = !head.lines.is_empty();
        drop(head);
        if more {
            self.wake.notify_one();
        }
        first.unwrap_or(Ok(()))
    }

    /// Writes what is queued now and tells those who wait; nothing if nothing is.
    fn write_batch(&self) -> Result<Option<Result<(), AuditError>>, AuditError> {
        let mut head = self.head()?;
        if head.lines.is_empty() {
            return Ok(None);
        }
        let first_seq = head.durable.seq + 1;
        let reached = head.chain.tail();
        let spare = std::mem::take(&mut head.spare);
        let mut lines = std::mem::replace(&mut head.lines, spare);
        let mut waiters = std::mem::take(&mut head.waiters);
        drop(head);

        let written = match self.segments.lock() {
            Ok(mut segments) => self.busy(|| segments.write(first_seq, &lines, self.sync)),
            Err(_) => Err(AuditError::Closed),
        };

        let mut head = self.head()?;
        if written.is_ok() {
            head.durable = reached;
        } else {
            // What was queued meanwhile continues a chain that does not exist.
            let durable = head.durable;
            head.chain.rewind(durable);
            head.lines.clear();
            waiters.append(&mut head.waiters);
        }
        lines.clear();
        head.spare = lines;
        drop(head);
        for waiter in waiters {
            // A reader that went away meanwhile is not told.
            let _ = waiter.send(written.clone());
        }
        Ok(Some(written))
    }
}
