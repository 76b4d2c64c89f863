//! What a token may be, how long it may be believed, and what comes beside it.

use super::{Seen, is_line};
use crate::runtime::answers;
use claviger_sdk::Token;
use claviger_sdk::testing::{TestHost, expires_at_ms, token_text};
use serde_json::Value;

/// A minted token came from a field of a successful answer that the manifest calls a token; a static one is what was stored.
///
/// # Panics
/// If not.
pub fn token(seen: &Seen<'_>, host: &TestHost, token: &Token) {
    let text = token_text(token);
    assert!(!text.is_empty(), "an empty token");
    let is_stored = |name: &str| seen.setup.fields.iter().any(|(field, value)| *field == name && *value == text);
    let fills = seen.kind.get("token-fills").and_then(Value::as_str).unwrap_or_default();
    let is_static = seen.kind.get("token").and_then(Value::as_str) == Some("static");
    let kept = is_stored("current-token") || (is_static && is_stored(fills));
    if !kept {
        taken(seen, text, expires_at_ms(token));
    }
    narrowed(seen);
    consumers(seen, host, token);
}

/// The answer that it was taken from, and that it is not believed longer than the host reads there.
fn taken(seen: &Seen<'_>, text: &str, ends_ms: Option<u64>) {
    let found = seen.exchanges().filter(|(_, answer)| answer.is_success()).find(|(sent, answer)| {
        let takes = seen.endpoint(&sent.endpoint).and_then(|endpoint| endpoint.get("takes")?.as_array());
        let json = answer.json().unwrap_or_default();
        takes.into_iter().flatten().any(|take| {
            let pointer = take.get("pointer").and_then(Value::as_str).unwrap_or("/-");
            json.pointer(pointer).and_then(Value::as_str) == Some(text)
        })
    });
    let Some((sent, answer)) = found else {
        panic!("`{text}` is in no field of a successful answer that the manifest lets the provider take");
    };
    if let Some(at) = ends_ms {
        assert!(i64::try_from(at).is_ok(), "the end {at} is beyond what the host can hold");
    }
    let provider = seen.manifest.get("provider").and_then(Value::as_str).unwrap_or_default();
    let now_ms = i64::try_from(seen.scenario.now_ms).unwrap_or(i64::MAX);
    let Some(end) = answers::end_of(provider, &sent.endpoint, seen.setup.kind, answer, now_ms, text) else {
        return;
    };
    // What the host reads there is `None` for a token that names no end.
    if let Some(end) = end {
        let told = ends_ms.map(|at| i64::try_from(at).unwrap_or(i64::MAX));
        assert!(
            told.is_some_and(|told| told <= end.max(now_ms.saturating_add(3_600_000))),
            "the host reads the end {end}, the provider {ends_ms:?}, now {now_ms}"
        );
    }
}

/// What the reader asked for reached the upstream, and nothing wider came of it.
fn narrowed(seen: &Seen<'_>) {
    let pairs = seen.setup.narrowing;
    let asked = |key: &'static str| pairs.iter().filter(move |(name, _)| *name == key).map(|(_, value)| *value);
    if seen.setup.narrowing.is_empty() {
        return;
    }
    let Some(last) = seen.sent.last() else {
        panic!("a narrowed token without a request");
    };
    let json = last.json();
    let repositories: Vec<&str> = asked("repository").collect();
    if !repositories.is_empty() {
        assert_eq!(json.get("repositories"), Some(&Value::from(repositories)), "repositories");
    }
    for permission in asked("permission") {
        let (name, level) = permission.split_once(':').unwrap_or_default();
        assert_eq!(
            json.pointer(&format!("/permissions/{name}")),
            Some(&Value::from(level)),
            "permissions"
        );
    }
    let scopes: Vec<&str> = asked("scope").collect();
    if scopes.is_empty() {
        return;
    }
    let claimed = last.form("assertion").map(|jws| claviger_sdk::testing::claims(&jws).1);
    let scope = claimed
        .and_then(|claims| claims.get("scope")?.as_str().map(str::to_owned))
        .or_else(|| last.form("scope"))
        .or_else(|| {
            let list = json.get("scope")?.as_array()?;
            Some(list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "))
        });
    assert_eq!(scope.as_deref(), Some(scopes.join(" ").as_str()), "scopes");
    // A person's grant says what it gave; every word of it was asked for.
    let granted = seen.last().and_then(crate::scenario::Answer::json);
    let granted = granted.as_ref().filter(|_| seen.setup.kind == "authorised-user");
    for word in granted
        .and_then(|json| json.get("scope")?.as_str())
        .unwrap_or_default()
        .split_whitespace()
    {
        let full = word.strip_prefix("https://www.googleapis.com/auth/userinfo.").unwrap_or(word);
        assert!(
            word == "openid" || scopes.contains(&word) || scopes.contains(&full),
            "`{word}` was not asked for"
        );
    }
}

/// Everything that consumers get is one line, and holds no stored secret that is not the token.
fn consumers(seen: &Seen<'_>, host: &TestHost, token: &Token) {
    for (name, body) in [
        ("session", host.session_body(token)),
        ("token", host.token_body(token)),
        ("environment", host.environment(token)),
        ("git", host.git(token)),
    ] {
        for (key, value) in body.as_object().into_iter().flatten() {
            let Some(text) = value.as_str() else { continue };
            if text == token_text(token) {
                continue;
            }
            assert!(text.is_empty() || is_line(text), "{name}: `{key}` is {text:?}, which breaks a line");
            seen.no_secret(&format!("{name}: `{key}`"), text);
        }
    }
}
