use super::{check, expires_at_ms};
use crate::{Reply, Retry, codes};
use serde_json::{Value, json};

fn reply(status: u16, json: Value) -> Reply {
    Reply {
        status,
        json,
        ..Reply::default()
    }
}

fn refused(status: u16, error: &str) -> (String, Retry) {
    let failure = check("X", &reply(status, json!({ "error": error, "error_description": "d" })), 0).unwrap_err();
    assert_eq!(failure.get("upstream-status"), Some(status.to_string().as_str()));
    (failure.code, failure.retry)
}

#[test]
fn only_a_refused_grant_asks_for_a_person() {
    assert_eq!(
        refused(400, "invalid_grant"),
        (codes::REAUTH_REQUIRED.to_owned(), Retry::Reauthorise)
    );
    assert_eq!(refused(401, "invalid_client"), (codes::MISCONFIGURED.to_owned(), Retry::Never));
    assert_eq!(refused(400, "invalid_scope"), (codes::INSUFFICIENT_SCOPE.to_owned(), Retry::Never));
    assert_eq!(
        refused(503, "temporarily_unavailable"),
        (codes::TRANSIENT.to_owned(), Retry::Later(None))
    );
    assert_eq!(refused(500, "out_of_cheese"), (codes::TRANSIENT.to_owned(), Retry::Later(None)));
    assert_eq!(
        refused(400, "out_of_cheese"),
        (codes::UPSTREAM_PROTOCOL.to_owned(), Retry::Later(None))
    );
    assert_eq!(
        refused(429, "slow_down"),
        (codes::RATE_LIMITED.to_owned(), Retry::Later(Some(60_000)))
    );
}

#[test]
fn an_outage_refuses_nothing_whatever_it_says() {
    for status in [408, 429, 500, 502, 503, 504] {
        for error in ["invalid_grant", "bad_refresh_token", "invalid_client", "access_denied"] {
            let (code, retry) = refused(status, error);
            assert!(matches!(retry, Retry::Later(_)), "{status} {error}: {code}");
        }
    }
}

#[test]
fn the_body_decides_before_the_status() {
    assert_eq!(
        refused(200, "bad_refresh_token"),
        (codes::REAUTH_REQUIRED.to_owned(), Retry::Reauthorise)
    );
    assert_eq!(check("X", &reply(200, json!({ "expires_in": 1 })), 0), Ok(()));
    assert_eq!(check("X", &reply(502, Value::Null), 0).unwrap_err().code, codes::TRANSIENT);
}

#[test]
fn the_end_is_told_by_the_upstreams_clock() {
    let by_theirs = reply(200, json!({ "expires_in": 7200, "created_at": 1_000 }));
    assert_eq!(expires_at_ms(&by_theirs, 5_000_000), Some(8_200_000));
    let by_ours = reply(200, json!({ "expires_in": "7200" }));
    assert_eq!(expires_at_ms(&by_ours, 5_000_000), Some(12_200_000));
    assert_eq!(expires_at_ms(&reply(200, json!({})), 5_000_000), None);
    let by_a_fast_clock = reply(200, json!({ "expires_in": 7200, "created_at": 6_000 }));
    assert_eq!(expires_at_ms(&by_a_fast_clock, 5_000_000), Some(12_200_000));
}

#[test]
fn an_end_that_does_not_read_has_come() {
    let ends = |told: Value| expires_at_ms(&reply(200, json!({ "expires_in": told })), 5_000);
    assert_eq!(ends(json!(60.9)), Some(65_000));
    assert_eq!(ends(json!("60.9")), Some(65_000));
    assert_eq!(ends(Value::Null), None);
    for told in [
        json!("soon"),
        json!(-1),
        json!(true),
        json!(u64::MAX),
        json!(1e300),
        json!(i64::MAX / 1000),
        json!({}),
    ] {
        assert_eq!(ends(told.clone()), Some(5_000), "{told}");
    }
    let since = reply(200, json!({ "expires_in": 60, "created_at": "yesterday" }));
    assert_eq!(expires_at_ms(&since, 5_000), Some(5_000));
}
