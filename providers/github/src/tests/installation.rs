//! Tokens of installations.

use super::{DATE, NOW_MS, host, installation, narrowing};
use crate::GitHub;
use claviger_sdk::testing::{Sent, claims, expires_at_ms, token_text};
use claviger_sdk::{Failure, Narrowing, Provider, Retry, codes};
use serde_json::{Value, json};

/// In the form that github.com gives since April 2026: a JWS behind the application's id, of no fixed length.
fn long_token() -> String {
    format!("ghs_123456_{}.{}.{}", "eyJh-_".repeat(20), "c".repeat(300), "d".repeat(43))
}

fn refusal(status: u16, headers: &[(&str, &str)], message: &str) -> Failure {
    let host = host().answers(status, headers, &json!({ "message": message }).to_string());
    let credential = installation(&host, &[]);
    GitHub::mint(credential, &Narrowing::default()).err().unwrap()
}

#[test]
fn an_installation_token_is_minted() {
    let body = json!({ "token": long_token(), "expires_at": "2026-08-17T11:00:00Z", "permissions": {} }).to_string();
    let host = host().answers(201, &[], &body);
    let token = GitHub::mint(installation(&host, &[]), &Narrowing::default()).unwrap();
    assert_eq!(token_text(&token), long_token());
    assert_eq!(expires_at_ms(&token), Some(NOW_MS + 3_600_000));
    assert_eq!(
        host.session_body(&token),
        json!({ "token": long_token(), "userName": "", "email": "", "provider": "github", "expiresAt": "2026-08-17T11:00:00Z" })
    );

    let [sent] = host.sent().try_into().unwrap();
    assert_eq!(sent.url, "https://api.github.com/app/installations/42/access_tokens");
    assert_eq!(sent.header("accept"), Some("application/vnd.github+json"));
    assert_eq!(sent.header("x-github-api-version"), Some("2022-11-28"));
    assert_eq!(sent.body, "");
    let (header, said) = claims(sent.header("authorization").unwrap().strip_prefix("Bearer ").unwrap());
    assert_eq!(header, json!({ "typ": "JWT", "alg": "RS256" }));
    let now = NOW_MS / 1000;
    assert_eq!(said, json!({ "iat": now - 60, "exp": now + 540, "iss": "123456" }));
}

#[test]
fn the_old_form_of_token_is_taken_too() {
    let body = json!({ "token": "ghs_0123456789abcdefghijABCDEFGHIJ012345", "expires_at": "2026-08-17T11:00:00Z" }).to_string();
    let host = host().answers(201, &[], &body);
    let token = GitHub::mint(installation(&host, &[("url", "https://git.example.com/")]), &Narrowing::default()).unwrap();
    assert_eq!(token_text(&token), "ghs_0123456789abcdefghijABCDEFGHIJ012345");
    let [sent] = host.sent().try_into().unwrap();
    assert_eq!(sent.url, "https://git.example.com/api/v3/app/installations/42/access_tokens");
}

#[test]
fn a_narrowed_read_asks_for_less() {
    let body = json!({ "token": "ghs_x", "expires_at": "2026-08-17T11:00:00Z" }).to_string();
    let host = host().answers(201, &[], &body);
    let asked = narrowing(&[("repository", "hello"), ("permission", "contents:read")]);
    GitHub::mint(installation(&host, &[("url", "https://octo.ghe.com")]), &asked).unwrap();
    let [sent] = host.sent().try_into().unwrap();
    assert_eq!(sent.url, "https://api.octo.ghe.com/app/installations/42/access_tokens");
    assert_eq!(sent.header("content-type"), Some("application/json"));
    assert_eq!(
        sent.json(),
        json!({ "repositories": ["hello"], "permissions": { "contents": "read" } })
    );
}

#[test]
fn refusals_are_told_apart() {
    let code = |status, message| refusal(status, &[], message).code;
    assert_eq!(code(401, "A JSON web token could not be decoded"), codes::MISCONFIGURED);
    assert_eq!(code(403, "This installation has been suspended"), codes::SUSPENDED);
    assert_eq!(code(403, "Resource not accessible by integration"), codes::INSUFFICIENT_SCOPE);
    assert_eq!(
        code(422, "The permissions requested are not granted to this installation."),
        codes::INSUFFICIENT_SCOPE
    );
    assert_eq!(code(502, "Bad gateway"), codes::TRANSIENT);
    let gone = refusal(404, &[], "Not Found");
    assert_eq!((gone.code.as_str(), gone.retry), (codes::REAUTH_REQUIRED, Retry::Reauthorise));
}

const OUT_OF_TIME: &str = r#"{"message": "'Expiration time' claim ('exp') is too far in the future"}"#;

#[test]
fn a_wrong_clock_is_corrected_by_githubs_own() {
    let minted = json!({ "token": "ghs_x", "expires_at": "2026-08-17T10:50:00Z" }).to_string();
    let host = host()
        .answers(401, &[("Date", "Mon, 17 Aug 2026 09:50:00 GMT")], OUT_OF_TIME)
        .answers(201, &[], &minted);
    let token = GitHub::mint(installation(&host, &[]), &Narrowing::default()).unwrap();
    assert_eq!(token_text(&token), "ghs_x");
    let [first, second] = host.sent().try_into().unwrap();
    let issued = |sent: &Sent| claims(sent.header("authorization").unwrap().strip_prefix("Bearer ").unwrap()).1["iat"].as_u64();
    assert_eq!(issued(&first), Some(NOW_MS / 1000 - 60));
    assert_eq!(issued(&second), Some(NOW_MS / 1000 - 600 - 60));
    let [(level, line)] = host.lines().try_into().unwrap();
    assert!(level == "warn" && line.contains("600 s ahead"), "{level} {line}");
}

#[test]
fn a_clock_that_cannot_be_corrected_is_named() {
    let late = [("Date", "Mon, 17 Aug 2026 09:50:00 GMT")];
    let host = host().answers(401, &late, OUT_OF_TIME).answers(401, &late, OUT_OF_TIME);
    let failure = GitHub::mint(installation(&host, &[]), &Narrowing::default()).err().unwrap();
    assert_eq!(
        (failure.code.as_str(), failure.get("clock-skew-seconds")),
        (codes::CLOCK_SKEW, Some("600"))
    );
    assert_eq!(host.sent().len(), 2, "once more, and no third time");
    assert_eq!(host.lines(), []);
}

#[test]
fn an_installation_is_found_by_its_account() {
    let minted = json!({ "token": "ghs_x", "expires_at": "2026-08-17T11:00:00Z" }).to_string();
    let missing = json!({ "message": "Not Found" }).to_string();
    let base = "https://api.github.com";
    for (owner, answers, paths) in [
        ("octo/hello", vec![200], vec!["/repos/octo/hello/installation"]),
        ("octo", vec![200], vec!["/orgs/octo/installation"]),
        ("mona", vec![404, 200], vec!["/orgs/mona/installation", "/users/mona/installation"]),
    ] {
        let mut host = host();
        for status in &answers {
            // Numbers have come as strings.
            host = host.answers(*status, &[], if *status == 200 { r#"{"id": "77"}"# } else { &missing });
        }
        host = host.answers(201, &[], &minted);
        let credential = host.credential("app-installation", &[("app-id", "1"), ("private-key", "PEM"), ("owner", owner)]);
        GitHub::mint(credential, &Narrowing::default()).unwrap();
        let urls: Vec<String> = host.sent().into_iter().map(|sent| sent.url).collect();
        let mut expected: Vec<String> = paths.iter().map(|path| format!("{base}{path}")).collect();
        expected.push(format!("{base}/app/installations/77/access_tokens"));
        assert_eq!(urls, expected, "{owner}");
    }
}

#[test]
fn an_owner_without_the_app_is_told_so() {
    let missing = json!({ "message": "Not Found" }).to_string();
    for (owner, answers) in [("octo/hello", 1), ("octo", 2)] {
        let host = (0..answers).fold(host(), |host, _| host.answers(404, &[], &missing));
        let credential = host.credential("app-installation", &[("app-id", "1"), ("private-key", "PEM"), ("owner", owner)]);
        let failure = GitHub::mint(credential, &Narrowing::default()).err().unwrap();
        // Not `reauth-required`: once the App is installed, nothing has to be stored anew.
        assert_eq!(failure.code, codes::MISCONFIGURED);
        assert!(failure.message.contains(owner), "{}", failure.message);
    }
    for (status, message, code) in [
        (301, "Moved Permanently", codes::MISCONFIGURED),
        (404, "Integration not found", codes::MISCONFIGURED),
        (401, "A JSON web token could not be decoded", codes::MISCONFIGURED),
        (503, "", codes::TRANSIENT),
    ] {
        let host = host().answers(status, &[], &json!({ "message": message }).to_string());
        let credential = host.credential(
            "app-installation",
            &[("app-id", "1"), ("private-key", "PEM"), ("owner", "octo/hello")],
        );
        assert_eq!(
            GitHub::mint(credential, &Narrowing::default()).err().unwrap().code,
            code,
            "{status} {message}"
        );
    }
    let host = host();
    let nowhere = host.credential("app-installation", &[("app-id", "1"), ("private-key", "PEM")]);
    let failure = GitHub::mint(nowhere, &Narrowing::default()).err().unwrap();
    assert_eq!(failure.code, codes::INVALID_CREDENTIAL);
    assert!(
        failure.message.contains("installation-id") && failure.message.contains("owner"),
        "{}",
        failure.message
    );
}

#[test]
fn limits_say_how_long() {
    let wait = |headers: &[(&str, &str)], message| {
        let failure = refusal(403, headers, message);
        assert_eq!(failure.code, codes::RATE_LIMITED, "{message}");
        failure.retry
    };
    let secondary = "You have exceeded a secondary rate limit. Please wait.";
    assert_eq!(
        wait(&[("Date", DATE), ("Retry-After", "30")], secondary),
        Retry::Later(Some(30_000))
    );
    assert_eq!(wait(&[("Date", DATE)], secondary), Retry::Later(Some(60_000)));
    let reset = (NOW_MS / 1000 + 900).to_string();
    let spent = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", reset.as_str())];
    assert_eq!(wait(&spent, "API rate limit exceeded"), Retry::Later(Some(900_000)));
}

#[test]
fn an_answer_without_a_token_is_no_token() {
    for body in [
        json!({}),
        json!({ "token": "ghs_x" }),
        json!({ "token": "ghs_x", "expires_at": "later" }),
        Value::Null,
    ] {
        let host = host().answers(201, &[], &body.to_string());
        let failure = GitHub::mint(installation(&host, &[]), &Narrowing::default()).err().unwrap();
        assert_eq!(failure.code, codes::UPSTREAM_PROTOCOL, "{body}");
    }
}

#[test]
fn an_installation_id_is_no_path() {
    let host = host();
    let fields = [("app-id", "1"), ("private-key", "PEM"), ("installation-id", "42/../../user")];
    let failure = GitHub::mint(host.credential("app-installation", &fields), &Narrowing::default())
        .err()
        .unwrap();
    assert_eq!(failure.code, codes::INVALID_CREDENTIAL);
    assert_eq!(host.sent(), []);
}
