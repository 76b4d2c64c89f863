//! User tokens that are refreshed.

use super::{NOW_MS, host};
use crate::GitHub;
use claviger_sdk::testing::{TestHost, expires_at_ms, token_text};
use claviger_sdk::{Credential, Failure, Narrowing, Provider, Retry, codes};
use proptest::prelude::*;
use serde_json::{Value, json};

const KINDS: [&str; 2] = ["oauth-app-user", "github-app-user"];

fn user(host: &TestHost, kind: &str, more: &[(&str, &str)]) -> Credential {
    let mut fields = vec![("refresh-token", "ghr_1"), ("client-id", "Iv23"), ("client-secret", "s3cret")];
    fields.extend_from_slice(more);
    host.credential(kind, &fields)
}

fn pair() -> Value {
    json!({ "access_token": "ghu_2", "expires_in": 28800, "refresh_token": "ghr_2", "refresh_token_expires_in": 15_897_600,
        "scope": "", "token_type": "bearer" })
}

fn refusal(status: u16, body: &Value) -> Failure {
    let host = host().answers(status, &[], &body.to_string());
    GitHub::mint(user(&host, "github-app-user", &[]), &Narrowing::default())
        .err()
        .unwrap()
}

#[test]
fn a_refresh_shows_the_client_and_brings_a_token_for_eight_hours() {
    for kind in KINDS {
        let host = host().answers(200, &[], &pair().to_string());
        let token = GitHub::mint(user(&host, kind, &[("user-name", "Ada")]), &Narrowing::default()).unwrap();
        assert_eq!((token_text(&token), expires_at_ms(&token)), ("ghu_2", Some(NOW_MS + 28_800_000)));
        assert_eq!(
            host.session_body(&token),
            json!({ "token": "ghu_2", "userName": "Ada", "email": "", "provider": "github", "expiresAt": "2026-08-17T18:00:00Z" })
        );
        let [sent] = host.sent().try_into().unwrap();
        assert_eq!(sent.url, "https://github.com/login/oauth/access_token");
        // Without it GitHub answers with a form.
        assert_eq!(sent.header("accept"), Some("application/json"));
        for (key, value) in [
            ("grant_type", Some("refresh_token")),
            ("refresh_token", Some("ghr_1")),
            ("client_id", Some("Iv23")),
            ("client_secret", Some("s3cret")),
            ("scope", None),
        ] {
            assert_eq!(sent.form(key).as_deref(), value, "{key}");
        }
    }
}

#[test]
fn a_grant_by_device_flow_has_no_secret_to_show() {
    let host = host().answers(200, &[], &pair().to_string());
    let credential = host.credential("github-app-user", &[("refresh-token", "ghr_1"), ("client-id", "Iv23")]);
    GitHub::mint(credential, &Narrowing::default()).unwrap();
    let [sent] = host.sent().try_into().unwrap();
    assert_eq!(sent.form("client_secret"), None);
}

#[test]
fn each_deployment_has_its_own_token_endpoint() {
    for (url, expected) in [
        ("https://octo.ghe.com", "https://octo.ghe.com/login/oauth/access_token"),
        ("https://api.octo.ghe.com", "https://octo.ghe.com/login/oauth/access_token"),
        ("https://git.example.com", "https://git.example.com/login/oauth/access_token"),
    ] {
        let host = host().answers(200, &[], &pair().to_string());
        GitHub::mint(user(&host, "github-app-user", &[("url", url)]), &Narrowing::default()).unwrap();
        assert_eq!(host.sent()[0].url, expected);
    }
}

#[test]
fn a_token_that_is_still_good_is_handed_out_again() {
    for kind in KINDS {
        let host = host();
        let ends = (NOW_MS + 60_000).to_string();
        let fields = [("current-token", "ghu_1"), ("current-token-expires-at-ms", ends.as_str())];
        let token = GitHub::mint(user(&host, kind, &fields), &Narrowing::default()).unwrap();
        assert_eq!((token_text(&token), expires_at_ms(&token)), ("ghu_1", Some(NOW_MS + 60_000)));
        assert_eq!(host.sent(), []);
    }
}

#[test]
fn numbers_come_as_strings_too() {
    let mut body = pair();
    body["expires_in"] = json!("28800");
    let host = host().answers(200, &[], &body.to_string());
    let token = GitHub::mint(user(&host, "github-app-user", &[]), &Narrowing::default()).unwrap();
    assert_eq!(expires_at_ms(&token), Some(NOW_MS + 28_800_000));
}

#[test]
fn an_answer_without_an_end_is_a_token_that_does_not_end() {
    let host = host().answers(
        200,
        &[],
        &json!({ "access_token": "gho_2", "scope": "repo", "token_type": "bearer" }).to_string(),
    );
    let token = GitHub::mint(user(&host, "oauth-app-user", &[]), &Narrowing::default()).unwrap();
    assert_eq!((token_text(&token), expires_at_ms(&token)), ("gho_2", None));
}

#[test]
fn a_refusal_with_status_200_is_one() {
    let body = json!({ "error": "bad_refresh_token", "error_description": "The refresh token passed is incorrect or expired.",
        "error_uri": "https://docs.github.com" });
    let dead = refusal(200, &body);
    assert_eq!((dead.code.as_str(), dead.retry), (codes::REAUTH_REQUIRED, Retry::Reauthorise));
    assert_eq!(dead.get("upstream-status"), Some("200"));
    let client =
        json!({ "error": "incorrect_client_credentials", "error_description": "The client_id and/or client_secret passed are incorrect." });
    assert_eq!(refusal(200, &client).code, codes::MISCONFIGURED);
    assert_eq!(refusal(404, &json!({ "error": "Not Found" })).code, codes::MISCONFIGURED);
    assert_eq!(refusal(503, &json!({})).code, codes::TRANSIENT);
    assert_eq!(refusal(429, &json!({})).code, codes::RATE_LIMITED);
    assert_eq!(refusal(200, &json!({})).code, codes::UPSTREAM_PROTOCOL);
}

#[test]
fn nobody_said_which_application() {
    let host = host();
    let credential = host.credential("github-app-user", &[("refresh-token", "ghr_1"), ("url", "https://git.example.com")]);
    let failure = GitHub::mint(credential, &Narrowing::default()).err().unwrap();
    assert_eq!(failure.code, codes::MISCONFIGURED);
    assert!(
        failure.message.contains("https://git.example.com") && failure.message.contains("client_id"),
        "{}",
        failure.message
    );
    assert_eq!(host.sent(), []);
}

proptest! {
    /// Whatever the token endpoint says: no panic, and a token only where there was one.
    #[test]
    fn no_answer_is_read_for_more_than_it_is(status in 200..600_u16, token in proptest::option::of("[a-z_]{0,8}"), expires in "\\PC{0,8}", error in proptest::option::of("\\PC{0,12}")) {
        let mut body = json!({ "expires_in": expires });
        if let Some(token) = &token {
            body["access_token"] = json!(token);
        }
        if let Some(error) = &error {
            body["error"] = json!(error);
        }
        let host = host().answers(status, &[], &body.to_string());
        let minted = GitHub::mint(user(&host, "github-app-user", &[]), &Narrowing::default());
        if let Ok(minted) = minted {
            prop_assert!((200..300).contains(&status) && error.is_none());
            prop_assert_eq!(Some(token_text(&minted)), token.as_deref());
        }
    }
}
