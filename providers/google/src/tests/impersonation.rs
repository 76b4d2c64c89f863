use super::{DRIVE, host, narrowed, refused_with};
use crate::Google;
use claviger_sdk::testing::{claims, expires_at_ms, token_text};
use claviger_sdk::{Narrowing, Provider, codes, rfc3339_ms};
use serde_json::json;

const TARGET: &str = "deployer@project.iam.gserviceaccount.com";
const MIDDLE: &str = "middle@project.iam.gserviceaccount.com";
const ROBOT: &str = "robot@project.iam.gserviceaccount.com";
const ADDRESS: &str =
    "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/deployer@project.iam.gserviceaccount.com:generateAccessToken";
const SOURCE: &str = r#"{"access_token":"ya29.source","expires_in":3599,"scope":"https://www.googleapis.com/auth/cloud-platform"}"#;
const ANSWER: &str = r#"{"accessToken":"ya29.c.target","expireTime":"2026-08-17T10:30:00Z"}"#;

#[test]
fn a_person_impersonates_a_service_account() {
    let host = host().answers(200, &[], SOURCE).answers(200, &[], ANSWER);
    let fields = [
        ("target", ADDRESS),
        ("refresh-token", "1//0r"),
        ("client-id", "c"),
        ("client-secret", "s"),
        ("scopes", DRIVE),
        ("delegates", &format!("{MIDDLE},projects/-/serviceAccounts/{ROBOT}")),
    ];
    let token = Google::mint(host.credential("impersonated-service-account", &fields), &Narrowing::default()).unwrap();
    assert_eq!(token_text(&token), "ya29.c.target", "the target's, never the source's");
    assert_eq!(expires_at_ms(&token), rfc3339_ms("2026-08-17T10:30:00Z"));
    let body = host.session_body(&token);
    assert_eq!(
        (&body["email"], &body["scopes"], &body["refreshToken"]),
        (&json!(TARGET), &json!([DRIVE]), &json!(""))
    );

    let [refresh, generate] = host.sent().try_into().unwrap();
    assert_eq!(refresh.form("scope"), None, "a grant holds `cloud-platform`, seldom `iam`");
    assert_eq!(generate.url, ADDRESS);
    assert_eq!(generate.header("authorization"), Some("Bearer ya29.source"));
    assert_eq!(
        generate.json(),
        json!({ "scope": [DRIVE], "lifetime": "3600s", "delegates": [
            format!("projects/-/serviceAccounts/{MIDDLE}"), format!("projects/-/serviceAccounts/{ROBOT}")] })
    );
}

#[test]
fn a_key_impersonates_a_service_account_with_no_more_than_it_needs() {
    let host = host().answers(200, &[], SOURCE).answers(200, &[], ANSWER);
    let fields = [
        ("target", TARGET),
        ("private-key", "PEM"),
        ("client-email", ROBOT),
        ("private-key-id", "k1"),
        ("url", "http://127.0.0.1:9/google"),
    ];
    let read_only = "https://www.googleapis.com/auth/cloud-platform.read-only";
    let token = Google::mint(host.credential("impersonated-service-account", &fields), &narrowed(&[read_only])).unwrap();
    assert_eq!(token_text(&token), "ya29.c.target");
    let [assertion, generate] = host.sent().try_into().unwrap();
    let (_, claims) = claims(&assertion.form("assertion").unwrap());
    assert_eq!(
        (&claims["iss"], &claims["scope"]),
        (&json!(ROBOT), &json!("https://www.googleapis.com/auth/iam"))
    );
    assert_eq!(claims.get("sub"), None);
    assert_eq!(
        generate.url,
        format!("http://127.0.0.1:9/google/v1/projects/-/serviceAccounts/{TARGET}:generateAccessToken")
    );
    assert_eq!(generate.json()["scope"], json!([read_only]));
}

#[test]
fn without_a_source_or_a_target_nothing_is_sent() {
    for (fields, says) in [
        (&[("target", TARGET)][..], "needs a source"),
        (&[("refresh-token", "1//0r"), ("client-id", "c")][..], "`target`"),
        (&[("target", TARGET), ("private-key", "PEM")][..], "`client-email`"),
        (
            &[("target", "nobody"), ("refresh-token", "1//0r"), ("client-id", "c")][..],
            "`target` names no service account",
        ),
    ] {
        let host = host();
        let failure = Google::mint(host.credential("impersonated-service-account", fields), &Narrowing::default())
            .err()
            .unwrap();
        assert_eq!(failure.code, codes::INVALID_CREDENTIAL);
        assert!(failure.message.contains(says), "{}", failure.message);
        assert_eq!(host.sent().len(), 0);
    }
}

#[test]
fn a_refusal_of_the_source_or_of_the_chain_is_told_as_what_it_is() {
    let fields = [
        ("target", TARGET),
        ("refresh-token", "1//0r"),
        ("client-id", "c"),
        ("client-secret", "s"),
    ];
    let dead = refused_with("invalid_grant", "Token has been expired or revoked.");
    let host_ = host().answers(400, &[], &dead);
    let failure = Google::mint(host_.credential("impersonated-service-account", &fields), &Narrowing::default())
        .err()
        .unwrap();
    assert_eq!(failure.code, codes::REAUTH_REQUIRED);
    drop(host_);

    let denied = json!({ "error": { "code": 403, "status": "PERMISSION_DENIED",
        "message": "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)." } });
    let host = host().answers(200, &[], SOURCE).answers(403, &[], &denied.to_string());
    let failure = Google::mint(host.credential("impersonated-service-account", &fields), &Narrowing::default())
        .err()
        .unwrap();
    assert_eq!(failure.code, codes::MISCONFIGURED);
    assert!(
        failure.message.contains("Token Creator") && failure.message.contains(TARGET),
        "{}",
        failure.message
    );
}

#[test]
fn an_answer_without_an_end_is_not_believed() {
    let host = host()
        .answers(200, &[], SOURCE)
        .answers(200, &[], r#"{"accessToken":"ya29.c.target"}"#);
    let fields = [("target", TARGET), ("refresh-token", "1//0r"), ("client-id", "c")];
    let failure = Google::mint(host.credential("impersonated-service-account", &fields), &Narrowing::default())
        .err()
        .unwrap();
    assert_eq!(failure.code, codes::UPSTREAM_PROTOCOL);
}
