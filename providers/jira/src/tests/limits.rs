//! When to come back.

use super::NOW_MS;
use crate::answer::{Answer, minute_ms};
use crate::refusal::{At, Grant, of_api, of_grant};
use claviger_sdk::{Reply, Retry, codes};
use proptest::prelude::*;
use serde_json::{Value, json};

fn limited(retry_after: Option<&str>, reset: Option<&str>) -> Answer {
    Answer {
        reply: Reply {
            status: 429,
            retry_after: retry_after.map(str::to_owned),
            json: json!({ "message": "Rate limit exceeded" }),
            date: None,
        },
        reset: reset.map(str::to_owned),
        limit: Some("jira-burst-based".to_owned()),
        sign_in: None,
    }
}

#[test]
fn a_reset_is_a_minute_in_iso_8601() {
    assert_eq!(minute_ms("2026-08-17T10:05Z"), Some(NOW_MS + 300_000));
    assert_eq!(minute_ms("2026-08-17T12:05+02:00"), Some(NOW_MS + 300_000));
    assert_eq!(minute_ms("2026-08-17T10:05:30Z"), Some(NOW_MS + 330_000));
    for text in ["", "1786960800", "2026-08-17", "2026-08-17T10:05", "soon"] {
        assert_eq!(minute_ms(text), None, "{text}");
    }
}

#[test]
fn retry_after_first_then_the_reset_then_a_minute() {
    for (retry_after, reset, wait) in [
        (Some("7"), Some("2026-08-17T10:05Z"), 7_000),
        (None, Some("2026-08-17T10:05Z"), 300_000),
        (None, Some("2026-08-17T09:00Z"), 1_000),
        (None, None, 60_000),
        (Some("soon"), Some("never"), 60_000),
    ] {
        let answer = limited(retry_after, reset);
        for failure in [
            of_api(&answer, At::Site, None, NOW_MS),
            of_grant(&answer, Grant::Refresh, NOW_MS).err().unwrap(),
        ] {
            assert_eq!(
                (failure.code.as_str(), failure.retry),
                (codes::RATE_LIMITED, Retry::Later(Some(wait))),
                "{retry_after:?} {reset:?}"
            );
            assert!(failure.message.contains("jira-burst-based"));
        }
    }
}

#[test]
fn a_503_may_say_when() {
    let down = Answer {
        reply: Reply {
            status: 503,
            retry_after: Some("30".to_owned()),
            json: Value::Null,
            date: None,
        },
        ..Answer::default()
    };
    assert_eq!(of_api(&down, At::Gateway, None, NOW_MS).retry, Retry::Later(Some(30_000)));
    assert_eq!(
        of_grant(&down, Grant::Client, NOW_MS).err().unwrap().retry,
        Retry::Later(Some(30_000))
    );
}

proptest! {
    #[test]
    fn no_time_is_misread(text in ".{0,40}|[0-9T:Z+-]{0,24}") {
        if let Some(at) = minute_ms(&text) {
            prop_assert!(text.trim().starts_with(|c: char| c.is_ascii_digit()));
            prop_assert!(at < 253_402_300_800_000, "beyond the year 9999");
        }
    }

    #[test]
    fn a_limit_always_waits(retry_after in proptest::option::of(".{0,20}"), reset in proptest::option::of(".{0,24}"), why in ".{0,60}") {
        let mut answer = limited(retry_after.as_deref(), reset.as_deref());
        answer.limit = Some(why);
        let failure = answer.limited(NOW_MS);
        prop_assert!(matches!(failure.retry, Retry::Later(Some(_))));
        prop_assert!(!failure.message.chars().any(char::is_control));
    }
}
