use super::Google;
use claviger_sdk::testing::{TestHost, check_manifest, claims, expires_at_ms, token_text};
use claviger_sdk::{Credential, Failure, Narrowing, Provider, Retry, codes};
use serde_json::{Value, json};

/// 2026-08-17T10:00:00Z.
const NOW_MS: u64 = 1_786_960_800_000;
const ACCOUNT: &str = "robot@project.iam.gserviceaccount.com";
const DRIVE: &str = "https://www.googleapis.com/auth/drive";

fn host() -> TestHost {
    TestHost::start(Google::MANIFEST).at_ms(NOW_MS)
}

fn account(host: &TestHost, more: &[(&str, &str)]) -> Credential {
    let mut fields = vec![("private-key", "PEM"), ("client-email", ACCOUNT), ("private-key-id", "k1")];
    fields.extend_from_slice(more);
    host.credential("service-account", &fields)
}

fn refusal(status: u16, headers: &[(&str, &str)], body: &Value) -> Failure {
    let host = host().answers(status, headers, &body.to_string());
    Google::mint(account(&host, &[]), &Narrowing::default()).err().unwrap()
}

fn said(error: &str, description: &str) -> Value {
    json!({ "error": error, "error_description": description })
}

const ANSWER: &str = r#"{"access_token":"ya29.x","expires_in":3599,"token_type":"Bearer"}"#;

#[test]
fn the_manifest_is_of_this_version() {
    check_manifest(Google::MANIFEST, "google", env!("CARGO_PKG_VERSION"));
}

#[test]
fn the_account_gets_a_token_of_its_own() {
    let host = host().answers(200, &[], ANSWER);
    let token = Google::mint(account(&host, &[("scopes", DRIVE)]), &Narrowing::default()).unwrap();
    assert_eq!(token_text(&token), "ya29.x");
    assert_eq!(expires_at_ms(&token), Some(NOW_MS + 3_599_000));
    let expected = json!({
        "accessToken": "ya29.x",
        "refreshToken": "",
        "email": ACCOUNT,
        "scopes": [DRIVE],
        "expiresAt": "2026-08-17T10:59:59Z",
    });
    assert_eq!(host.session_body(&token), expected);
    assert_eq!(host.token_body(&token), expected);

    let [sent] = host.sent().try_into().unwrap();
    assert_eq!(
        (sent.method.as_str(), sent.url.as_str()),
        ("POST", "https://oauth2.googleapis.com/token")
    );
    assert_eq!(
        sent.form("grant_type").as_deref(),
        Some("urn:ietf:params:oauth:grant-type:jwt-bearer")
    );
    let (header, claims) = claims(&sent.form("assertion").unwrap());
    assert_eq!(header, json!({ "typ": "JWT", "kid": "k1", "alg": "RS256" }));
    let issued = NOW_MS / 1000 - 10;
    assert_eq!(
        claims,
        json!({ "iss": ACCOUNT, "aud": "https://oauth2.googleapis.com/token", "iat": issued, "exp": issued + 3600, "scope": DRIVE })
    );
}

#[test]
fn delegation_names_the_person() {
    let host = host().answers(200, &[], ANSWER);
    let fields = [
        ("subject", "ada@example.com"),
        ("scopes", DRIVE),
        ("url", "http://127.0.0.1:9/google/"),
    ];
    let token = Google::mint(account(&host, &fields), &Narrowing::default()).unwrap();
    assert_eq!(host.session_body(&token)["email"], "ada@example.com");
    let [sent] = host.sent().try_into().unwrap();
    assert_eq!(sent.url, "http://127.0.0.1:9/google/token");
    let (_, claims) = claims(&sent.form("assertion").unwrap());
    assert_eq!(claims["sub"], "ada@example.com");
    assert_eq!(claims["aud"], "https://oauth2.googleapis.com/token", "whatever the address");
}

#[test]
fn a_narrowed_read_asks_for_less() {
    let host = host().answers(200, &[], ANSWER);
    let asked = Narrowing::new(vec![("scope".to_owned(), format!("{DRIVE}.readonly"))]);
    let token = Google::mint(account(&host, &[("scopes", DRIVE)]), &asked).unwrap();
    assert_eq!(host.session_body(&token)["scopes"], json!([format!("{DRIVE}.readonly")]));
    let [sent] = host.sent().try_into().unwrap();
    let (_, claims) = claims(&sent.form("assertion").unwrap());
    assert_eq!(claims["scope"], format!("{DRIVE}.readonly"));
}

#[test]
fn one_word_of_googles_means_many_things() {
    let code = |description| refusal(400, &[], &said("invalid_grant", description)).code;
    let late = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.";
    let failure = refusal(400, &[("Date", "Mon, 17 Aug 2026 11:00:00 GMT")], &said("invalid_grant", late));
    assert_eq!(failure.code, codes::CLOCK_SKEW);
    assert_eq!(failure.get("clock-skew-seconds"), Some("-3600"));
    let key_gone = refusal(400, &[], &said("invalid_grant", "Invalid JWT Signature."));
    assert_eq!(
        (key_gone.code.as_str(), key_gone.retry),
        (codes::REAUTH_REQUIRED, Retry::Reauthorise)
    );
    assert_eq!(code("Invalid grant: account not found"), codes::REAUTH_REQUIRED);
    assert_eq!(code("Invalid email or User ID"), codes::MISCONFIGURED);
    assert_eq!(code("Token has been expired or revoked."), codes::REAUTH_REQUIRED);
    let rapt =
        json!({ "error": "invalid_grant", "error_description": "reauth related error (invalid_rapt)", "error_subtype": "invalid_rapt" });
    let failure = refusal(400, &[], &rapt);
    assert!(failure.message.contains("session control"), "{}", failure.message);
}

#[test]
fn refusals_are_told_apart_from_outages() {
    let delegation = said(
        "unauthorized_client",
        "Client is unauthorized to retrieve access tokens using this method",
    );
    assert_eq!(refusal(401, &[], &delegation).code, codes::MISCONFIGURED);
    assert_eq!(refusal(400, &[], &said("invalid_scope", "bad")).code, codes::INSUFFICIENT_SCOPE);
    for status in [500, 503, 504, 408] {
        assert_eq!(
            refusal(status, &[], &said("internal_failure", "")).code,
            codes::TRANSIENT,
            "{status}"
        );
    }
    assert_eq!(refusal(429, &[("Retry-After", "3")], &json!({})).retry, Retry::Later(Some(3_000)));
    assert_eq!(refusal(200, &[], &json!({ "id_token": "eyJ" })).code, codes::UPSTREAM_PROTOCOL);
}

#[test]
fn what_is_missing_is_named() {
    let host = host();
    let failure = Google::mint(host.credential("service-account", &[("private-key", "PEM")]), &Narrowing::default())
        .err()
        .unwrap();
    assert_eq!(failure.code, codes::INVALID_CREDENTIAL);
    assert!(failure.message.contains("`client-email`"), "{}", failure.message);
}
