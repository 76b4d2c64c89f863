//! A record as text: one line of JSON, written by hand into a buffer that is used again.
//!
//! The order of keys is fixed, so the bytes that are hashed are the bytes in the file.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use std::fmt::Write;

/// A line under construction: an open JSON object.
pub(super) struct Line {
    text: String,
}

/// The last key of every line; what stands before it is hashed.
pub(super) const HASH_KEY: &str = ",\"hash\":\"";

impl Line {
    pub(super) fn new() -> Self {
        Self {
            text: String::with_capacity(1024),
        }
    }

    /// Begins a record.
    pub(super) fn open(&mut self, chain: &str, sequence: u64, time: &str, epoch: u32) {
        self.text.clear();
        self.text.push_str("{\"chain\":\"");
        self.text.push_str(chain);
        // Writing to a String cannot fail.
        let _ = write!(self.text, "\",\"seq\":{sequence},\"time\":\"{time}\",\"epoch\":{epoch}");
    }

    /// Adds a text.
    pub(super) fn put(&mut self, key: &str, value: &str) {
        self.key(key);
        self.text.push('"');
        for c in value.chars() {
            match c {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                c if c.is_control() => drop(write!(self.text, "\\u{:04x}", u32::from(c))),
                c => self.text.push(c),
            }
        }
        self.text.push('"');
    }

    /// Adds a text, if there is one.
    pub(super) fn put_some(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }

    /// Adds a number.
    pub(super) fn put_number(&mut self, key: &str, value: i64) {
        self.key(key);
        let _ = write!(self.text, "{value}");
    }

    /// Adds a truth value.
    pub(super) fn put_bool(&mut self, key: &str, value: bool) {
        self.key(key);
        self.text.push_str(if value { "true" } else { "false" });
    }

    /// Ends the record with the hash of the one before and its own. Returns its own.
    pub(super) fn close(&mut self, key: &hmac::Key, previous: &str) -> String {
        self.put("prev", previous);
        let hash = hash(key, self.text.as_bytes());
        self.text.push_str(HASH_KEY);
        self.text.push_str(&hash);
        self.text.push_str("\"}\n");
        hash
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    fn key(&mut self, key: &str) {
        self.text.push_str(",\"");
        self.text.push_str(key);
        self.text.push_str("\":");
    }
}

/// The keyed hash of a record's bytes.
pub(super) fn hash(key: &hmac::Key, bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(hmac::sign(key, bytes))
}

/// What the first record of a chain has in the place of the hash before it.
pub(super) fn genesis(key: &hmac::Key, chain: &str) -> String {
    hash(key, format!("claviger audit chain {chain}").as_bytes())
}
