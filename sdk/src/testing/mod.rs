//! A host for native tests: one per thread, with scripted answers.
//!
//! It holds the provider to its own manifest as the real host does: a request outside the endpoints is `egress-denied`, a
//! secret in a place that is not listed is `placement-denied`, an answer is reduced to what the manifest opens. It does not
//! sign, dial, limit or journal, and proves nothing about those.

mod consumers;
mod endpoint;
mod handle;
mod reduced;
mod references;
mod schema;

pub(crate) use handle::{Handle, join, reveal, sign_jwt};
pub use handle::{claims, secret, text};

use crate::{Credential, Failure, Part, Request, Retry, Token, Value as FieldValue};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

thread_local! {
    static HOST: RefCell<Option<State>> = const { RefCell::new(None) };
    /// The last manifest of this thread: property tests and fuzz targets start a host for every case.
    static LAST: RefCell<Option<(String, Rc<Value>)>> = const { RefCell::new(None) };
}

struct State {
    manifest: Rc<Value>,
    instance: Option<String>,
    /// Of the last credential: its own consumers win.
    kind: Option<String>,
    now_ms: u64,
    answers: VecDeque<Result<Scripted, Failure>>,
    sent: Vec<Sent>,
    lines: Vec<(String, String)>,
}

struct Scripted {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// What a provider sent, secrets filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The endpoint of the manifest that allowed it.
    pub endpoint: String,
    /// `POST`
    pub method: String,
    /// The whole address.
    pub url: String,
    /// Names as the provider wrote them.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Sent {
    /// A header's value, whatever the case of its name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The value of a form key, decoded.
    #[must_use]
    pub fn form(&self, key: &str) -> Option<String> {
        form_urlencoded::parse(self.body.as_bytes())
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.into_owned())
    }

    /// The body as JSON; null if it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// Secrets that the host gives beside the stored ones.
const GIVEN_SECRETS: [&str; 3] = ["current-token", "code", "code-verifier"];

/// The host of this thread, until it is dropped.
pub struct TestHost(());

impl TestHost {
    /// A host that approved `manifest`, at time zero.
    ///
    /// # Panics
    /// If the manifest is not JSON, or a host is running on this thread.
    #[must_use]
    pub fn start(manifest: &str) -> Self {
        let manifest = read_once(manifest);
        let instance = manifest.get("instance").and_then(Value::as_str).map(str::to_owned);
        let state = State {
            manifest,
            instance,
            kind: None,
            now_ms: 0,
            answers: VecDeque::new(),
            sent: Vec::new(),
            lines: Vec::new(),
        };
        let before = HOST.with_borrow_mut(|host| host.replace(state));
        assert!(before.is_none(), "one test host per thread");
        Self(())
    }

    /// Sets the clock.
    #[must_use]
    pub fn at_ms(self, now_ms: u64) -> Self {
        with(|state| state.now_ms = now_ms);
        self
    }

    /// The next answer.
    #[must_use]
    pub fn answers(self, status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        with(|state| {
            state.answers.push_back(Ok(Scripted {
                status,
                headers,
                body: body.to_owned(),
            }))
        });
        self
    }

    /// The next request fails in the host: a refusal, or an upstream that cannot be reached.
    #[must_use]
    pub fn fails(self, failure: Failure) -> Self {
        with(|state| state.answers.push_back(Err(failure)));
        self
    }

    /// A credential of this kind. The manifest says which of the fields are secret; `current-token`, `code` and `code-verifier` are too, and `url` sets
    /// the instance that the endpoints' `{instance}` stands for.
    #[must_use]
    pub fn credential(&self, kind: &str, fields: &[(&str, &str)]) -> Credential {
        let secrets = with(|state| {
            if let Some((_, url)) = fields.iter().find(|(name, _)| *name == "url") {
                state.instance = Some((*url).to_owned());
            }
            state.kind = Some(kind.to_owned());
            secret_fields(&state.manifest, kind)
        });
        let given = fields.iter().map(|(name, value)| {
            let value = if GIVEN_SECRETS.contains(name) || secrets.iter().any(|field| field == name) {
                FieldValue::Secret(secret(name, value))
            } else {
                FieldValue::Text((*value).to_owned())
            };
            ((*name).to_owned(), value)
        });
        Credential::new(kind, given.collect())
    }

    /// All that was sent so far.
    #[must_use]
    pub fn sent(&self) -> Vec<Sent> {
        with(|state| state.sent.clone())
    }

    /// All that was logged so far: level and line.
    #[must_use]
    pub fn lines(&self) -> Vec<(String, String)> {
        with(|state| state.lines.clone())
    }

    /// What the session endpoint answers for this token.
    #[must_use]
    pub fn session_body(&self, token: &Token) -> Value {
        with(|state| consumers::body(&state.manifest, state.kind.as_deref(), "session", token))
    }

    /// What the token read answers beside its fixed keys.
    #[must_use]
    pub fn token_body(&self, token: &Token) -> Value {
        with(|state| consumers::body(&state.manifest, state.kind.as_deref(), "token", token))
    }

    /// The environment that this token makes.
    #[must_use]
    pub fn environment(&self, token: &Token) -> Value {
        with(|state| consumers::body(&state.manifest, state.kind.as_deref(), "environment", token))
    }

    /// What Git's credential protocol is answered.
    #[must_use]
    pub fn git(&self, token: &Token) -> Value {
        with(|state| consumers::body(&state.manifest, state.kind.as_deref(), "git", token))
    }
}

impl Drop for TestHost {
    fn drop(&mut self) {
        HOST.with_borrow_mut(|host| *host = None);
    }
}

/// When a token ends.
#[must_use]
pub fn expires_at_ms(token: &Token) -> Option<u64> {
    token.expires_at_ms
}

/// A token's text.
#[must_use]
pub fn token_text(token: &Token) -> &str {
    text(&token.value)
}

fn read_once(text: &str) -> Rc<Value> {
    LAST.with_borrow_mut(|last| match last {
        Some((known, manifest)) if known == text => Rc::clone(manifest),
        _ => {
            #[expect(clippy::expect_used, reason = "a test cannot go on without its manifest")]
            let manifest: Value = serde_json::from_str(text).expect("the manifest is JSON");
            let manifest = Rc::new(manifest);
            *last = Some((text.to_owned(), Rc::clone(&manifest)));
            manifest
        }
    })
}

fn secret_fields(manifest: &Value, kind: &str) -> Vec<String> {
    let kinds = manifest.get("kinds").and_then(Value::as_array);
    let kind = kinds
        .into_iter()
        .flatten()
        .find(|entry| entry.get("name").and_then(Value::as_str) == Some(kind));
    let fields = kind.and_then(|kind| kind.get("fields")).and_then(Value::as_array);
    fields
        .into_iter()
        .flatten()
        .filter(|field| field.get("secret") == Some(&Value::Bool(true)))
        .filter_map(|field| field.get("name").and_then(Value::as_str).map(str::to_owned))
        .collect()
}

fn with<T>(act: impl FnOnce(&mut State) -> T) -> T {
    HOST.with_borrow_mut(|host| {
        #[expect(clippy::expect_used, reason = "a test that calls the host starts one first")]
        act(host.as_mut().expect("`TestHost::start` comes first"))
    })
}

pub(crate) fn now_ms() -> u64 {
    with(|state| state.now_ms)
}

pub(crate) fn log(level: &str, message: &str) {
    with(|state| state.lines.push((level.to_owned(), message.to_owned())));
}

pub(crate) fn send(request: Request<'_>) -> Result<Answer, Failure> {
    with(|state| {
        let endpoint = endpoint::of(&state.manifest, state.instance.as_deref(), &request)?;
        endpoint::check_places(&endpoint, &request)?;
        let flat = |parts: &[Part<'_>]| parts.iter().map(handle::written).collect::<String>();
        state.sent.push(Sent {
            endpoint: endpoint.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
            method: request.method.to_owned(),
            url: request.url.clone(),
            headers: request.headers.iter().map(|(name, value)| (name.clone(), flat(value))).collect(),
            body: flat(&request.body),
        });
        let scripted = state
            .answers
            .pop_front()
            .unwrap_or_else(|| Err(Failure::new("connect", "the test scripted no further answer", Retry::Later(None))))?;
        Ok(Answer {
            endpoint,
            scripted,
            taken: RefCell::default(),
        })
    })
}

pub(crate) struct Answer {
    endpoint: Value,
    scripted: Scripted,
    taken: RefCell<Vec<String>>,
}

pub(crate) fn status(answer: &Answer) -> u16 {
    answer.scripted.status
}

pub(crate) fn header(answer: &Answer, name: &str) -> Option<String> {
    let open = endpoint::strings(&answer.endpoint, "open-headers")
        .iter()
        .any(|header| header.eq_ignore_ascii_case(name));
    let mut found = answer
        .scripted
        .headers
        .iter()
        .filter(|(key, _)| open && key.eq_ignore_ascii_case(name));
    found.next().map(|(_, value)| value.clone())
}

pub(crate) fn opened(answer: &Answer) -> Result<String, Failure> {
    let whole = parsed(answer)?;
    Ok(reduced::reduced(&whole, &answer.endpoint).to_string())
}

pub(crate) fn take(answer: &Answer, name: &str) -> Option<Handle> {
    let takes = answer.endpoint.get("takes").and_then(Value::as_array)?;
    let entry = takes.iter().find(|take| take.get("name").and_then(Value::as_str) == Some(name))?;
    let success = (200..300).contains(&answer.scripted.status);
    if !success || answer.taken.borrow().iter().any(|taken| taken == name) {
        return None;
    }
    let whole = parsed(answer).ok()?;
    let found = whole.pointer(entry.get("pointer")?.as_str()?)?.as_str()?.to_owned();
    // As for the host: nothing is no secret, and a token is a word of visible ASCII (RFC 6749, A.12).
    let is_token = entry.pointer("/is/token").is_some();
    if found.is_empty() || (is_token && !found.bytes().all(|byte| byte.is_ascii_graphic())) {
        return None;
    }
    answer.taken.borrow_mut().push(name.to_owned());
    Some(Handle::plain("current-token", &found))
}

/// Nothing reads as an empty object, as it does for the host.
fn parsed(answer: &Answer) -> Result<Value, Failure> {
    if answer.scripted.body.trim().is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    serde_json::from_str(&answer.scripted.body)
        .map_err(|error| Failure::new("protocol", format!("the answer is not JSON: {error}"), Retry::Later(None)))
}

/// The manifest follows `wit/manifest.schema.json`, is `provider`'s and of the crate's version, opens nothing that stays closed, and what it
/// refers to exists: what every provider's tests ask first.
///
/// # Panics
/// If not.
pub fn check_manifest(manifest: &str, provider: &str, version: &str) {
    #[expect(clippy::expect_used, reason = "the assertion is the purpose")]
    let manifest: Value = serde_json::from_str(manifest).expect("the manifest is JSON");
    assert_eq!(schema::check(&manifest), Ok(()), "the manifest follows the schema");
    assert_eq!(references::check(&manifest), Ok(()), "what it opens and refers to may be");
    let text = |of: &Value, key: &str| of.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let list = |of: &Value, key: &str| of.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    assert_eq!(text(&manifest, "provider"), provider);
    assert_eq!(
        text(&manifest, "version"),
        version,
        "keep the manifest's version equal to the crate's"
    );

    let kinds = list(&manifest, "kinds");
    let default = text(&manifest, "default-kind");
    assert!(
        kinds.iter().any(|kind| text(kind, "name") == default),
        "the default kind `{default}` is one of the kinds"
    );
    let fields_of = |kind: &Value| list(kind, "fields").iter().map(|field| text(field, "name")).collect::<Vec<_>>();
    for kind in &kinds {
        let fills = text(kind, "token-fills");
        assert!(
            fields_of(kind).contains(&fills),
            "`{fills}`, which a token fills, is a field of `{}`",
            text(kind, "name")
        );
    }
    let fields: Vec<String> = kinds.iter().flat_map(fields_of).collect();
    for place in list(&manifest, "endpoints").iter().flat_map(|endpoint| list(endpoint, "places")) {
        let field = text(&place, "field");
        assert!(
            GIVEN_SECRETS.contains(&field.as_str()) || fields.contains(&field),
            "`{field}`, which is placed, is a field"
        );
    }
}
