//! A person connects an account, and chooses a site.

use super::{CLOUD, SITE, host};
use crate::Jira;
use claviger_sdk::testing::TestHost;
use claviger_sdk::{Connect, Credential, codes};
use serde_json::json;

fn back(host: &TestHost) -> Credential {
    host.credential(
        "oauth",
        &[
            ("client-id", "app"),
            ("client-secret", "s1"),
            ("code", "c1"),
            ("redirect-uri", "https://claviger.example/cb"),
        ],
    )
}

fn pair() -> String {
    json!({ "access_token": "a1", "refresh_token": "r1", "expires_in": 3600 }).to_string()
}

#[test]
fn the_consents_address() {
    let host = host();
    let address = Jira::authorise(host.credential("oauth", &[("client-id", "app")])).unwrap();
    assert_eq!(
        address,
        "https://auth.atlassian.com/authorize?audience=api.atlassian.com&client_id=app&scope=offline_access+read%3Ajira-user+read%3Ajira-work\
         +write%3Ajira-work&response_type=code&prompt=consent"
    );
    let own = Jira::authorise(host.credential("oauth", &[("client-id", "app"), ("scopes", "read:me offline_access")])).unwrap();
    assert!(own.contains("scope=read%3Ame+offline_access&"), "{own}");
    assert_eq!(
        Jira::authorise(host.credential("oauth", &[])).err().unwrap().code,
        codes::MISCONFIGURED
    );
}

#[test]
fn each_site_is_an_account_to_choose() {
    let sites = json!([
        { "id": "c-1", "name": "first", "url": "https://first.atlassian.net/", "scopes": ["read:jira-work"] },
        { "id": "c-1", "name": "first", "url": "https://first.atlassian.net", "scopes": ["read:confluence"] },
        { "id": CLOUD, "url": SITE },
        { "id": "a/b", "url": "https://evil.example" },
        { "id": "no-url" },
    ]);
    let host = host().answers(200, &[], &pair()).answers(200, &[], &sites.to_string());
    let [first, second] = Jira::exchange(back(&host)).unwrap().try_into().unwrap();
    assert_eq!(first.title(), "first (https://first.atlassian.net)");
    assert_eq!(
        (first.get("cloud-id"), first.get("site")),
        (Some("c-1"), Some("https://first.atlassian.net"))
    );
    assert_eq!((second.get("cloud-id"), second.get("site")), (Some(CLOUD), Some(SITE)));
    let [bought, listed] = host.sent().try_into().unwrap();
    assert_eq!(
        bought.json(),
        json!({ "grant_type": "authorization_code", "client_id": "app", "client_secret": "s1", "code": "c1",
            "redirect_uri": "https://claviger.example/cb" })
    );
    assert_eq!(listed.header("authorization"), Some("Bearer a1"));
}

#[test]
fn a_consent_without_a_site_or_without_a_refresh_token_connects_nobody() {
    let nowhere = host().answers(200, &[], &pair()).answers(200, &[], "[]");
    assert_eq!(Jira::exchange(back(&nowhere)).err().unwrap().code, codes::REAUTH_REQUIRED);
    drop(nowhere);
    let online = host().answers(200, &[], &json!({ "access_token": "a1", "expires_in": 3600 }).to_string());
    let failure = Jira::exchange(back(&online)).err().unwrap();
    assert!(
        failure.code == codes::MISCONFIGURED && failure.message.contains("offline_access"),
        "{failure:?}"
    );
}

#[test]
fn a_code_that_is_refused() {
    let dead = json!({ "error": "invalid_grant", "error_description": "Invalid authorization code" });
    let host = host().answers(403, &[], &dead.to_string());
    assert_eq!(Jira::exchange(back(&host)).err().unwrap().code, codes::REAUTH_REQUIRED);
}
