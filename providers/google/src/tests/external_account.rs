use super::{DRIVE, NOW_MS, host, narrowed, refused_with};
use crate::Google;
use claviger_sdk::testing::{TestHost, expires_at_ms, token_text};
use claviger_sdk::{Credential, Narrowing, Provider, Retry, codes};
use serde_json::json;

const AUDIENCE: &str = "//iam.googleapis.com/projects/7/locations/global/workloadIdentityPools/pool/providers/ci";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const TARGET: &str = "deployer@project.iam.gserviceaccount.com";
const ANSWER: &str = r#"{"access_token":"ya29.d.f","issued_token_type":"urn:ietf:params:oauth:token-type:access_token","token_type":"Bearer","expires_in":3599}"#;

fn identity(host: &TestHost, more: &[(&str, &str)]) -> Credential {
    let mut fields = vec![("audience", AUDIENCE), ("subject-token", "eyJ.subject.token")];
    fields.extend_from_slice(more);
    host.credential("external-account", &fields)
}

#[test]
fn an_identity_is_traded_for_a_token() {
    let host = host().answers(200, &[], ANSWER);
    let token = Google::mint(identity(&host, &[("scopes", DRIVE)]), &Narrowing::default()).unwrap();
    assert_eq!((token_text(&token), expires_at_ms(&token)), ("ya29.d.f", Some(NOW_MS + 3_599_000)));
    assert_eq!(host.session_body(&token)["email"], "");
    let [sent] = host.sent().try_into().unwrap();
    assert_eq!(
        (sent.method.as_str(), sent.url.as_str()),
        ("POST", "https://sts.googleapis.com/v1/token")
    );
    for (key, value) in [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("audience", AUDIENCE),
        ("scope", DRIVE),
        ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("subject_token", "eyJ.subject.token"),
        ("subject_token_type", JWT),
    ] {
        assert_eq!(sent.form(key).as_deref(), Some(value), "{key}");
    }
    assert_eq!(sent.form("options"), None);
}

#[test]
fn a_workforce_identity_names_who_pays() {
    let host = host().answers(200, &[], ANSWER);
    let fields = [
        ("workforce-project", "12345"),
        ("subject-token-type", "urn:ietf:params:oauth:token-type:saml2"),
    ];
    Google::mint(identity(&host, &fields), &Narrowing::default()).unwrap();
    let [sent] = host.sent().try_into().unwrap();
    assert_eq!(sent.form("options").as_deref(), Some(r#"{"userProject":"12345"}"#));
    assert_eq!(
        sent.form("subject_token_type").as_deref(),
        Some("urn:ietf:params:oauth:token-type:saml2")
    );
}

#[test]
fn with_a_target_the_identity_only_impersonates() {
    let answer = r#"{"accessToken":"ya29.c.target","expireTime":"2026-08-17T11:00:00Z"}"#;
    let host = host().answers(200, &[], ANSWER).answers(200, &[], answer);
    let token = Google::mint(identity(&host, &[("target", TARGET), ("scopes", DRIVE)]), &narrowed(&[DRIVE])).unwrap();
    assert_eq!(token_text(&token), "ya29.c.target");
    assert_eq!(host.session_body(&token)["email"], TARGET);
    let [exchange, generate] = host.sent().try_into().unwrap();
    assert_eq!(exchange.form("scope").as_deref(), Some("https://www.googleapis.com/auth/iam"));
    assert_eq!(generate.header("authorization"), Some("Bearer ya29.d.f"));
    assert_eq!(generate.json(), json!({ "scope": [DRIVE], "lifetime": "3600s", "delegates": [] }));
}

#[test]
fn a_stale_subject_token_asks_for_no_person() {
    let said = "ID Token issued at 1786950000 is stale to sign-in.";
    let host = host().answers(400, &[], &refused_with("invalid_grant", said));
    let failure = Google::mint(identity(&host, &[]), &Narrowing::default()).err().unwrap();
    assert_eq!((failure.code.as_str(), failure.retry), (codes::MISCONFIGURED, Retry::Never));
    assert!(failure.message.contains("`subject-token`"), "{}", failure.message);
}

#[test]
fn what_is_missing_is_named() {
    for (fields, name) in [
        (&[("subject-token", "t")][..], "`audience`"),
        (&[("audience", AUDIENCE)][..], "`subject-token`"),
    ] {
        let host = host();
        let failure = Google::mint(host.credential("external-account", fields), &Narrowing::default())
            .err()
            .unwrap();
        assert_eq!(failure.code, codes::INVALID_CREDENTIAL);
        assert!(failure.message.contains(name), "{}", failure.message);
        assert_eq!(host.sent().len(), 0);
    }
}
