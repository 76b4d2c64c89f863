//! A person connects an account.

use super::host;
use crate::GitLab;
use claviger_sdk::{Connect, codes};
use serde_json::json;

const START: [(&str, &str); 3] = [
    ("client-id", "app"),
    ("client-secret", "gloas-x"),
    ("url", "https://host.example/gitlab"),
];

fn back(host: &claviger_sdk::testing::TestHost, with_secret: bool) -> claviger_sdk::Credential {
    let mut fields = vec![
        ("code", "c1"),
        ("code-verifier", "v1"),
        ("redirect-uri", "https://claviger.example/cb"),
    ];
    fields.extend(START.into_iter().filter(|(name, _)| with_secret || *name != "client-secret"));
    host.credential("oauth", &fields)
}

fn pair() -> String {
    json!({ "access_token": "a1", "token_type": "Bearer", "expires_in": 7200, "refresh_token": "r1", "created_at": 1 }).to_string()
}

#[test]
fn the_consents_address_is_the_instances_own_and_leaves_the_hosts_keys_out() {
    let host = host();
    let address = GitLab::authorise(host.credential("oauth", &START)).unwrap();
    assert_eq!(
        address,
        "https://host.example/gitlab/oauth/authorize?client_id=app&response_type=code&scope=api"
    );
    let mut scoped = START.to_vec();
    scoped.push(("scopes", "read_api write_repository"));
    let address = GitLab::authorise(host.credential("oauth", &scoped)).unwrap();
    assert!(address.ends_with("scope=read_api+write_repository"), "{address}");
    let nobody = GitLab::authorise(host.credential("oauth", &[])).err().unwrap();
    assert_eq!(nobody.code, codes::MISCONFIGURED);
}

#[test]
fn a_code_buys_an_account_with_its_name() {
    let user = json!({ "id": 7, "username": "ada", "name": "Ada L", "state": "active", "commit_email": "ada@example.com" });
    let host = host().answers(200, &[], &pair()).answers(200, &[], &user.to_string());
    let accounts = GitLab::exchange(back(&host, true)).unwrap();
    let [account] = accounts.try_into().unwrap();
    assert_eq!(account.title(), "ada at https://host.example/gitlab");
    assert_eq!(
        account.get("redirect-uri"),
        Some("https://claviger.example/cb"),
        "a refresh has to repeat it"
    );
    assert_eq!(
        (account.get("user-name"), account.get("email")),
        (Some("Ada L"), Some("ada@example.com"))
    );
    let [bought, asked] = host.sent().try_into().unwrap();
    for (key, value) in [
        ("grant_type", "authorization_code"),
        ("code", "c1"),
        ("code_verifier", "v1"),
        ("client_id", "app"),
        ("client_secret", "gloas-x"),
        ("redirect_uri", "https://claviger.example/cb"),
    ] {
        assert_eq!(bought.form(key).as_deref(), Some(value), "{key}");
    }
    assert_eq!(asked.header("authorization"), Some("Bearer a1"));
}

#[test]
fn a_public_application_proves_itself_by_the_verifier_alone() {
    let host = host().answers(200, &[], &pair()).answers(503, &[], "down");
    let accounts = GitLab::exchange(back(&host, false)).unwrap();
    assert_eq!(
        accounts[0].title(),
        "an account at https://host.example/gitlab",
        "a spent code is not lost for a name"
    );
    let [bought, _] = host.sent().try_into().unwrap();
    assert_eq!(
        (bought.form("client_secret"), bought.form("code_verifier").as_deref()),
        (None, Some("v1"))
    );
}

#[test]
fn a_code_that_is_refused_or_half_answered_connects_nobody() {
    let dead = json!({ "error": "invalid_grant", "error_description": "x" }).to_string();
    let refused = host().answers(400, &[], &dead);
    assert_eq!(GitLab::exchange(back(&refused, true)).err().unwrap().code, codes::REAUTH_REQUIRED);
    drop(refused);
    for half in [json!({ "access_token": "a1" }), json!({ "refresh_token": "r1" }), json!({})] {
        let host = host().answers(200, &[], &half.to_string());
        assert_eq!(
            GitLab::exchange(back(&host, true)).err().unwrap().code,
            codes::UPSTREAM_PROTOCOL,
            "{half}"
        );
    }
}
