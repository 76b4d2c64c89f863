//! The Security Token Service: a token of the emulated issuer for one of Google's (RFC 8693).

use super::{AUDIENCE_OF_POOL, Principal, error, issue, words};
use crate::clock::Millis;
use crate::dev::upstream::call::Call;
use crate::dev::upstream::jwt::{Unverified, signed};
use crate::dev::upstream::reply::Reply;
use crate::dev::upstream::seed::SERVICE_ACCOUNT_KEY;
use crate::dev::upstream::world::World;
use serde_json::json;

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const TAKEN: [&str; 2] = ["urn:ietf:params:oauth:token-type:jwt", "urn:ietf:params:oauth:token-type:id_token"];
const WRONG_AUDIENCE: &str = "Invalid value for \"audience\". This value should be the full resource name of the Identity Provider. See https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token for the list of possible formats.";
const NO_SUCH_PROVIDER: &str = "The target service indicated by the \"audience\" parameters is invalid. This might either be because the pool or provider is disabled or deleted or because it doesn't exist.";

/// A token of the issuer for that person's identity.
pub(super) fn subject_token(account: &str, lives_s: i64, now_ms: Millis) -> Option<String> {
    let now = now_ms / 1000;
    let claims = json!({ "iss": "https://issuer.example.org", "sub": account, "aud": format!("https:{AUDIENCE_OF_POOL}"), "iat": now, "exp": now + lives_s });
    signed(&claims, SERVICE_ACCOUNT_KEY)
}

pub(super) fn token(world: &mut World, call: &Call, now_ms: Millis) -> Reply {
    let field = |name: &str| call.field(name).unwrap_or_default();
    if field("grant_type") != GRANT_TYPE {
        return error(400, "unsupported_grant_type", "Unsupported grant type");
    }
    let audience = field("audience");
    if !audience.starts_with("//iam.googleapis.com/") {
        return error(400, "invalid_request", WRONG_AUDIENCE);
    }
    if audience != AUDIENCE_OF_POOL {
        return error(400, "invalid_target", NO_SUCH_PROVIDER);
    }
    if field("requested_token_type") != ACCESS_TOKEN {
        return error(400, "invalid_request", "Invalid value for \"requested_token_type\".");
    }
    if !TAKEN.contains(&field("subject_token_type").as_str()) {
        return error(400, "invalid_request", "Invalid value for \"subject_token_type\".");
    }
    let text = field("subject_token");
    let Some(subject) = Unverified::parse(&text) else {
        return error(400, "invalid_grant", "Unable to parse the ID Token.").to("subject-token", &text, None);
    };
    let account = subject.text("sub").unwrap_or_default().to_owned();
    let said = |reply: Reply| reply.to("subject-token", &text, Some(&account));
    if !subject.is_signed_by(&world.google.issuer) {
        return said(error(400, "invalid_grant", "Invalid ID Token signature."));
    }
    if subject.text("aud") != Some(format!("https:{AUDIENCE_OF_POOL}").as_str()) {
        return said(error(
            400,
            "invalid_grant",
            "The audience in ID Token does not match the expected audience.",
        ));
    }
    if subject.seconds("exp").is_none_or(|end| end <= now_ms / 1000) {
        let issued = subject.seconds("iat").unwrap_or_default();
        return said(error(
            400,
            "invalid_grant",
            &format!("ID Token issued at {issued} is stale to sign-in."),
        ));
    }
    if world.person(&account).is_none() {
        return said(error(
            401,
            "unauthorized_client",
            "The given credential is rejected by the attribute condition.",
        ));
    }
    let scopes = words(Some(&field("scope")));
    if scopes.is_empty() {
        return said(error(400, "invalid_scope", "The scope is missing."));
    }
    let issued = issue(
        world,
        "ya29.d",
        &account,
        Principal::Federated(account.clone()),
        &scopes,
        None,
        now_ms,
    );
    let body =
        json!({ "access_token": issued.text, "issued_token_type": ACCESS_TOKEN, "token_type": "Bearer", "expires_in": issued.expires_in });
    said(Reply::json(200, body).with("cache-control", "no-store"))
}
