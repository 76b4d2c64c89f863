//! Who it is, per kind.

use super::host;
use crate::{Google, identify};
use claviger_sdk::{Identify, Identity, Reply, codes};
use proptest::prelude::*;
use serde_json::{Value, json};

const ROBOT: &str = "robot@project.iam.gserviceaccount.com";
const DEPLOYER: &str = "deployer@project.iam.gserviceaccount.com";

#[test]
fn a_key_and_a_target_carry_their_own_address() {
    for (kind, fields, who) in [
        ("service-account", &[("client-email", ROBOT)][..], Some(ROBOT)),
        (
            "service-account",
            &[("client-email", ROBOT), ("subject", "ada@example.com")][..],
            Some("ada@example.com"),
        ),
        ("impersonated-service-account", &[("target", DEPLOYER)][..], Some(DEPLOYER)),
        ("external-account", &[("audience", "//a"), ("target", DEPLOYER)][..], Some(DEPLOYER)),
        ("external-account", &[("audience", "//a")][..], None),
        ("impersonated-service-account", &[("target", "117204938171234567890")][..], None),
    ] {
        let host = host();
        let identity = Google::identify(host.credential(kind, fields)).unwrap();
        assert_eq!((identity.get("email"), identity.get("login")), (who, who), "{kind}");
        assert_eq!(identity.get("user-name"), None);
        assert_eq!(host.sent().len(), 0, "nobody has to be asked");
    }
}

#[test]
fn a_person_is_asked_for() {
    let body = json!({ "sub": "1172", "email": "ada@example.com", "email_verified": true, "name": "Ada Lovelace", "picture": "x" });
    let host = host().answers(200, &[], &body.to_string());
    let identity = Google::identify(host.credential("authorised-user", &[("current-token", "ya29.p")])).unwrap();
    let expected = Identity::new()
        .id(Some("1172"))
        .login(Some("ada@example.com"))
        .display_name(Some("Ada Lovelace"))
        .user_name(Some("Ada Lovelace"))
        .email(Some("ada@example.com"));
    assert_eq!(identity, expected);
    let [sent] = host.sent().try_into().unwrap();
    assert_eq!(
        (sent.url.as_str(), sent.header("authorization")),
        ("https://openidconnect.googleapis.com/v1/userinfo", Some("Bearer ya29.p"))
    );
}

#[test]
fn a_grant_that_does_not_tell_is_not_asked() {
    let host = host();
    let fields = [("current-token", "ya29.p"), ("scopes", "https://www.googleapis.com/auth/drive")];
    let identity = Google::identify(host.credential("authorised-user", &fields)).unwrap();
    assert_eq!((identity, host.sent().len()), (Identity::new(), 0));
}

#[test]
fn what_is_not_told_is_absent_and_an_outage_is_a_failure() {
    for status in [401, 403] {
        let body = json!({ "error": "invalid_request", "error_description": "Invalid Credentials" });
        let host = host().answers(status, &[], &body.to_string());
        let identity = Google::identify(host.credential("authorised-user", &[("current-token", "ya29.p")])).unwrap();
        assert_eq!(identity, Identity::new());
    }
    for (status, code) in [(503, codes::TRANSIENT), (429, codes::RATE_LIMITED), (404, codes::UPSTREAM_PROTOCOL)] {
        let host = host().answers(status, &[], "");
        let failure = Google::identify(host.credential("authorised-user", &[("current-token", "ya29.p")])).unwrap_err();
        assert_eq!(failure.code, code);
    }
}

#[test]
fn an_address_that_is_not_shown_to_be_theirs_is_not_passed_on() {
    for (verified, email, told) in [
        (json!(true), "ada@example.com", true),
        (json!("true"), "ada@example.com", true),
        (Value::Null, "ada@example.com", true),
        (json!(false), "ada@example.com", false),
        (json!("false"), "ada@example.com", false),
        (json!(true), "ada", false),
        (json!(true), "a da@example.com", false),
        (json!(true), "ada@example.com\nx", false),
        (json!(true), "<ada@example.com>", false),
    ] {
        let reply = Reply {
            status: 200,
            json: json!({ "email": email, "email_verified": verified }),
            ..Reply::default()
        };
        assert_eq!(identify::of(&reply).get("email").is_some(), told, "{email:?}, {verified}");
    }
}

proptest! {
    /// Whatever userinfo says, what goes into a commit is one line without angle brackets.
    #[test]
    fn names_and_addresses_are_lines(name in "[ -~\n<>\u{7}\u{e9}]{0,40}", email in "[ -~\n<>@]{0,40}", sub in ".{0,40}") {
        let reply = Reply { status: 200, json: json!({ "name": name, "email": email, "sub": sub }), ..Reply::default() };
        let identity = identify::of(&reply);
        for key in ["id", "login", "display-name", "user-name", "email"] {
            if let Some(value) = identity.get(key) {
                prop_assert!(!value.chars().any(|c| c.is_control() || c == '<' || c == '>'), "{key}: {value:?}");
            }
        }
    }
}
