//! Takes out of a text what has the form of a secret, however long it is: the last step before a log line is written, and before what a
//! provider says is kept.
//!
//! The secrets of a call are searched for exactly (`runtime::echo`). This finds those that nobody here knows: of another call, of an
//! upstream's own error text, of a library's. It goes by heads and names, never by length: installation tokens grew from 40 to 520 characters, and
//! products that matched 36 printed them. Seen through: percent-encoding, JSON escapes, and line breaks inside a secret, its head included.
//! The head stays readable, so that the operator learns what it was.
//!
//! **Bare hexadecimal stays.** 40 digits are a classic GitHub token or a commit, 64 are a GitLab OAuth token or a SHA-256 digest; a log without
//! commits and digests is of no use, and nobody could tell. They are taken out where they stand behind a name or a scheme that says what
//! they are (`Bearer`, `access_token`, `PRIVATE-TOKEN`), and by the exact search.

mod view;

use std::borrow::Cow;
use view::{Unit, spread};

/// What stands in the place of a secret.
const MARK: &str = "[redacted]";

/// How the secrets of upstreams, and our own, begin. What follows is secret from [`LEAST`] characters on.
const HEADS: [&[u8]; 29] = [
    // GitHub: personal, OAuth, user-to-server, installation, refresh; fine-grained.
    b"ghp_",
    b"gho_",
    b"ghu_",
    b"ghs_",
    b"ghr_",
    b"github_pat_",
    // GitLab, also behind an instance's own prefix.
    b"glpat-",
    b"gloas-",
    b"gldt-",
    b"glcbt-",
    b"glrt-",
    b"glrtr-",
    b"glptt-",
    b"glagent-",
    b"glwt-",
    b"glft-",
    b"glsoat-",
    // Atlassian: a person's, a service account's, an organisation's.
    b"ATATT",
    b"ATSTT",
    b"ATCTT",
    // Google: access, refresh, client.
    b"ya29.",
    b"1//0",
    b"GOCSPX-",
    // Claviger: keys, people and services of the development server, addresses of the exchange, envelopes.
    b"cvk_",
    b"cvp_",
    b"cvs_",
    b"cvx_",
    b"ck1.",
    // Every JWT begins with `{"`.
    JWT,
];
const JWT: &[u8] = b"eyJ";

/// Names whose value is secret, in small letters without `-` and `_`; a longer name may end so.
const NAMES: [&str; 14] = [
    "authorization",
    "accesstoken",
    "refreshtoken",
    "idtoken",
    "privatetoken",
    "jobtoken",
    "apitoken",
    "subjecttoken",
    "clientsecret",
    "clientassertion",
    "privatekey",
    "codeverifier",
    "password",
    "passphrase",
];

/// Fewer characters behind a head are a piece of documentation, or too little of a secret to matter.
const LEAST: usize = 8;
/// So many characters after a line break belong to the secret before it, whatever they are.
const SURELY_WRAPPED: usize = 12;
/// So many small letters in a row are no word.
const NO_WORD: usize = 20;
/// `-----BEGIN ENCRYPTED PRIVATE KEY-----` has 37.
const PEM_LINE: usize = 48;

/// The text without what looks like a secret.
#[must_use]
pub fn redact(text: &str) -> Cow<'_, str> {
    let units = spread(text);
    let mut clean = String::new();
    let (mut kept, mut at) = (0, 0);
    while at < units.len() {
        let Some((from, to)) = secret_at(&units, at) else {
            at += 1;
            continue;
        };
        if let (Some(first), Some(last)) = (units.get(from), units.get(to.saturating_sub(1))) {
            clean.push_str(text.get(kept..first.from.max(kept)).unwrap_or_default());
            clean.push_str(MARK);
            kept = last.to.max(kept);
        }
        at = to.max(at + 1);
    }
    if kept == 0 && clean.is_empty() {
        return Cow::Borrowed(text);
    }
    clean.push_str(text.get(kept..).unwrap_or_default());
    Cow::Owned(clean)
}

/// The secret that is announced here: from where to where it is taken out.
fn secret_at(units: &[Unit], at: usize) -> Option<(usize, usize)> {
    let rest = units.get(at..)?;
    match rest.first()?.byte {
        b'-' => private_key(units, at),
        byte if byte.is_ascii_alphanumeric() => behind_head(units, at).or_else(|| behind_name(units, at)),
        _ => None,
    }
}

fn behind_head(units: &[Unit], at: usize) -> Option<(usize, usize)> {
    let rest = units.get(at..)?;
    let found = HEADS.iter().find(|head| begins_with(rest, head));
    if let Some(head) = found {
        if *head == JWT && !is_word_start(units, at) {
            return None;
        }
        let from = at + head.len();
        let to = run(units, from, is_of_token);
        return (to - from >= LEAST).then_some((from, to));
    }
    // GitLab adds a family now and then, and they all begin alike.
    if !is_word_start(units, at) || !begins_with(rest, b"gl") {
        return None;
    }
    let letters = rest.iter().take(12).take_while(|unit| unit.byte.is_ascii_lowercase()).count();
    if !(4..=10).contains(&letters) || rest.get(letters)?.byte != b'-' {
        return None;
    }
    let from = at + letters + 1;
    let to = run(units, from, is_of_token);
    let tail = units.get(from..to)?;
    let has = |what: fn(&u8) -> bool| tail.iter().any(|unit| what(&unit.byte));
    let is_token = tail.len() >= 2 * LEAST && has(u8::is_ascii_digit) && has(u8::is_ascii_uppercase);
    is_token.then_some((from, to))
}

/// `Bearer …`, `Basic …`, `"access_token": "…"`, `client_secret=…`.
fn behind_name(units: &[Unit], at: usize) -> Option<(usize, usize)> {
    if !is_word_start(units, at) {
        return None;
    }
    let rest = units.get(at..)?;
    let length = rest
        .iter()
        .take(64)
        .enumerate()
        .take_while(|(n, unit)| (unit.byte.is_ascii_alphanumeric() || b"-_".contains(&unit.byte)) && !(*n > 0 && unit.wrapped))
        .count();
    let word: String = rest
        .iter()
        .take(length)
        .filter(|unit| unit.byte.is_ascii_alphanumeric())
        .map(|unit| char::from(unit.byte.to_ascii_lowercase()))
        .collect();
    let between: &[u8] = if matches!(word.as_str(), "bearer" | "basic") {
        b" +:="
    } else if NAMES.iter().any(|name| word.ends_with(name)) {
        b" \"'\\:="
    } else {
        return None;
    };
    let gap = rest
        .iter()
        .skip(length)
        .take(8)
        .take_while(|unit| between.contains(&unit.byte))
        .count();
    let says = |unit: &Unit| unit.wrapped || b" +:=".contains(&unit.byte);
    let announced = rest.iter().skip(length).take(gap + 1).any(says);
    let from = at + length + gap;
    let to = run(units, from, is_of_header);
    let value = units.get(from..to)?;
    let is_secret = value.len() >= NO_WORD || (value.len() >= LEAST && is_random(value));
    (announced && is_secret).then_some((from, to))
}

/// A PEM key, whole, without its end, or without its beginning.
fn private_key(units: &[Unit], at: usize) -> Option<(usize, usize)> {
    let rest = units.get(at..)?;
    if begins_with(rest, b"-----BEGIN") {
        let from = at + pem_line(rest)?;
        let mut to = from;
        while let Some(unit) = units.get(to) {
            if begins_with(units.get(to..)?, b"-----END")
                && let Some(line) = pem_line(units.get(to..)?)
            {
                return Some((from, to + line));
            }
            if !(is_of_header(unit.byte) || b" :,%".contains(&unit.byte)) {
                break;
            }
            to += 1;
        }
        return (to > from).then_some((from, to));
    }
    if begins_with(rest, b"-----END") {
        pem_line(rest)?;
        let before = units.get(..at)?.iter().rev();
        let length = before
            .take_while(|unit| unit.byte.is_ascii_alphanumeric() || b"+/=".contains(&unit.byte))
            .count();
        return (length > 0).then_some((at - length, at));
    }
    None
}

/// How long the line is that begins or ends a private key.
fn pem_line(rest: &[Unit]) -> Option<usize> {
    let line: Vec<u8> = rest
        .iter()
        .take(PEM_LINE)
        .map(|unit| if unit.byte == b'+' { b' ' } else { unit.byte })
        .collect();
    let key = b"PRIVATE KEY-----";
    let at = line.windows(key.len()).position(|window| window == key)?;
    Some(at + key.len())
}

/// Where the run of such characters ends. It goes on after a line break only if what follows looks like more of the same.
fn run(units: &[Unit], from: usize, belongs: fn(u8) -> bool) -> usize {
    let mut to = from;
    while let Some(unit) = units.get(to) {
        if !belongs(unit.byte) {
            break;
        }
        if unit.wrapped && to > 0 {
            let line = units.get(to..).unwrap_or_default();
            let length = line
                .iter()
                .enumerate()
                .take_while(|(n, unit)| belongs(unit.byte) && (*n == 0 || !unit.wrapped))
                .count();
            let line = line.get(..length).unwrap_or_default();
            if length < SURELY_WRAPPED && !is_random(line) {
                break;
            }
            to += length;
        } else {
            to += 1;
        }
    }
    to
}

fn begins_with(units: &[Unit], head: &[u8]) -> bool {
    units.len() >= head.len() && units.iter().zip(head).all(|(unit, byte)| unit.byte == *byte)
}

fn is_word_start(units: &[Unit], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| units.get(before));
    let wrapped = units.get(at).is_some_and(|unit| unit.wrapped);
    wrapped || before.is_none_or(|unit| !unit.byte.is_ascii_alphanumeric())
}

/// base64url, the dots of a JWT, and the `=` before an Atlassian checksum.
fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-=~".contains(&byte)
}

/// Both alphabets of base64.
fn is_of_header(byte: u8) -> bool {
    is_of_token(byte) || b"+/".contains(&byte)
}

/// No word of a language: digits, or capitals after small letters, or signs.
fn is_random(units: &[Unit]) -> bool {
    let bytes = || units.iter().map(|unit| unit.byte);
    let capital_inside = bytes()
        .zip(bytes().skip(1))
        .any(|(a, b)| a.is_ascii_lowercase() && b.is_ascii_uppercase());
    capital_inside || bytes().any(|byte| byte.is_ascii_digit() || b"_=+/~".contains(&byte))
}

#[cfg(test)]
mod tests;
