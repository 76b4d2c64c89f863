//! The service that all of them are for, what is stored for it, and the calls.

use crate::fixture::{Fake, FakeDoor, Journal, Script, Sent, clock, json, secret};
use claviger::runtime::{CallContext, CredentialInput, CurrentToken, Input, MintInput, Minted, Provider, ProviderFault, RotationLog};
use claviger::secret::Secret;
use std::sync::Arc;

pub const HOME: &str = "https://api.tidemark.example";
pub const KEY: &str = "tmk_0123456789abcdefABCDEF";
pub const REFRESH: &str = "tmr-first-0123456789abcdef";
pub const NEXT: &str = "tmr-second-0123456789abcde";
pub const CLIENT_SECRET: &str = "tms client&secret+0123456789";
pub const TOKEN: &str = "tmt-access-0123456789abcdef";
pub const CURRENT: &str = "tmt-current-0123456789abcde";
pub const CODE: &str = "tmc-code-0123456789abcdef01";
pub const VERIFIER: &str = "tmv-verifier-0123456789abcd";

/// Tidemark on a good day.
pub fn well() -> Arc<Fake> {
    Fake::new(good_answer)
}

pub fn good_answer(sent: &Sent) -> Script {
    match (sent.method.as_str(), sent.url.strip_prefix(HOME).unwrap_or(&sent.url)) {
        ("POST", "/stations/pier-7/token") => json(200, format!(r#"{{"access_token":"{TOKEN}","expires_at":"2023-11-14T23:13:20Z"}}"#)),
        ("POST", "/oauth/token") => json(
            200,
            format!(r#"{{"access_token":"{TOKEN}","refresh_token":"{NEXT}","expires_in":3600}}"#),
        ),
        ("GET", "/me") => json(
            200,
            r#"{"id":42,"login":"ada","name":"Ada","email":"ada@tidemark.example","harbours":["Whitby","Staithes"]}"#,
        ),
        ("POST", "/oauth/revoke") => json(200, ""),
        other => panic!("nobody asks Tidemark for {other:?}"),
    }
}

/// The key of a station.
pub fn station() -> CredentialInput {
    credential("station-key", vec![("station", text("pier-7")), ("key", secret(KEY))])
}

/// A connected account, with the operator's application.
pub fn account() -> CredentialInput {
    let mut account = application();
    account.fields.push(("refresh-token".to_owned(), secret(REFRESH)));
    account.fields.push(("harbour".to_owned(), text("Whitby")));
    account
}

/// An account that is still to be connected.
pub fn application() -> CredentialInput {
    let client_secret = Input::Operator {
        value: Secret::new(CLIENT_SECRET.to_owned()),
        instance: HOME.parse().unwrap(),
    };
    credential(
        "account",
        vec![("client-id", text("harbour office")), ("client-secret", client_secret)],
    )
}

/// The same with a token that is still good.
pub fn with_current(mut credential: CredentialInput) -> CredentialInput {
    credential.current = Some(CurrentToken {
        token: Secret::new(CURRENT.to_owned()),
        expires_at_ms: None,
    });
    credential
}

/// A credential of one secret.
pub fn secret_of(kind: &str, field: &str, value: &str) -> CredentialInput {
    credential(kind, vec![(field, secret(value))])
}

fn credential(kind: &str, fields: Vec<(&str, Input)>) -> CredentialInput {
    CredentialInput {
        kind: kind.to_owned(),
        fields: fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        url: None,
        current: None,
    }
}

pub fn text(value: &str) -> Input {
    Input::Text(value.to_owned())
}

pub fn context(upstream: &Arc<Fake>) -> CallContext {
    CallContext {
        provider: "tidemark".to_owned(),
        door: Arc::new(FakeDoor(Arc::clone(upstream))),
        clock: clock(),
        rotation: None,
    }
}

/// A mint, with a journal where one is needed.
pub async fn mint(
    provider: &Provider,
    credential: CredentialInput,
    upstream: &Arc<Fake>,
    journal: Option<&Arc<Journal>>,
) -> Result<Minted, ProviderFault> {
    let rotation = journal.map(|journal| Arc::clone(journal) as Arc<dyn RotationLog>);
    let input = MintInput {
        credential,
        narrowing: Vec::new(),
    };
    provider
        .mint(
            input,
            CallContext {
                rotation,
                ..context(upstream)
            },
        )
        .await
}

/// The value of a header that was sent.
pub fn header<'a>(sent: &'a Sent, name: &str) -> Option<&'a str> {
    sent.headers
        .iter()
        .find(|(other, _)| other == name)
        .map(|(_, value)| value.as_str())
}

/// The keys and values of a form that was sent.
pub fn form(sent: &Sent) -> Vec<(String, String)> {
    url::form_urlencoded::parse(sent.body.as_bytes()).into_owned().collect()
}

/// What went wrong, which never tells a secret.
pub fn fault<T>(outcome: Result<T, ProviderFault>) -> ProviderFault {
    let fault = outcome.err().expect("it succeeded");
    let said = format!("{fault} {fault:?}");
    for secret in [KEY, REFRESH, NEXT, CLIENT_SECRET, TOKEN, CURRENT, CODE, VERIFIER] {
        assert!(!said.contains(secret), "the fault holds `{secret}`: {said}");
    }
    fault
}

/// What succeeded.
pub fn done<T>(outcome: Result<T, ProviderFault>) -> T {
    outcome.unwrap_or_else(|fault| panic!("{fault}"))
}
