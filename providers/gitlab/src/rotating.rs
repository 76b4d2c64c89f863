//! Access tokens that Claviger rotates before they end.
//!
//! A rotation ends the old token with the answer, without grace, and asking GitLab to rotate a token that was rotated already ends the
//! whole family (16.3 and later). So before each rotation the token is asked about itself: one that GitLab no longer knows is never sent
//! there, and a lost answer stays lost (the manifest's grace is zero) until a person stores a new token.

use crate::instance::api;
use crate::refusal::{of_api, of_rotation};
use claviger_sdk::{Credential, Failure, Json, Level, Reply, Request, Token, date_ms, date_of_ms, log, now_ms};

const DAY_MS: u64 = 24 * 3_600_000;
/// With less than this left a token is rotated: an expired one cannot be, and three days survive a weekend without readers.
const EARLY_MS: u64 = 3 * DAY_MS;
/// The host comes back some minutes before the end that it was told, and is not to be sent away then.
const LEEWAY_MS: u64 = 3_600_000;
/// When to look again at a token that ought to have been rotated and was not.
const AGAIN_MS: u64 = 3_600_000;
/// How long a new token lives unless the credential says: GitLab's own default of seven days would rotate every four.
const LIFETIME_DAYS: u64 = 30;
/// Less would be due when it is born; more than a year no GitLab allows (400 days is the most, and an administrator's to allow).
const LIFETIMES: std::ops::RangeInclusive<u64> = 7..=400;

/// The stored token while it has days left, else its successor, which the host has stored before it is seen here.
///
/// # Errors
/// GitLab's refusal, classified. A rotation that GitLab refuses and that leaves the token alive is no failure: the token is handed out
/// for what is left of it, and the operator is warned.
pub fn token(credential: &mut Credential) -> Result<Token, Failure> {
    let lifetime_days = lifetime_days(credential)?;
    let (url, now) = (api(credential, "/personal_access_tokens/self"), now_ms());
    let response = Request::new("GET", url.as_str())
        .header("accept", "application/json")
        .header("user-agent", "claviger")
        .bearer(credential.require_secret("token")?)
        .send()?;
    let ends = ends(&Reply::read(&response)?, now)?;
    let stored = |credential: &mut Credential, until| Ok(Token::new(credential.take_secret("token")?).expires_at_ms(until));
    let Some(ends) = ends else { return stored(credential, None) };
    if ends.saturating_sub(now) > EARLY_MS + LEEWAY_MS {
        return stored(credential, Some(ends - EARLY_MS));
    }

    let Some(day) = date_of_ms(now.saturating_add(lifetime_days * DAY_MS)) else {
        return Err(Failure::clock_skew("this host's clock is beyond every calendar; set it", None));
    };
    let response = Request::post(format!("{url}/rotate"))
        .header("accept", "application/json")
        .header("user-agent", "claviger")
        .bearer(credential.require_secret("token")?)
        .body(Json::new().value("expires_at", &day.into()))
        .send()?;
    let reply = Reply::read(&response)?;
    if reply.is_success() {
        let token = response
            .take("token")
            .ok_or_else(|| reply.marked(Failure::upstream_protocol("GitLab's answer to a rotation lacks the token")))?;
        return Ok(Token::new(token).expires_at_ms(Some(look_again(&reply, now))));
    }
    let (failure, is_alive) = of_rotation(&reply, now);
    if !is_alive {
        return Err(failure);
    }
    log(
        Level::Warn,
        &format!("the token was not rotated and ends on its day: {}", failure.message),
    );
    stored(credential, Some(ends.min(now.saturating_add(AGAIN_MS))))
}

/// When the token ends; `None` if never.
///
/// # Errors
/// GitLab's refusal, classified; `upstream-protocol` for an end that does not read.
pub fn ends(reply: &Reply, now_ms: u64) -> Result<Option<u64>, Failure> {
    if !reply.is_success() {
        return Err(of_api(reply, now_ms));
    }
    if reply.json.pointer("/active").and_then(serde_json::Value::as_bool) != Some(true) {
        return Err(reply.marked(Failure::reauth_required(
            "GitLab says that the token is no longer active; store a new one",
        )));
    }
    match reply.json.pointer("/expires_at") {
        Some(serde_json::Value::Null) => Ok(None),
        Some(serde_json::Value::String(day)) => match date_ms(day) {
            Some(ends) => Ok(Some(ends)),
            None => Err(reply.marked(Failure::upstream_protocol("GitLab says that the token ends on a day that is none"))),
        },
        _ => Err(reply.marked(Failure::upstream_protocol("GitLab does not say when the token ends"))),
    }
}

/// When the host is to come back for a token that was made just now: three days before its end, or soon where the answer tells no end or one
/// that is near already.
#[must_use]
pub fn look_again(reply: &Reply, now_ms: u64) -> u64 {
    match reply.text("/expires_at").and_then(date_ms) {
        Some(ends) if ends > now_ms.saturating_add(EARLY_MS + LEEWAY_MS) => ends - EARLY_MS,
        Some(ends) if ends > now_ms => ends.min(now_ms.saturating_add(AGAIN_MS)),
        _ => now_ms.saturating_add(AGAIN_MS),
    }
}

fn lifetime_days(credential: &Credential) -> Result<u64, Failure> {
    match credential.text("lifetime-days").map(str::parse::<u64>) {
        None => Ok(LIFETIME_DAYS),
        Some(Ok(days)) if LIFETIMES.contains(&days) => Ok(days),
        Some(_) => Err(Failure::invalid_credential(format!(
            "field `lifetime-days` must be a number from {} to {}; store it again",
            LIFETIMES.start(),
            LIFETIMES.end()
        ))),
    }
}
