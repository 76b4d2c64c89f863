//! Whom Jira takes a token for; nobody is not an answer.

use super::{CLOUD, GATEWAY, NOW_MS, SITE, TOKEN, ada, host};
use crate::Jira;
use crate::answer::Answer;
use crate::identity::read;
use crate::refusal::At;
use claviger_sdk::{Identify, Reply, codes};
use proptest::prelude::*;
use serde_json::{Value, json};

fn answer(status: u16, json: Value) -> Answer {
    Answer {
        reply: Reply {
            status,
            json,
            ..Reply::default()
        },
        ..Answer::default()
    }
}

#[test]
fn each_kind_asks_where_its_token_is_used() {
    let bearer = "Bearer a1";
    for (kind, fields, url, shown) in [
        (
            "api-token",
            vec![("email", "ada@example.com"), ("url", SITE)],
            format!("{SITE}/rest/api/3/myself"),
            "Basic ",
        ),
        (
            "scoped-api-token",
            vec![("email", "ada@example.com"), ("url", SITE), ("cloud-id", CLOUD)],
            format!("{GATEWAY}/rest/api/3/myself"),
            "Basic ",
        ),
        (
            "service-account-token",
            vec![("url", SITE), ("cloud-id", CLOUD)],
            format!("{GATEWAY}/rest/api/3/myself"),
            "Bearer ",
        ),
        (
            "oauth",
            vec![("refresh-token", "r1"), ("cloud-id", CLOUD)],
            format!("{GATEWAY}/rest/api/3/myself"),
            bearer,
        ),
        (
            "oauth-client",
            vec![("client-secret", "s1"), ("client-id", "c"), ("cloud-id", CLOUD)],
            format!("{GATEWAY}/rest/api/3/myself"),
            bearer,
        ),
    ] {
        let mut fields = fields;
        fields.extend([("token", TOKEN), ("current-token", "a1")]);
        let host = host().answers(200, &[], &ada());
        let identity = Jira::identify(host.credential(kind, &fields)).unwrap();
        let known = ["id", "login", "display-name", "user-name", "email"].map(|key| identity.get(key).unwrap_or_default());
        assert_eq!(
            known,
            ["712020:ada", "ada@example.com", "Ada L", "Ada L", "ada@example.com"],
            "{kind}"
        );
        let [asked] = host.sent().try_into().unwrap();
        assert_eq!(asked.url, url, "{kind}");
        assert!(asked.header("authorization").unwrap().starts_with(shown), "{kind}");
    }
}

#[test]
fn a_server_names_its_accounts_otherwise() {
    let user = json!({ "key": "JIRAUSER10100", "name": "ada", "emailAddress": "ada@example.com", "displayName": "Ada L", "active": true });
    let host = host().answers(200, &[], &user.to_string());
    let fields = [("token", "MDM0"), ("url", "https://jira.example.com/jira/")];
    let identity = Jira::identify(host.credential("data-center-token", &fields)).unwrap();
    let known = ["id", "login", "user-name", "email"].map(|key| identity.get(key).unwrap_or_default());
    assert_eq!(known, ["JIRAUSER10100", "ada", "Ada L", "ada@example.com"]);
    let [asked] = host.sent().try_into().unwrap();
    assert_eq!(
        (asked.url.as_str(), asked.header("authorization")),
        ("https://jira.example.com/jira/rest/api/2/myself", Some("Bearer MDM0"))
    );
}

#[test]
fn an_answer_to_nobody_is_a_refusal() {
    for at in [At::Site, At::Gateway, At::DataCenter] {
        for body in [
            json!({}),
            json!({ "displayName": "Anonymous", "active": true }),
            json!([]),
            json!({ "accountId": "", "key": "" }),
        ] {
            let failure = read(&answer(200, body.clone()), at, None, NOW_MS).err().unwrap();
            assert_eq!(failure.code, codes::REAUTH_REQUIRED, "{at:?} {body}");
        }
        let mut named = answer(200, json!({ "accountId": "1", "key": "1", "name": "x" }));
        named.sign_in = Some("AUTHENTICATED_FAILED".to_owned());
        assert_eq!(read(&named, at, None, NOW_MS).err().unwrap().code, codes::REAUTH_REQUIRED, "{at:?}");
    }
}

#[test]
fn an_account_that_is_off_and_one_that_hides_its_address() {
    let off = answer(200, json!({ "accountId": "1", "active": false }));
    assert_eq!(read(&off, At::Site, None, NOW_MS).err().unwrap().code, codes::SUSPENDED);
    let shy = read(
        &answer(200, json!({ "accountId": "1", "displayName": "Ada <x>", "active": true })),
        At::Site,
        None,
        NOW_MS,
    )
    .unwrap();
    assert_eq!((shy.get("id"), shy.get("email"), shy.get("user-name")), (Some("1"), None, None));
}

#[test]
fn the_gateway_tells_expiry_in_three_ways_and_only_then_it_is_expiry() {
    let ended = Some(NOW_MS - 1);
    let good = Some(NOW_MS + 60_000);
    for status in [401, 403, 404] {
        let gone = read(&answer(status, Value::Null), At::Gateway, ended, NOW_MS).err().unwrap();
        assert_eq!(
            (gone.code.as_str(), gone.retry),
            (codes::TRANSIENT, claviger_sdk::Retry::Later(Some(0))),
            "{status}"
        );
    }
    for (status, code) in [
        (401, codes::REAUTH_REQUIRED),
        (403, codes::INSUFFICIENT_SCOPE),
        (404, codes::MISCONFIGURED),
    ] {
        for ends in [good, None] {
            assert_eq!(
                read(&answer(status, Value::Null), At::Gateway, ends, NOW_MS).err().unwrap().code,
                code
            );
        }
    }
}

proptest! {
    #[test]
    fn an_identity_is_one_line_and_names_an_account(
        id in ".{0,40}", name in ".{0,300}", email in ".{0,40}@?.{0,20}", sign_in in proptest::option::of(".{0,30}"), at in 0..3usize
    ) {
        let at = [At::Site, At::Gateway, At::DataCenter][at];
        let mut answer = answer(200, json!({ "accountId": id, "key": id, "name": name, "displayName": name, "emailAddress": email }));
        answer.sign_in = sign_in;
        if let Ok(identity) = read(&answer, at, None, NOW_MS) {
            prop_assert!(identity.get("id").is_some_and(|id| !id.is_empty()));
            for key in ["id", "login", "display-name", "user-name", "email"] {
                let text = identity.get(key).unwrap_or_default();
                prop_assert!(!text.chars().any(|c| c.is_control() || c == '<' || c == '>'), "{key}: {text:?}");
            }
        }
    }
}
