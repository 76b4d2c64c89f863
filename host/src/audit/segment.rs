//! Segment files: `<chain>-<number>.jsonl`, written one after the other.

use super::keys::AuditKeys;
use super::line::{self, HASH_KEY};
use serde::Deserialize;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A line longer than this is not one of ours, in bytes. The longest there are have under 1 KiB.
pub(super) const LONGEST_LINE: u64 = 64 * 1024;

/// Which segment of which chain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SegmentName {
    pub(super) chain: String,
    pub(super) number: u32,
}

impl SegmentName {
    pub(super) fn file(&self) -> String {
        format!("{}-{:06}.jsonl", self.chain, self.number)
    }

    fn parse(file: &str) -> Option<Self> {
        let (chain, number) = file.strip_suffix(".jsonl")?.rsplit_once('-')?;
        Some(Self {
            chain: chain.to_owned(),
            number: number.parse().ok()?,
        })
    }

    pub(super) fn next(&self) -> Self {
        Self {
            chain: self.chain.clone(),
            number: self.number + 1,
        }
    }
}

/// All segments of a folder, in order.
pub(super) fn list(folder: &Path) -> io::Result<Vec<SegmentName>> {
    let mut segments = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        segments.extend(entry?.file_name().to_str().and_then(SegmentName::parse));
    }
    segments.sort();
    Ok(segments)
}

/// What links one record to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) sequence: u64,
    pub(super) hash: String,
}

/// An open segment.
pub(super) struct Segment {
    pub(super) name: SegmentName,
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) bytes: u64,
    inode: u64,
}

impl Segment {
    /// Makes a new, empty one, and makes its name durable.
    pub(super) fn create(folder: &Path, name: SegmentName) -> io::Result<Self> {
        let path = folder.join(name.file());
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&path)?;
        File::open(folder)?.sync_all()?;
        Self::of(name, path, file)
    }

    /// Opens an existing one for appending, and cuts off a line that a crash tore. Returns how many bytes that were.
    pub(super) fn reopen(folder: &Path, name: SegmentName) -> io::Result<(Self, u64)> {
        let path = folder.join(name.file());
        let mut file = OpenOptions::new().read(true).append(true).open(&path)?;
        let bytes = file.metadata()?.len();
        let whole = end_of_last_line(&mut file, bytes)?;
        if whole < bytes {
            file.set_len(whole)?;
            file.sync_all()?;
        }
        Ok((Self::of(name, path, file)?, bytes - whole))
    }

    fn of(name: SegmentName, path: PathBuf, file: File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            name,
            path,
            bytes: metadata.len(),
            inode: metadata.ino(),
            file,
        })
    }

    /// Whether the file is still where it was and as long as it was. A trail that is removed or cut while the server runs must stop
    /// the server's answers, not go on into a file that nobody sees.
    pub(super) fn is_intact(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|now| now.ino() == self.inode && now.len() == self.bytes)
    }

    /// The last record's link, if there is a record.
    pub(super) fn head(&mut self, keys: &AuditKeys) -> Result<Option<Head>, String> {
        let read = |error: io::Error| format!("it cannot be read: {error}");
        if self.bytes == 0 {
            return Ok(None);
        }
        let from = self.bytes.saturating_sub(LONGEST_LINE);
        self.file.seek(SeekFrom::Start(from)).map_err(read)?;
        let mut tail = Vec::new();
        Read::by_ref(&mut self.file)
            .take(LONGEST_LINE)
            .read_to_end(&mut tail)
            .map_err(read)?;
        let without_end = tail.strip_suffix(b"\n").unwrap_or(&tail);
        let start = without_end.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let last = without_end.get(start..).unwrap_or_default();
        let links = Links::read(last, keys)?;
        Ok(Some(Head {
            sequence: links.seq,
            hash: links.hash,
        }))
    }
}

fn end_of_last_line(file: &mut File, bytes: u64) -> io::Result<u64> {
    let from = bytes.saturating_sub(LONGEST_LINE);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    file.take(LONGEST_LINE).read_to_end(&mut tail)?;
    match tail.iter().rposition(|byte| *byte == b'\n') {
        Some(at) => Ok(from + u64::try_from(at).unwrap_or(0) + 1),
        None if from == 0 => Ok(0),
        None => Err(io::Error::other("its end is no record of ours")),
    }
}

/// The links of one record, checked against its own hash.
#[derive(Debug, Deserialize)]
pub(super) struct Links {
    pub(super) chain: String,
    pub(super) seq: u64,
    pub(super) epoch: u32,
    pub(super) prev: String,
    pub(super) hash: String,
    pub(super) event: String,
}

impl Links {
    /// Reads a line without its end.
    pub(super) fn read(text: &[u8], keys: &AuditKeys) -> Result<Self, String> {
        let links: Self = serde_json::from_slice(text).map_err(|_| "it is no record".to_owned())?;
        let key = keys
            .chain(links.epoch)
            .ok_or_else(|| format!("its key epoch {} is not in the keyring", links.epoch))?;
        // What is hashed is what stands before the hash; the rest of the line must be exactly the hash.
        let end = format!("{HASH_KEY}{}\"}}", links.hash);
        let body = text.strip_suffix(end.as_bytes()).ok_or("it does not end with its hash")?;
        if line::hash(key, body) != links.hash {
            return Err("its hash does not fit its content".to_owned());
        }
        Ok(links)
    }
}
