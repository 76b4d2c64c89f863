//! The chain: what is added to a record so that it can be neither edited nor moved.
//!
//! ```text
//! {"chain":"…","seq":7,"time":"…","epoch":1, … the record … ,"prev":"hash of 6","hash":"keyed hash of all before this key"}
//! ```

use super::error::AuditError;
use super::keys::{AuditKeys, RECORD_HASH_LEN, RecordHash, record_hash};
use super::line::Line;
use crate::clock::Millis;
use ring::hmac;
use std::io::Write;

/// Between a record and its hash.
pub(super) const BEFORE_HASH: &[u8] = b",\"hash\":\"";
/// After the hash.
pub(super) const AFTER_HASH: &[u8] = b"\"}";

/// What is said of a record whose hash is not the one that its content has.
pub(super) const EDITED: &str = "its hash does not fit its content: it was edited";

/// Where a chain stands: behind the record with this number and this hash.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Tail {
    pub(super) seq: u64,
    pub(super) hash: RecordHash,
}

impl Tail {
    /// Before the first record.
    pub(super) const START: Self = Self {
        seq: 0,
        hash: RecordHash::NONE,
    };
}

/// Makes lines of records.
pub(super) struct Chain {
    name: String,
    epoch: u32,
    key: hmac::Key,
    tail: Tail,
}

impl Chain {
    pub(super) fn new(name: String, tail: Tail, keys: &AuditKeys) -> Result<Self, AuditError> {
        let epoch = keys.current();
        Ok(Self {
            name,
            epoch,
            key: keys.chain(epoch)?.clone(),
            tail,
        })
    }

    pub(super) const fn tail(&self) -> Tail {
        self.tail
    }

    /// Goes back to where it was, because what followed was not written.
    pub(super) const fn rewind(&mut self, to: Tail) {
        self.tail = to;
    }

    /// Appends the record's whole line to `into` and moves on.
    pub(super) fn append(&mut self, record: &Line, now_ms: Millis, into: &mut Vec<u8>) {
        let start = into.len();
        let seq = self.tail.seq + 1;
        into.extend_from_slice(b"{\"chain\":\"");
        into.extend_from_slice(self.name.as_bytes());
        // Writing into a vector does not fail.
        let _ = write!(into, "\",\"seq\":{seq},\"time\":\"");
        write_time(into, now_ms);
        let _ = write!(into, "\",\"epoch\":{}", self.epoch);
        into.extend_from_slice(record.bytes());
        into.extend_from_slice(b",\"prev\":\"");
        into.extend_from_slice(&self.tail.hash.0);
        into.push(b'"');
        let hash = record_hash(&self.key, into.get(start..).unwrap_or_default());
        into.extend_from_slice(BEFORE_HASH);
        into.extend_from_slice(&hash.0);
        into.extend_from_slice(AFTER_HASH);
        into.push(b'\n');
        self.tail = Tail { seq, hash };
    }
}

/// What a line says about itself, once its hash has been found right.
#[derive(serde::Deserialize)]
pub(super) struct Header<'a> {
    pub(super) chain: &'a str,
    pub(super) seq: u64,
    pub(super) epoch: u32,
    #[serde(borrow)]
    pub(super) prev: &'a str,
    pub(super) event: &'a str,
}

/// A line's parts: what is hashed, and the hash that it claims. `line` is without its newline.
pub(super) fn split(line: &[u8]) -> Option<(&[u8], RecordHash)> {
    let rest = line.strip_suffix(AFTER_HASH)?;
    let (rest, hash) = rest.split_last_chunk::<RECORD_HASH_LEN>()?;
    Some((rest.strip_suffix(BEFORE_HASH)?, RecordHash(*hash)))
}

/// Reads a line and checks its own hash; whether it stands in the right place is the caller's question.
pub(super) fn read<'a>(line: &'a [u8], keys: &AuditKeys) -> Result<(Header<'a>, RecordHash), String> {
    let (hashed, claimed) = split(line).ok_or("it is no record")?;
    let header: Header<'_> = serde_json::from_slice(line).map_err(|_| "it is no record")?;
    let key = keys
        .chain(header.epoch)
        .map_err(|_| format!("its key epoch {} is not in the keyring", header.epoch))?;
    if record_hash(key, hashed) != claimed {
        return Err(EDITED.to_owned());
    }
    Ok((header, claimed))
}

/// RFC 3339 with milliseconds. By hand from the calendar date: formatting through a description takes half a microsecond.
fn write_time(into: &mut Vec<u8>, now_ms: Millis) {
    let at = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(now_ms) * 1_000_000).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = at.to_calendar_date();
    let (hour, minute, second, milli) = at.to_hms_milli();
    let month = u8::from(month);
    let _ = write!(into, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z");
}
