//! What the provider sends and what it makes of the answers, against its own manifest.

mod consumers;
mod exchange;
mod identity;
mod refusals;
mod revoke;
mod rotating;

use super::GitLab;
use claviger_sdk::testing::{TestHost, check_manifest, expires_at_ms, token_text};
use claviger_sdk::{Credential, Failure, Narrowing, Provider, Retry, codes};
use serde_json::json;

/// 2026-08-17T10:00:00Z.
const NOW_MS: u64 = 1_786_960_800_000;

fn host() -> TestHost {
    TestHost::start(GitLab::MANIFEST).at_ms(NOW_MS)
}

fn grant(host: &TestHost, more: &[(&str, &str)]) -> Credential {
    let mut fields = vec![("refresh-token", "r/1+"), ("client-id", "app"), ("client-secret", "gloas-&x")];
    fields.extend_from_slice(more);
    host.credential("oauth", &fields)
}

fn refusal(status: u16, headers: &[(&str, &str)], body: &str) -> Failure {
    let host = host().answers(status, headers, body);
    GitLab::mint(grant(&host, &[]), &Narrowing::default()).err().unwrap()
}

fn answer() -> String {
    let created = NOW_MS / 1000 - 5;
    json!({ "access_token": "a2", "token_type": "Bearer", "expires_in": 7200, "refresh_token": "r2", "scope": "api", "created_at": created })
        .to_string()
}

#[test]
fn the_manifest_is_of_this_version() {
    check_manifest(GitLab::MANIFEST, "gitlab", env!("CARGO_PKG_VERSION"));
}

#[test]
fn an_access_token_is_what_was_stored() {
    let host = host();
    let credential = host.credential("personal-access-token", &[("token", "glpat-x"), ("user-name", "Ada")]);
    let token = GitLab::mint(credential, &Narrowing::default()).unwrap();
    assert_eq!(
        host.session_body(&token),
        json!({ "token": "glpat-x", "instanceUrl": "https://gitlab.com", "userName": "Ada", "email": "", "provider": "gitlab" })
    );
    assert_eq!(
        host.token_body(&token),
        json!({ "instanceUrl": "https://gitlab.com", "userName": "Ada", "email": "" })
    );
}

#[test]
fn a_refresh_sends_the_grant_and_no_scope() {
    let host = host().answers(200, &[], &answer());
    let credential = grant(
        &host,
        &[
            ("url", "https://host.example/gitlab/"),
            ("redirect-uri", "https://app.example/cb?x=1"),
        ],
    );
    let token = GitLab::mint(credential, &Narrowing::default()).unwrap();
    assert_eq!(token_text(&token), "a2");
    assert_eq!(expires_at_ms(&token), Some(NOW_MS - 5_000 + 7_200_000));
    assert_eq!(host.session_body(&token)["instanceUrl"], "https://host.example/gitlab");
    assert!(
        !host.session_body(&token).to_string().contains("r2"),
        "the new refresh token goes to nobody"
    );

    let [sent] = host.sent().try_into().unwrap();
    assert_eq!(
        (sent.method.as_str(), sent.url.as_str()),
        ("POST", "https://host.example/gitlab/oauth/token")
    );
    assert_eq!(sent.header("content-type"), Some("application/x-www-form-urlencoded"));
    for (key, value) in [
        ("grant_type", "refresh_token"),
        ("refresh_token", "r/1+"),
        ("client_id", "app"),
        ("client_secret", "gloas-&x"),
        ("redirect_uri", "https://app.example/cb?x=1"),
    ] {
        assert_eq!(sent.form(key).as_deref(), Some(value), "{key}");
    }
    assert_eq!(sent.form("scope"), None);
}

#[test]
fn a_public_application_has_no_secret() {
    let host = host().answers(200, &[], &answer());
    let credential = host.credential("oauth", &[("refresh-token", "r1"), ("client-id", "app")]);
    GitLab::mint(credential, &Narrowing::default()).unwrap();
    let [sent] = host.sent().try_into().unwrap();
    assert_eq!(sent.url, "https://gitlab.com/oauth/token");
    assert_eq!(sent.form("client_secret"), None);
}

#[test]
fn a_token_that_is_still_good_is_not_made_anew() {
    let host = host();
    let good = [
        ("current-token", "a1"),
        ("current-token-expires-at-ms", "1786964400000"),
        ("email", "ada@example.com"),
    ];
    let token = GitLab::mint(grant(&host, &good), &Narrowing::default()).unwrap();
    assert_eq!(token_text(&token), "a1");
    assert_eq!(expires_at_ms(&token), Some(1_786_964_400_000));
    assert_eq!(host.session_body(&token)["email"], "ada@example.com");
    assert_eq!(host.sent(), []);
}

#[test]
fn only_a_dead_grant_asks_for_a_person() {
    let dead = refusal(
        400,
        &[],
        &json!({ "error": "invalid_grant", "error_description": "revoked" }).to_string(),
    );
    assert_eq!((dead.code.as_str(), dead.retry), (codes::REAUTH_REQUIRED, Retry::Reauthorise));
    let wrong_client = refusal(401, &[], &json!({ "error": "invalid_client" }).to_string());
    assert_eq!(
        (wrong_client.code.as_str(), wrong_client.retry),
        (codes::MISCONFIGURED, Retry::Never)
    );
    let limited = refusal(429, &[("Retry-After", "12")], "Retry later");
    assert_eq!(
        (limited.code.as_str(), limited.retry),
        (codes::RATE_LIMITED, Retry::Later(Some(12_000)))
    );
    let unlimited = refusal(429, &[], "Retry later");
    assert_eq!(unlimited.retry, Retry::Later(Some(60_000)));
    assert_eq!(refusal(502, &[], "<html>").code, codes::TRANSIENT);
    assert_eq!(refusal(200, &[], "{}").code, codes::UPSTREAM_PROTOCOL);
}

#[test]
fn a_failure_of_the_host_is_passed_on_as_it_is() {
    let mut lost = Failure::new("timeout", "no answer within 10 s", Retry::Later(None));
    lost.upstream_may_have_acted = true;
    let host = host().fails(lost.clone());
    assert_eq!(GitLab::mint(grant(&host, &[]), &Narrowing::default()).err().unwrap(), lost);
}

#[test]
fn nobody_said_which_application() {
    let host = host();
    let credential = host.credential("oauth", &[("refresh-token", "r1"), ("url", "https://git.example.com")]);
    let failure = GitLab::mint(credential, &Narrowing::default()).err().unwrap();
    assert_eq!(failure.code, codes::MISCONFIGURED);
    assert!(failure.message.contains("`https://git.example.com`"), "{}", failure.message);
    assert_eq!(host.sent(), []);
}

#[test]
fn nothing_is_narrowed_through_a_refresh() {
    let host = host();
    let narrowing = Narrowing::new(vec![("scope".to_owned(), "read_api".to_owned())]);
    assert_eq!(GitLab::mint(grant(&host, &[]), &narrowing).err().unwrap().code, codes::UNSUPPORTED);
    assert_eq!(host.sent(), []);
}
