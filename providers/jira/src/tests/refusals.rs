//! Atlassian's real words and statuses → classes.

use super::NOW_MS;
use crate::answer::Answer;
use crate::refusal::{At, Grant, of_api, of_grant};
use claviger_sdk::{Reply, Retry, codes};
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
fn the_token_endpoint() {
    let error = |error: &str, text: &str| json!({ "error": error, "error_description": text });
    for (grant, status, body, code, retry) in [
        (
            Grant::Refresh,
            403,
            error("invalid_grant", "Unknown or invalid refresh token."),
            codes::REAUTH_REQUIRED,
            Retry::Reauthorise,
        ),
        (
            Grant::Refresh,
            403,
            error("unauthorized_client", "refresh_token is invalid"),
            codes::REAUTH_REQUIRED,
            Retry::Reauthorise,
        ),
        (
            Grant::Code,
            403,
            error("invalid_grant", "Invalid authorization code"),
            codes::REAUTH_REQUIRED,
            Retry::Reauthorise,
        ),
        (
            Grant::Refresh,
            401,
            error("access_denied", "Unauthorized"),
            codes::MISCONFIGURED,
            Retry::Never,
        ),
        (
            Grant::Refresh,
            401,
            error("invalid_client", "x"),
            codes::MISCONFIGURED,
            Retry::Never,
        ),
        (
            Grant::Client,
            401,
            error("access_denied", "Unauthorized"),
            codes::MISCONFIGURED,
            Retry::Never,
        ),
        (
            Grant::Client,
            403,
            error("unauthorized_client", "Grant type 'client_credentials' not allowed for the client."),
            codes::MISCONFIGURED,
            Retry::Never,
        ),
        (
            Grant::Refresh,
            400,
            error("invalid_request", "x"),
            codes::MISCONFIGURED,
            Retry::Never,
        ),
        (
            Grant::Refresh,
            500,
            error("server_error", "x"),
            codes::TRANSIENT,
            Retry::Later(None),
        ),
        (Grant::Refresh, 502, Value::Null, codes::TRANSIENT, Retry::Later(None)),
        (
            Grant::Refresh,
            429,
            error("too_many_requests", "Global limit has been reached"),
            codes::RATE_LIMITED,
            Retry::Later(Some(60_000)),
        ),
        (
            Grant::Refresh,
            403,
            json!({ "message": "Forbidden" }),
            codes::UPSTREAM_PROTOCOL,
            Retry::Later(None),
        ),
    ] {
        let failure = of_grant(&answer(status, body.clone()), grant, NOW_MS).err().unwrap();
        assert_eq!((failure.code.as_str(), failure.retry), (code, retry), "{grant:?} {status} {body}");
        assert_eq!(failure.get("upstream-status"), Some(status.to_string().as_str()));
    }
    assert_eq!(
        of_grant(&answer(200, json!({ "expires_in": 3600 })), Grant::Refresh, NOW_MS),
        Ok(())
    );
}

#[test]
fn the_api() {
    let said = |text: &str| json!({ "code": 401, "message": text });
    for (at, status, body, code) in [
        (At::Site, 401, Value::Null, codes::REAUTH_REQUIRED),
        (
            At::Site,
            401,
            json!({ "message": "Client must be authenticated to access this resource.", "status-code": 401 }),
            codes::REAUTH_REQUIRED,
        ),
        (At::Gateway, 401, said("Unauthorized"), codes::REAUTH_REQUIRED),
        (
            At::Gateway,
            401,
            said("Unauthorized; scope does not match"),
            codes::INSUFFICIENT_SCOPE,
        ),
        (At::Gateway, 403, said("Forbidden"), codes::INSUFFICIENT_SCOPE),
        (At::Gateway, 404, said("No message available"), codes::MISCONFIGURED),
        (
            At::DataCenter,
            401,
            json!({ "errorMessages": ["You do not have the permission to see the specified issue."] }),
            codes::REAUTH_REQUIRED,
        ),
        (At::DataCenter, 403, Value::Null, codes::INSUFFICIENT_SCOPE),
        (At::DataCenter, 404, Value::Null, codes::MISCONFIGURED),
        (At::Site, 302, Value::Null, codes::MISCONFIGURED),
        (At::Site, 503, Value::Null, codes::TRANSIENT),
        (At::Gateway, 429, Value::Null, codes::RATE_LIMITED),
        (At::Gateway, 418, Value::Null, codes::UPSTREAM_PROTOCOL),
    ] {
        assert_eq!(
            of_api(&answer(status, body.clone()), at, None, NOW_MS).code,
            code,
            "{at:?} {status} {body}"
        );
    }
    let mut captcha = answer(403, Value::Null);
    captcha.sign_in = Some("AUTHENTICATION_DENIED".to_owned());
    assert_eq!(of_api(&captcha, At::DataCenter, None, NOW_MS).code, codes::SUSPENDED);
}

fn any_body() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        Just("invalid_grant".to_owned()),
        Just("unauthorized_client".to_owned()),
        Just("access_denied".to_owned()),
        ".{0,20}"
    ];
    prop_oneof![
        Just(Value::Null),
        Just(json!([])),
        (word, ".{0,40}").prop_map(|(error, text)| json!({ "error": error, "error_description": text })),
        ".{0,40}".prop_map(|text| json!({ "message": text })),
        ".{0,40}".prop_map(|text| json!({ "errorMessages": [text], "error": 7 })),
    ]
}

proptest! {
    #[test]
    fn no_refusal_is_a_success_and_no_outage_asks_for_a_person(
        status in 300..600u16, body in any_body(), at in 0..3usize, grant in 0..3usize, ends in proptest::option::of(0..2 * NOW_MS), sign_in in proptest::option::of(".{0,30}")
    ) {
        let mut answer = answer(status, body.clone());
        answer.sign_in = sign_in;
        let failure = of_api(&answer, [At::Site, At::Gateway, At::DataCenter][at], ends, NOW_MS);
        prop_assert!(!failure.message.is_empty());
        let refused = of_grant(&answer, [Grant::Refresh, Grant::Code, Grant::Client][grant], NOW_MS);
        prop_assert!(refused.is_err());
        if status >= 500 || status == 429 {
            prop_assert_ne!(failure.retry, Retry::Reauthorise);
            if status == 429 || body.get("error").is_none_or(|error| !error.is_string()) {
                prop_assert_ne!(refused.err().unwrap().retry, Retry::Reauthorise);
            }
        }
    }
}
