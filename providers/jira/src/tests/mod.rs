//! What the provider sends and what it makes of the answers, against its own manifest.

mod api_token;
mod data_center;
mod exchange;
mod identity;
mod limits;
mod oauth;
mod place;
mod refusals;
mod revoke;

use super::Jira;
use claviger_sdk::testing::{TestHost, check_manifest, expires_at_ms, token_text};
use claviger_sdk::{Narrowing, Provider, codes};
use serde_json::json;

/// 2026-08-17T10:00:00Z.
const NOW_MS: u64 = 1_786_960_800_000;
const CLOUD: &str = "11223344-a1b2-4b33-8c44-def123456789";
const SITE: &str = "https://example.atlassian.net";
const GATEWAY: &str = "https://api.atlassian.com/ex/jira/11223344-a1b2-4b33-8c44-def123456789";

fn host() -> TestHost {
    TestHost::start(Jira::MANIFEST).at_ms(NOW_MS)
}

/// What Jira says of an account in the cloud.
fn ada() -> String {
    json!({ "accountId": "712020:ada", "accountType": "atlassian", "emailAddress": "ada@example.com", "displayName": "Ada L", "active": true }).to_string()
}

const TOKEN: &str = "ATATT3xFfGF0abcdefghijklmnopqrstuvwxyz=1A2B3C4D";

#[test]
fn the_manifest_is_of_this_version() {
    check_manifest(Jira::MANIFEST, "jira", env!("CARGO_PKG_VERSION"));
}

#[test]
fn consumers_get_site_account_and_token() {
    let host = TestHost::start(Jira::MANIFEST);
    let fields = [
        ("token", TOKEN),
        ("email", " ada@example.com "),
        ("url", "https://example.atlassian.net/"),
    ];
    let token = Jira::mint(host.credential("api-token", &fields), &Narrowing::default()).unwrap();
    let expected = json!({ "url": "https://example.atlassian.net", "email": "ada@example.com", "apiToken": TOKEN });
    assert_eq!(token_text(&token), TOKEN);
    assert_eq!(expires_at_ms(&token), None);
    assert_eq!(host.session_body(&token), expected);
    assert_eq!(host.token_body(&token), expected);
}

#[test]
fn site_and_account_are_needed() {
    let host = TestHost::start(Jira::MANIFEST);
    for fields in [
        vec![("token", TOKEN), ("email", "ada@example.com")],
        vec![("token", TOKEN), ("url", "https://example.atlassian.net")],
        vec![
            ("token", TOKEN),
            ("email", "ada:x@example.com"),
            ("url", "https://example.atlassian.net"),
        ],
        vec![("email", "ada@example.com"), ("url", "https://example.atlassian.net")],
    ] {
        let failure = Jira::mint(host.credential("api-token", &fields), &Narrowing::default())
            .err()
            .unwrap();
        assert_eq!(failure.code, codes::INVALID_CREDENTIAL, "{fields:?}");
    }
}

#[test]
fn an_api_token_is_not_narrowed() {
    let host = TestHost::start(Jira::MANIFEST);
    let narrowing = Narrowing::new(vec![("scope".to_owned(), "read:jira-work".to_owned())]);
    let failure = Jira::mint(host.credential("api-token", &[("token", TOKEN)]), &narrowing)
        .err()
        .unwrap();
    assert_eq!(failure.code, codes::UNSUPPORTED);
}
