//! The files: named `{chain}-{first sequence}.jsonl`, appended to, closed when they are large enough, and watched: a file that is not
//! what this process left is not written to any more.

use super::chain::{Tail, read};
use super::error::AuditError;
use super::keys::{AuditKeys, RECORD_HASH_LEN, RecordHash};
use crate::clock::fill_random;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Longer than any record. What stands before the last newline is searched this far back at start.
pub(super) const MAX_LINE_BYTES: usize = 64 * 1024;

/// The name of a segment, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SegmentName {
    pub(super) chain: String,
    pub(super) first_seq: u64,
}

impl SegmentName {
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (chain, seq) = name.strip_suffix(".jsonl")?.split_once('-')?;
        let plain = |text: &str| !text.is_empty() && text.len() <= 32 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (plain(chain) && plain(seq)).then_some(())?;
        Some(Self {
            chain: chain.to_owned(),
            first_seq: seq.parse().ok()?,
        })
    }

    fn file_name(&self) -> String {
        // Padded, so that `ls` and `cat` have them in order.
        format!("{}-{:012}.jsonl", self.chain, self.first_seq)
    }
}

/// The segments of a folder, each chain's in order.
pub(super) fn list(folder: &Path) -> Result<Vec<(SegmentName, PathBuf)>, AuditError> {
    let refused = |cause| AuditError::io(folder, cause);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(refused)? {
        let entry = entry.map_err(refused)?;
        if let Some(name) = entry.file_name().to_str().and_then(SegmentName::parse) {
            found.push((name, entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

/// Whether there is a trail in the folder: a segment with something in it.
pub(super) fn any(folder: &Path) -> Result<bool, AuditError> {
    if !folder.exists() {
        return Ok(false);
    }
    let filled = |path: &PathBuf| std::fs::metadata(path).is_ok_and(|file| file.len() > 0);
    Ok(list(folder)?.iter().any(|(_, path)| filled(path)))
}

/// What lies in the folder, ready to be continued.
pub(super) struct Opened {
    pub(super) segments: Segments,
    pub(super) chain: String,
    pub(super) tail: Tail,
    /// Bytes of an unfinished line that a crash left and that were removed.
    pub(super) torn_bytes: u64,
}

/// The open end of the chain.
pub(super) struct Segments {
    folder: PathBuf,
    chain: String,
    limit_bytes: u64,
    current: Option<Segment>,
    /// Set once somebody tampered with the file; never taken back while the process runs.
    latched: Option<AuditError>,
}

struct Segment {
    file: File,
    path: PathBuf,
    inode: (u64, u64),
    len: u64,
    /// Whether the file may hold more than `len` bytes, because cutting off a failed write failed too.
    untidy: bool,
}

/// Opens the folder.
pub(super) fn open(folder: &Path, limit_bytes: u64, keys: &AuditKeys) -> Result<Opened, AuditError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|cause| AuditError::io(folder, cause))?;
    let found = list(folder)?;
    let mut chains: Vec<&str> = found.iter().map(|(name, _)| name.chain.as_str()).collect();
    chains.dedup();
    let chain = match chains.as_slice() {
        [] => {
            let mut id = [0; 6];
            fill_random(&mut id);
            hex::encode(id)
        }
        [only] => (*only).to_owned(),
        _ => return Err(AuditError::SeveralChains { path: folder.to_owned() }),
    };
    let mut segments = Segments {
        folder: folder.to_owned(),
        chain: chain.clone(),
        limit_bytes,
        current: None,
        latched: None,
    };
    let mut torn_bytes = 0;
    let mut tail = Tail::START;
    // The newest segment may be empty: made just before a crash. Then the one before it has the last record.
    for (position, (_, path)) in found.iter().enumerate().rev() {
        let (mut segment, torn) = Segment::open(path)?;
        torn_bytes += torn;
        let last = segment.last_record(keys)?;
        if position + 1 == found.len() {
            segments.current = Some(segment);
        }
        if let Some(last) = last {
            tail = last;
            break;
        }
    }
    if let Some((name, path)) = found.last()
        && name.first_seq > tail.seq + 1
    {
        return Err(AuditError::BadTail {
            path: path.clone(),
            why: "records before it are missing".to_owned(),
        });
    }
    Ok(Opened {
        segments,
        chain,
        tail,
        torn_bytes,
    })
}

impl Segments {
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Appends whole lines, the first of which has the number `first_seq`; all or nothing. With `sync`, they are on the disk
    /// when this returns.
    pub(super) fn write(&mut self, first_seq: u64, lines: &[u8], sync: bool) -> Result<(), AuditError> {
        if let Some(latched) = &self.latched {
            return Err(latched.clone());
        }
        if let Some(segment) = &mut self.current {
            if let Err(error) = segment.check() {
                if matches!(error, AuditError::Tampered { .. }) {
                    self.latched = Some(error.clone());
                }
                return Err(error);
            }
            if segment.len >= self.limit_bytes {
                self.current = None;
            }
        }
        if self.current.is_none() {
            let name = SegmentName {
                chain: self.chain.clone(),
                first_seq,
            };
            self.current = Some(Segment::create(&self.folder, &name, sync)?);
        }
        match &mut self.current {
            Some(segment) => segment.append(lines, sync),
            None => Err(AuditError::Closed),
        }
    }
}

impl Segment {
    fn create(folder: &Path, name: &SegmentName, sync: bool) -> Result<Self, AuditError> {
        let path = folder.join(name.file_name());
        let refused = |cause| AuditError::io(&path, cause);
        let file = match OpenOptions::new().append(true).create_new(true).mode(0o600).open(&path) {
            // An empty one of this name is ours: its first write failed.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && std::fs::metadata(&path).is_ok_and(|now| now.len() == 0) => {
                OpenOptions::new().append(true).open(&path).map_err(refused)?
            }
            other => other.map_err(refused)?,
        };
        if sync {
            // The name must survive a power cut as well as the content.
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(refused)?;
        }
        let seen = file.metadata().map_err(refused)?;
        Ok(Self {
            inode: (seen.dev(), seen.ino()),
            len: 0,
            untidy: false,
            file,
            path,
        })
    }

    /// Opens an existing one and cuts off an unfinished last line. Says how many bytes that was.
    fn open(path: &Path) -> Result<(Self, u64), AuditError> {
        let refused = |cause| AuditError::io(path, cause);
        let mut file = OpenOptions::new().read(true).append(true).open(path).map_err(refused)?;
        let seen = file.metadata().map_err(refused)?;
        let end = end_of_last_line(&mut file, seen.len()).map_err(refused)?;
        let Some(end) = end else {
            return Err(AuditError::BadTail {
                path: path.to_owned(),
                why: "no line ends where one should".to_owned(),
            });
        };
        if end < seen.len() {
            file.set_len(end).and_then(|()| file.sync_all()).map_err(refused)?;
        }
        let segment = Self {
            file,
            path: path.to_owned(),
            inode: (seen.dev(), seen.ino()),
            len: end,
            untidy: false,
        };
        Ok((segment, seen.len() - end))
    }

    /// Where the chain stands after this segment; `None` if it is empty.
    fn last_record(&mut self, keys: &AuditKeys) -> Result<Option<Tail>, AuditError> {
        if self.len == 0 {
            return Ok(None);
        }
        let refused = |cause| AuditError::io(&self.path, cause);
        let window = self.len.min(MAX_LINE_BYTES as u64);
        let mut bytes = vec![0; usize::try_from(window).unwrap_or(MAX_LINE_BYTES)];
        self.file.seek(SeekFrom::Start(self.len - window)).map_err(refused)?;
        self.file.read_exact(&mut bytes).map_err(refused)?;
        let lines = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let last = lines.rsplit(|byte| *byte == b'\n').next().unwrap_or(lines);
        let (header, hash): (_, RecordHash) = read(last, keys).map_err(|why| AuditError::BadTail {
            path: self.path.clone(),
            why,
        })?;
        debug_assert_eq!(header.prev.len(), RECORD_HASH_LEN);
        Ok(Some(Tail { seq: header.seq, hash }))
    }

    /// Whether the file is still the one that was opened, and as long as it was left. One call of the operating system.
    fn check(&mut self) -> Result<(), AuditError> {
        let tampered = |what| AuditError::Tampered {
            path: self.path.clone(),
            what,
        };
        let now = match std::fs::metadata(&self.path) {
            Ok(now) => now,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(tampered("removed")),
            Err(error) => return Err(AuditError::io(&self.path, error)),
        };
        if (now.dev(), now.ino()) != self.inode {
            return Err(tampered("replaced"));
        }
        if now.len() < self.len {
            return Err(tampered("cut"));
        }
        if now.len() > self.len {
            if !self.untidy {
                return Err(tampered("written to"));
            }
            self.tidy()?;
        }
        self.untidy = false;
        Ok(())
    }

    fn append(&mut self, lines: &[u8], sync: bool) -> Result<(), AuditError> {
        let written = self
            .file
            .write_all(lines)
            .and_then(|()| if sync { self.file.sync_data() } else { Ok(()) });
        match written {
            Ok(()) => {
                self.len += lines.len() as u64;
                Ok(())
            }
            Err(cause) => {
                // Half a line must not stay: the next record would follow it. If this fails too, it is tried before the next write.
                self.untidy = true;
                let _ = self.tidy();
                Err(AuditError::io(&self.path, cause))
            }
        }
    }

    fn tidy(&mut self) -> Result<(), AuditError> {
        self.file.set_len(self.len).map_err(|cause| AuditError::io(&self.path, cause))
    }
}

/// The position after the last newline; 0 for a file that is one unfinished line; `None` if none is found within a record's length.
fn end_of_last_line(file: &mut File, len: u64) -> std::io::Result<Option<u64>> {
    let window = len.min(MAX_LINE_BYTES as u64);
    let mut bytes = vec![0; usize::try_from(window).unwrap_or(MAX_LINE_BYTES)];
    file.seek(SeekFrom::Start(len - window))?;
    file.read_exact(&mut bytes)?;
    let newline = bytes.iter().rposition(|byte| *byte == b'\n');
    Ok(match newline {
        Some(at) => Some(len - window + at as u64 + 1),
        None if window == len => Some(0),
        None => None,
    })
}
