//! Assertions of service accounts (RFC 7523), for themselves or for a person of the domain.

use super::{Principal, error, issue, token_body};
use crate::clock::Millis;
use crate::dev::upstream::call::Call;
use crate::dev::upstream::jwt::Unverified;
use crate::dev::upstream::reply::Reply;
use crate::dev::upstream::world::World;

pub(super) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// What an assertion is addressed to, wherever it is sent.
const AUDIENCE: &str = "https://oauth2.googleapis.com/token";
/// How far Google lets an assertion's clock be ahead, and how old it may be.
const SKEW_S: i64 = 60;
const LONGEST_S: i64 = 3600;
const OUT_OF_TIME: &str = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.";
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

pub(super) fn token(world: &mut World, call: &Call, now_ms: Millis) -> Reply {
    let Some(text) = call.field("assertion") else {
        return error(400, "invalid_request", "Required parameter is missing: assertion");
    };
    let said = |reply: Reply, account: Option<&str>| reply.to("assertion", &text, account);
    let Some(assertion) = Unverified::parse(&text) else {
        return said(error(400, "invalid_grant", "Invalid JWT: Failed to decode the assertion."), None);
    };
    let issuer = assertion.text("iss").unwrap_or_default().to_owned();
    let Some(service_account) = world.service_accounts.get(&issuer) else {
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
        return said(error(400, "invalid_grant", OUT_OF_TIME), Some(&own));
    }
    let scopes = super::words(assertion.text("scope"));
    if scopes.is_empty() {
        return said(
            error(400, "invalid_scope", "Invalid OAuth scope or ID token audience provided."),
            Some(&own),
        );
    }
    let (account, principal) = match assertion.text("sub").filter(|subject| *subject != issuer) {
        None => (own, Principal::Account(issuer)),
        Some(subject) => match delegated(world, subject, &scopes) {
            Ok(account) => (account.clone(), Principal::Person(account)),
            Err(refusal) => return said(refusal, Some(&own)),
        },
    };
    let issued = issue(world, "ya29.c", &account, principal, &scopes, None, now_ms);
    said(
        Reply::json(200, token_body(&issued, &scopes)).with("cache-control", "no-store"),
        Some(&account),
    )
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
