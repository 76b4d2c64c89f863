//! Documents whose author chose where secrets should go.

use super::host;
use crate::Google;
use claviger_sdk::{Narrowing, Provider, codes};
use serde_json::Value;

const ACCOUNT: &str = "robot@project.iam.gserviceaccount.com";
const AUDIENCE: &str = "//iam.googleapis.com/projects/7/locations/global/workloadIdentityPools/pool/providers/ci";

/// Every kind with all that it needs.
const KINDS: [(&str, &[(&str, &str)]); 4] = [
    (
        "authorised-user",
        &[("refresh-token", "1//0r"), ("client-id", "c"), ("client-secret", "s")],
    ),
    ("service-account", &[("private-key", "PEM"), ("client-email", ACCOUNT)]),
    (
        "impersonated-service-account",
        &[("target", ACCOUNT), ("private-key", "PEM"), ("client-email", ACCOUNT)],
    ),
    ("external-account", &[("audience", AUDIENCE), ("subject-token", "eyJ")]),
];

#[test]
fn another_universe_or_host_is_refused_and_nothing_is_sent() {
    for (kind, fields) in KINDS {
        for (field, value) in [
            ("universe-domain", "apis-example.goog"),
            ("universe-domain", "evil.test"),
            ("token-uri", "https://evil.test/token"),
            ("token-uri", "http://oauth2.googleapis.com/token"),
            ("token-uri", "https://oauth2.googleapis.com.evil.test/token"),
            ("token-uri", "https://oauth2.googleapis.com@evil.test/token"),
        ] {
            let host = host().answers(200, &[], r#"{"access_token":"ya29.x","expires_in":3599}"#);
            let mut fields = fields.to_vec();
            fields.push((field, value));
            let failure = Google::mint(host.credential(kind, &fields), &Narrowing::default()).err().unwrap();
            assert_eq!(failure.code, codes::INVALID_CREDENTIAL, "{kind}, {field} {value}");
            assert!(
                failure.message.contains(field) && !failure.message.contains("evil"),
                "{}",
                failure.message
            );
            assert_eq!(host.sent().len(), 0, "{kind}, {field} {value}");
        }
    }
}

#[test]
fn googles_own_addresses_change_nothing() {
    for uri in [
        "https://oauth2.googleapis.com/token",
        "https://accounts.google.com/o/oauth2/token",
        "https://www.googleapis.com/oauth2/v4/token",
    ] {
        let host = host().answers(200, &[], r#"{"access_token":"ya29.x","expires_in":3599}"#);
        let fields = [
            ("private-key", "PEM"),
            ("client-email", ACCOUNT),
            ("token-uri", uri),
            ("universe-domain", "googleapis.com"),
        ];
        Google::mint(host.credential("service-account", &fields), &Narrowing::default()).unwrap();
        assert_eq!(host.sent()[0].url, "https://oauth2.googleapis.com/token");
    }
}

#[test]
fn a_target_at_somebody_elses_host_is_refused_before_the_source_is_asked() {
    let address = "https://evil.test/v1/projects/-/serviceAccounts/robot@project.iam.gserviceaccount.com:generateAccessToken";
    for (kind, fields) in KINDS.into_iter().skip(2) {
        let host = host();
        let mut fields: Vec<(&str, &str)> = fields.iter().copied().filter(|(name, _)| *name != "target").collect();
        fields.push(("target", address));
        let failure = Google::mint(host.credential(kind, &fields), &Narrowing::default()).err().unwrap();
        assert_eq!(failure.code, codes::INVALID_CREDENTIAL);
        assert!(
            failure.message.contains("`target`") && !failure.message.contains("evil"),
            "{}",
            failure.message
        );
        assert_eq!(host.sent().len(), 0);
    }
}

#[test]
fn no_field_takes_a_document_s_own_source_of_secrets() {
    let manifest: Value = serde_json::from_str(Google::MANIFEST).unwrap();
    let kinds = manifest["kinds"].as_array().unwrap();
    for field in kinds.iter().flat_map(|kind| kind["fields"].as_array().unwrap()) {
        let pointer = field["pointer"].as_str().unwrap_or_default();
        assert!(!pointer.starts_with("/credential_source"), "{pointer}");
    }
}
