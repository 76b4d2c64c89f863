//! What each kind's token looks like to those who read it.

use super::host;
use crate::GitLab;
use claviger_sdk::{Narrowing, Provider};
use serde_json::json;

const ROOT: &str = "https://git.example.com:8443/gitlab/";

#[test]
fn a_personal_access_token_everywhere() {
    let host = host();
    let fields = [
        ("token", "glpat-x"),
        ("url", ROOT),
        ("user-name", "Ada"),
        ("email", "ada@example.com"),
    ];
    let token = GitLab::mint(host.credential("personal-access-token", &fields), &Narrowing::default()).unwrap();
    let base = "https://git.example.com:8443/gitlab";
    assert_eq!(
        host.environment(&token),
        json!({ "GITLAB_TOKEN": "glpat-x", "GITLAB_HOST": base, "GITLAB_URI": base, "CI_SERVER_URL": base,
            "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.com",
            "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.com" })
    );
    assert_eq!(
        host.git(&token),
        json!({ "protocol": "https", "host": "git.example.com:8443", "path": "gitlab", "username": "oauth2", "password": "glpat-x" })
    );
}

#[test]
fn an_oauth_token_says_that_it_is_one() {
    let host = host();
    let fields = [("refresh-token", "r1"), ("current-token", "a1")];
    let token = GitLab::mint(host.credential("oauth", &fields), &Narrowing::default()).unwrap();
    let environment = host.environment(&token);
    assert_eq!(
        (&environment["GLAB_IS_OAUTH2"], &environment["GITLAB_TOKEN"]),
        (&json!("true"), &json!("a1"))
    );
    assert_eq!(environment.get("GIT_AUTHOR_NAME"), None, "nobody knows it");
    assert_eq!(
        host.git(&token),
        json!({ "protocol": "https", "host": "gitlab.com", "username": "oauth2", "password": "a1" })
    );
}

#[test]
fn a_deploy_token_opens_repositories_under_its_own_name_and_no_api() {
    let host = host();
    let fields = [("token", "gldt-x"), ("username", "gitlab+deploy-token-7"), ("url", ROOT)];
    let token = GitLab::mint(host.credential("deploy-token", &fields), &Narrowing::default()).unwrap();
    assert_eq!(
        host.git(&token),
        json!({ "protocol": "https", "host": "git.example.com:8443", "path": "gitlab", "username": "gitlab+deploy-token-7", "password": "gldt-x" })
    );
    assert_eq!(
        host.environment(&token),
        json!({ "CI_SERVER_URL": "https://git.example.com:8443/gitlab", "CI_DEPLOY_USER": "gitlab+deploy-token-7", "CI_DEPLOY_PASSWORD": "gldt-x" })
    );
    assert_eq!(host.session_body(&token)["username"], "gitlab+deploy-token-7");
    assert_eq!(host.token_body(&token)["username"], "gitlab+deploy-token-7");
    assert_eq!(host.sent(), [], "there is nobody to ask");
}

#[test]
fn a_deploy_tokens_user_name_is_one_word() {
    for name in ["", "a:b", "a b", "a\nb"] {
        let host = host();
        let credential = host.credential("deploy-token", &[("token", "gldt-x"), ("username", name)]);
        let failure = GitLab::mint(credential, &Narrowing::default()).err().unwrap();
        assert_eq!(failure.code, "invalid-credential", "{name:?}");
    }
}
