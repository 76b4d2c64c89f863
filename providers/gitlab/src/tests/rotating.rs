//! Tokens that are rotated before they end.

use super::{NOW_MS, host};
use crate::GitLab;
use crate::rotating::{ends, look_again};
use claviger_sdk::testing::{TestHost, expires_at_ms, token_text};
use claviger_sdk::{Credential, Failure, Narrowing, Provider, Reply, Retry, Token, codes, date_ms};
use proptest::prelude::*;
use serde_json::{Value, json};

const DAY: u64 = 86_400_000;

fn stored(host: &TestHost, more: &[(&str, &str)]) -> Credential {
    let mut fields = vec![("token", "glpat-old"), ("url", "https://host.example/gitlab")];
    fields.extend_from_slice(more);
    host.credential("rotating-access-token", &fields)
}

fn mint(host: &TestHost) -> Result<Token, Failure> {
    GitLab::mint(stored(host, &[]), &Narrowing::default())
}

fn about(expires_at: Value) -> String {
    json!({ "id": 42, "name": "ci", "revoked": false, "active": true, "scopes": ["api"], "expires_at": expires_at }).to_string()
}

#[test]
fn a_token_with_days_left_is_handed_out_until_three_days_before_its_end() {
    let host = host().answers(200, &[], &about(json!("2026-09-17")));
    let token = mint(&host).unwrap();
    assert_eq!(token_text(&token), "glpat-old");
    assert_eq!(expires_at_ms(&token), Some(date_ms("2026-09-14").unwrap()));
    let [asked] = host.sent().try_into().unwrap();
    assert_eq!(
        (asked.method.as_str(), asked.url.as_str(), asked.header("authorization")),
        (
            "GET",
            "https://host.example/gitlab/api/v4/personal_access_tokens/self",
            Some("Bearer glpat-old")
        )
    );
}

#[test]
fn a_token_without_an_end_is_left_alone() {
    let host = host().answers(200, &[], &about(Value::Null));
    let token = mint(&host).unwrap();
    assert_eq!((token_text(&token), expires_at_ms(&token)), ("glpat-old", None));
    assert_eq!(host.sent().len(), 1);
}

#[test]
fn a_token_that_nears_its_end_is_rotated_with_an_end_of_ours() {
    // The test's clock is at the 17th of August: a token that ends on the 20th has less than three days and an hour left.
    let new = json!({ "id": 43, "active": true, "expires_at": "2026-09-16", "token": "glpat-new" });
    let host = host()
        .answers(200, &[], &about(json!("2026-08-20")))
        .answers(200, &[], &new.to_string());
    let token = mint(&host).unwrap();
    assert_eq!(token_text(&token), "glpat-new");
    assert_eq!(expires_at_ms(&token), Some(date_ms("2026-09-13").unwrap()));
    let [_, rotated] = host.sent().try_into().unwrap();
    assert_eq!(
        (rotated.endpoint.as_str(), rotated.url.as_str()),
        (
            "rotate-self",
            "https://host.example/gitlab/api/v4/personal_access_tokens/self/rotate"
        )
    );
    assert_eq!(
        rotated.json(),
        json!({ "expires_at": "2026-09-16" }),
        "without it GitLab gives seven days"
    );
    assert_eq!(rotated.header("authorization"), Some("Bearer glpat-old"));
    assert_eq!(host.git(&token)["password"], "glpat-new");
}

#[test]
fn the_lifetime_is_the_credentials_to_say_within_bounds() {
    let new = json!({ "expires_at": "2026-11-15", "token": "glpat-new" }).to_string();
    let asked = host().answers(200, &[], &about(json!("2026-08-18"))).answers(200, &[], &new);
    GitLab::mint(stored(&asked, &[("lifetime-days", "90")]), &Narrowing::default()).unwrap();
    assert_eq!(asked.sent()[1].json()["expires_at"], "2026-11-15");
    drop(asked);
    for days in ["0", "6", "401", "-1", "soon", "7.5", "99999999999999999999"] {
        let host = host();
        let failure = GitLab::mint(stored(&host, &[("lifetime-days", days)]), &Narrowing::default())
            .err()
            .unwrap();
        assert_eq!(failure.code, codes::INVALID_CREDENTIAL, "{days}");
        assert_eq!(host.sent(), [], "nothing is spent for a typing error");
    }
}

#[test]
fn a_token_that_gitlab_no_longer_knows_is_never_sent_to_rotate() {
    for (status, body) in [
        (401, json!({ "message": "401 Unauthorized" }).to_string()),
        (
            200,
            json!({ "active": false, "revoked": true, "expires_at": "2026-08-18" }).to_string(),
        ),
    ] {
        let host = host().answers(status, &[], &body);
        let failure = mint(&host).err().unwrap();
        assert_eq!((failure.code.as_str(), failure.retry), (codes::REAUTH_REQUIRED, Retry::Reauthorise));
        assert_eq!(host.sent().len(), 1);
    }
}

#[test]
fn a_refusal_that_leaves_the_token_alive_hands_it_out_for_what_is_left() {
    for (status, body) in [
        (400, json!({ "message": "expires_at: must expire before 2026-08-30" }).to_string()),
        (403, json!({ "message": "403 Forbidden" }).to_string()),
        (404, json!({ "message": "404 Not Found" }).to_string()),
        (405, json!({ "message": "405 Method Not Allowed" }).to_string()),
        (403, "Forbidden\n".to_owned()),
        (429, "Retry later\n".to_owned()),
    ] {
        let host = host().answers(200, &[], &about(json!("2026-08-18"))).answers(status, &[], &body);
        let token = mint(&host).unwrap();
        assert_eq!(token_text(&token), "glpat-old", "{status}");
        assert_eq!(
            expires_at_ms(&token),
            Some(NOW_MS + 3_600_000),
            "{status}: it is tried again within the hour"
        );
    }
}

#[test]
fn the_operator_hears_of_a_rotation_that_was_refused() {
    let host = host()
        .answers(200, &[], &about(json!("2026-08-18")))
        .answers(403, &[], &json!({ "message": "403 Forbidden" }).to_string());
    mint(&host).unwrap();
    let lines = host.lines();
    assert!(
        lines.iter().any(|(level, line)| level == "warn" && line.contains("self_rotate")),
        "{lines:?}"
    );
}

#[test]
fn an_answer_that_may_have_acted_is_a_failure() {
    for status in [500, 502, 504] {
        let host = host().answers(200, &[], &about(json!("2026-08-18"))).answers(status, &[], "");
        assert_eq!(mint(&host).err().unwrap().code, codes::TRANSIENT, "{status}");
    }
    let mut lost = Failure::new("timeout", "no answer within 10 s", Retry::Later(None));
    lost.upstream_may_have_acted = true;
    let host = host().answers(200, &[], &about(json!("2026-08-18"))).fails(lost.clone());
    assert_eq!(mint(&host).err().unwrap(), lost);
    assert_eq!(host.sent().len(), 2, "it is not repeated");
}

#[test]
fn a_rotation_without_a_token_is_no_success() {
    let host = host()
        .answers(200, &[], &about(json!("2026-08-18")))
        .answers(200, &[], &json!({ "expires_at": "2026-09-16" }).to_string());
    assert_eq!(mint(&host).err().unwrap().code, codes::UPSTREAM_PROTOCOL);
}

#[test]
fn an_end_that_does_not_read_is_not_guessed() {
    let reply = |json| Reply {
        status: 200,
        json,
        ..Reply::default()
    };
    for body in [
        json!({}),
        json!({ "active": true }),
        json!({ "active": true, "expires_at": 7 }),
        json!({ "active": true, "expires_at": "soon" }),
    ] {
        let failure = ends(&reply(body.clone()), NOW_MS).err().unwrap();
        assert!(
            matches!(failure.code.as_str(), codes::UPSTREAM_PROTOCOL | codes::REAUTH_REQUIRED),
            "{body}"
        );
    }
}

proptest! {
    #[test]
    fn the_host_is_always_told_to_come_back_later_and_before_the_end(text in "[0-9]{0,4}-?[0-9]{0,2}-?[0-9]{0,2}|.{0,12}", now in 0u64..4_000_000_000_000) {
        let reply = Reply { status: 200, json: json!({ "expires_at": text }), ..Reply::default() };
        let again = look_again(&reply, now);
        prop_assert!(again > now);
        if let Some(end) = date_ms(&text).filter(|end| *end > now) {
            prop_assert!(again <= end);
            prop_assert!(end - now <= 4 * DAY || again + 3 * DAY == end);
        }
    }

    #[test]
    fn an_answer_about_a_token_never_opens_a_refusal(status in 300u16..600, active in any::<bool>(), day in ".{0,12}") {
        let reply = Reply { status, json: json!({ "active": active, "expires_at": day }), ..Reply::default() };
        prop_assert!(ends(&reply, NOW_MS).is_err());
    }
}
