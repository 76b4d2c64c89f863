//! Walks a trail from its first record to its last, in a stream: `claviger audit verify`.

use super::chain::{EDITED, Tail, read};
use super::error::AuditError;
use super::keys::AuditKeys;
use super::segments::{MAX_LINE_BYTES, SegmentName, list};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// What a walk found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Report {
    /// Where the trail was looked for.
    pub folder: PathBuf,
    /// Records that are as they were written.
    pub records: u64,
    /// Chains.
    pub chains: u64,
    /// How far each chain holds.
    pub heads: Vec<Head>,
    /// How many records of each event.
    pub events: BTreeMap<String, u64>,
    /// The first thing that is wrong in each chain. Behind it nothing can be said.
    pub broken: Vec<Broken>,
}

/// The last record of a chain that holds. A copy of it, kept elsewhere, shows later whether records were cut off at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The chain.
    pub chain: String,
    /// The record's number; 0 if there is none.
    pub seq: u64,
    /// Its hash.
    pub hash: String,
    /// Whether the chain ends there, and not merely what holds of it.
    pub whole: bool,
}

/// A place where a chain does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Which file.
    pub file: String,
    /// Which line of it, counted from one.
    pub line: u64,
    /// What is wrong.
    pub reason: String,
}

impl Report {
    /// Whether there is a trail, and every chain of it holds.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.broken.is_empty() && self.records > 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.records == 0 && self.broken.is_empty() {
            return write!(
                f,
                "there is no trail in `{}`: nothing was recorded there, or it was removed",
                self.folder.display()
            );
        }
        for Head { chain, seq, hash, whole } in self.heads.iter().filter(|head| head.seq > 0) {
            let ends = if *whole { "ends at" } else { "holds up to" };
            writeln!(f, "chain {chain} {ends} seq {seq}, hash {hash}")?;
        }
        for broken in &self.broken {
            writeln!(f, "BROKEN {}:{}: {}", broken.file, broken.line, broken.reason)?;
        }
        let events = self
            .events
            .iter()
            .map(|(event, count)| format!("{count} {event}"))
            .collect::<Vec<_>>()
            .join(", ");
        let verdict = if self.is_sound() {
            "the chain holds"
        } else {
            "the chain is broken"
        };
        write!(
            f,
            "{} records in {} chain(s) checked ({events}); {verdict}",
            self.records, self.chains
        )
    }
}

/// Walks every chain of a folder.
///
/// # Errors
/// If the folder or a file cannot be read. What is wrong with the records is in the report.
pub fn verify(folder: &Path, keys: &AuditKeys) -> Result<Report, AuditError> {
    let segments = if folder.exists() { list(folder)? } else { Vec::new() };
    let mut report = Report {
        folder: folder.to_owned(),
        ..Report::default()
    };
    for chain in segments.chunk_by(|(a, _), (b, _)| a.chain == b.chain) {
        report.chains += 1;
        let mut walk = Walk {
            keys,
            tail: Tail::START,
            report: &mut report,
        };
        let mut broken = None;
        for (name, path) in chain {
            broken = walk.segment(name, path)?;
            if broken.is_some() {
                break;
            }
        }
        let Tail { seq, hash } = walk.tail;
        if let Some((name, _)) = chain.first() {
            report.heads.push(Head {
                chain: name.chain.clone(),
                seq,
                hash: String::from_utf8_lossy(&hash.0).into_owned(),
                whole: broken.is_none(),
            });
        }
        report.broken.extend(broken);
    }
    Ok(report)
}

/// One chain on its way through the files.
struct Walk<'a> {
    keys: &'a AuditKeys,
    tail: Tail,
    report: &'a mut Report,
}

impl Walk<'_> {
    /// Walks one segment. What is wrong first is returned; memory stays the same however long the file is.
    fn segment(&mut self, name: &SegmentName, path: &Path) -> Result<Option<Broken>, AuditError> {
        let refused = |cause| AuditError::io(path, cause);
        let mut reader = BufReader::with_capacity(MAX_LINE_BYTES, File::open(path).map_err(refused)?);
        let mut line = Vec::with_capacity(1024);
        for number in 1.. {
            line.clear();
            let length = Read::by_ref(&mut reader)
                .take(MAX_LINE_BYTES as u64)
                .read_until(b'\n', &mut line)
                .map_err(refused)?;
            if length == 0 {
                break;
            }
            if let Err(mut reason) = self.line(name, &line, number) {
                if self.tail == Tail::START && reason == EDITED {
                    // With a wrong key nothing verifies from the first record on.
                    reason.push_str(", or written with another key");
                }
                let file = path.display().to_string();
                return Ok(Some(Broken {
                    file,
                    line: number,
                    reason,
                }));
            }
        }
        Ok(None)
    }

    fn line(&mut self, name: &SegmentName, line: &[u8], number: u64) -> Result<(), String> {
        let line = line
            .strip_suffix(b"\n")
            .ok_or("the line has no end: it was edited, or a crash tore it and the server has not started since")?;
        let (header, hash) = read(line, self.keys)?;
        if header.chain != name.chain {
            return Err("it belongs to another chain".to_owned());
        }
        let expected = self.tail.seq + 1;
        if header.seq != expected {
            return Err(format!(
                "record {} stands where record {expected} belongs: records were removed or moved",
                header.seq
            ));
        }
        if header.prev.as_bytes() != self.tail.hash.0 {
            return Err("it does not continue the record before it".to_owned());
        }
        if number == 1 && name.first_seq != header.seq {
            return Err("the file's name does not fit its first record".to_owned());
        }
        self.tail = Tail { seq: header.seq, hash };
        self.report.records += 1;
        match self.report.events.get_mut(header.event) {
            Some(count) => *count += 1,
            None => drop(self.report.events.insert(header.event.to_owned(), 1)),
        }
        Ok(())
    }
}
