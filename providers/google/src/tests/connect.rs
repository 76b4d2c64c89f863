//! A person's consent.

use super::{DRIVE, host, refused_with};
use crate::Google;
use claviger_sdk::{Connect, codes};
use serde_json::json;

const CLIENT: &str = "1-a.apps.googleusercontent.com";
const EMAIL: &str = "https://www.googleapis.com/auth/userinfo.email";
const BOUGHT: &str = r#"{"access_token":"ya29.p","refresh_token":"1//0new","expires_in":3599,"scope":"openid https://www.googleapis.com/auth/userinfo.email","token_type":"Bearer","id_token":"eyJ"}"#;
const WHO: &str = r#"{"sub":"1","email":"ada@example.com","email_verified":true}"#;

fn code<'a>() -> Vec<(&'a str, &'a str)> {
    vec![
        ("client-id", CLIENT),
        ("client-secret", "GOCSPX-s"),
        ("scopes", DRIVE),
        ("code", "4/0code"),
        ("code-verifier", "verifier"),
        ("redirect-uri", "https://claviger.example.com/callback"),
    ]
}

#[test]
fn the_consent_asks_for_a_refresh_token_and_for_a_name() {
    let host = host();
    let fields = [
        ("client-id", CLIENT),
        ("scopes", &format!("{DRIVE}  email")),
        ("email", "ada@example.com"),
    ];
    let address = Google::authorise(host.credential("authorised-user", &fields)).unwrap();
    let drive = "https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fdrive";
    assert_eq!(
        address,
        format!(
            "https://accounts.google.com/o/oauth2/v2/auth?response_type=code&client_id={CLIENT}&scope={drive}%20email%20openid&access_type=offline&prompt=consent&login_hint=ada%40example.com"
        )
    );
    assert_eq!(host.sent().len(), 0);
}

#[test]
fn a_client_is_needed() {
    let host = host();
    let failure = Google::authorise(host.credential("authorised-user", &[])).unwrap_err();
    assert_eq!(failure.code, codes::MISCONFIGURED);
    assert!(failure.message.contains("[[instance]]"), "{}", failure.message);
}

#[test]
fn only_a_person_can_consent() {
    let host = host();
    for kind in ["service-account", "external-account", "impersonated-service-account"] {
        assert_eq!(Google::authorise(host.credential(kind, &[])).unwrap_err().code, codes::UNSUPPORTED);
        assert_eq!(Google::exchange(host.credential(kind, &[])).unwrap_err().code, codes::UNSUPPORTED);
    }
}

#[test]
fn the_code_buys_a_grant_of_an_account_that_has_a_name() {
    let host = host().answers(200, &[], BOUGHT).answers(200, &[], WHO);
    let [account] = Google::exchange(host.credential("authorised-user", &code()))
        .unwrap()
        .try_into()
        .unwrap();
    assert_eq!(account.title(), "ada@example.com");
    assert_eq!(account.get("email"), Some("ada@example.com"));
    assert_eq!(
        account.get("scopes"),
        Some(format!("openid {EMAIL}").as_str()),
        "what was granted, not what was asked for"
    );
    let [bought, who] = host.sent().try_into().unwrap();
    for (key, value) in [
        ("grant_type", "authorization_code"),
        ("code", "4/0code"),
        ("redirect_uri", "https://claviger.example.com/callback"),
        ("client_id", CLIENT),
        ("client_secret", "GOCSPX-s"),
        ("code_verifier", "verifier"),
    ] {
        assert_eq!(bought.form(key).as_deref(), Some(value), "{key}");
    }
    assert_eq!(who.header("authorization"), Some("Bearer ya29.p"));
}

#[test]
fn a_consent_without_a_refresh_token_or_without_a_name_is_refused() {
    let once = json!({ "access_token": "ya29.p", "expires_in": 3599, "scope": EMAIL });
    let host_ = host().answers(200, &[], &once.to_string());
    let failure = Google::exchange(host_.credential("authorised-user", &code())).unwrap_err();
    assert_eq!(failure.code, codes::REAUTH_REQUIRED);
    assert!(failure.message.contains("no refresh token"), "{}", failure.message);
    drop(host_);

    let host_ = host().answers(200, &[], BOUGHT).answers(200, &[], r#"{"sub":"1"}"#);
    let failure = Google::exchange(host_.credential("authorised-user", &code())).unwrap_err();
    assert_eq!(failure.code, codes::INSUFFICIENT_SCOPE);
    drop(host_);

    let host = host().answers(400, &[], &refused_with("invalid_grant", "Malformed auth code."));
    let failure = Google::exchange(host.credential("authorised-user", &code())).unwrap_err();
    assert_eq!(failure.code, codes::REAUTH_REQUIRED);
    assert!(failure.message.contains("connect again"), "{}", failure.message);
}
