//! The emulated Google below `{upstream}/google`: service accounts and domain-wide delegation.

use super::Provider;
use super::call::Call;
use super::jwt::Unverified;
use super::reply::Reply;
use super::world::{Live, Standing, World, derived, digest};
use crate::clock::Millis;
use serde_json::json;

pub(super) const ROUTES: &[(&str, &str, &str)] = &[
    ("POST", "/token", "token"),
    ("POST", "/revoke", "revoke"),
    ("GET", "/userinfo", "userinfo"),
];

/// What an assertion is addressed to, wherever it is sent.
const AUDIENCE: &str = "https://oauth2.googleapis.com/token";
const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const LIFETIME_S: i64 = 3599;
/// How far Google lets an assertion's clock be ahead, and how old it may be.
const SKEW_S: i64 = 60;
const LONGEST_S: i64 = 3600;
/// What the domain's administrator has delegated; anything else is refused for another's account.
const DELEGATED: &[&str] = &[
    "https://www.googleapis.com/auth/drive",
    "https://www.googleapis.com/auth/drive.readonly",
    "https://www.googleapis.com/auth/gmail.readonly",
    "https://www.googleapis.com/auth/calendar",
    "https://www.googleapis.com/auth/calendar.readonly",
    "https://www.googleapis.com/auth/userinfo.email",
    "openid",
    "email",
];

pub(super) fn answer(world: &mut World, operation: &str, call: &Call, now_ms: Millis) -> Reply {
    match operation {
        "token" => token(world, call, now_ms),
        "revoke" => revoke(world, call, now_ms),
        _ => userinfo(world, call, now_ms),
    }
}

fn error(status: u16, error: &str, description: &str) -> Reply {
    Reply::json(status, json!({ "error": error, "error_description": description }))
}

fn token(world: &mut World, call: &Call, now_ms: Millis) -> Reply {
    match call.field("grant_type").as_deref() {
        Some(GRANT_TYPE) => {}
        None => return error(400, "invalid_request", "Required parameter is missing: grant_type"),
        Some(_) => return error(400, "unsupported_grant_type", "Invalid grant_type: only jwt-bearer is emulated"),
    }
    let Some(text) = call.field("assertion") else {
        return error(400, "invalid_request", "Required parameter is missing: assertion");
    };
    let said = |reply: Reply, account: Option<&str>| reply.to("assertion", &text, account);
    let Some(assertion) = Unverified::parse(&text) else {
        return said(error(400, "invalid_grant", "Invalid JWT: Failed to decode the assertion."), None);
    };
    let issuer = assertion.text("iss").unwrap_or_default();
    let Some(service_account) = world.service_accounts.get(issuer) else {
        return said(error(400, "invalid_grant", "Invalid grant: account not found"), None);
    };
    let own = service_account.account.clone();
    if !assertion.is_signed_by(&service_account.key) {
        return said(error(400, "invalid_grant", "Invalid JWT Signature."), Some(&own));
    }
    if assertion.text("aud") != Some(AUDIENCE) {
        return said(error(400, "invalid_grant", "Invalid JWT: Failed audience check."), Some(&own));
    }
    if !timely(&assertion, now_ms / 1000) {
        let text = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.";
        return said(error(400, "invalid_grant", text), Some(&own));
    }
    let scopes: Vec<String> = assertion
        .text("scope")
        .unwrap_or_default()
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    if scopes.is_empty() {
        return said(
            error(400, "invalid_scope", "Invalid OAuth scope or ID token audience provided."),
            Some(&own),
        );
    }
    let account = match assertion.text("sub").filter(|subject| *subject != issuer) {
        None => own,
        Some(subject) => match delegated(world, subject, &scopes) {
            Ok(account) => account,
            Err(refusal) => return said(refusal, Some(&own)),
        },
    };
    let expires_in = world.lifetime_s(Provider::Google, LIFETIME_S);
    let access = format!("ya29.c.{}", world.token_text(&account, '-', 180));
    let live = Live {
        provider: Provider::Google,
        account: account.clone(),
        created_at_ms: now_ms,
        expires_at_ms: now_ms + expires_in * 1000,
        scopes: scopes.clone(),
        revoked: false,
        grant: None,
    };
    world.remember(&access, live);
    let body = json!({ "access_token": access, "expires_in": expires_in, "token_type": "Bearer", "scope": scopes.join(" ") });
    said(Reply::json(200, body).with("cache-control", "no-store"), Some(&account))
}

fn timely(assertion: &Unverified, now: i64) -> bool {
    let (Some(issued), Some(ends)) = (assertion.seconds("iat"), assertion.seconds("exp")) else {
        return false;
    };
    issued <= now + SKEW_S && issued >= now - LONGEST_S && ends > now - SKEW_S && ends > issued && ends - issued <= LONGEST_S
}

/// The account that a subject stands for, if the domain lets a service account act as it with these scopes.
fn delegated(world: &World, subject: &str, scopes: &[String]) -> Result<String, Reply> {
    let Some(person) = world.people.iter().find(|person| person.email.eq_ignore_ascii_case(subject)) else {
        return Err(error(400, "invalid_grant", "Invalid email or User ID"));
    };
    if scopes.iter().all(|scope| DELEGATED.contains(&scope.as_str())) {
        return Ok(person.name.clone());
    }
    let text =
        "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.";
    Err(error(401, "unauthorized_client", text))
}

/// Tokens of service accounts cannot be revoked at Google; they end by themselves.
fn revoke(world: &World, call: &Call, now_ms: Millis) -> Reply {
    let token = call.field("token").unwrap_or_default();
    match world.standing(Provider::Google, &token, now_ms) {
        Standing::Good(live) => error(400, "unsupported_token_type", "Tokens of service accounts cannot be revoked.").to(
            "access-token",
            &token,
            Some(&live.account),
        ),
        _ => error(400, "invalid_token", "Token expired or revoked").to("unknown", &token, None),
    }
}

fn userinfo(world: &World, call: &Call, now_ms: Millis) -> Reply {
    let token = call.authorization(&["bearer"]).unwrap_or_default();
    let Standing::Good(live) = world.standing(Provider::Google, token, now_ms) else {
        let account = world.live.get(&digest(token)).map(|live| live.account.as_str());
        return error(401, "invalid_request", "Invalid Credentials").to("access-token", token, account);
    };
    let digits: String = derived("google-account", &live.account, 21)
        .chars()
        .map(|c| char::from(b'0' + c as u8 % 10))
        .collect();
    let mut body = json!({ "sub": digits });
    let tells = |scope: &String| matches!(scope.as_str(), "openid" | "email") || scope.ends_with("/userinfo.email");
    if live.scopes.iter().any(tells) {
        body["email"] = world.person(&live.account).map(|person| person.email.clone()).into();
        body["email_verified"] = true.into();
    }
    Reply::json(200, body).to("access-token", token, Some(&live.account))
}
