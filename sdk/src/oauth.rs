//! OAuth 2.0: refreshing a grant (RFC 6749, 6) and reading a token endpoint's refusals (5.2).

use crate::{Failure, Form, Reply, Secret};
use serde_json::Value;

/// A refresh. Never with a scope: at upstreams that rotate, a narrower scope narrows the stored grant for good (seen at
/// GitLab: the new refresh token carries only the narrower scope).
pub struct Refresh<'a> {
    /// The refresh token.
    pub refresh_token: &'a Secret,
    /// The client's id.
    pub client_id: &'a str,
    /// The client's secret; a public client has none.
    pub client_secret: Option<&'a Secret>,
    /// For upstreams that compare it with the one of the consent.
    pub redirect_uri: Option<&'a str>,
}

impl<'a> Refresh<'a> {
    /// As a form, client credentials in the body.
    #[must_use]
    pub fn form(&self) -> Form<'a> {
        let mut form = Form::new()
            .text("grant_type", "refresh_token")
            .secret("refresh_token", self.refresh_token)
            .text("client_id", self.client_id);
        if let Some(secret) = self.client_secret {
            form = form.secret("client_secret", secret);
        }
        if let Some(uri) = self.redirect_uri {
            form = form.text("redirect_uri", uri);
        }
        form
    }
}

/// Whether a token endpoint's answer is a token. The body's `error` decides before the status, for GitHub refuses with 200, except in
/// an outage ([`Reply::is_outage`]), which refuses nothing.
/// The manifest must open `/error` and `/error_description`, and the headers `retry-after` and `date`.
///
/// # Errors
/// The refusal, classified. Only an explicit refusal of the grant asks for a person: an outage never does.
pub fn check(upstream: &str, reply: &Reply, now_ms: u64) -> Result<(), Failure> {
    match reply.text("/error") {
        Some(error) if reply.is_outage() => Err(reply.failure_by_status(upstream, now_ms).detail("upstream-error", error)),
        Some(error) => Err(refusal(upstream, error, reply, now_ms)),
        None if reply.is_success() => Ok(()),
        None => Err(reply.failure_by_status(upstream, now_ms)),
    }
}

fn refusal(upstream: &str, error: &str, reply: &Reply, now_ms: u64) -> Failure {
    let said = reply.text("/error_description").unwrap_or("no reason given");
    let failure = match error {
        "invalid_grant" | "bad_refresh_token" => Failure::reauth_required(format!(
            "{upstream} no longer accepts the stored grant ({said}); connect the account again"
        )),
        "invalid_client" | "incorrect_client_credentials" => Failure::misconfigured(format!(
            "{upstream} does not accept the client id and secret ({said}); correct them in the configuration or the credential"
        )),
        "unauthorized_client" => Failure::misconfigured(format!(
            "{upstream} does not let this client use this grant ({said}); allow it where the client is registered"
        )),
        "invalid_request" | "unsupported_grant_type" | "redirect_uri_mismatch" => Failure::misconfigured(format!(
            "{upstream} does not accept the request ({error}: {said}); check the client's settings and the instance's address"
        )),
        "invalid_scope" => Failure::insufficient_scope(
            format!("{upstream} does not grant what was asked for ({said}); ask for less, or connect with more"),
            None,
        ),
        "access_denied" | "admin_policy_enforced" => Failure::suspended(format!(
            "{upstream} denies access ({error}: {said}); an administrator there has to allow it"
        )),
        "slow_down" => return reply.rate_limited(upstream, now_ms),
        "server_error" | "temporarily_unavailable" | "internal_failure" => Failure::transient(
            format!("{upstream} is not well ({error}: {said}); it is asked again later"),
            reply.retry_after_ms(now_ms),
        ),
        _ => Failure::upstream_protocol(format!("{upstream} refuses with the unknown error `{error}` ({said})")),
    };
    reply.marked(failure.detail("upstream-error", error))
}

/// When a token of this answer ends, in milliseconds since the epoch: `/expires_in` from `/created_at` where the upstream says
/// so, by its own clock, but from now at the latest: a clock that is ahead of the host's lets no token live longer. `None` if it names
/// no end. One that is named and does not read has come: the host reads it so too, and a token refreshed too often is better than one
/// believed too long.
#[must_use]
pub fn expires_at_ms(reply: &Reply, now_ms: u64) -> Option<u64> {
    let told = reply.json.pointer("/expires_in").filter(|told| !told.is_null())?;
    let since_ms = match reply.json.pointer("/created_at") {
        Some(at) => seconds(at).and_then(|at| at.checked_mul(1000)).map(|at| at.min(now_ms)),
        None => Some(now_ms),
    };
    let ends = seconds(told)
        .and_then(|life| life.checked_mul(1000))
        .zip(since_ms)
        .and_then(|(life, since)| since.checked_add(life))
        .filter(|ends| *ends <= LAST_MS);
    Some(ends.unwrap_or(now_ms))
}

/// The host counts milliseconds in 64 bits with a sign.
const LAST_MS: u64 = i64::MAX.unsigned_abs();

/// A number of seconds, also as a string or with a fraction.
fn seconds(value: &Value) -> Option<u64> {
    let text = value.as_str().map(str::trim);
    let whole = value.as_u64().or_else(|| text?.parse().ok());
    // 2^53 seconds is beyond any clock; below it the cast is exact after rounding down.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
    whole.or_else(|| {
        let fraction = value.as_f64().or_else(|| text?.parse().ok())?;
        (0.0..9e15).contains(&fraction).then(|| fraction.floor() as u64)
    })
}

#[cfg(test)]
mod tests;
