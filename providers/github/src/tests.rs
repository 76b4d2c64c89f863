use crate::GitHub;
use claviger_sdk::testing::{TestHost, check_manifest, claims, expires_at_ms, token_text};
use claviger_sdk::{Credential, Failure, Narrowing, Provider, Retry, Revoke, codes};
use serde_json::{Value, json};

/// 2026-08-17T10:00:00Z.
const NOW_MS: u64 = 1_786_960_800_000;
const DATE: &str = "Mon, 17 Aug 2026 10:00:00 GMT";

/// In the form that github.com gives since April 2026: a JWS behind the application's id, of no fixed length.
fn long_token() -> String {
    format!("ghs_123456_{}.{}.{}", "eyJh-_".repeat(20), "c".repeat(300), "d".repeat(43))
}

fn host() -> TestHost {
    TestHost::start(GitHub::MANIFEST).at_ms(NOW_MS)
}

fn installation(host: &TestHost, more: &[(&str, &str)]) -> Credential {
    let mut fields = vec![("app-id", "123456"), ("private-key", "PEM"), ("installation-id", "42")];
    fields.extend_from_slice(more);
    host.credential("app-installation", &fields)
}

fn narrowing(pairs: &[(&str, &str)]) -> Narrowing {
    Narrowing::new(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
}

fn refusal(status: u16, headers: &[(&str, &str)], message: &str) -> Failure {
    let host = host().answers(status, headers, &json!({ "message": message }).to_string());
    let credential = installation(&host, &[]);
    GitHub::mint(credential, &Narrowing::default()).err().unwrap()
}

#[test]
fn the_manifest_is_of_this_version() {
    check_manifest(GitHub::MANIFEST, "github", env!("CARGO_PKG_VERSION"));
}

#[test]
fn a_personal_access_token_is_what_was_stored() {
    let host = host();
    let credential = host.credential(
        "personal-access-token",
        &[("token", "ghp_x"), ("user-name", "Ada"), ("email", "ada@example.com")],
    );
    let token = GitHub::mint(credential, &Narrowing::default()).unwrap();
    assert_eq!(
        host.session_body(&token),
        json!({ "token": "ghp_x", "userName": "Ada", "email": "ada@example.com", "provider": "github" })
    );
    assert_eq!(host.token_body(&token), json!({ "userName": "Ada", "email": "ada@example.com" }));
    assert_eq!(host.sent(), []);
}

#[test]
fn a_personal_access_token_is_not_narrowed() {
    let host = host();
    let credential = host.credential("personal-access-token", &[("token", "ghp_x")]);
    let failure = GitHub::mint(credential, &narrowing(&[("repository", "hello")])).err().unwrap();
    assert_eq!(failure.code, codes::UNSUPPORTED);
}

#[test]
fn an_identity_that_would_break_git_is_refused() {
    let host = host();
    for name in ["Ada\nevil", "Ada <x>"] {
        let credential = host.credential("personal-access-token", &[("token", "ghp_x"), ("user-name", name)]);
        assert_eq!(
            GitHub::mint(credential, &Narrowing::default()).err().unwrap().code,
            codes::INVALID_CREDENTIAL
        );
    }
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

#[test]
fn a_wrong_clock_is_called_that() {
    let message = "'Expiration time' claim ('exp') is too far in the future";
    let failure = refusal(401, &[("Date", "Mon, 17 Aug 2026 09:50:00 GMT")], message);
    assert_eq!(failure.code, codes::CLOCK_SKEW);
    assert_eq!(failure.get("clock-skew-seconds"), Some("600"));
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

#[test]
fn revoking_ends_the_token_once_and_for_all() {
    for status in [204, 401] {
        let host = host().answers(status, &[], "");
        GitHub::revoke(installation(&host, &[("current-token", "ghs_x")])).unwrap();
        let [sent] = host.sent().try_into().unwrap();
        assert_eq!(
            (sent.method.as_str(), sent.url.as_str()),
            ("DELETE", "https://api.github.com/installation/token")
        );
        assert_eq!(sent.header("authorization"), Some("Bearer ghs_x"));
    }
    let host = host().answers(503, &[], "down");
    let failure = GitHub::revoke(installation(&host, &[("current-token", "ghs_x")])).unwrap_err();
    assert_eq!(failure.code, codes::TRANSIENT);
    let personal = host.credential("personal-access-token", &[("token", "ghp_x")]);
    let failure = GitHub::revoke(personal).unwrap_err();
    assert_eq!(failure.code, codes::UNSUPPORTED);
}
