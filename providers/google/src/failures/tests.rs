//! Each refusal in its real wording.

use super::token::{Revoked, Shown, check_revoked, their_clock_ms};
use super::{iam, sts, token};
use claviger_sdk::{Failure, Reply, Retry, codes};
use proptest::prelude::*;
use serde_json::{Value, json};

/// 2026-08-17T10:00:00Z.
const NOW_MS: u64 = 1_786_960_800_000;
const TARGET: &str = "deployer@project.iam.gserviceaccount.com";

fn reply(status: u16, json: Value) -> Reply {
    Reply {
        status,
        json,
        ..Reply::default()
    }
}

fn said(status: u16, error: &str, description: &str) -> Reply {
    reply(status, json!({ "error": error, "error_description": description }))
}

fn of_token(shown: Shown, reply: &Reply) -> Failure {
    token::check(reply, shown, "s", NOW_MS).unwrap_err()
}

#[test]
fn assertions() {
    let late = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.";
    let delegation =
        "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.";
    for (status, error, description, code, hint) in [
        (400, "invalid_grant", late, codes::CLOCK_SKEW, "clock"),
        (
            400,
            "invalid_grant",
            "Invalid JWT Signature.",
            codes::REAUTH_REQUIRED,
            "new key file",
        ),
        (
            400,
            "invalid_grant",
            "Invalid JWT: No valid verifier found for issuer.",
            codes::REAUTH_REQUIRED,
            "new key file",
        ),
        (
            400,
            "invalid_grant",
            "Invalid grant: account not found",
            codes::REAUTH_REQUIRED,
            "service account",
        ),
        (400, "invalid_grant", "Invalid email or User ID", codes::MISCONFIGURED, "`subject`"),
        (
            400,
            "invalid_grant",
            "Not a valid email or user ID.",
            codes::MISCONFIGURED,
            "`subject`",
        ),
        (
            400,
            "invalid_grant",
            "Invalid JWT: Failed audience check.",
            codes::MISCONFIGURED,
            "key file",
        ),
        (400, "invalid_grant", "Bad Request", codes::REAUTH_REQUIRED, "new key file"),
        (
            401,
            "unauthorized_client",
            delegation,
            codes::MISCONFIGURED,
            "domain-wide delegation",
        ),
        (
            403,
            "access_denied",
            "Requested client not authorized.",
            codes::MISCONFIGURED,
            "domain-wide delegation",
        ),
        (
            400,
            "invalid_scope",
            "Invalid OAuth scope or ID token audience provided.",
            codes::INSUFFICIENT_SCOPE,
            "scopes",
        ),
        (400, "admin_policy_enforced", "", codes::SUSPENDED, "administrator"),
    ] {
        let failure = of_token(Shown::Assertion, &said(status, error, description));
        assert_eq!(failure.code, code, "{error}: {description}");
        assert!(failure.message.contains(hint), "{description}: {}", failure.message);
        assert_eq!(failure.get("upstream-error"), Some(error));
        assert_eq!(failure.get("upstream-status"), Some(status.to_string().as_str()));
    }
}

#[test]
fn refresh_tokens() {
    for (status, error, description, code, hint) in [
        (
            400,
            "invalid_grant",
            "Token has been expired or revoked.",
            codes::REAUTH_REQUIRED,
            "six months",
        ),
        (
            400,
            "invalid_grant",
            "Bad Request",
            codes::REAUTH_REQUIRED,
            "connect the account again",
        ),
        (400, "invalid_grant", "Account has been deleted", codes::REAUTH_REQUIRED, "connect"),
        (400, "rapt_required", "reauth required", codes::REAUTH_REQUIRED, "session control"),
        (
            401,
            "invalid_client",
            "The OAuth client was not found.",
            codes::MISCONFIGURED,
            "client id and secret",
        ),
        (401, "invalid_client", "Unauthorized", codes::MISCONFIGURED, "client id and secret"),
        (
            401,
            "deleted_client",
            "The OAuth client was deleted.",
            codes::MISCONFIGURED,
            "client id and secret",
        ),
        (
            401,
            "disabled_client",
            "The OAuth client was disabled.",
            codes::MISCONFIGURED,
            "client id and secret",
        ),
        (401, "unauthorized_client", "Unauthorized", codes::MISCONFIGURED, "another client"),
        (400, "invalid_scope", "Bad Request", codes::INSUFFICIENT_SCOPE, "scopes"),
        (
            400,
            "invalid_scope",
            "Some requested scopes were invalid. {invalid=[a]}",
            codes::INSUFFICIENT_SCOPE,
            "{invalid=[a]}",
        ),
        (
            400,
            "admin_policy_enforced",
            "Access to this app is blocked by your admin.",
            codes::SUSPENDED,
            "API controls",
        ),
        (
            403,
            "org_internal",
            "This client is restricted to users within its organization.",
            codes::SUSPENDED,
            "administrator",
        ),
        (403, "access_denied", "Account Restricted", codes::SUSPENDED, "administrator"),
        (
            400,
            "invalid_request",
            "Missing required parameter: refresh_token",
            codes::MISCONFIGURED,
            "refresh_token",
        ),
        (
            400,
            "unsupported_grant_type",
            "Invalid grant_type: x",
            codes::MISCONFIGURED,
            "grant_type",
        ),
        (400, "never_heard_of", "", codes::UPSTREAM_PROTOCOL, "never_heard_of"),
    ] {
        let failure = of_token(Shown::RefreshToken, &said(status, error, description));
        assert_eq!(failure.code, code, "{error}: {description}");
        assert!(failure.message.contains(hint), "{description}: {}", failure.message);
    }
}

#[test]
fn session_control_by_each_of_its_names() {
    for (subtype, description) in [
        (Some("invalid_rapt"), "reauth related error (invalid_rapt)"),
        (Some("rapt_required"), "reauth related error (rapt_required)"),
        (Some("invalid_rapt"), ""),
        (None, "reauth related error (invalid_rapt)"),
    ] {
        let mut body = json!({ "error": "invalid_grant", "error_description": description });
        if let Some(subtype) = subtype {
            body["error_subtype"] = subtype.into();
        }
        for shown in [Shown::RefreshToken, Shown::Assertion, Shown::Code] {
            let failure = of_token(shown, &reply(400, body.clone()));
            assert_eq!((failure.code.as_str(), failure.retry), (codes::REAUTH_REQUIRED, Retry::Reauthorise));
            assert!(failure.message.contains("session control"), "{}", failure.message);
        }
    }
}

#[test]
fn codes_of_a_consent() {
    for description in ["Malformed auth code.", "Bad Request"] {
        let failure = of_token(Shown::Code, &said(400, "invalid_grant", description));
        assert_eq!(failure.code, codes::REAUTH_REQUIRED);
        assert!(failure.message.contains("connect again"), "{}", failure.message);
    }
    let failure = of_token(Shown::Code, &said(400, "redirect_uri_mismatch", "Bad Request"));
    assert_eq!(failure.code, codes::MISCONFIGURED);
    let failure = of_token(Shown::Code, &said(400, "invalid_grant", "Missing code verifier."));
    assert_eq!(failure.code, codes::REAUTH_REQUIRED);
}

#[test]
fn an_outage_never_asks_for_a_person() {
    let outages = [
        (500, json!({ "error": "internal_failure" })),
        (400, json!({ "error": "server_error", "error_description": "" })),
        (400, json!({ "error": "x", "error_description": "internal_failure" })),
        (
            400,
            json!({ "error": "invalid_grant", "error_description": "temporarily_unavailable" }),
        ),
        (503, json!({ "error": "temporarily_unavailable" })),
        (500, Value::Null),
        (502, Value::Null),
        (503, Value::Null),
        (504, Value::Null),
        (408, Value::Null),
        (503, json!({ "error": "something_new" })),
    ];
    for (status, body) in outages {
        let answer = reply(status, body);
        for shown in [Shown::Assertion, Shown::RefreshToken, Shown::Code] {
            assert_eq!(of_token(shown, &answer).code, codes::TRANSIENT, "{answer:?}");
        }
        assert_eq!(sts::check(&answer, "s", NOW_MS).unwrap_err().code, codes::TRANSIENT, "{answer:?}");
        assert_eq!(check_revoked(&answer, NOW_MS).unwrap_err().code, codes::TRANSIENT, "{answer:?}");
    }
    for status in [500, 502, 503, 504, 408] {
        let answer = reply(status, json!({ "error": { "status": "UNAVAILABLE", "message": "x" } }));
        assert_eq!(iam::check(&answer, TARGET, NOW_MS).unwrap_err().code, codes::TRANSIENT, "{status}");
    }
}

#[test]
fn too_often_is_waited_out() {
    let mut answer = said(429, "rate_limit_exceeded", "Too many requests.");
    assert_eq!(of_token(Shown::RefreshToken, &answer).retry, Retry::Later(Some(60_000)));
    answer.retry_after = Some("7".to_owned());
    assert_eq!(of_token(Shown::RefreshToken, &answer).retry, Retry::Later(Some(7_000)));
    let quota = reply(
        429,
        json!({ "error": { "code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Quota exceeded" } }),
    );
    let failure = iam::check(&quota, TARGET, NOW_MS).unwrap_err();
    assert_eq!(
        (failure.code.as_str(), failure.get("upstream-error")),
        (codes::RATE_LIMITED, Some("RESOURCE_EXHAUSTED"))
    );
}

#[test]
fn the_security_token_service() {
    let audience = "Invalid value for \"audience\". This value should be the full resource name of the Identity Provider. See https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token for the list of possible formats.";
    let target = "The target service indicated by the \"audience\" parameters is invalid. This might either be because the pool or provider is disabled or deleted or because it doesn't exist.";
    for (status, error, description, code, hint) in [
        (400, "invalid_request", audience, codes::MISCONFIGURED, "full name"),
        (400, "invalid_target", target, codes::MISCONFIGURED, "`audience`"),
        (
            400,
            "invalid_grant",
            "ID Token issued at 1786950000 is stale to sign-in.",
            codes::MISCONFIGURED,
            "renew",
        ),
        (
            400,
            "invalid_grant",
            "The audience in ID Token [x] does not match the expected audience.",
            codes::MISCONFIGURED,
            "issuer and audience",
        ),
        (
            400,
            "invalid_grant",
            "Error connecting to the given credential's issuer.",
            codes::TRANSIENT,
            "issuer",
        ),
        (
            400,
            "invalid_request",
            "Unsupported subject token type",
            codes::MISCONFIGURED,
            "Unsupported subject token type",
        ),
        (
            401,
            "unauthorized_client",
            "The given credential is rejected by the attribute condition.",
            codes::MISCONFIGURED,
            "condition",
        ),
        (400, "invalid_scope", "The scope is invalid", codes::INSUFFICIENT_SCOPE, "scopes"),
    ] {
        let failure = sts::check(&said(status, error, description), "s", NOW_MS).unwrap_err();
        assert_eq!(failure.code, code, "{error}: {description}");
        assert!(failure.message.contains(hint), "{description}: {}", failure.message);
    }
    assert!(sts::check(&reply(200, json!({ "expires_in": 1 })), "s", NOW_MS).is_ok());
}

#[test]
fn impersonation() {
    let api = "IAM Service Account Credentials API has not been used in project 7 before or it is disabled.";
    for (status, name, message, code, hint) in [
        (
            403,
            "PERMISSION_DENIED",
            "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).",
            codes::MISCONFIGURED,
            "Token Creator",
        ),
        (403, "PERMISSION_DENIED", api, codes::MISCONFIGURED, "switch it on"),
        (
            403,
            "PERMISSION_DENIED",
            "Request had insufficient authentication scopes.",
            codes::INSUFFICIENT_SCOPE,
            "cloud-platform",
        ),
        (
            404,
            "NOT_FOUND",
            "Not found; Gaia id not found for email x",
            codes::MISCONFIGURED,
            "correct the address",
        ),
        (
            400,
            "INVALID_ARGUMENT",
            "Request contains an invalid argument.",
            codes::MISCONFIGURED,
            "scopes and delegates",
        ),
        (
            401,
            "UNAUTHENTICATED",
            "Request had invalid authentication credentials.",
            codes::TRANSIENT,
            "fresh token",
        ),
    ] {
        let body = json!({ "error": { "code": status, "status": name, "message": message } });
        let failure = iam::check(&reply(status, body), TARGET, NOW_MS).unwrap_err();
        assert_eq!(failure.code, code, "{message}");
        assert!(failure.message.contains(hint), "{message}: {}", failure.message);
        assert_eq!(failure.get("upstream-error"), Some(name));
    }
    let by_reason = json!({ "error": { "message": "x", "details": [{ "reason": "SERVICE_DISABLED" }] } });
    assert!(
        iam::check(&reply(403, by_reason), TARGET, NOW_MS)
            .unwrap_err()
            .message
            .contains("switch it on")
    );
}

#[test]
fn what_is_no_longer_known_has_ended() {
    assert_eq!(check_revoked(&reply(200, json!({})), NOW_MS), Ok(Revoked::Now));
    assert_eq!(
        check_revoked(&said(400, "invalid_token", "Token expired or revoked"), NOW_MS),
        Ok(Revoked::Before)
    );
    for (answer, code) in [
        (said(400, "unsupported_token_type", "x"), codes::UNSUPPORTED),
        (
            said(400, "invalid_request", "Missing required parameter: token"),
            codes::MISCONFIGURED,
        ),
        (reply(403, Value::Null), codes::UPSTREAM_PROTOCOL),
    ] {
        assert_eq!(check_revoked(&answer, NOW_MS).unwrap_err().code, code, "{answer:?}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        prop::sample::select(vec![
            "invalid_grant",
            "invalid_client",
            "server_error",
            "invalid_rapt",
            "reasonable timeframe",
            "PERMISSION_DENIED"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let keys = prop::sample::select(vec![
            "error",
            "error_description",
            "error_subtype",
            "expires_in",
            "message",
            "status",
            "details",
            "reason",
            "scope",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(keys, inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())),
        ]
    })
}

fn any_reply() -> impl Strategy<Value = Reply> {
    let header = || {
        prop::option::of(prop_oneof![
            ".{0,30}",
            Just("Mon, 17 Aug 2026 10:00:00 GMT".to_owned()),
            "-?[0-9]{1,25}"
        ])
    };
    (100u16..600, any_json(), header(), header()).prop_map(|(status, json, retry_after, date)| Reply {
        status,
        json,
        retry_after,
        date,
    })
}

proptest! {
    /// Whatever comes: no panic; nothing but a success without an error is a token; an answer that is an outage by its status never asks
    /// for a person without saying `invalid_grant` itself.
    #[test]
    fn no_answer_opens_what_it_should_not(reply in any_reply(), now_ms in any::<u64>()) {
        let by_body = reply.text("/error").is_some();
        for shown in [Shown::Assertion, Shown::RefreshToken, Shown::Code] {
            let checked = token::check(&reply, shown, "s", now_ms);
            prop_assert_eq!(checked.is_ok() && by_body, false);
            prop_assert!(checked.is_err() || reply.is_success());
            if let Err(failure) = checked {
                let grant = matches!(reply.text("/error"), Some("invalid_grant" | "invalid_rapt" | "rapt_required"));
                prop_assert!(grant || failure.retry != Retry::Reauthorise, "{failure:?}");
                if let Some(theirs) = their_clock_ms(&failure, now_ms) {
                    prop_assert_eq!(failure.code.as_str(), codes::CLOCK_SKEW);
                    prop_assert!(theirs.abs_diff(now_ms) >= 5_000);
                }
            }
        }
        let exchanged = sts::check(&reply, "s", now_ms);
        prop_assert!(exchanged.as_ref().err().is_none_or(|failure| failure.retry != Retry::Reauthorise));
        prop_assert!(exchanged.is_err() || reply.is_success() && !by_body);
        let impersonated = iam::check(&reply, TARGET, now_ms);
        prop_assert_eq!(impersonated.is_ok(), reply.is_success());
        prop_assert!(impersonated.err().is_none_or(|failure| failure.retry != Retry::Reauthorise));
        if check_revoked(&reply, now_ms).is_ok() {
            prop_assert!(reply.is_success() && !by_body || reply.text("/error") == Some("invalid_token"));
        }
    }
}
