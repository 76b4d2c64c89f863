use super::Paperboy;
use claviger_sdk::testing::{TestHost, check_manifest, expires_at_ms, token_text};
use claviger_sdk::{Credential, Failure, Narrowing, Provider, Retry, codes};
use serde_json::json;

/// 2026-08-17T10:00:00Z.
const NOW_MS: u64 = 1_786_960_800_000;

fn host() -> TestHost {
    TestHost::start(Paperboy::MANIFEST).at_ms(NOW_MS)
}

fn client(host: &TestHost) -> Credential {
    let fields = [
        ("client-id", "desk 7"),
        ("client-secret", "s&cret+1"),
        ("url", "https://news.example/london/"),
    ];
    host.credential("client-credentials", &fields)
}

fn refusal(status: u16, headers: &[(&str, &str)], body: &str) -> Failure {
    let host = host().answers(status, headers, body);
    Paperboy::mint(client(&host), &Narrowing::default()).err().unwrap()
}

#[test]
fn the_manifest_is_of_this_version() {
    check_manifest(Paperboy::MANIFEST, "paperboy", env!("CARGO_PKG_VERSION"));
}

#[test]
fn an_api_key_is_what_was_stored_and_nobody_is_asked() {
    let host = host();
    let credential = host.credential("api-key", &[("key", "pbk_0123456789abcdef")]);
    let token = Paperboy::mint(credential, &Narrowing::default()).unwrap();
    assert_eq!(
        host.session_body(&token),
        json!({ "token": "pbk_0123456789abcdef", "edition": "morning" })
    );
    assert!(host.sent().is_empty());
}

#[test]
fn client_credentials_are_exchanged_at_their_own_newsroom() {
    let host = host().answers(200, &[], r#"{"access_token":"pb-1","token_type":"Bearer","expires_in":3600}"#);
    let token = Paperboy::mint(client(&host), &Narrowing::default()).unwrap();
    assert_eq!(token_text(&token), "pb-1");
    assert_eq!(expires_at_ms(&token), Some(NOW_MS + 3_600_000));
    assert_eq!(
        host.token_body(&token),
        json!({ "url": "https://news.example/london", "edition": "morning" })
    );
    let [sent] = host.sent().try_into().unwrap();
    assert_eq!(
        (sent.method.as_str(), sent.url.as_str()),
        ("POST", "https://news.example/london/oauth/token")
    );
    for (key, value) in [
        ("grant_type", "client_credentials"),
        ("client_id", "desk 7"),
        ("client_secret", "s&cret+1"),
    ] {
        assert_eq!(sent.form(key).as_deref(), Some(value), "{key}");
    }
}

#[test]
fn refusals_are_told_apart() {
    let cases = [
        (401, r#"{"error":"invalid_client"}"#, codes::MISCONFIGURED, Retry::Never),
        (400, r#"{"error":"invalid_scope"}"#, codes::INSUFFICIENT_SCOPE, Retry::Never),
        (503, "<h1>sorry</h1>", codes::TRANSIENT, Retry::Later(None)),
        (200, r#"{"expires_in":60}"#, codes::UPSTREAM_PROTOCOL, Retry::Later(None)),
    ];
    for (status, body, code, retry) in cases {
        let failure = refusal(status, &[], body);
        assert_eq!((failure.code.as_str(), failure.retry), (code, retry), "{status} {body}");
        assert!(!failure.message.contains("s&cret"), "{}", failure.message);
    }
    let limited = refusal(429, &[("retry-after", "7")], "");
    assert_eq!(
        (limited.code.as_str(), limited.retry),
        (codes::RATE_LIMITED, Retry::Later(Some(7_000)))
    );
}

#[test]
fn what_cannot_be_narrowed_is_refused_before_anybody_is_asked() {
    let host = host();
    let narrowing = Narrowing::new(vec![("scope".to_owned(), "read".to_owned())]);
    let failure = Paperboy::mint(client(&host), &narrowing).err().unwrap();
    assert_eq!(failure.code, codes::UNSUPPORTED);
    assert!(host.sent().is_empty());
}
