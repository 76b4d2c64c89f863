//! GitHub's component on the host's own rules: what the sandbox lets it place, read and return beyond a mint.

use crate::fixture::{Call, Fake, FakeDoor, Journal, NOW, built_in, clock, json, load, sandbox, secret};
use claviger::runtime::{CallContext, Consented, CredentialInput, CurrentToken, Input, Limits, Provider};
use claviger::secret::Secret;
use std::sync::Arc;

const KEY: &str = include_str!("../../src/seal/jws/testdata/throwaway-pkcs8.pem");

async fn github() -> Provider {
    load(&sandbox(Limits::default()), built_in("github"), false).await
}

fn text(value: &str) -> Input {
    Input::Text(value.to_owned())
}

fn operators(value: &str, instance: &str) -> Input {
    Input::Operator {
        value: Secret::new(value.to_owned()),
        instance: instance.parse().unwrap(),
    }
}

fn credential(kind: &str, fields: Vec<(&str, Input)>, current: Option<&str>, url: Option<&str>) -> CredentialInput {
    CredentialInput {
        kind: kind.to_owned(),
        fields: fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        url: url.map(str::to_owned),
        current: current.map(|token| CurrentToken {
            token: Secret::new(token.to_owned()),
            expires_at_ms: Some(NOW + 1_000_000),
        }),
    }
}

fn context(upstream: &Arc<Fake>) -> CallContext {
    CallContext {
        provider: "github".to_owned(),
        door: Arc::new(FakeDoor(Arc::clone(upstream))),
        clock: clock(),
        rotation: None,
    }
}

#[tokio::test]
async fn a_person_is_identified_by_the_token_at_hand() {
    let upstream = Fake::new(|sent| match sent.url.rsplit('/').next() {
        Some("user") => json(
            200,
            r#"{"login": "octocat", "id": 583231, "name": "The Octocat", "email": null, "plan": {}}"#,
        ),
        _ => json(
            200,
            r#"[{"email": "o@example.org", "primary": true, "verified": true, "visibility": "private"}]"#,
        ),
    });
    let fields = vec![("refresh-token", secret("ghr_stored")), ("client-id", text("Iv23"))];
    let input = credential("github-app-user", fields, Some("ghu_current"), None);
    let known = github()
        .await
        .identify(input, context(&upstream))
        .await
        .unwrap_or_else(|fault| panic!("{fault}"));
    let of = |key: &str| known.fields.get(key).map(String::as_str);
    assert_eq!(
        [of("id"), of("login"), of("user-name"), of("email")],
        [Some("583231"), Some("octocat"), Some("The Octocat"), Some("o@example.org")]
    );
    for sent in upstream.sent() {
        assert!(
            sent.headers
                .contains(&("authorization".to_owned(), "Bearer ghu_current".to_owned())),
            "{sent:?}"
        );
    }
}

#[tokio::test]
async fn an_app_is_identified_by_its_own_account() {
    let upstream = Fake::new(|sent| match sent.url.as_str() {
        "https://api.github.com/app" => json(200, r#"{"id": 7, "slug": "octo-app", "name": "Octo"}"#),
        "https://api.github.com/users/octo-app%5Bbot%5D" => json(200, r#"{"login": "octo-app[bot]", "id": 41898282}"#),
        other => panic!("{other}"),
    });
    let fields = vec![("app-id", text("7")), ("private-key", secret(KEY)), ("installation-id", text("8"))];
    let input = credential("app-installation", fields, Some("ghs_current"), None);
    let known = github()
        .await
        .identify(input, context(&upstream))
        .await
        .unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(known.fields["user-name"], "octo-app[bot]");
    assert_eq!(known.fields["email"], "41898282+octo-app[bot]@users.noreply.github.com");
}

#[tokio::test]
async fn the_operators_client_ends_a_grant_at_the_instances_own_interface() {
    for (url, instance, endpoint) in [
        (None, "https://github.com/", "https://api.github.com/applications/Iv23/grant"),
        (
            Some("https://acme.ghe.com"),
            "https://acme.ghe.com/",
            "https://api.acme.ghe.com/applications/Iv23/grant",
        ),
    ] {
        let upstream = Fake::new(|_| json(204, ""));
        let fields = vec![
            ("refresh-token", secret("ghr_stored")),
            ("client-id", text("Iv23")),
            ("client-secret", operators("the-secret", instance)),
        ];
        let input = credential("github-app-user", fields, Some("ghu_current"), url);
        let done = github()
            .await
            .revoke(input, context(&upstream))
            .await
            .unwrap_or_else(|fault| panic!("{fault}"));
        assert_eq!(done.remaining, None);
        let [sent] = upstream.sent().try_into().unwrap();
        assert_eq!((sent.method.as_str(), sent.url.as_str()), ("DELETE", endpoint));
        assert_eq!(sent.body, r#"{"access_token":"ghu_current"}"#);
        // `Iv23:the-secret`
        assert!(
            sent.headers
                .contains(&("authorization".to_owned(), "Basic SXYyMzp0aGUtc2VjcmV0".to_owned())),
            "{sent:?}"
        );
    }
    // Registered elsewhere, it goes nowhere.
    let fields = vec![
        ("refresh-token", secret("ghr_stored")),
        ("client-id", text("Iv23")),
        ("client-secret", operators("the-secret", "https://git.example.com/")),
    ];
    let input = credential("github-app-user", fields, Some("ghu_current"), None);
    let fault = github().await.revoke(input, context(&Fake::silent())).await.err().unwrap();
    assert!(fault.to_string().contains("belongs to"), "{fault}");
}

#[tokio::test]
async fn tokens_are_reported_without_spending_the_refresh_token() {
    let upstream = Fake::new(|_| json(202, "{}"));
    let fields = vec![("refresh-token", secret("ghr_stored")), ("client-id", text("Iv23"))];
    let input = credential("github-app-user", fields, Some("ghu_current"), None);
    let done = github()
        .await
        .revoke(input, context(&upstream))
        .await
        .unwrap_or_else(|fault| panic!("{fault}"));
    assert!(done.remaining.is_some());
    let [sent] = upstream.sent().try_into().unwrap();
    assert_eq!(sent.url, "https://api.github.com/credentials/revoke");
    assert_eq!(sent.body, r#"{"credentials":["ghr_stored","ghu_current"]}"#);

    let upstream = Fake::new(|_| json(202, "{}"));
    let input = credential(
        "personal-access-token",
        vec![("token", secret("ghp_stored"))],
        Some("ghp_stored"),
        None,
    );
    github()
        .await
        .revoke(input, context(&upstream))
        .await
        .unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(upstream.sent()[0].body, r#"{"credentials":["ghp_stored"]}"#);
}

fn consented() -> Consented {
    Consented {
        code: Secret::new("the-code".to_owned()),
        verifier: Some(Secret::new("the-verifier".to_owned())),
        redirect_uri: "https://claviger.example/callback".to_owned(),
    }
}

#[tokio::test]
async fn a_consent_is_asked_for_and_bought() {
    let github = github().await;
    let client = || {
        vec![
            ("client-id", text("Iv23")),
            ("client-secret", operators("the-secret", "https://github.com/")),
        ]
    };
    for (kind, bought, stored) in [
        (
            "github-app-user",
            r#"{"access_token": "ghu_first", "expires_in": 28800, "refresh_token": "ghr_first", "scope": "", "token_type": "bearer"}"#,
            vec![("refresh-token", "ghr_first")],
        ),
        (
            "oauth-app-user",
            r#"{"access_token": "gho_first", "expires_in": "28800", "refresh_token": "ghr_first", "scope": "repo", "token_type": "bearer"}"#,
            vec![("refresh-token", "ghr_first")],
        ),
        (
            "oauth-user-token",
            r#"{"access_token": "gho_first", "scope": "repo", "token_type": "bearer"}"#,
            // What does not end is stored itself.
            vec![("token", "gho_first")],
        ),
    ] {
        let page = github
            .authorise(credential(kind, client(), None, None), context(&Fake::silent()))
            .await
            .unwrap_or_else(|fault| panic!("{fault}"));
        assert!(
            page.as_str().starts_with("https://github.com/login/oauth/authorize?client_id=Iv23"),
            "{page}"
        );

        let upstream = Fake::new(move |sent| match sent.url.as_str() {
            "https://github.com/login/oauth/access_token" => json(200, bought),
            _ => json(200, r#"{"login": "octocat", "id": 1}"#),
        });
        let exchanged = github
            .exchange(credential(kind, client(), None, None), consented(), context(&upstream))
            .await
            .unwrap_or_else(|fault| panic!("{kind}: {fault}"));
        assert_eq!(exchanged.accounts[0].title, "octocat at github.com");
        let secrets: Vec<(&str, &str)> = exchanged
            .secrets
            .fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.expose()))
            .collect();
        assert_eq!(secrets, stored, "{kind}");
        let first = if kind == "github-app-user" { "ghu_first" } else { "gho_first" };
        let refreshes = kind != "oauth-user-token";
        assert_eq!(exchanged.secrets.token.as_ref().map(Secret::expose), refreshes.then_some(first));
        let ends = refreshes.then_some(NOW + 28_800_000);
        assert_eq!(exchanged.secrets.expires_at_ms, ends, "{kind}");
        let [token, user] = upstream.sent().try_into().unwrap();
        assert!(
            token.body.contains("code=the-code")
                && token.body.contains("code_verifier=the-verifier")
                && token.body.contains("client_secret=the-secret"),
            "{}",
            token.body
        );
        assert!(
            user.headers.contains(&("authorization".to_owned(), format!("Bearer {first}"))),
            "{user:?}"
        );
    }
}

#[tokio::test]
async fn a_refresh_is_stored_before_the_component_sees_it() {
    let journal = Arc::new(Journal::default());
    let upstream = Fake::new(|_| {
        let body = r#"{"access_token": "ghu_second", "expires_in": "28800", "refresh_token": "ghr_second", "token_type": "bearer"}"#;
        json(200, body)
    });
    let fields = vec![("refresh-token", secret("ghr_first")), ("client-id", text("Iv23"))];
    let minted = Call::of("github-app-user", fields)
        .journalled(&journal)
        .mint(&github().await, &upstream)
        .await
        .unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(
        (minted.token.expose(), minted.expires_at_ms),
        ("ghu_second", Some(NOW + 28_800_000))
    );
    let lines = journal.lines();
    assert!(
        lines.iter().any(|line| line.contains("rotated refresh-token=ghr_second")),
        "{lines:?}"
    );
}

#[tokio::test]
async fn an_error_in_an_answer_with_status_200_spends_no_secret() {
    let journal = Arc::new(Journal::default());
    let upstream = Fake::new(|_| {
        json(
            200,
            r#"{"error": "incorrect_client_credentials", "error_description": "The client_id is incorrect."}"#,
        )
    });
    let fields = vec![
        ("refresh-token", secret("ghr_first")),
        ("client-id", text("Iv23")),
        ("client-secret", secret("wrong-secret")),
    ];
    let fault = Call::of("oauth-app-user", fields)
        .journalled(&journal)
        .mint(&github().await, &upstream)
        .await
        .err()
        .unwrap();
    assert_eq!(fault.cause.code(), "misconfigured", "{fault}");
    let lines = journal.lines();
    assert!(
        lines.iter().any(|line| line.contains("refused")) && !lines.iter().any(|line| line.contains("rotated")),
        "{lines:?}"
    );
}
