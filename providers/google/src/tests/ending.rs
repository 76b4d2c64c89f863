//! Ending a credential, per kind.

use super::{host, refused_with};
use crate::Google;
use claviger_sdk::{Revoke, codes};

const ROBOT: &str = "robot@project.iam.gserviceaccount.com";
const PERSON: [(&str, &str); 3] = [("refresh-token", "1//0r"), ("client-id", "c"), ("client-secret", "s")];

#[test]
fn a_grant_is_ended_by_its_refresh_token() {
    let host = host().answers(200, &[], "{}");
    let told = Google::revoke(host.credential("authorised-user", &PERSON)).unwrap();
    assert!(told.unwrap().contains("other sessions"), "what else ends is told");
    let [sent] = host.sent().try_into().unwrap();
    assert_eq!(
        (sent.method.as_str(), sent.url.as_str(), sent.body.as_str()),
        ("POST", "https://oauth2.googleapis.com/revoke", "token=1%2F%2F0r")
    );
}

#[test]
fn what_google_no_longer_knows_has_ended() {
    let host = host().answers(400, &[], &refused_with("invalid_token", "Token expired or revoked"));
    assert_eq!(Google::revoke(host.credential("authorised-user", &PERSON)), Ok(None));
}

#[test]
fn an_outage_leaves_it_open() {
    for body in ["", r#"{"error":"invalid_token"}"#] {
        let host = host().answers(503, &[], body);
        let failure = Google::revoke(host.credential("authorised-user", &PERSON)).unwrap_err();
        assert_eq!(failure.code, codes::TRANSIENT, "{body}");
    }
}

#[test]
fn a_person_who_impersonates_is_ended_and_the_target_lives_on() {
    let host = host().answers(200, &[], "{}");
    let mut fields = PERSON.to_vec();
    fields.push(("target", ROBOT));
    let told = Google::revoke(host.credential("impersonated-service-account", &fields))
        .unwrap()
        .unwrap();
    assert!(told.contains("other sessions") && told.contains("live on"), "{told}");
    assert_eq!(host.sent()[0].form("token").as_deref(), Some("1//0r"));
}

#[test]
fn what_google_lets_nobody_end_says_what_to_do_instead() {
    for (kind, fields, instead) in [
        (
            "service-account",
            &[("private-key", "PEM"), ("client-email", ROBOT)][..],
            "keys delete",
        ),
        (
            "impersonated-service-account",
            &[("private-key", "PEM"), ("client-email", ROBOT), ("target", ROBOT)][..],
            "keys delete",
        ),
        (
            "external-account",
            &[("audience", "//a"), ("subject-token", "eyJ")][..],
            "disable the workload identity provider",
        ),
    ] {
        let host = host();
        let failure = Google::revoke(host.credential(kind, fields)).unwrap_err();
        assert_eq!(failure.code, codes::UNSUPPORTED, "{kind}");
        assert!(failure.message.contains(instead), "{}", failure.message);
        assert_eq!(host.sent().len(), 0);
    }
}
