//! Ending credentials.

use super::{host, installation};
use crate::GitHub;
use claviger_sdk::testing::TestHost;
use claviger_sdk::{Credential, Failure, Revoke, codes};
use serde_json::json;

const PAIR: [(&str, &str); 2] = [("client-id", "Iv23"), ("client-secret", "s3cret")];

fn user(host: &TestHost, kind: &str, more: &[(&str, &str)]) -> Credential {
    let stored = if kind == "oauth-user-token" { "token" } else { "refresh-token" };
    let mut fields = vec![(stored, "gh_stored")];
    fields.extend_from_slice(more);
    host.credential(kind, &fields)
}

fn said(status: u16, message: &str) -> TestHost {
    host().answers(status, &[], &json!({ "message": message }).to_string())
}

#[test]
fn an_installation_token_is_ended_and_the_app_stays() {
    for status in [204, 401, 404] {
        let host = host().answers(status, &[], "");
        let remaining = GitHub::revoke(installation(&host, &[("current-token", "ghs_x")])).unwrap().unwrap();
        assert!(remaining.contains("still installed"), "{remaining}");
        let [sent] = host.sent().try_into().unwrap();
        assert_eq!(
            (sent.method.as_str(), sent.url.as_str()),
            ("DELETE", "https://api.github.com/installation/token")
        );
        assert_eq!(sent.header("authorization"), Some("Bearer ghs_x"));
    }
    let host = host();
    assert!(GitHub::revoke(installation(&host, &[])).unwrap().is_some());
    assert_eq!(host.sent(), [], "no token is out, so there is none to end");
}

#[test]
fn a_grant_is_ended_by_its_application() {
    for kind in ["oauth-user-token", "oauth-app-user", "github-app-user"] {
        let host = host().answers(204, &[], "");
        let mut fields = PAIR.to_vec();
        fields.push(("current-token", "gh_now"));
        assert_eq!(GitHub::revoke(user(&host, kind, &fields)).unwrap(), None, "{kind}");
        let [sent] = host.sent().try_into().unwrap();
        assert_eq!(
            (sent.method.as_str(), sent.url.as_str()),
            ("DELETE", "https://api.github.com/applications/Iv23/grant")
        );
        // `Iv23:s3cret`, RFC 7617.
        assert_eq!(sent.header("authorization"), Some("Basic SXYyMzpzM2NyZXQ="));
        let token = if kind == "oauth-user-token" { "gh_stored" } else { "gh_now" };
        assert_eq!(sent.json(), json!({ "access_token": token }));
    }
}

#[test]
fn without_the_application_the_tokens_are_reported_by_whoever_holds_them() {
    for (kind, more, expected) in [
        ("personal-access-token", vec![("current-token", "gh_stored")], vec!["gh_stored"]),
        ("oauth-user-token", vec![("current-token", "gh_stored")], vec!["gh_stored"]),
        ("github-app-user", vec![("current-token", "gh_now")], vec!["gh_stored", "gh_now"]),
        ("oauth-app-user", vec![], vec!["gh_stored"]),
        // The application could end the grant by a token that is good, and none is known.
        ("github-app-user", PAIR.to_vec(), vec!["gh_stored"]),
    ] {
        let host = host().answers(202, &[], "{}");
        let credential = if kind == "personal-access-token" {
            host.credential(kind, &[vec![("token", "gh_stored")], more].concat())
        } else {
            user(&host, kind, &more)
        };
        let remaining = GitHub::revoke(credential).unwrap();
        assert_eq!(remaining.is_some(), kind != "personal-access-token", "{kind}");
        let [sent] = host.sent().try_into().unwrap();
        assert_eq!(
            (sent.method.as_str(), sent.url.as_str()),
            ("POST", "https://api.github.com/credentials/revoke")
        );
        assert_eq!(sent.header("authorization"), None, "whoever signs in is refused");
        assert_eq!(sent.json(), json!({ "credentials": expected }), "{kind}");
    }
}

#[test]
fn a_token_that_the_application_does_not_know_is_reported_too() {
    let host = said(404, "Not Found").answers(202, &[], "{}");
    let fields = [PAIR.to_vec(), vec![("current-token", "gh_now")]].concat();
    assert!(GitHub::revoke(user(&host, "github-app-user", &fields)).unwrap().is_some());
    assert_eq!(host.sent()[1].json(), json!({ "credentials": ["gh_stored", "gh_now"] }));
}

#[test]
fn a_server_that_cannot_says_where_to_do_it_instead() {
    for status in [401, 403, 404] {
        let host = said(status, "Not Found");
        let fields = [("token", "ghp_x"), ("url", "https://git.example.com")];
        let failure = GitHub::revoke(host.credential("personal-access-token", &fields)).unwrap_err();
        assert_eq!(failure.code, codes::UNSUPPORTED);
        assert!(
            failure.message.contains("https://git.example.com/settings/tokens"),
            "{}",
            failure.message
        );
    }
}

fn failure(status: u16, message: &str, pair: bool) -> Failure {
    let host = said(status, message);
    let mut fields = vec![("current-token", "gh_now")];
    fields.extend(PAIR.iter().filter(|_| pair));
    GitHub::revoke(user(&host, "oauth-app-user", &fields)).unwrap_err()
}

#[test]
fn refusals_are_told_apart() {
    for (status, message, pair, code) in [
        (401, "Bad credentials", true, codes::MISCONFIGURED),
        (403, "You have exceeded a secondary rate limit.", true, codes::RATE_LIMITED),
        (503, "", true, codes::TRANSIENT),
        (422, "Validation Failed", false, codes::UPSTREAM_PROTOCOL),
        (
            403,
            "This endpoint does not support authenticated requests",
            false,
            codes::INSUFFICIENT_SCOPE,
        ),
        (429, "", false, codes::RATE_LIMITED),
        (500, "", false, codes::TRANSIENT),
    ] {
        assert_eq!(failure(status, message, pair).code, code, "{status} {message}");
    }
    let host = host().answers(503, &[], "down");
    let failure = GitHub::revoke(installation(&host, &[("current-token", "ghs_x")])).unwrap_err();
    assert_eq!(failure.code, codes::TRANSIENT);
}

#[test]
fn a_client_id_is_no_path() {
    for id in ["../../user", "a/b", "a%2f", ".."] {
        let host = host();
        let fields = [("client-id", id), ("client-secret", "s3cret"), ("current-token", "gh_now")];
        let failure = GitHub::revoke(user(&host, "github-app-user", &fields)).unwrap_err();
        assert_eq!(failure.code, codes::INVALID_CREDENTIAL, "{id}");
        assert_eq!(host.sent(), []);
    }
}
