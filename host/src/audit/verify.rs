//! Walks a trail from its first record to its last, in a stream: `claviger audit verify`.

use super::keys::AuditKeys;
use super::line::genesis;
use super::segment::{self, LONGEST_LINE, Links, SegmentName};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// Why a trail could not be walked at all.
#[derive(Debug, thiserror::Error)]
#[error("`{file}` cannot be read: {cause}")]
pub struct VerifyError {
    file: String,
    cause: std::io::Error,
}

/// What a walk found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Report {
    /// Records that are as they were written.
    pub records: u64,
    /// Chains.
    pub chains: u64,
    /// How many records of each event.
    pub events: BTreeMap<String, u64>,
    /// The first thing that is wrong in each chain. Behind it nothing can be said.
    pub broken: Vec<Broken>,
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
    /// Whether every chain holds.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.broken.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
pub fn verify(folder: &Path, keys: &AuditKeys) -> Result<Report, VerifyError> {
    let segments = segment::list(folder).map_err(|cause| VerifyError {
        file: folder.display().to_string(),
        cause,
    })?;
    let mut report = Report::default();
    for chain in segments.chunk_by(|a, b| a.chain == b.chain) {
        report.chains += 1;
        if let Some(broken) = walk(folder, chain, keys, &mut report)? {
            report.broken.push(broken);
        }
    }
    Ok(report)
}

/// What the next record has to be.
struct Expected {
    sequence: u64,
    previous: Option<String>,
}

fn walk(folder: &Path, chain: &[SegmentName], keys: &AuditKeys, report: &mut Report) -> Result<Option<Broken>, VerifyError> {
    let mut expected = Expected {
        sequence: 1,
        previous: None,
    };
    for (number, name) in (1..).zip(chain) {
        let path = folder.join(name.file());
        let at = |line, reason: String| {
            Some(Broken {
                file: path.display().to_string(),
                line,
                reason,
            })
        };
        let unreadable = |cause| VerifyError {
            file: path.display().to_string(),
            cause,
        };
        if name.number != number {
            return Ok(at(0, format!("segment {number} of the chain is missing")));
        }
        let mut file = BufReader::new(File::open(&path).map_err(unreadable)?);
        let mut text = Vec::new();
        for line in 1.. {
            text.clear();
            Read::by_ref(&mut file)
                .take(LONGEST_LINE)
                .read_until(b'\n', &mut text)
                .map_err(unreadable)?;
            if text.is_empty() {
                break;
            }
            let Some(record) = text.strip_suffix(b"\n") else {
                return Ok(at(
                    line,
                    "the line has no end: it was cut, or a crash tore it and the server has not started since".to_owned(),
                ));
            };
            match follow(record, name, &expected, keys) {
                Ok(links) => {
                    report.records += 1;
                    *report.events.entry(links.event).or_default() += 1;
                    expected = Expected {
                        sequence: links.seq + 1,
                        previous: Some(links.hash),
                    };
                }
                Err(reason) => return Ok(at(line, reason)),
            }
        }
    }
    Ok(None)
}

fn follow(text: &[u8], name: &SegmentName, expected: &Expected, keys: &AuditKeys) -> Result<Links, String> {
    let links = Links::read(text, keys)?;
    if links.chain != name.chain {
        return Err("it belongs to another chain".to_owned());
    }
    if links.seq != expected.sequence {
        return Err(format!(
            "record {} stands where record {} belongs: records were removed or moved",
            links.seq, expected.sequence
        ));
    }
    let previous = match &expected.previous {
        Some(previous) => previous.clone(),
        None => keys.chain(links.epoch).map(|key| genesis(key, &links.chain)).unwrap_or_default(),
    };
    if links.prev != previous {
        return Err("it does not continue the record before it".to_owned());
    }
    Ok(links)
}
