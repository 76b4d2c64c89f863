//! How a token looks to those who read it, per kind.

use super::{DRIVE, host};
use crate::Google;
use claviger_sdk::{Narrowing, Provider};
use serde_json::json;

const ROBOT: &str = "robot@project.iam.gserviceaccount.com";
const ANSWER: &str = r#"{"access_token":"ya29.x","expires_in":3599}"#;

#[test]
fn the_environment_has_the_token_under_each_tools_name() {
    let kinds = [
        (
            "service-account",
            vec![("private-key", "PEM"), ("client-email", ROBOT)],
            vec![ANSWER],
            Some(ROBOT),
        ),
        (
            "authorised-user",
            vec![("refresh-token", "1//0r"), ("client-id", "c")],
            vec![ANSWER],
            None,
        ),
        (
            "impersonated-service-account",
            vec![("refresh-token", "1//0r"), ("client-id", "c"), ("target", ROBOT)],
            vec![
                r#"{"access_token":"ya29.source","expires_in":3599}"#,
                r#"{"accessToken":"ya29.x","expireTime":"2026-08-17T11:00:00Z"}"#,
            ],
            Some(ROBOT),
        ),
        (
            "external-account",
            vec![("audience", "//a"), ("subject-token", "eyJ")],
            vec![ANSWER],
            None,
        ),
    ];
    for (kind, mut fields, answers, email) in kinds {
        fields.extend([("scopes", DRIVE), ("project-id", "p"), ("quota-project-id", "payer")]);
        let mut host = host();
        for answer in answers {
            host = host.answers(200, &[], answer);
        }
        let token = Google::mint(host.credential(kind, &fields), &Narrowing::default()).unwrap();
        let mut expected = json!({
            "GOOGLE_ACCESS_TOKEN": "ya29.x",
            "GOOGLE_OAUTH_ACCESS_TOKEN": "ya29.x",
            "CLOUDSDK_AUTH_ACCESS_TOKEN": "ya29.x",
            "GOOGLE_CLOUD_PROJECT": "p",
            "GOOGLE_CLOUD_QUOTA_PROJECT": "payer",
        });
        if let Some(email) = email {
            expected["USER_GOOGLE_EMAIL"] = email.into();
        }
        assert_eq!(host.environment(&token), expected, "{kind}");
        assert_eq!(host.git(&token), json!({}), "{kind}: it opens no repository");
        let session = host.session_body(&token);
        assert_eq!(session["accessToken"], "ya29.x", "{kind}");
        assert_eq!(
            (&session["refreshToken"], &session["scopes"]),
            (&json!(""), &json!([DRIVE])),
            "{kind}"
        );
        assert_eq!(session["email"], email.unwrap_or_default(), "{kind}");
        assert!(session["expiresAt"].is_string(), "{kind}");
        assert_eq!(host.token_body(&token), session, "{kind}");
    }
}

#[test]
fn what_is_not_stored_is_left_out() {
    let host = host().answers(200, &[], ANSWER);
    let token = Google::mint(
        host.credential("authorised-user", &[("refresh-token", "1//0r"), ("client-id", "c")]),
        &Narrowing::default(),
    )
    .unwrap();
    let environment = host.environment(&token);
    assert_eq!(environment.as_object().unwrap().len(), 3, "{environment}");
    assert_eq!(host.session_body(&token).get("scopes"), None);
}

#[test]
fn an_address_that_is_stored_comes_first() {
    let host = host().answers(200, &[], ANSWER);
    let fields = [("private-key", "PEM"), ("client-email", ROBOT), ("email", "team@example.com")];
    let token = Google::mint(host.credential("service-account", &fields), &Narrowing::default()).unwrap();
    assert_eq!(host.session_body(&token)["email"], "team@example.com");
}
