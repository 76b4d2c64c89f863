//! Looks for a secret in everything a program leaves behind, also where it was encoded on its way there.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

/// Enough of a secret to be sure, and little enough to find one that was cut short.
const TAIL: usize = 24;

/// A secret, in every form in which it might turn up.
pub struct Needle {
    /// What it is, for messages.
    pub name: String,
    forms: Vec<(&'static str, Vec<u8>)>,
}

/// Something to look through.
pub struct Haystack {
    /// What it is, for messages.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Needle {
    /// Looks for the end of that secret.
    #[must_use]
    pub fn new(name: &str, secret: &str) -> Self {
        Self {
            name: name.to_owned(),
            forms: forms(tail(secret)),
        }
    }

    /// Looks for the beginning of that secret too: right where the beginning is as secret as the rest.
    #[must_use]
    pub fn with_head(name: &str, secret: &str) -> Self {
        let mut needle = Self::new(name, secret);
        let head = secret.char_indices().nth(TAIL).map_or(secret, |(at, _)| &secret[..at]);
        needle.forms.extend(forms(head));
        needle
    }

    /// The form in which it is there.
    #[must_use]
    pub fn is_in(&self, bytes: &[u8]) -> Option<&'static str> {
        self.forms.iter().find(|(_, form)| contains(bytes, form)).map(|(name, _)| *name)
    }
}

fn tail(secret: &str) -> &str {
    secret.char_indices().rev().nth(TAIL - 1).map_or(secret, |(at, _)| &secret[at..])
}

fn forms(secret: &str) -> Vec<(&'static str, Vec<u8>)> {
    let bytes = secret.as_bytes();
    let mut forms = vec![
        ("as it is", bytes.to_vec()),
        ("in hexadecimal", hex::encode(bytes).into_bytes()),
        ("in hexadecimal", hex::encode_upper(bytes).into_bytes()),
        ("as a list of numbers", numbers(bytes)),
    ];
    for start in 0..3 {
        forms.push(("in base64", encoded(&STANDARD_NO_PAD, bytes, start)));
        forms.push(("in base64url", encoded(&URL_SAFE_NO_PAD, bytes, start)));
    }
    for (upper, plus) in [(true, false), (true, true), (false, false), (false, true)] {
        forms.push(("URL-encoded", url_encoded(bytes, upper, plus)));
    }
    let json = serde_json::Value::from(secret).to_string();
    forms.push(("in JSON", json.trim_matches('"').as_bytes().to_vec()));
    forms.push((
        "in JSON in JSON",
        serde_json::Value::from(json.trim_matches('"'))
            .to_string()
            .trim_matches('"')
            .as_bytes()
            .to_vec(),
    ));
    let mut seen = BTreeSet::new();
    forms.retain(|(_, form)| seen.insert(form.clone()));
    forms
}

/// What is left of a secret in base64 when it stands `start` bytes (mod 3) into something longer: only the characters that its own
/// bytes decide.
fn encoded(engine: &impl Engine, bytes: &[u8], start: usize) -> Vec<u8> {
    let mut padded = vec![0; start];
    padded.extend_from_slice(bytes);
    let text = engine.encode(&padded);
    let first = [0, 2, 3].get(start).copied().unwrap_or_default();
    // A last group that is not whole shares its last character with what follows.
    let last = if padded.len().is_multiple_of(3) {
        text.len()
    } else {
        text.len() - 1
    };
    text.as_bytes().get(first..last).unwrap_or_default().to_vec()
}

fn url_encoded(bytes: &[u8], upper: bool, plus: bool) -> Vec<u8> {
    let mut text = String::new();
    for byte in bytes {
        let _ = match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => write!(text, "{}", char::from(*byte)),
            b'~' if !plus => write!(text, "~"),
            b'*' if plus => write!(text, "*"),
            b' ' if plus => write!(text, "+"),
            byte if upper => write!(text, "%{byte:02X}"),
            byte => write!(text, "%{byte:02x}"),
        };
    }
    text.into_bytes()
}

fn numbers(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(", ").into_bytes()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    let Some((first, rest)) = needle.split_first() else { return false };
    let mut from = 0;
    while let Some(at) = haystack.get(from..).and_then(|left| left.iter().position(|byte| byte == first)) {
        if haystack.get(from + at + 1..).is_some_and(|left| left.starts_with(rest)) {
            return true;
        }
        from += at + 1;
    }
    false
}

/// All files below a folder, without those of these names.
#[must_use]
pub fn files_below(folder: &Path, but: &[&str]) -> Vec<Haystack> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(place) = open.pop() {
        for path in std::fs::read_dir(place).into_iter().flatten().flatten().map(|entry| entry.path()) {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if path.is_dir() {
                open.push(path);
            } else if !but.contains(&name.as_str())
                && let Ok(bytes) = std::fs::read(&path)
            {
                let name = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
                // A secret in a file's name is as bad as one in it.
                let bytes = [name.as_bytes(), b"\n", &bytes].concat();
                found.push(Haystack { name, bytes });
            }
        }
    }
    found
}

/// Each secret that is somewhere, with where and how.
#[must_use]
pub fn leaks(needles: &[Needle], haystacks: &[Haystack]) -> Vec<String> {
    let mut found = Vec::new();
    for haystack in haystacks {
        for needle in needles {
            if let Some(form) = needle.is_in(&haystack.bytes) {
                found.push(format!("{} is in {} ({form})", needle.name, haystack.name));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Haystack, Needle, leaks};
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    const SECRET: &str = "prefix-that-is-public/K4n4ry+Wellen=Sittich&geheim ~é\"";

    fn is_found(text: &str) -> bool {
        let haystack = Haystack {
            name: "log".to_owned(),
            bytes: format!("some line before {text} and after").into_bytes(),
        };
        !leaks(&[Needle::new("canary", SECRET)], &[haystack]).is_empty()
    }

    #[test]
    fn every_form_is_found() {
        assert!(is_found(SECRET) && is_found(&SECRET[30..]), "as it is");
        for before in ["", "a", "ab", "abc", "user:"] {
            assert!(
                is_found(&STANDARD.encode(format!("{before}{SECRET}:and more"))),
                "base64 behind `{before}`"
            );
            assert!(
                is_found(&URL_SAFE_NO_PAD.encode(format!("{before}{SECRET}"))),
                "base64url behind `{before}`"
            );
        }
        assert!(
            is_found(&hex::encode(SECRET)) && is_found(&hex::encode_upper(SECRET)),
            "hexadecimal"
        );
        assert!(is_found(&format!("{:?}", SECRET.as_bytes())), "debug output of bytes");
        assert!(is_found(&serde_json::Value::from(SECRET).to_string()), "JSON");
        let encoded: String = SECRET
            .bytes()
            .map(|byte| {
                if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            })
            .collect();
        assert!(
            is_found(&encoded) && is_found(&encoded.replace("%20", "+").replace('~', "%7E")),
            "URL-encoded: {encoded}"
        );
    }

    #[test]
    fn nothing_is_found_where_nothing_is() {
        assert!(!is_found("prefix-that-is-public/"));
        assert!(!is_found(&STANDARD.encode("K4n4ry+Wellen=Sittich&geheim")));
        assert!(!is_found(""));
    }
}
