//! Ending a credential.

use super::{grant, host};
use crate::GitLab;
use claviger_sdk::{Revoke, codes};
use serde_json::json;

#[test]
fn a_token_ends_itself() {
    for kind in ["personal-access-token", "rotating-access-token"] {
        let host = host().answers(204, &[], "");
        let fields = [("token", "glpat-x"), ("url", "https://host.example/gitlab")];
        assert_eq!(GitLab::revoke(host.credential(kind, &fields)), Ok(None));
        let [sent] = host.sent().try_into().unwrap();
        assert_eq!(
            (sent.method.as_str(), sent.url.as_str(), sent.header("authorization")),
            (
                "DELETE",
                "https://host.example/gitlab/api/v4/personal_access_tokens/self",
                Some("Bearer glpat-x")
            )
        );
    }
}

#[test]
fn what_gitlab_no_longer_knows_has_ended() {
    let host = host().answers(401, &[], &json!({ "message": "401 Unauthorized" }).to_string());
    let credential = host.credential("personal-access-token", &[("token", "glpat-x")]);
    assert_eq!(GitLab::revoke(credential), Ok(None));
}

#[test]
fn what_cannot_be_ended_says_where() {
    for (status, code) in [
        (404, codes::UNSUPPORTED),
        (405, codes::UNSUPPORTED),
        (403, codes::INSUFFICIENT_SCOPE),
        (500, codes::TRANSIENT),
    ] {
        let host = host().answers(status, &[], &json!({ "message": "no" }).to_string());
        let credential = host.credential("personal-access-token", &[("token", "glpat-x")]);
        assert_eq!(GitLab::revoke(credential).err().unwrap().code, code, "{status}");
    }
    let host = host();
    let fields = [("token", "gldt-x"), ("username", "u"), ("url", "https://host.example/gitlab")];
    let failure = GitLab::revoke(host.credential("deploy-token", &fields)).err().unwrap();
    assert_eq!(failure.code, codes::UNSUPPORTED);
    assert!(failure.message.contains("`https://host.example/gitlab`") && failure.message.contains("Deploy tokens"));
    assert_eq!(host.sent(), []);
}

#[test]
fn a_grant_ends_with_its_tokens() {
    let host = host().answers(200, &[], "{}").answers(200, &[], "{}");
    assert_eq!(GitLab::revoke(grant(&host, &[("current-token", "a1")])), Ok(None));
    let [first, second] = host.sent().try_into().unwrap();
    for (sent, token) in [(first, "r/1+"), (second, "a1")] {
        assert_eq!((sent.endpoint.as_str(), sent.form("token").as_deref()), ("revoke", Some(token)));
        assert_eq!(
            (sent.form("client_id").as_deref(), sent.form("client_secret").as_deref()),
            (Some("app"), Some("gloas-&x"))
        );
    }
}

#[test]
fn a_grant_of_a_public_application_needs_no_secret() {
    let host = host().answers(200, &[], "{}");
    let credential = host.credential("oauth", &[("refresh-token", "r1"), ("client-id", "app")]);
    assert_eq!(GitLab::revoke(credential), Ok(None));
    assert_eq!(host.sent()[0].form("client_secret"), None);
}

#[test]
fn another_applications_grant_is_not_ended() {
    let body = json!({ "error": "unauthorized_client", "error_description": "You are not authorized to revoke this token" });
    let host = host().answers(403, &[], &body.to_string());
    assert_eq!(GitLab::revoke(grant(&host, &[])).err().unwrap().code, codes::MISCONFIGURED);
}
