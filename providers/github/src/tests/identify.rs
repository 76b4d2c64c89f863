//! Whom GitHub takes a credential for.

use super::{NOW_MS, host, installation};
use crate::GitHub;
use claviger_sdk::testing::{TestHost, claims};
use claviger_sdk::{Credential, Failure, Identify, Identity, Retry, codes};
use serde_json::{Value, json};

fn person(host: &TestHost, more: &[(&str, &str)]) -> Credential {
    let mut fields = vec![("token", "ghp_x"), ("current-token", "ghp_x")];
    fields.extend_from_slice(more);
    host.credential("personal-access-token", &fields)
}

fn octocat(name: Value, email: Value) -> String {
    json!({ "login": "octocat", "id": 583_231, "type": "User", "name": name, "email": email }).to_string()
}

fn keys(identity: &Identity) -> [Option<&str>; 5] {
    ["id", "login", "display-name", "user-name", "email"].map(|key| identity.get(key))
}

#[test]
fn a_public_profile_says_it_all() {
    for (kind, field) in [
        ("personal-access-token", "token"),
        ("oauth-user-token", "token"),
        ("oauth-app-user", "refresh-token"),
        ("github-app-user", "refresh-token"),
    ] {
        let host = host().answers(200, &[], &octocat(json!("The Octocat"), json!("octocat@github.com")));
        let credential = host.credential(kind, &[(field, "stored"), ("current-token", "gh_now")]);
        let identity = GitHub::identify(credential).unwrap();
        assert_eq!(
            keys(&identity),
            [
                Some("583231"),
                Some("octocat"),
                Some("The Octocat"),
                Some("The Octocat"),
                Some("octocat@github.com")
            ],
            "{kind}"
        );
        let [sent] = host.sent().try_into().unwrap();
        assert_eq!(sent.url, "https://api.github.com/user");
        assert_eq!(sent.header("authorization"), Some("Bearer gh_now"), "never the refresh token");
    }
}

#[test]
fn without_a_name_the_login_commits() {
    for name in [Value::Null, json!(""), json!("Ada\nevil"), json!("Ada <ada>")] {
        let host = host().answers(200, &[], &octocat(name, json!("octocat@github.com")));
        let identity = GitHub::identify(person(&host, &[])).unwrap();
        assert_eq!((identity.get("user-name"), identity.get("display-name")), (Some("octocat"), None));
    }
}

#[test]
fn a_private_address_is_the_primary_verified_one() {
    let emails = json!([
        { "email": "old@example.org", "primary": false, "verified": true },
        { "email": "octocat@example.org", "primary": true, "verified": true },
    ]);
    let host = host()
        .answers(200, &[], &octocat(json!("Ada"), Value::Null))
        .answers(200, &[], &emails.to_string());
    let identity = GitHub::identify(person(&host, &[])).unwrap();
    assert_eq!(identity.get("email"), Some("octocat@example.org"));
    assert_eq!(host.sent()[1].url, "https://api.github.com/user/emails");
}

#[test]
fn where_addresses_may_not_be_read_github_makes_one_up() {
    for (status, body) in [
        (404, json!({ "message": "Not Found" })),
        (403, json!({ "message": "Resource not accessible by integration" })),
        (200, json!([])),
        (200, json!([{ "email": "new@example.org", "primary": true, "verified": false }])),
    ] {
        for (url, domain) in [
            (None, "users.noreply.github.com"),
            (Some("https://octo.ghe.com"), "users.noreply.octo.ghe.com"),
            (Some("https://git.example.com"), "users.noreply.git.example.com"),
        ] {
            let host = host()
                .answers(200, &[], &octocat(json!("Ada"), Value::Null))
                .answers(status, &[], &body.to_string());
            let url: Vec<(&str, &str)> = url.map(|url| ("url", url)).into_iter().collect();
            let identity = GitHub::identify(person(&host, &url)).unwrap();
            assert_eq!(identity.get("email"), Some(format!("583231+octocat@{domain}").as_str()), "{status}");
        }
    }
}

/// A made-up address would be kept for a day, though the real one was only hidden by an outage.
#[test]
fn an_outage_makes_no_address_up() {
    for (status, message, code) in [
        (502, "", codes::TRANSIENT),
        (403, "You have exceeded a secondary rate limit.", codes::RATE_LIMITED),
        (429, "", codes::RATE_LIMITED),
    ] {
        let host =
            host()
                .answers(200, &[], &octocat(json!("Ada"), Value::Null))
                .answers(status, &[], &json!({ "message": message }).to_string());
        assert_eq!(GitHub::identify(person(&host, &[])).unwrap_err().code, code);
    }
}

fn refused(kind: &str, status: u16, message: &str, age_ms: u64, lives_ms: u64) -> Failure {
    let host = host().answers(status, &[], &json!({ "message": message }).to_string());
    let ends = (NOW_MS + lives_ms - age_ms).to_string();
    let fields = [
        ("refresh-token", "ghr_1"),
        ("token", "gho_1"),
        ("current-token", "ghu_1"),
        ("current-token-expires-at-ms", ends.as_str()),
    ];
    GitHub::identify(host.credential(kind, &fields)).unwrap_err()
}

#[test]
fn a_token_that_is_seconds_old_may_not_be_known_yet() {
    for (status, message) in [(401, "Bad credentials"), (403, "Resource not accessible by integration")] {
        let fresh = refused("github-app-user", status, message, 3_000, 28_800_000);
        assert_eq!(
            (fresh.code.as_str(), fresh.retry),
            (codes::TRANSIENT, Retry::Later(Some(2_000))),
            "{message}"
        );
    }
    let old = refused("github-app-user", 401, "Bad credentials", 60_000, 28_800_000);
    assert_eq!((old.code.as_str(), old.retry), (codes::REAUTH_REQUIRED, Retry::Reauthorise));
}

const APP: &str = r#"{"id": 123456, "slug": "octo-app", "name": "Octo's App", "client_id": "Iv1"}"#;

#[test]
fn an_app_commits_as_its_bot_whose_number_is_not_the_apps() {
    let bot = json!({ "login": "octo-app[bot]", "id": 41_898_282, "type": "Bot", "name": null, "email": null }).to_string();
    let host = host().answers(200, &[], APP).answers(200, &[], &bot);
    let identity = GitHub::identify(installation(&host, &[("current-token", "ghs_now")])).unwrap();
    assert_eq!(
        keys(&identity),
        [
            Some("41898282"),
            Some("octo-app[bot]"),
            Some("Octo's App"),
            Some("octo-app[bot]"),
            Some("41898282+octo-app[bot]@users.noreply.github.com"),
        ]
    );
    let [app, profile] = host.sent().try_into().unwrap();
    assert_eq!(app.url, "https://api.github.com/app");
    assert_eq!(
        claims(app.header("authorization").unwrap().strip_prefix("Bearer ").unwrap()).1["iss"],
        "123456"
    );
    assert_eq!(profile.url, "https://api.github.com/users/octo-app%5Bbot%5D");
    assert_eq!(profile.header("authorization"), Some("Bearer ghs_now"));
}

#[test]
fn an_app_that_says_nonsense_of_itself_is_nobody() {
    for app in [r#"{"slug": "../../user"}"#, r#"{"slug": ""}"#, r#"{"name": "x"}"#, r#"{"slug": 7}"#] {
        let host = host().answers(200, &[], app);
        assert_eq!(
            GitHub::identify(installation(&host, &[("current-token", "ghs_now")]))
                .unwrap_err()
                .code,
            codes::UPSTREAM_PROTOCOL
        );
    }
    let another = json!({ "login": "octocat", "id": 1 }).to_string();
    let host = host().answers(200, &[], APP).answers(200, &[], &another);
    let failure = GitHub::identify(installation(&host, &[("current-token", "ghs_now")])).unwrap_err();
    assert_eq!(failure.code, codes::UPSTREAM_PROTOCOL);
}

#[test]
fn refusals_of_an_app_are_told_apart() {
    for (status, message, code) in [
        (401, "A JSON web token could not be decoded", codes::MISCONFIGURED),
        (404, "Integration not found", codes::MISCONFIGURED),
        (500, "", codes::TRANSIENT),
    ] {
        let host = host().answers(status, &[], &json!({ "message": message }).to_string());
        assert_eq!(
            GitHub::identify(installation(&host, &[("current-token", "ghs_now")]))
                .unwrap_err()
                .code,
            code,
            "{message}"
        );
    }
    let ends = (NOW_MS + 3_600_000 - 2_000).to_string();
    let fields = [("current-token", "ghs_now"), ("current-token-expires-at-ms", ends.as_str())];
    let host = host().answers(200, &[], APP).answers(401, &[], r#"{"message": "Bad credentials"}"#);
    assert_eq!(GitHub::identify(installation(&host, &fields)).unwrap_err().code, codes::TRANSIENT);
}
