//! The middle of a record: JSON written by hand, because it is written on every read.
//!
//! The order of keys is fixed, so the bytes that are hashed are the bytes in the file.

use std::io::Write;

/// A record's own fields. The chain adds what stands in front (chain, sequence, time, epoch) and behind (the hashes).
pub(super) struct Line(Vec<u8>);

impl Line {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        // The middle of a session's read takes 520 bytes.
        Self(Vec::with_capacity(640))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Adds a text.
    pub(super) fn put(&mut self, key: &str, value: &str) {
        self.key(key);
        self.0.push(b'"');
        let plain = |byte: &u8| !matches!(byte, b'"' | b'\\' | 0..0x20 | 0x7f);
        // Nearly every value is an id, a code or a hash: copied whole.
        if value.as_bytes().iter().all(plain) {
            self.0.extend_from_slice(value.as_bytes());
        } else {
            self.escape(value);
        }
        self.0.push(b'"');
    }

    fn escape(&mut self, value: &str) {
        for byte in value.bytes() {
            match byte {
                b'"' | b'\\' => self.0.extend_from_slice(&[b'\\', byte]),
                // Writing into a vector does not fail.
                0..0x20 | 0x7f => drop(write!(self.0, "\\u{byte:04x}")),
                _ => self.0.push(byte),
            }
        }
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
        let _ = write!(self.0, "{value}");
    }

    /// Adds a truth value.
    pub(super) fn put_bool(&mut self, key: &str, value: bool) {
        self.key(key);
        self.0.extend_from_slice(if value { b"true" } else { b"false" });
    }

    fn key(&mut self, key: &str) {
        self.0.extend_from_slice(b",\"");
        self.0.extend_from_slice(key.as_bytes());
        self.0.extend_from_slice(b"\":");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_text_it_stays_one_line_of_json() {
        let odd = "a\"b\\c\nd\u{1}e\u{7f}ü\u{2028}";
        let mut line = Line::new();
        line.put("odd", odd);
        let text = format!("{{{}}}", std::str::from_utf8(&line.bytes()[1..]).unwrap());
        assert!(!text.contains('\n'));
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["odd"], odd);
    }
}
