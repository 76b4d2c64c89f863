//! What consumers are given: environments, and Git's credential protocol.

use super::{NOW_MS, host};
use crate::GitHub;
use claviger_sdk::{Narrowing, Provider};
use serde_json::{Value, json};

fn given(url: Option<&str>) -> (Value, Value) {
    let host = host();
    let mut fields = vec![("token", "ghp_x"), ("user-name", "Ada"), ("email", "ada@example.com")];
    fields.extend(url.map(|url| ("url", url)));
    let token = GitHub::mint(host.credential("personal-access-token", &fields), &Narrowing::default()).unwrap();
    (host.environment(&token), host.git(&token))
}

fn environment(more: &Value) -> Value {
    let mut environment = json!({
        "GITHUB_TOKEN": "ghp_x", "GH_TOKEN": "ghp_x", "GITHUB_PERSONAL_ACCESS_TOKEN": "ghp_x",
        "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.com", "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.com",
    });
    environment.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    environment
}

#[test]
fn github_com_needs_no_address() {
    let (environment_of, git) = given(None);
    assert_eq!(environment_of, environment(&json!({})));
    assert_eq!(
        git,
        json!({ "protocol": "https", "host": "github.com", "username": "x-access-token", "password": "ghp_x" })
    );
}

#[test]
fn a_tenant_is_named_and_keeps_the_usual_variable() {
    let (environment_of, git) = given(Some("https://octo.ghe.com"));
    assert_eq!(
        environment_of,
        environment(&json!({ "GH_HOST": "octo.ghe.com", "GITHUB_API_URL": "https://api.octo.ghe.com" }))
    );
    assert_eq!(git["host"], "octo.ghe.com");
}

#[test]
fn an_enterprise_server_has_a_variable_of_its_own() {
    let (environment_of, git) = given(Some("https://git.example.com:8443"));
    let more = json!({
        "GH_HOST": "git.example.com:8443", "GH_ENTERPRISE_TOKEN": "ghp_x", "GITHUB_API_URL": "https://git.example.com:8443/api/v3",
    });
    assert_eq!(environment_of, environment(&more));
    assert_eq!(
        git,
        json!({ "protocol": "https", "host": "git.example.com:8443", "username": "x-access-token", "password": "ghp_x" })
    );
}

#[test]
fn a_token_of_another_instance_names_it_and_one_of_github_com_does_not() {
    let host = host();
    let bodies = |url: &str| {
        let fields = [("token", "ghp_x"), ("url", url)];
        let token = GitHub::mint(host.credential("personal-access-token", &fields), &Narrowing::default()).unwrap();
        [host.session_body(&token), host.token_body(&token)]
    };
    for (url, named) in [
        ("https://git.example.com", Some("https://git.example.com")),
        ("https://git.example.com:8443/", Some("https://git.example.com:8443")),
        ("https://api.octo.ghe.com", Some("https://octo.ghe.com")),
        ("https://github.com", None),
        ("https://api.github.com/", None),
    ] {
        for body in bodies(url) {
            assert_eq!(body.get("instanceUrl").and_then(Value::as_str), named, "{url}: {body}");
        }
    }
}

#[test]
fn whoever_has_no_name_sets_none() {
    let host = host();
    let token = GitHub::mint(
        host.credential("personal-access-token", &[("token", "ghp_x")]),
        &Narrowing::default(),
    )
    .unwrap();
    let environment = host.environment(&token);
    let names: Vec<&String> = environment
        .as_object()
        .unwrap()
        .keys()
        .filter(|name| name.starts_with("GIT_"))
        .collect();
    assert!(names.is_empty(), "{environment}");
    assert_eq!(host.session_body(&token)["userName"], "");
}

#[test]
fn minted_tokens_say_when_they_end() {
    let host = host();
    let ends = (NOW_MS + 3_600_000).to_string();
    for kind in ["oauth-app-user", "github-app-user"] {
        let fields = [
            ("refresh-token", "ghr_1"),
            ("client-id", "Iv23"),
            ("current-token", "ghu_1"),
            ("current-token-expires-at-ms", ends.as_str()),
        ];
        let token = GitHub::mint(host.credential(kind, &fields), &Narrowing::default()).unwrap();
        assert_eq!(host.token_body(&token)["expiresAt"], "2026-08-17T11:00:00Z");
        assert_eq!(host.environment(&token)["GH_TOKEN"], "ghu_1");
        assert_eq!(host.git(&token)["password"], "ghu_1");
    }
}
