//! GitLab's real words and statuses → classes.

use crate::refusal::{of_api, of_grant, of_revocation, of_rotation};
use claviger_sdk::{Failure, Reply, Retry, codes};
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW: u64 = super::NOW_MS;
const INVALID_GRANT: &str = "The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used in the authorization request, or was issued to another client.";

fn reply(status: u16, json: Value) -> Reply {
    Reply {
        status,
        json,
        ..Reply::default()
    }
}

fn class(failure: &Failure) -> (&str, Retry) {
    (failure.code.as_str(), failure.retry)
}

#[test]
fn the_token_endpoint() {
    let error = |error: &str, text: &str| json!({ "error": error, "error_description": text });
    for (status, body, code, retry) in [
        (
            400,
            error("invalid_grant", INVALID_GRANT),
            codes::REAUTH_REQUIRED,
            Retry::Reauthorise,
        ),
        (
            401,
            error(
                "invalid_client",
                "Client authentication failed due to unknown client, no client authentication included, or unsupported authentication method.",
            ),
            codes::MISCONFIGURED,
            Retry::Never,
        ),
        (
            400,
            error("invalid_request", "Missing required parameter: grant_type."),
            codes::MISCONFIGURED,
            Retry::Never,
        ),
        (400, error("unauthorized_client", "x"), codes::MISCONFIGURED, Retry::Never),
        (
            400,
            error("invalid_scope", "The requested scope is invalid, unknown, or malformed."),
            codes::INSUFFICIENT_SCOPE,
            Retry::Never,
        ),
        (
            403,
            error("access_denied", "The resource owner or authorization server denied the request."),
            codes::SUSPENDED,
            Retry::Never,
        ),
        (429, Value::Null, codes::RATE_LIMITED, Retry::Later(Some(60_000))),
        (403, Value::Null, codes::RATE_LIMITED, Retry::Later(Some(900_000))),
        (403, json!({}), codes::RATE_LIMITED, Retry::Later(Some(900_000))),
        (502, Value::Null, codes::TRANSIENT, Retry::Later(None)),
        (500, error("server_error", "x"), codes::TRANSIENT, Retry::Later(None)),
        (302, Value::Null, codes::MISCONFIGURED, Retry::Never),
        (
            404,
            json!({ "error": "404 Not Found" }),
            codes::UPSTREAM_PROTOCOL,
            Retry::Later(None),
        ),
    ] {
        let failure = of_grant(&reply(status, body.clone()), NOW).err().unwrap();
        assert_eq!(class(&failure), (code, retry), "{status} {body}");
        assert_eq!(failure.get("upstream-status"), Some(status.to_string().as_str()));
    }
    assert_eq!(of_grant(&reply(200, json!({ "expires_in": 7200 })), NOW), Ok(()));
}

#[test]
fn a_limit_with_its_own_wait_is_believed() {
    let limited = Reply {
        status: 429,
        retry_after: Some("12".to_owned()),
        ..Reply::default()
    };
    assert_eq!(
        class(&of_grant(&limited, NOW).err().unwrap()),
        (codes::RATE_LIMITED, Retry::Later(Some(12_000)))
    );
    assert_eq!(class(&of_api(&limited, NOW)), (codes::RATE_LIMITED, Retry::Later(Some(12_000))));
}

#[test]
fn the_api() {
    for (status, body, code) in [
        (401, json!({ "message": "401 Unauthorized" }), codes::REAUTH_REQUIRED),
        (
            401,
            json!({ "error": "invalid_token", "error_description": "Token was revoked. You have to re-authorize from the user." }),
            codes::REAUTH_REQUIRED,
        ),
        (
            401,
            json!({ "error": "invalid_token", "error_description": "Token is expired. You can either do re-authorization or token refresh." }),
            codes::REAUTH_REQUIRED,
        ),
        (
            403,
            json!({ "error": "insufficient_scope", "error_description": "The request requires higher privileges than provided by the access token.", "scope": "api read_user" }),
            codes::INSUFFICIENT_SCOPE,
        ),
        (403, json!({ "message": "403 Forbidden" }), codes::INSUFFICIENT_SCOPE),
        (
            403,
            json!({ "message": "403 Forbidden - Your account has been blocked." }),
            codes::SUSPENDED,
        ),
        (
            403,
            json!({ "message": "403 Forbidden - Your account has been deactivated by your administrator." }),
            codes::SUSPENDED,
        ),
        (403, Value::Null, codes::RATE_LIMITED),
        (429, Value::Null, codes::RATE_LIMITED),
        (404, json!({ "message": "404 Not Found" }), codes::UPSTREAM_PROTOCOL),
        (503, Value::Null, codes::TRANSIENT),
        (301, Value::Null, codes::MISCONFIGURED),
    ] {
        assert_eq!(of_api(&reply(status, body.clone()), NOW).code, code, "{status} {body}");
    }
    let scoped = of_api(&reply(403, json!({ "error": "insufficient_scope", "scope": "api read_user" })), NOW);
    assert_eq!(scoped.get("missing-scope"), Some("api read_user"));
}

#[test]
fn a_refused_rotation_says_whether_the_token_lives() {
    for (status, body, code, is_alive) in [
        (
            400,
            json!({ "message": "expires_at: must expire before 2027-08-17" }),
            codes::MISCONFIGURED,
            true,
        ),
        (400, json!({ "error": "expires_at is invalid" }), codes::MISCONFIGURED, true),
        (401, json!({ "message": "401 Unauthorized" }), codes::REAUTH_REQUIRED, false),
        (403, json!({ "message": "403 Forbidden" }), codes::INSUFFICIENT_SCOPE, true),
        (
            403,
            json!({ "error": "insufficient_scope", "scope": "api self_rotate" }),
            codes::INSUFFICIENT_SCOPE,
            true,
        ),
        (404, json!({ "message": "404 Not Found" }), codes::MISCONFIGURED, true),
        (405, json!({ "message": "405 Method Not Allowed" }), codes::UNSUPPORTED, true),
        (403, Value::Null, codes::RATE_LIMITED, true),
        (429, Value::Null, codes::RATE_LIMITED, true),
        (500, json!({ "message": "500 Internal Server Error" }), codes::TRANSIENT, false),
        (504, Value::Null, codes::TRANSIENT, false),
        (418, Value::Null, codes::UPSTREAM_PROTOCOL, false),
    ] {
        let (failure, alive) = of_rotation(&reply(status, body.clone()), NOW);
        assert_eq!((failure.code.as_str(), alive), (code, is_alive), "{status} {body}");
    }
}

#[test]
fn a_revocation_by_the_wrong_application() {
    let body = json!({ "error": "unauthorized_client", "error_description": "You are not authorized to revoke this token" });
    let failure = of_revocation(&reply(403, body), NOW).err().unwrap();
    assert_eq!(class(&failure), (codes::MISCONFIGURED, Retry::Never));
    assert_eq!(of_revocation(&reply(200, json!({})), NOW), Ok(()));
}

fn any_body() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        Just("invalid_grant".to_owned()),
        Just("insufficient_scope".to_owned()),
        Just("unauthorized_client".to_owned()),
        ".{0,20}".prop_map(|text| text),
    ];
    prop_oneof![
        Just(Value::Null),
        Just(json!({})),
        (text.clone(), ".{0,40}").prop_map(|(error, more)| json!({ "error": error, "error_description": more })),
        text.clone().prop_map(|message| json!({ "message": message })),
        text.prop_map(|message| json!({ "message": { "error": [message] }, "scope": 7 })),
    ]
}

proptest! {
    /// Nobody is sent to connect again, and no rotation is believed harmless, for an outage.
    #[test]
    fn an_outage_asks_nobody(status in prop_oneof![Just(408u16), Just(429), 500..600u16], body in any_body(), after in ".{0,12}") {
        let reply = Reply { status, json: body.clone(), retry_after: Some(after), date: None };
        prop_assert_ne!(of_api(&reply, NOW).retry, Retry::Reauthorise);
        let (failure, alive) = of_rotation(&reply, NOW);
        prop_assert_ne!(failure.retry, Retry::Reauthorise);
        prop_assert!(!alive || status == 429);
        if body.get("error").is_none() {
            prop_assert_ne!(of_grant(&reply, NOW).err().unwrap().retry, Retry::Reauthorise);
        }
    }

    #[test]
    fn no_refusal_is_a_success(status in 300..600u16, body in any_body()) {
        let reply = reply(status, body);
        prop_assert!(of_grant(&reply, NOW).is_err());
        prop_assert!(of_revocation(&reply, NOW).is_err());
        prop_assert!(!of_api(&reply, NOW).message.is_empty());
    }
}
