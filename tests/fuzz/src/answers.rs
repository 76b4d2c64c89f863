//! The target of `runtime::answer`: what a provider may see of an answer, for every endpoint of every built-in manifest.
//!
//! The first line names provider, endpoint and kind (`github oauth-token github-app-user`). The oracle walks what was opened, leaf by leaf,
//! with a reading of pointers of its own, and asks whether that leaf was there, was opened, is not taken and is not called like a secret.

use super::answer::{RawAnswer, read};
use super::held::Class;
use super::pointer::segments;
use crate::clock::Millis;
use crate::json::parse;
use crate::likeness::{self, Shown};
use crate::manifest::{Endpoint, Kind, Manifest, Taken, TokenSource, is_closed_name};
use crate::scenario::{Answer, Scenario};
use claviger_sdk::Provider;
use serde_json::Value;
use std::sync::OnceLock;
use zeroize::Zeroizing;

/// Of what the manifests of the built-in providers have no example: wildcards in a row, a whole that is opened with a hole in it, a number as a place.
const SYNTHETIC: &str = r#"{
  "manifest": 1, "provider": "synthetic", "version": "0.1.0", "title": "S", "default-kind": "k",
  "kinds": [{ "name": "k", "title": "K", "token": "minted", "token-fills": "key", "fields": [{ "name": "key", "label": "Key", "secret": true }] }],
  "endpoints": [
    { "name": "whole", "method": "GET", "bases": ["https://up.example"], "path": "/", "opens": ["/data", "/*/c", "/list/*/name", "/list/1/id"],
      "open-headers": ["date", "x-note"],
      "takes": [
        { "name": "token", "pointer": "/data/value", "is": { "token": { "expires": { "pointer": "/data/ends", "as": "epoch-seconds" } } } },
        { "name": "next", "pointer": "/list/0/next", "is": { "replaces": { "field": "key", "expires": { "pointer": "/data/day", "as": "date" } } } },
        { "name": "none", "pointer": "/data/none", "is": { "replaces": { "field": "absent" } } }
      ] }
  ],
  "consumers": { "session": { "token": "token" } }
}"#;

/// All of them, as text.
const TEXTS: [&str; 5] = [
    provider_github::GitHub::MANIFEST,
    provider_gitlab::GitLab::MANIFEST,
    provider_jira::Jira::MANIFEST,
    provider_google::Google::MANIFEST,
    SYNTHETIC,
];

fn manifests() -> &'static [Manifest] {
    static MANIFESTS: OnceLock<Vec<Manifest>> = OnceLock::new();
    MANIFESTS.get_or_init(|| TEXTS.iter().filter_map(|text| Manifest::parse(text).ok()).collect())
}

/// The target.
///
/// # Panics
/// If something is seen that is not opened, or something is taken that may not be.
pub fn target(data: &[u8]) {
    assert_eq!(manifests().len(), TEXTS.len(), "a manifest does not read");
    let scenario = Scenario::read(data);
    let (text, endpoint, kind) = chosen(&scenario.head);
    let asked_at_ms = i64::try_from(scenario.now_ms).unwrap_or(i64::MAX);
    for answer in &scenario.answers {
        check(text, endpoint, kind, answer, asked_at_ms);
    }
}

/// Every input means some endpoint and some kind.
fn chosen(head: &str) -> (&'static str, &'static Endpoint, &'static Kind) {
    let mut words = head.split_whitespace();
    let sum = head
        .bytes()
        .fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
    let (provider, endpoint, kind) = (words.next(), words.next(), words.next());
    let all = manifests();
    let at = all
        .iter()
        .position(|manifest| Some(manifest.provider.as_str()) == provider)
        .unwrap_or(sum % all.len());
    let manifest = &all[at];
    let (endpoints, kinds) = (&manifest.endpoints, &manifest.kinds);
    let named = endpoints.iter().find(|known| Some(known.name.as_str()) == endpoint);
    let of = kinds.iter().find(|known| Some(known.name.as_str()) == kind);
    (
        TEXTS[at],
        named.unwrap_or(&endpoints[sum % endpoints.len()]),
        of.unwrap_or(&kinds[sum % kinds.len()]),
    )
}

fn raw(answer: &Answer) -> RawAnswer {
    RawAnswer {
        status: answer.status,
        headers: answer.headers.clone(),
        body: Zeroizing::new(answer.body.clone().into_bytes()),
    }
}

/// When the host believes the token `text` of this answer to end; the outer `None` where it takes no such token.
pub(crate) fn end_of(
    provider: &str,
    endpoint: &str,
    kind: &str,
    answer: &Answer,
    asked_at_ms: Millis,
    text: &str,
) -> Option<Option<Millis>> {
    let manifest = manifests().iter().find(|known| known.provider == provider)?;
    let endpoint = manifest.endpoints.iter().find(|known| known.name == endpoint)?;
    let kind = manifest.kinds.iter().find(|known| known.name == kind)?;
    let taken = read(endpoint, kind, raw(answer), asked_at_ms).response.taken;
    let (_, held) = taken.into_iter().find(|(_, held)| held.value.expose() == text)?;
    Some(held.expires_at_ms)
}

fn check(manifest: &str, endpoint: &Endpoint, kind: &Kind, answer: &Answer, asked_at_ms: Millis) {
    let reading = read(endpoint, kind, raw(answer), asked_at_ms);
    let is_form = answer
        .headers
        .iter()
        .any(|(name, value)| name == "content-type" && value.to_ascii_lowercase().contains("form-urlencoded"));
    let whole = if is_form { None } else { parse(answer.body.as_bytes()).ok() };

    assert_eq!(reading.response.status, answer.status);
    for (name, _) in &reading.response.headers {
        assert!(
            endpoint.open_headers.iter().any(|open| open.eq_ignore_ascii_case(name)),
            "the header `{name}` is not open"
        );
    }
    let brought = reading.token.is_some() || !reading.replaces.is_empty();
    assert!(!brought || answer.is_success(), "a refusal ({}) brings a secret", answer.status);
    assert!(!(reading.unreadable && brought), "unreadable, and yet something was taken");
    assert!(reading.response.taken.len() <= endpoint.takes.len(), "something was taken twice");

    match &reading.response.opened {
        Ok(opened) => {
            let opened = parse(opened.as_bytes()).unwrap_or_else(|why| panic!("what is opened does not read: {why}"));
            if let Some(whole) = &whole {
                leaves(endpoint, whole, &opened, &mut Vec::new());
                ends(endpoint, whole, &reading.token, asked_at_ms);
            }
        }
        Err(reason) => {
            let plain = reason.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" (),".contains(&byte));
            assert!(plain && reason.len() < 100, "the reason quotes the answer: {reason}");
            assert!(whole.is_none(), "JSON that reads is refused: {reason}");
        }
    }
    // The test host reads no forms, and of a key that is there twice the last.
    if whole.is_some() {
        let taken = reading
            .response
            .taken
            .iter()
            .map(|(name, held)| (name.as_str(), held.value.expose()));
        let shown = Shown {
            opened: reading.response.opened.as_deref().ok(),
            taken: taken.collect(),
        };
        likeness::check(manifest, endpoint, answer, &shown);
    }
    for (name, held) in &reading.response.taken {
        let take = endpoint.takes.iter().find(|take| take.name == *name);
        let Some(take) = take else {
            panic!("`{name}` is not among the takes")
        };
        let text = held.value.expose();
        assert!(!text.is_empty(), "an empty secret was taken");
        if let Some(whole) = &whole {
            assert_eq!(whole.pointer(&take.pointer).and_then(Value::as_str), Some(text), "`{name}`");
        }
        match &take.what {
            Taken::Token { .. } => {
                assert_eq!(held.class, Class::Minted, "`{name}`");
                assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "a token that breaks a line");
            }
            Taken::Replaces { field, .. } => {
                assert!(kind.field(field).is_some(), "`{field}` is no field of this kind");
                let may = kind.token == TokenSource::Static && kind.token_fills == *field;
                assert_eq!(held.class.may_be_returned(), may, "`{name}`");
            }
        }
    }
}

/// Every leaf of what is opened was in the answer at that place, is opened, is not taken, and no name on the way is closed.
fn leaves(endpoint: &Endpoint, whole: &Value, opened: &Value, path: &mut Vec<String>) {
    match opened {
        Value::Object(members) if !members.is_empty() => {
            for (key, value) in members {
                assert!(!is_closed_name(key), "`{key}` is open, which is called like a secret");
                path.push(key.clone());
                leaves(endpoint, at(whole, key), value, path);
                path.pop();
            }
        }
        Value::Array(items) => {
            assert_eq!(
                Some(items.len()),
                whole.as_array().map(Vec::len),
                "an array at {path:?} has lost its places"
            );
            for (index, value) in items.iter().enumerate() {
                path.push(index.to_string());
                leaves(endpoint, at(whole, &index.to_string()), value, path);
                path.pop();
            }
        }
        // Stands for an element that is not opened, or for nothing opened at all.
        Value::Null => {}
        Value::Object(_) if path.is_empty() => {}
        leaf => {
            assert!(
                leaf == whole || leaf.is_object() || is_close(leaf, whole),
                "{path:?} is {leaf}, and was {whole}"
            );
            let matches = |pattern: &str| covers(&segments(pattern).unwrap_or_default(), path);
            assert!(endpoint.opens.iter().any(|open| matches(open)), "{path:?} is not opened");
            assert!(
                !endpoint.takes.iter().any(|take| matches(&take.pointer)),
                "{path:?} is taken, and opened"
            );
        }
    }
}

/// serde_json writes a fraction that it reads back a unit in the last place off.
fn is_close(a: &Value, b: &Value) -> bool {
    let both = if a.is_f64() { a.as_f64().zip(b.as_f64()) } else { None };
    both.is_some_and(|(a, b)| (a - b).abs() <= a.abs() * 1e-12)
}

fn at<'v>(value: &'v Value, key: &str) -> &'v Value {
    let below = match value {
        Value::Object(members) => members.get(key),
        Value::Array(items) => key.parse::<usize>().ok().and_then(|index| items.get(index)),
        _ => None,
    };
    below.unwrap_or_else(|| panic!("`{key}` was not in the answer"))
}

/// Whether a pattern is the path, or leads there.
fn covers(pattern: &[String], path: &[String]) -> bool {
    pattern.len() <= path.len() && pattern.iter().zip(path).all(|(expected, key)| expected == "*" || expected == key)
}

/// A lifetime in seconds is never believed longer than from when it was asked for.
fn ends(endpoint: &Endpoint, whole: &Value, token: &Option<(crate::secret::Secret, Option<Millis>)>, asked_at_ms: Millis) {
    let Some((_, ends)) = token else { return };
    let expiry = endpoint.takes.iter().find_map(|take| match &take.what {
        Taken::Token { expires } => expires.as_ref(),
        Taken::Replaces { .. } => None,
    });
    let Some(expiry) = expiry else {
        assert_eq!(*ends, None, "an end that nobody described");
        return;
    };
    let told = whole.pointer(&expiry.pointer).filter(|told| !told.is_null());
    assert_eq!(told.is_some(), ends.is_some(), "an end is read where one is told, and nowhere else");
    if let (crate::manifest::ExpiryUnit::Seconds, Some(ends), Some(seconds)) = (expiry.unit, ends, told.and_then(Value::as_i64)) {
        let latest = asked_at_ms.saturating_add(seconds.max(0).saturating_mul(1000));
        assert!(*ends <= latest, "it is believed until {ends}, which is after {latest}");
    }
}
