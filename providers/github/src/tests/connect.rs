//! A person connects an account.

use super::host;
use crate::GitHub;
use claviger_sdk::testing::TestHost;
use claviger_sdk::{Connect, Credential, Failure, codes};
use proptest::prelude::*;
use serde_json::{Value, json};

const KINDS: [&str; 3] = ["oauth-user-token", "oauth-app-user", "github-app-user"];

fn asking(host: &TestHost, kind: &str, more: &[(&str, &str)]) -> Credential {
    let mut fields = vec![("client-id", "Iv23"), ("client-secret", "s3cret")];
    fields.extend_from_slice(more);
    host.credential(kind, &fields)
}

fn consented(host: &TestHost, kind: &str) -> Credential {
    let fields = [
        ("code", "c0de"),
        ("code-verifier", "v3rifier"),
        ("redirect-uri", "https://claviger.example/cb"),
    ];
    asking(host, kind, &fields)
}

fn answer(kind: &str) -> Value {
    match kind {
        "oauth-user-token" => json!({ "access_token": "gho_1", "scope": "repo", "token_type": "bearer" }),
        _ => json!({ "access_token": "ghu_1", "expires_in": 28800, "refresh_token": "ghr_1", "refresh_token_expires_in": 15_897_600,
            "scope": "", "token_type": "bearer" }),
    }
}

#[test]
fn the_person_is_sent_to_the_instance_with_the_scopes_of_the_kind() {
    for (kind, scopes, url, expected) in [
        (
            "oauth-user-token",
            "repo read:user",
            "https://github.com",
            "https://github.com/login/oauth/authorize?client_id=Iv23&scope=repo+read%3Auser",
        ),
        (
            "oauth-user-token",
            "",
            "https://github.com",
            "https://github.com/login/oauth/authorize?client_id=Iv23",
        ),
        // Only with this scope does an OAuth App get tokens that expire; without it, none that do.
        (
            "oauth-user-token",
            "repo offline_access",
            "https://github.com",
            "https://github.com/login/oauth/authorize?client_id=Iv23&scope=repo",
        ),
        (
            "oauth-app-user",
            "repo,user:email",
            "https://octo.ghe.com",
            "https://octo.ghe.com/login/oauth/authorize?client_id=Iv23&scope=repo+user%3Aemail+offline_access",
        ),
        (
            "oauth-app-user",
            "",
            "https://git.example.com",
            "https://git.example.com/login/oauth/authorize?client_id=Iv23&scope=offline_access",
        ),
        (
            "github-app-user",
            "",
            "https://github.com",
            "https://github.com/login/oauth/authorize?client_id=Iv23",
        ),
    ] {
        let host = host();
        let credential = asking(&host, kind, &[("scopes", scopes), ("url", url)]);
        assert_eq!(GitHub::authorise(credential).unwrap(), expected, "{kind}");
        assert_eq!(host.sent(), []);
    }
    let host = host();
    let failure = GitHub::authorise(host.credential("github-app-user", &[])).unwrap_err();
    assert_eq!(failure.code, codes::MISCONFIGURED);
}

#[test]
fn a_code_buys_the_first_tokens() {
    for kind in KINDS {
        let host =
            host()
                .answers(200, &[], &answer(kind).to_string())
                .answers(200, &[], &json!({ "login": "octocat", "id": 1 }).to_string());
        let accounts = GitHub::exchange(consented(&host, kind)).unwrap();
        let [account] = accounts.try_into().unwrap();
        assert_eq!(account.title(), "octocat at github.com");
        let [sent, user] = host.sent().try_into().unwrap();
        assert_eq!(sent.url, "https://github.com/login/oauth/access_token");
        assert_eq!(sent.header("accept"), Some("application/json"));
        for (key, value) in [
            ("client_id", "Iv23"),
            ("client_secret", "s3cret"),
            ("code", "c0de"),
            ("code_verifier", "v3rifier"),
            ("redirect_uri", "https://claviger.example/cb"),
        ] {
            assert_eq!(sent.form(key).as_deref(), Some(value), "{key}");
        }
        assert_eq!(user.url, "https://api.github.com/user");
    }
}

/// GitHub may not know a token everywhere that it has just made.
#[test]
fn an_account_that_cannot_be_named_yet_is_connected_all_the_same() {
    for (status, body) in [
        (401, r#"{"message": "Bad credentials"}"#),
        (502, ""),
        (200, r#"{"login": "<b>octocat</b>"}"#),
        (200, "[]"),
    ] {
        let host = host()
            .answers(200, &[], &answer("github-app-user").to_string())
            .answers(status, &[], body);
        let [account] = GitHub::exchange(consented(&host, "github-app-user")).unwrap().try_into().unwrap();
        assert_eq!(account.title(), "an account at github.com");
    }
}

fn refusal(kind: &str, status: u16, body: &Value) -> Failure {
    let host = host().answers(status, &[], &body.to_string());
    let failure = GitHub::exchange(consented(&host, kind)).unwrap_err();
    assert_eq!(host.sent().len(), 1);
    failure
}

#[test]
fn refusals_come_with_status_200() {
    for (error, code) in [
        ("bad_verification_code", codes::REAUTH_REQUIRED),
        ("redirect_uri_mismatch", codes::MISCONFIGURED),
        ("incorrect_client_credentials", codes::MISCONFIGURED),
        ("unverified_user_email", codes::REAUTH_REQUIRED),
    ] {
        assert_eq!(refusal("oauth-app-user", 200, &json!({ "error": error })).code, code, "{error}");
    }
    assert_eq!(refusal("oauth-app-user", 200, &json!({})).code, codes::UPSTREAM_PROTOCOL);
    assert_eq!(refusal("oauth-app-user", 502, &json!({})).code, codes::TRANSIENT);
}

#[test]
fn what_does_not_fit_the_kind_is_not_stored_as_if_it_did() {
    for (kind, of, instead) in [
        ("oauth-user-token", "github-app-user", "github-app-user"),
        ("github-app-user", "oauth-user-token", "oauth-user-token"),
        ("oauth-app-user", "oauth-user-token", "oauth-user-token"),
    ] {
        let failure = refusal(kind, 200, &answer(of));
        assert_eq!(failure.code, codes::MISCONFIGURED);
        assert!(failure.message.contains(instead), "{}", failure.message);
    }
}

proptest! {
    /// The address of a consent holds what is asked for and nothing that the host writes itself.
    #[test]
    fn the_consent_asks_for_nothing_else(scopes in "\\PC{0,40}", id in "[!-~]{1,20}") {
        let host = host();
        let credential = asking(&host, "oauth-app-user", &[("scopes", scopes.as_str())]);
        let address = GitHub::authorise(credential).unwrap();
        let query = address.strip_prefix("https://github.com/login/oauth/authorize?").unwrap();
        prop_assert!(!query.contains(['#', '?', '/', ' ']) && query.matches('&').count() == 1, "{}", address);
        let credential = host.credential("github-app-user", &[("client-id", id.as_str())]);
        let address = GitHub::authorise(credential).unwrap();
        prop_assert!(!address.contains(['&', '#']), "{}", address);
    }
}
