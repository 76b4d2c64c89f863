use super::{DRIVE, NOW_MS, host, refused_with};
use crate::Google;
use claviger_sdk::testing::{TestHost, claims, expires_at_ms, token_text};
use claviger_sdk::{Credential, Failure, Narrowing, Provider, codes};
use serde_json::json;

const ACCOUNT: &str = "robot@project.iam.gserviceaccount.com";

fn account(host: &TestHost, more: &[(&str, &str)]) -> Credential {
    let mut fields = vec![("private-key", "PEM"), ("client-email", ACCOUNT), ("private-key-id", "k1")];
    fields.extend_from_slice(more);
    host.credential("service-account", &fields)
}

const ANSWER: &str = r#"{"access_token":"ya29.x","expires_in":3599,"token_type":"Bearer"}"#;

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

const LATE: &str = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.";

#[test]
fn out_of_time_it_signs_once_more_by_googles_clock() {
    let an_hour_behind = [("Date", "Mon, 17 Aug 2026 11:00:00 GMT")];
    let refusal = refused_with("invalid_grant", LATE);
    let host = host().answers(400, &an_hour_behind, &refusal).answers(200, &an_hour_behind, ANSWER);
    let token = Google::mint(account(&host, &[]), &Narrowing::default()).unwrap();
    assert_eq!(token_text(&token), "ya29.x");
    let [first, second] = host.sent().try_into().unwrap();
    let issued = |sent: &claviger_sdk::testing::Sent| claims(&sent.form("assertion").unwrap()).1["iat"].as_u64().unwrap();
    assert_eq!(issued(&second) - issued(&first), 3600);
    assert_eq!(issued(&second), NOW_MS / 1000 + 3600 - 10);
    assert!(host.lines()[0].1.contains("-3600 s ahead"), "{:?}", host.lines());
}

#[test]
fn out_of_time_twice_names_the_difference() {
    let behind = [("Date", "Mon, 17 Aug 2026 11:00:00 GMT")];
    let refusal = refused_with("invalid_grant", LATE);
    let host = host().answers(400, &behind, &refusal).answers(400, &behind, &refusal);
    let failure = mint_fails(&host);
    assert_eq!(
        (failure.code.as_str(), failure.get("clock-skew-seconds")),
        (codes::CLOCK_SKEW, Some("-3600"))
    );
    assert_eq!(host.sent().len(), 2);
}

#[test]
fn a_clock_that_is_right_is_not_tried_again() {
    // Right within seconds, told by nobody, or told by somebody who wants an assertion for later.
    let (right, later) = ("Mon, 17 Aug 2026 10:00:02 GMT", "Tue, 18 Aug 2026 12:00:01 GMT");
    for date in [Some(right), Some(later), Some("Fri, 31 Dec 9999 23:59:59 GMT"), None] {
        let headers: Vec<(&str, &str)> = date.map(|date| ("Date", date)).into_iter().collect();
        let host = host().answers(400, &headers, &refused_with("invalid_grant", LATE));
        assert_eq!(mint_fails(&host).code, codes::CLOCK_SKEW);
        assert_eq!(host.sent().len(), 1);
    }
}

#[test]
fn another_refusal_of_the_second_try_is_the_one_that_counts() {
    let behind = [("Date", "Mon, 17 Aug 2026 11:00:00 GMT")];
    let host = host().answers(400, &behind, &refused_with("invalid_grant", LATE)).answers(
        400,
        &behind,
        &refused_with("invalid_grant", "Invalid JWT Signature."),
    );
    assert_eq!(mint_fails(&host).code, codes::REAUTH_REQUIRED);
}

fn mint_fails(host: &TestHost) -> Failure {
    Google::mint(account(host, &[]), &Narrowing::default()).err().unwrap()
}

#[test]
fn a_token_without_an_end_is_not_believed_for_long() {
    let host = host().answers(200, &[], r#"{"access_token":"ya29.x"}"#);
    let token = Google::mint(account(&host, &[]), &Narrowing::default()).unwrap();
    assert_eq!(expires_at_ms(&token), Some(NOW_MS + 600_000));
}

#[test]
fn an_answer_without_the_token_is_no_answer() {
    let host = host().answers(200, &[], r#"{"id_token":"eyJ"}"#);
    assert_eq!(mint_fails(&host).code, codes::UPSTREAM_PROTOCOL);
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
