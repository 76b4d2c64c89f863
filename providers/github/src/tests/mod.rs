//! The provider on the test host: what it asks for, and what it makes of the answers.

mod connect;
mod consumers;
mod identify;
mod installation;
mod oauth;
mod revoke;

use crate::GitHub;
use claviger_sdk::testing::{TestHost, check_manifest, token_text};
use claviger_sdk::{Credential, Narrowing, Provider, codes};
use serde_json::json;

/// 2026-08-17T10:00:00Z.
const NOW_MS: u64 = 1_786_960_800_000;
const DATE: &str = "Mon, 17 Aug 2026 10:00:00 GMT";

fn host() -> TestHost {
    TestHost::start(GitHub::MANIFEST).at_ms(NOW_MS)
}

fn installation(host: &TestHost, more: &[(&str, &str)]) -> Credential {
    let mut fields = vec![("app-id", "123456"), ("private-key", "PEM"), ("installation-id", "42")];
    fields.extend_from_slice(more);
    host.credential("app-installation", &fields)
}

fn narrowing(pairs: &[(&str, &str)]) -> Narrowing {
    Narrowing::new(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
}

#[test]
fn the_manifest_is_of_this_version() {
    check_manifest(GitHub::MANIFEST, "github", env!("CARGO_PKG_VERSION"));
}

#[test]
fn a_personal_access_token_is_what_was_stored() {
    let host = host();
    let credential = host.credential(
        "personal-access-token",
        &[("token", "ghp_x"), ("user-name", "Ada"), ("email", "ada@example.com")],
    );
    let token = GitHub::mint(credential, &Narrowing::default()).unwrap();
    assert_eq!(
        host.session_body(&token),
        json!({ "token": "ghp_x", "userName": "Ada", "email": "ada@example.com", "provider": "github" })
    );
    assert_eq!(host.token_body(&token), json!({ "userName": "Ada", "email": "ada@example.com" }));
    assert_eq!(host.sent(), []);
}

#[test]
fn only_an_installation_is_narrowed() {
    let host = host();
    for (kind, field) in [
        ("personal-access-token", "token"),
        ("oauth-user-token", "token"),
        ("oauth-app-user", "refresh-token"),
        ("github-app-user", "refresh-token"),
    ] {
        let credential = host.credential(kind, &[(field, "gh?_x"), ("client-id", "Iv1")]);
        let failure = GitHub::mint(credential, &narrowing(&[("repository", "hello")])).err().unwrap();
        assert_eq!(failure.code, codes::UNSUPPORTED, "{kind}");
        assert!(failure.message.contains(kind), "{}", failure.message);
    }
    assert_eq!(host.sent(), []);
}

#[test]
fn an_identity_that_would_break_git_is_refused() {
    let host = host();
    for name in ["Ada\nevil", "Ada <x>"] {
        let credential = host.credential("personal-access-token", &[("token", "ghp_x"), ("user-name", name)]);
        assert_eq!(
            GitHub::mint(credential, &Narrowing::default()).err().unwrap().code,
            codes::INVALID_CREDENTIAL
        );
    }
}

#[test]
fn a_user_token_that_does_not_end_is_what_was_stored() {
    let host = host();
    let credential = host.credential(
        "oauth-user-token",
        &[("token", "gho_x"), ("client-id", "Ov23"), ("client-secret", "s3cret")],
    );
    let token = GitHub::mint(credential, &Narrowing::default()).unwrap();
    assert_eq!(token_text(&token), "gho_x");
    assert_eq!(host.sent(), []);
}
