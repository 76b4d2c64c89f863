//! Where records go: appended under a short lock with one write, and, if the operator wants it so, forced to the disk by a thread that
//! serves all that wait with one `fdatasync`.
//!
//! Appending directly costs 3 to 5 µs; handing each record to another thread would cost 10 to 20. A disk that hangs is noticed by the
//! others: whoever finds a write under way for longer than [`PATIENCE`] fails at once.

use super::keys::AuditKeys;
use super::line::{Line, genesis};
use super::segment::{self, Head, Segment, SegmentName};
use crate::clock::{Millis, SharedClock, rfc3339};
use crate::config::{self, Durability};
use crate::ids::RequestId;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, TryLockError};
use std::time::Duration;
use tokio::sync::watch;

/// A record that is not written or synced after this long is not waited for any longer.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it is checked that the file is still there, in milliseconds.
const CHECK_EVERY_MS: Millis = 100;

/// Why a record is not durable.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AuditError {
    /// The file system refused.
    #[error("the audit trail `{file}` cannot be written: {cause}; free space or mend the disk, then restart")]
    Write {
        /// Which file.
        file: String,
        /// The operating system's reason.
        cause: String,
    },
    /// It takes too long.
    #[error("the audit trail `{file}` hangs: a write takes longer than 2 s")]
    Hangs {
        /// Which file.
        file: String,
    },
    /// Somebody removed, moved or cut the file.
    #[error(
        "the audit trail `{file}` was removed or changed by somebody else while the server runs; restart to begin a new segment, and find out who"
    )]
    Tampered {
        /// Which file.
        file: String,
    },
    /// What is there cannot be continued.
    #[error("the audit trail `{file}` cannot be continued: {reason}; look at it with `claviger audit verify`, then move the folder aside")]
    Damaged {
        /// Which file.
        file: String,
        /// Why.
        reason: String,
    },
    /// The key that writes is missing.
    #[error("the keyring has no key for the audit trail's epoch {0}")]
    NoKey(u32),
}

/// The open end of the chain.
pub(super) struct Sink {
    state: Arc<Mutex<State>>,
    folder: PathBuf,
    clock: SharedClock,
    keys: AuditKeys,
    segment_bytes: u64,
    /// When the write under way began; zero if none is.
    busy_since_ms: Arc<AtomicI64>,
    syncer: Option<Syncer>,
}

struct State {
    segment: Segment,
    head: Head,
    line: Line,
    checked_at_ms: Millis,
    /// Once set, every record fails with it: a trail with a hole must not go on.
    failed: Option<AuditError>,
}

struct Syncer {
    wake: Sender<()>,
    synced: watch::Receiver<Result<u64, AuditError>>,
}

impl Sink {
    pub(super) fn open(folder: &Path, config: &config::Audit, keys: AuditKeys, clock: SharedClock) -> Result<Self, AuditError> {
        let at = |path: &Path, cause: &io::Error| AuditError::Write {
            file: path.display().to_string(),
            cause: cause.to_string(),
        };
        match std::fs::DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(at(folder, &error)),
            _ => {}
        }
        let key = keys.chain(keys.current()).ok_or(AuditError::NoKey(keys.current()))?;
        let segments = segment::list(folder).map_err(|error| at(folder, &error))?;
        let (segment, head) = match segments.last() {
            None => {
                let name = SegmentName {
                    chain: RequestId::make(&*clock).to_string(),
                    number: 1,
                };
                let head = Head {
                    sequence: 0,
                    hash: genesis(key, &name.chain),
                };
                (Segment::create(folder, name).map_err(|error| at(folder, &error))?, head)
            }
            Some(last) => resume(folder, &segments, last, &keys)?,
        };
        let busy_since_ms = Arc::new(AtomicI64::new(0));
        let state = Arc::new(Mutex::new(State {
            segment,
            head,
            line: Line::new(),
            checked_at_ms: clock.now_ms(),
            failed: None,
        }));
        let syncer = (config.durability == Durability::Synced).then(|| Syncer::start(Arc::clone(&state)));
        Ok(Self {
            state,
            folder: folder.to_owned(),
            clock,
            keys,
            segment_bytes: config.segment_bytes,
            busy_since_ms,
            syncer,
        })
    }

    /// Appends one record and returns its place. It has reached the operating system then.
    pub(super) fn append(&self, fill: impl FnOnce(&mut Line)) -> Result<u64, AuditError> {
        let now_ms = self.clock.now_ms();
        let mut state = match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::WouldBlock) => {
                let since_ms = self.busy_since_ms.load(Ordering::Relaxed);
                if since_ms != 0 && now_ms - since_ms > Millis::try_from(PATIENCE.as_millis()).unwrap_or(Millis::MAX) {
                    return Err(AuditError::Hangs {
                        file: self.folder.display().to_string(),
                    });
                }
                self.state.lock().map_err(|_| self.poisoned())?
            }
            Err(TryLockError::Poisoned(_)) => return Err(self.poisoned()),
        };
        self.busy_since_ms.store(now_ms, Ordering::Relaxed);
        let appended = state.append(self, now_ms, fill);
        self.busy_since_ms.store(0, Ordering::Relaxed);
        if let Err(error) = &appended {
            state.failed = Some(error.clone());
        }
        appended
    }

    /// Waits until the record is as durable as the operator wants.
    pub(super) async fn durable(&self, sequence: u64) -> Result<(), AuditError> {
        let Some(syncer) = &self.syncer else { return Ok(()) };
        let mut synced = syncer.synced.clone();
        if syncer.wake.send(()).is_err() {
            return Err(self.poisoned());
        }
        let reached = synced.wait_for(|upto| upto.as_ref().map_or(true, |upto| *upto >= sequence));
        match tokio::time::timeout(PATIENCE, reached).await {
            Ok(Ok(upto)) => upto.clone().map(|_| ()),
            Ok(Err(_)) => Err(self.poisoned()),
            Err(_) => Err(AuditError::Hangs {
                file: self.folder.display().to_string(),
            }),
        }
    }

    fn poisoned(&self) -> AuditError {
        AuditError::Damaged {
            file: self.folder.display().to_string(),
            reason: "a record was interrupted by a panic".to_owned(),
        }
    }
}

impl State {
    fn append(&mut self, sink: &Sink, now_ms: Millis, fill: impl FnOnce(&mut Line)) -> Result<u64, AuditError> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        if now_ms - self.checked_at_ms >= CHECK_EVERY_MS {
            if !self.segment.is_intact() {
                return Err(AuditError::Tampered {
                    file: self.segment.path.display().to_string(),
                });
            }
            self.checked_at_ms = now_ms;
        }
        if self.segment.bytes >= sink.segment_bytes {
            self.roll(&sink.folder)?;
        }
        let epoch = sink.keys.current();
        let key = sink.keys.chain(epoch).ok_or(AuditError::NoKey(epoch))?;
        let sequence = self.head.sequence + 1;
        self.line.open(&self.segment.name.chain, sequence, &rfc3339(now_ms), epoch);
        fill(&mut self.line);
        let hash = self.line.close(key, &self.head.hash);
        let written = self.segment.file.write_all(self.line.bytes());
        if let Err(cause) = written {
            // What was written of the line is cut off again, so that the file ends with a record whatever happens next.
            drop(self.segment.file.set_len(self.segment.bytes));
            return Err(self.refused(&cause));
        }
        self.segment.bytes += u64::try_from(self.line.bytes().len()).unwrap_or(0);
        self.head = Head { sequence, hash };
        Ok(sequence)
    }

    /// Goes on in a new file. The old one is durable first: the syncer only knows the newest.
    fn roll(&mut self, folder: &Path) -> Result<(), AuditError> {
        self.segment.file.sync_data().map_err(|cause| self.refused(&cause))?;
        self.segment = Segment::create(folder, self.segment.name.next()).map_err(|cause| self.refused(&cause))?;
        Ok(())
    }

    fn refused(&self, cause: &io::Error) -> AuditError {
        AuditError::Write {
            file: self.segment.path.display().to_string(),
            cause: cause.to_string(),
        }
    }
}

impl Syncer {
    fn start(state: Arc<Mutex<State>>) -> Self {
        let (wake, woken) = mpsc::channel();
        let (announce, synced) = watch::channel(Ok(0));
        // A thread of its own: fdatasync blocks, for milliseconds usually and for ever on a broken disk. It ends when the sink is dropped.
        std::thread::spawn(move || sync_until_closed(&state, &woken, &announce));
        Self { wake, synced }
    }
}

fn sync_until_closed(state: &Mutex<State>, woken: &Receiver<()>, announce: &watch::Sender<Result<u64, AuditError>>) {
    while woken.recv().is_ok() {
        // Everyone who has knocked so far is served by one sync.
        while woken.try_recv().is_ok() {}
        let (file, upto) = {
            let Ok(state) = state.lock() else { return };
            match state.segment.file.try_clone() {
                Ok(file) => (file, state.head.sequence),
                Err(cause) => {
                    drop(announce.send_replace(Err(state.refused(&cause))));
                    continue;
                }
            }
        };
        match file.sync_data() {
            Ok(()) => drop(announce.send_replace(Ok(upto))),
            Err(cause) => {
                // After a failed fsync the kernel may have dropped the pages: nothing written so far can be trusted to be there.
                let Ok(mut state) = state.lock() else { return };
                let error = state.refused(&cause);
                state.failed = Some(error.clone());
                drop(announce.send_replace(Err(error)));
            }
        }
    }
}

/// Continues where the last record ends. The last segment may be empty, if a crash came right after it was made.
fn resume(folder: &Path, segments: &[SegmentName], last: &SegmentName, keys: &AuditKeys) -> Result<(Segment, Head), AuditError> {
    let damaged = |name: &SegmentName, reason: String| AuditError::Damaged {
        file: folder.join(name.file()).display().to_string(),
        reason,
    };
    let open = |name: &SegmentName| Segment::reopen(folder, name.clone()).map_err(|error| damaged(name, error.to_string()));
    let (mut segment, torn) = open(last)?;
    if torn > 0 {
        tracing::warn!(file = %segment.path.display(), bytes = torn, "a torn record at the end of the audit trail was cut off: the server had crashed");
    }
    if let Some(head) = segment.head(keys).map_err(|reason| damaged(last, reason))? {
        return Ok((segment, head));
    }
    let before = segments
        .iter()
        .rev()
        .find(|name| name.chain == last.chain && name.number < last.number);
    let head = match before {
        Some(before) => open(before)?.0.head(keys).map_err(|reason| damaged(before, reason))?,
        None if last.number == 1 => keys.chain(keys.current()).map(|key| Head {
            sequence: 0,
            hash: genesis(key, &last.chain),
        }),
        None => None,
    };
    head.map(|head| (segment, head))
        .ok_or_else(|| damaged(last, "the segment before it is missing".to_owned()))
}
