//! Google's component on the host's own rules, at Google's own addresses: what the sandbox lets it place, read and return.

use crate::fixture::{Call, Fake, FakeDoor, NOW, Sent, built_in, clock, json, load, sandbox, secret};
use claviger::runtime::{CallContext, Consented, CredentialInput, CurrentToken, Input, Limits, Provider};
use claviger::secret::Secret;
use std::sync::Arc;

const KEY: &str = include_str!("../../src/seal/jws/testdata/throwaway-pkcs8.pem");
const ROBOT: &str = "robot@project.iam.gserviceaccount.com";
const DEPLOYER: &str = "deployer@project.iam.gserviceaccount.com";
const AUDIENCE: &str = "//iam.googleapis.com/projects/7/locations/global/workloadIdentityPools/pool/providers/ci";
const GENERATE: &str =
    "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/deployer@project.iam.gserviceaccount.com:generateAccessToken";
const SOURCE: &str = r#"{"access_token":"ya29.source","expires_in":3599,"scope":"openid","token_type":"Bearer","id_token":"eyJ"}"#;
// 2023-11-14T22:13:20Z is `NOW`.
const TARGET: &str = r#"{"accessToken":"ya29.c.target","expireTime":"2023-11-14T23:00:00Z"}"#;

async fn google() -> Provider {
    load(&sandbox(Limits::default()), built_in("google"), false).await
}

fn text(value: &str) -> Input {
    Input::Text(value.to_owned())
}

fn operators(value: &str) -> Input {
    Input::Operator {
        value: Secret::new(value.to_owned()),
        instance: "https://oauth2.googleapis.com/".parse().unwrap(),
    }
}

fn person<'a>() -> Vec<(&'a str, Input)> {
    vec![
        ("refresh-token", secret("1//0stored-refresh-token")),
        ("client-id", text("1-a.apps.googleusercontent.com")),
        ("client-secret", operators("GOCSPX-the-secret")),
    ]
}

fn key<'a>() -> Vec<(&'a str, Input)> {
    vec![
        ("private-key", secret(KEY)),
        ("client-email", text(ROBOT)),
        ("private-key-id", text("k1")),
    ]
}

fn answering(sent: &Sent) -> crate::fixture::Script {
    match sent.url.as_str() {
        "https://oauth2.googleapis.com/token" | "https://sts.googleapis.com/v1/token" => json(200, SOURCE),
        GENERATE => json(200, TARGET),
        "https://openidconnect.googleapis.com/v1/userinfo" => {
            json(200, r#"{"sub":"117","email":"ada@example.com","email_verified":true,"name":"Ada"}"#)
        }
        "https://oauth2.googleapis.com/revoke" => json(200, "{}"),
        other => panic!("{other}"),
    }
}

fn credential(kind: &str, fields: Vec<(&str, Input)>, current: Option<&str>) -> CredentialInput {
    CredentialInput {
        kind: kind.to_owned(),
        fields: fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        url: None,
        current: current.map(|token| CurrentToken {
            token: Secret::new(token.to_owned()),
            expires_at_ms: Some(NOW + 1_000_000),
        }),
    }
}

fn context(upstream: &Arc<Fake>) -> CallContext {
    CallContext {
        provider: "google".to_owned(),
        door: Arc::new(FakeDoor(Arc::clone(upstream))),
        clock: clock(),
        rotation: None,
    }
}

#[tokio::test]
async fn every_kind_gets_its_token_at_googles_own_addresses() {
    let google = google().await;
    let with = |mut fields: Vec<(&'static str, Input)>, more: Vec<(&'static str, Input)>| {
        fields.extend(more);
        fields
    };
    let subject = || vec![("audience", text(AUDIENCE)), ("subject-token", secret("eyJ.subject.token"))];
    let hour = Some(NOW + 3_599_000);
    // 23:00:00 is 2800 s from now.
    let until = Some(NOW + 2_800_000);
    for (kind, fields, token, ends, asked) in [
        ("authorised-user", person(), "ya29.source", hour, 1),
        ("service-account", key(), "ya29.source", hour, 1),
        ("external-account", subject(), "ya29.source", hour, 1),
        (
            "external-account",
            with(subject(), vec![("target", text(DEPLOYER))]),
            "ya29.c.target",
            until,
            2,
        ),
        (
            "impersonated-service-account",
            with(person(), vec![("target", text(GENERATE))]),
            "ya29.c.target",
            until,
            2,
        ),
        (
            "impersonated-service-account",
            with(key(), vec![("target", text(DEPLOYER)), ("delegates", text(ROBOT))]),
            "ya29.c.target",
            until,
            2,
        ),
    ] {
        let upstream = Fake::new(answering);
        let minted = Call::of(kind, fields)
            .mint(&google, &upstream)
            .await
            .unwrap_or_else(|fault| panic!("{kind}: {fault}"));
        assert_eq!((minted.token.expose(), minted.expires_at_ms), (token, ends), "{kind}");
        assert!(minted.renewed.is_empty(), "{kind}");
        let sent = upstream.sent();
        assert_eq!(sent.len(), asked, "{kind}");
        if let Some(generate) = sent.iter().find(|sent| sent.url == GENERATE) {
            assert!(
                generate
                    .headers
                    .contains(&("authorization".to_owned(), "Bearer ya29.source".to_owned())),
                "{generate:?}"
            );
        }
    }
}

#[tokio::test]
async fn what_comes_anew_is_gathered_and_the_component_returns_none_of_it() {
    let body = r#"{"access_token":"ya29.p","expires_in":3599,"scope":"openid","refresh_token":"1//0anew"}"#;
    let upstream = Fake::new(move |_| json(200, body));
    let minted = Call::of("authorised-user", person())
        .mint(&google().await, &upstream)
        .await
        .unwrap_or_else(|fault| panic!("{fault}"));
    let renewed: Vec<(&str, &str)> = minted.renewed.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
    assert_eq!(renewed, [("refresh-token", "1//0anew")]);
    assert!(!format!("{:?}", minted.fields).contains("1//0") && minted.secret_fields.is_empty());
}

#[tokio::test]
async fn a_person_is_identified_by_the_token_at_hand() {
    let upstream = Fake::new(answering);
    let known = google()
        .await
        .identify(credential("authorised-user", person(), Some("ya29.current")), context(&upstream))
        .await
        .unwrap_or_else(|fault| panic!("{fault}"));
    let of = |name: &str| known.fields.get(name).map(String::as_str);
    assert_eq!(
        [of("id"), of("login"), of("user-name"), of("email")],
        [Some("117"), Some("ada@example.com"), Some("Ada"), Some("ada@example.com")]
    );
    let [sent] = upstream.sent().try_into().unwrap();
    assert!(
        sent.headers
            .contains(&("authorization".to_owned(), "Bearer ya29.current".to_owned())),
        "{sent:?}"
    );
    let known = google()
        .await
        .identify(credential("service-account", key(), Some("ya29.current")), context(&Fake::silent()))
        .await
        .unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(known.fields["email"], ROBOT);
}

#[tokio::test]
async fn a_grant_is_ended_and_a_key_cannot_be() {
    let upstream = Fake::new(answering);
    let done = google()
        .await
        .revoke(credential("authorised-user", person(), Some("ya29.current")), context(&upstream))
        .await
        .unwrap_or_else(|fault| panic!("{fault}"));
    assert!(done.remaining.is_some_and(|told| told.contains("other sessions")));
    let [sent] = upstream.sent().try_into().unwrap();
    assert_eq!(
        (sent.method.as_str(), sent.body.as_str()),
        ("POST", "token=1%2F%2F0stored-refresh-token")
    );

    let fault = google()
        .await
        .revoke(credential("service-account", key(), None), context(&Fake::silent()))
        .await
        .err()
        .unwrap();
    assert_eq!(fault.cause.code(), "unsupported", "{fault}");
}

#[tokio::test]
async fn a_consent_is_asked_for_and_bought() {
    let client = || {
        vec![
            ("client-id", text("1-a.apps.googleusercontent.com")),
            ("client-secret", operators("GOCSPX-the-secret")),
            ("scopes", text("https://www.googleapis.com/auth/drive")),
        ]
    };
    let google = google().await;
    let page = google
        .authorise(credential("authorised-user", client(), None), context(&Fake::silent()))
        .await
        .unwrap_or_else(|fault| panic!("{fault}"));
    let key = |name: &str| page.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    assert_eq!(
        page.origin().ascii_serialization() + page.path(),
        "https://accounts.google.com/o/oauth2/v2/auth"
    );
    assert_eq!(
        key("scope").as_deref(),
        Some("https://www.googleapis.com/auth/drive openid https://www.googleapis.com/auth/userinfo.email")
    );
    assert_eq!(
        [key("access_type"), key("prompt")],
        [Some("offline".to_owned()), Some("consent".to_owned())]
    );
    assert_eq!(
        [key("state"), key("redirect_uri"), key("code_challenge")],
        [None, None, None],
        "the host's to write"
    );

    let bought = r#"{"access_token":"ya29.first","refresh_token":"1//0first","expires_in":3599,"scope":"openid","token_type":"Bearer"}"#;
    let upstream = Fake::new(move |sent| match sent.url.as_str() {
        "https://oauth2.googleapis.com/token" => json(200, bought),
        _ => answering(sent),
    });
    let consented = Consented {
        code: Secret::new("4/0the-code".to_owned()),
        verifier: Some(Secret::new("the-verifier".to_owned())),
        redirect_uri: "https://claviger.example/callback".to_owned(),
    };
    let exchanged = google
        .exchange(credential("authorised-user", client(), None), consented, context(&upstream))
        .await
        .unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(exchanged.accounts[0].title, "ada@example.com");
    assert_eq!(exchanged.accounts[0].fields["email"], "ada@example.com");
    assert_eq!(exchanged.accounts[0].fields["scopes"], "openid");
    let secrets: Vec<(&str, &str)> = exchanged
        .secrets
        .fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose()))
        .collect();
    assert_eq!(secrets, [("refresh-token", "1//0first")]);
    assert_eq!(exchanged.secrets.token.as_ref().map(Secret::expose), Some("ya29.first"));
    let [token, who] = upstream.sent().try_into().unwrap();
    for part in [
        "code=4%2F0the-code",
        "code_verifier=the-verifier",
        "client_secret=GOCSPX-the-secret",
    ] {
        assert!(token.body.contains(part), "{}", token.body);
    }
    assert!(
        who.headers.contains(&("authorization".to_owned(), "Bearer ya29.first".to_owned())),
        "{who:?}"
    );
}
