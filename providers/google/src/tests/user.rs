use super::{DRIVE, NOW_MS, host, narrowed, refused_with};
use crate::Google;
use claviger_sdk::testing::{TestHost, expires_at_ms, token_text};
use claviger_sdk::{Credential, Narrowing, Provider, Retry, codes};
use serde_json::json;

const CLIENT: &str = "1-a.apps.googleusercontent.com";
const EMAIL: &str = "https://www.googleapis.com/auth/userinfo.email";

fn person(host: &TestHost, more: &[(&str, &str)]) -> Credential {
    let mut fields = vec![("refresh-token", "1//0r"), ("client-id", CLIENT), ("client-secret", "GOCSPX-s")];
    fields.extend_from_slice(more);
    host.credential("authorised-user", &fields)
}

fn answer(scope: &str) -> String {
    json!({ "access_token": "ya29.p", "expires_in": 3599, "scope": scope, "token_type": "Bearer", "id_token": "eyJ" }).to_string()
}

#[test]
fn a_grant_is_refreshed_as_googles_own_client_does() {
    let host = host().answers(200, &[], &answer(&format!("openid {DRIVE}")));
    let token = Google::mint(person(&host, &[("quota-project-id", "payer")]), &Narrowing::default()).unwrap();
    assert_eq!((token_text(&token), expires_at_ms(&token)), ("ya29.p", Some(NOW_MS + 3_599_000)));
    let expected = json!({
        "accessToken": "ya29.p",
        "refreshToken": "",
        "email": "",
        "scopes": ["openid", DRIVE],
        "expiresAt": "2026-08-17T10:59:59Z",
    });
    assert_eq!(host.session_body(&token), expected);
    let [sent] = host.sent().try_into().unwrap();
    assert_eq!(
        (sent.method.as_str(), sent.url.as_str()),
        ("POST", "https://oauth2.googleapis.com/token")
    );
    assert_eq!(
        sent.body,
        format!("grant_type=refresh_token&refresh_token=1%2F%2F0r&client_id={CLIENT}&client_secret=GOCSPX-s")
    );
}

#[test]
fn a_public_client_has_no_secret_to_show() {
    let host = host().answers(200, &[], &answer(DRIVE));
    let credential = host.credential("authorised-user", &[("refresh-token", "1//0r"), ("client-id", CLIENT)]);
    Google::mint(credential, &Narrowing::default()).unwrap();
    assert_eq!(host.sent()[0].form("client_secret"), None);
}

#[test]
fn a_new_refresh_token_is_no_business_of_readers() {
    let body = json!({ "access_token": "ya29.p", "expires_in": 3599, "scope": DRIVE, "refresh_token": "1//0new" });
    let host = host().answers(200, &[], &body.to_string());
    let token = Google::mint(person(&host, &[]), &Narrowing::default()).unwrap();
    let bodies = format!("{} {}", host.session_body(&token), host.token_body(&token));
    assert!(!bodies.contains("1//0"), "{bodies}");
}

#[test]
fn a_narrowed_read_names_its_scopes() {
    let host = host().answers(200, &[], &answer(&format!("openid {EMAIL}")));
    let token = Google::mint(person(&host, &[("scopes", &format!("{DRIVE} email"))]), &narrowed(&[EMAIL])).unwrap();
    assert_eq!(host.sent()[0].form("scope").as_deref(), Some(EMAIL));
    assert_eq!(host.session_body(&token)["scopes"], json!(["openid", EMAIL]));
}

#[test]
fn what_is_stored_is_the_most_that_is_handed_out() {
    let host = host().answers(200, &[], &answer(DRIVE));
    Google::mint(person(&host, &[("scopes", DRIVE)]), &Narrowing::default()).unwrap();
    assert_eq!(host.sent()[0].form("scope").as_deref(), Some(DRIVE));
}

#[test]
fn a_scope_that_is_not_stored_is_refused_unasked() {
    let host = host();
    let failure = Google::mint(person(&host, &[("scopes", EMAIL)]), &narrowed(&[DRIVE]))
        .err()
        .unwrap();
    assert_eq!(
        (failure.code.as_str(), failure.get("missing-scope")),
        (codes::INSUFFICIENT_SCOPE, Some(DRIVE))
    );
    assert_eq!(host.sent().len(), 0);
}

#[test]
fn a_scope_that_was_not_granted_is_refused_by_google() {
    let host = host().answers(400, &[], &refused_with("invalid_scope", "Bad Request"));
    let failure = Google::mint(person(&host, &[]), &narrowed(&[DRIVE])).err().unwrap();
    assert_eq!(
        (failure.code.as_str(), failure.get("missing-scope")),
        (codes::INSUFFICIENT_SCOPE, Some(DRIVE))
    );
}

#[test]
fn a_wider_token_never_answers_a_narrower_request() {
    let host = host().answers(200, &[], &answer(&format!("{EMAIL} {DRIVE}")));
    let failure = Google::mint(person(&host, &[]), &narrowed(&["email"])).err().unwrap();
    assert_eq!(failure.code, codes::UPSTREAM_PROTOCOL);
    assert!(failure.message.contains(DRIVE), "{}", failure.message);
}

#[test]
fn session_control_is_named_as_what_it_is() {
    let body = json!({ "error": "invalid_grant", "error_description": "reauth related error (invalid_rapt)",
        "error_uri": "https://support.google.com/a/answer/9368756", "error_subtype": "invalid_rapt" });
    let host = host().answers(400, &[], &body.to_string());
    let failure = Google::mint(person(&host, &[]), &Narrowing::default()).err().unwrap();
    assert_eq!((failure.code.as_str(), failure.retry), (codes::REAUTH_REQUIRED, Retry::Reauthorise));
    assert!(failure.message.contains("session control"), "{}", failure.message);
}

#[test]
fn what_is_missing_is_named() {
    for (fields, name) in [
        (&[("client-id", CLIENT)][..], "`refresh-token`"),
        (&[("refresh-token", "1//0r")][..], "`client-id`"),
    ] {
        let host = host();
        let failure = Google::mint(host.credential("authorised-user", fields), &Narrowing::default())
            .err()
            .unwrap();
        assert_eq!(failure.code, codes::INVALID_CREDENTIAL);
        assert!(failure.message.contains(name), "{}", failure.message);
        assert_eq!(host.sent().len(), 0);
    }
}
