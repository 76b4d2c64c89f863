//! What a provider may see of an answer: the fields that the approved manifest opens, and, as handles, those that it lets it take. Pure.
//!
//! An answer is closed. What is not opened does not exist for the guest; what is called like a secret can never be opened, wherever it
//! stands; what is taken is not opened either. An answer that does not read is an error when it is asked for, not an empty one.

use super::held::{Class, HostSecret};
use super::pointer;
use crate::clock::{Millis, from_rfc3339};
use crate::json;
use crate::manifest::{self, Endpoint, Expiry, ExpiryUnit, Kind, Taken};
use crate::secret::Secret;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// An answer as the upstream gave it.
pub struct RawAnswer {
    /// The HTTP status.
    pub status: u16,
    /// Headers, names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Zeroizing<Vec<u8>>,
}

/// An answer behind a handle: what is left of it for the guest.
pub struct HostResponse {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    /// The reduced JSON, or why the answer does not read.
    pub(super) opened: Result<String, String>,
    pub(super) taken: Vec<(String, HostSecret)>,
}

/// An answer, read.
pub struct Reading {
    /// For the guest.
    pub response: HostResponse,
    /// What replaces stored fields.
    pub replaces: Vec<(String, Secret)>,
    /// The token and its end.
    pub token: Option<(Secret, Option<Millis>)>,
    /// Whether a successful answer could not be read, so that what it brought is lost.
    pub unreadable: bool,
}

impl Reading {
    /// Nothing but a status.
    pub(super) fn empty(status: u16) -> Self {
        let response = HostResponse {
            status,
            headers: Vec::new(),
            opened: Ok("{}".to_owned()),
            taken: Vec::new(),
        };
        Self {
            response,
            replaces: Vec::new(),
            token: None,
            unreadable: false,
        }
    }
}

/// Every text in an opened answer: keys, strings, numbers, and the whole, where a secret might stand across several.
pub(super) fn texts(opened: &str) -> Vec<String> {
    let mut texts = vec![opened.to_owned()];
    if let Ok(value) = serde_json::from_str::<Value>(opened) {
        collect(&value, &mut texts);
    }
    texts
}

fn collect(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Number(number) => texts.push(number.to_string()),
        Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        Value::Object(entries) => {
            for (key, item) in entries {
                texts.push(key.clone());
                collect(item, texts);
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

/// Reads an answer. `asked_at_ms` is when the request was sent: a lifetime in seconds counts from then, on the safe side.
#[must_use]
pub fn read(endpoint: &Endpoint, kind: &Kind, answer: RawAnswer, asked_at_ms: Millis) -> Reading {
    let success = (200..300).contains(&answer.status);
    let parsed = parse(&answer);
    let mut reading = Reading {
        response: HostResponse {
            status: answer.status,
            headers: open_headers(endpoint, &answer.headers),
            opened: Err(String::new()),
            taken: Vec::new(),
        },
        replaces: Vec::new(),
        token: None,
        unreadable: false,
    };
    match parsed {
        Ok(value) => {
            if success {
                take(endpoint, kind, &value, asked_at_ms, &mut reading);
            }
            reading.response.opened = Ok(open(endpoint, &value).to_string());
        }
        Err(reason) => {
            reading.unreadable = success && !endpoint.takes.is_empty();
            reading.response.opened = Err(reason);
        }
    }
    reading
}

/// JSON, or a form, which GitHub's OAuth endpoints answer unless asked otherwise. Nothing reads as an empty object.
fn parse(answer: &RawAnswer) -> Result<Value, String> {
    if answer.body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Object(Map::new()));
    }
    let is_form = answer.headers.iter().any(|(name, value)| {
        name == "content-type"
            && value
                .to_ascii_lowercase()
                .trim_start()
                .starts_with("application/x-www-form-urlencoded")
    });
    if is_form {
        parse_form(&answer.body)
    } else {
        json::parse(&answer.body)
    }
}

fn parse_form(body: &[u8]) -> Result<Value, String> {
    let mut object = Map::new();
    for (key, value) in form_urlencoded::parse(body) {
        if object.insert(key.into_owned(), Value::String(value.into_owned())).is_some() {
            return Err("the form names a key twice".to_owned());
        }
    }
    Ok(Value::Object(object))
}

fn open_headers(endpoint: &Endpoint, headers: &[(String, String)]) -> Vec<(String, String)> {
    let mut opened = Vec::new();
    for name in &endpoint.open_headers {
        let name = name.to_ascii_lowercase();
        let values: Vec<&str> = headers
            .iter()
            .filter(|(other, _)| *other == name)
            .map(|(_, value)| value.as_str())
            .collect();
        if !values.is_empty() && !manifest::is_closed_header(&name) {
            opened.push((name, values.join(", ")));
        }
    }
    opened
}

fn take(endpoint: &Endpoint, kind: &Kind, value: &Value, asked_at_ms: Millis, reading: &mut Reading) {
    for take in &endpoint.takes {
        let Some(text) = value.pointer(&take.pointer).and_then(Value::as_str).filter(|text| !text.is_empty()) else {
            continue;
        };
        if matches!(take.what, Taken::Token { .. }) && !is_token(text) {
            continue;
        }
        let secret = Secret::new(text.to_owned());
        let held = match &take.what {
            Taken::Token { expires } => {
                let expires_at_ms = expires.as_ref().and_then(|expiry| expires_at(expiry, value, asked_at_ms));
                reading.token = Some((secret.clone(), expires_at_ms));
                HostSecret::minted(secret, expires_at_ms)
            }
            Taken::Replaces { field, expires } => {
                // An endpoint may serve several kinds; a field that this one does not have is not stored.
                if kind.field(field).is_none() {
                    continue;
                }
                reading.replaces.push((field.clone(), secret.clone()));
                let held = HostSecret::field(field, secret, Class::of(kind, field), None);
                held.ending(expires.as_ref().and_then(|expiry| expires_at(expiry, value, asked_at_ms)))
            }
        };
        reading.response.taken.push((take.name.clone(), held));
    }
}

/// Visible ASCII (RFC 6749, A.12) without spaces. A token goes into headers, environments and Git's protocol of lines: one with a line break
/// would write the next line there.
fn is_token(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// When a token ends. A time that is there and does not read counts as now: better a token refreshed too often than one believed too long.
fn expires_at(expiry: &Expiry, value: &Value, asked_at_ms: Millis) -> Option<Millis> {
    let told = value.pointer(&expiry.pointer).filter(|told| !told.is_null())?;
    let at = match expiry.unit {
        ExpiryUnit::Rfc3339 => told.as_str().and_then(from_rfc3339),
        ExpiryUnit::Date => told.as_str().and_then(|day| from_rfc3339(&format!("{day}T00:00:00Z"))),
        ExpiryUnit::EpochSeconds => seconds(told).and_then(|seconds| seconds.checked_mul(1000)),
        ExpiryUnit::Seconds => {
            let since = match expiry.since.as_ref().and_then(|pointer| value.pointer(pointer)) {
                // By the upstream's clock. If that is ahead of this one, the token lives no longer for it.
                Some(since) => seconds(since)
                    .and_then(|since| since.checked_mul(1000))
                    .map(|since| since.min(asked_at_ms)),
                None => Some(asked_at_ms),
            };
            seconds(told)
                .and_then(|seconds| seconds.checked_mul(1000))
                .zip(since)
                .and_then(|(life, since)| since.checked_add(life))
        }
    };
    Some(at.unwrap_or(asked_at_ms))
}

/// A number of seconds, also as a string (GitHub has done so) or with a fraction.
fn seconds(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().and_then(whole)),
        Value::String(text) => text.trim().parse().ok().or_else(|| text.trim().parse().ok().and_then(whole)),
        _ => None,
    }
}

fn whole(seconds: f64) -> Option<i64> {
    // 2^53 seconds is beyond any clock; below it the cast is exact after rounding down.
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    (seconds.abs() < 9e15).then(|| seconds.floor() as i64)
}

/// The answer reduced to what the endpoint opens.
fn open(endpoint: &Endpoint, value: &Value) -> Value {
    let patterns: Vec<Vec<String>> = endpoint.opens.iter().filter_map(|pointer| pointer::segments(pointer)).collect();
    let taken: Vec<Vec<String>> = endpoint.takes.iter().filter_map(|take| pointer::segments(&take.pointer)).collect();
    let views: Vec<&[String]> = patterns.iter().map(Vec::as_slice).collect();
    let holes: Vec<&[String]> = taken.iter().map(Vec::as_slice).collect();
    reduce(value, &views, &holes).unwrap_or_else(|| Value::Object(Map::new()))
}

/// Keeps what one of the patterns reaches; leaves out what is taken and what is named like a secret.
fn reduce(value: &Value, patterns: &[&[String]], holes: &[&[String]]) -> Option<Value> {
    if holes.iter().any(|hole| hole.is_empty()) {
        return None;
    }
    let whole = patterns.iter().any(|pattern| pattern.is_empty());
    match value {
        Value::Object(entries) => {
            let mut kept = Map::new();
            for (key, item) in entries {
                if manifest::is_closed_name(key) {
                    continue;
                }
                if let Some(item) = child(item, key, whole, patterns, holes) {
                    kept.insert(key.clone(), item);
                }
            }
            (whole || !kept.is_empty()).then_some(Value::Object(kept))
        }
        Value::Array(items) => {
            // An element that is not opened leaves a null, so that the others keep their places.
            let kept: Vec<Value> = items
                .iter()
                .enumerate()
                .map(|(index, item)| child(item, &index.to_string(), whole, patterns, holes).unwrap_or(Value::Null))
                .collect();
            (whole || kept.iter().any(|item| !item.is_null())).then_some(Value::Array(kept))
        }
        scalar => whole.then(|| scalar.clone()),
    }
}

fn child(item: &Value, key: &str, whole: bool, patterns: &[&[String]], holes: &[&[String]]) -> Option<Value> {
    let mut below = step(patterns, key);
    if whole {
        below.push(&[]);
    }
    if below.is_empty() {
        None
    } else {
        reduce(item, &below, &step(holes, key))
    }
}

/// What is left of the patterns that go through `key`.
fn step<'a>(patterns: &[&'a [String]], key: &str) -> Vec<&'a [String]> {
    let through = |pattern: &&'a [String]| match pattern.split_first() {
        Some((first, rest)) if first == "*" || first == key => Some(rest),
        _ => None,
    };
    patterns.iter().filter_map(through).collect()
}

#[cfg(test)]
mod tests;
