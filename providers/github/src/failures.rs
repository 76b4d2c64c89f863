//! What GitHub's refusals mean.

use claviger_sdk::{Failure, Reply};

const GITHUB: &str = "GitHub";

/// Why no installation token was made. `remaining` and `reset` are the headers `x-ratelimit-remaining` and
/// `x-ratelimit-reset` (epoch seconds).
#[must_use]
pub fn classify(reply: &Reply, remaining: Option<&str>, reset: Option<&str>, now_ms: u64) -> Failure {
    let said = reply.text("/message").unwrap_or("no reason given");
    let failure = match reply.status {
        401 if is_about_time(said) => Failure::clock_skew(
            format!("GitHub finds the App's assertion out of time ({said}); set this machine's clock"),
            reply.clock_ahead_seconds(now_ms),
        ),
        401 => Failure::misconfigured(format!(
            "GitHub does not accept the App's assertion ({said}); check that the App id and the private key belong together"
        )),
        403 | 429 if is_limit(reply, said, remaining) => return limited(reply, remaining, reset, now_ms),
        403 if said.contains("suspended") => {
            Failure::suspended(format!("GitHub: {said}; the account's owner can unsuspend the App's installation"))
        }
        403 => Failure::insufficient_scope(format!("GitHub forbids it ({said}); check the App's permissions"), None),
        404 => Failure::reauth_required(
            "the installation is not there: it was removed, or belongs to another App or instance; install the App again \
             and store the new installation id",
        ),
        422 if said.contains("permission") => Failure::insufficient_scope(
            format!("GitHub: {said} Ask for less, or have the account's owner accept the App's new permissions"),
            None,
        ),
        422 => Failure::insufficient_scope(
            format!("GitHub cannot make such a token ({said}); check the names of the repositories and permissions"),
            None,
        ),
        _ => return reply.failure_by_status(GITHUB, now_ms),
    };
    reply.marked(failure)
}

/// Why a token could not be ended.
#[must_use]
pub fn of_revocation(reply: &Reply, remaining: Option<&str>, reset: Option<&str>, now_ms: u64) -> Failure {
    let said = reply.text("/message").unwrap_or_default();
    match reply.status {
        403 | 429 if is_limit(reply, said, remaining) => limited(reply, remaining, reset, now_ms),
        _ => reply.failure_by_status(GITHUB, now_ms),
    }
}

/// `'Expiration time' claim ('exp') is too far in the future`, `'Issued at' claim ('iat') must be …` and the like.
fn is_about_time(said: &str) -> bool {
    ["'Expiration time'", "'Issued at'", "'exp'", "'iat'"]
        .iter()
        .any(|mark| said.contains(mark))
}

/// A 403 is a limit, not a refusal, if GitHub says so in any of its three ways.
fn is_limit(reply: &Reply, said: &str, remaining: Option<&str>) -> bool {
    reply.status == 429
        || reply.retry_after.is_some()
        || remaining.is_some_and(|left| left.trim() == "0")
        || said.to_ascii_lowercase().contains("rate limit")
}

/// Until `Retry-After`; else, if the hour's requests are spent, until they are given anew; else a minute.
fn limited(reply: &Reply, remaining: Option<&str>, reset: Option<&str>, now_ms: u64) -> Failure {
    let spent = remaining.is_some_and(|left| left.trim() == "0");
    let reset_ms = reset.and_then(|at| at.trim().parse::<u64>().ok()).map(|at| at.saturating_mul(1000));
    match reset_ms {
        Some(at) if spent && reply.retry_after.is_none() => {
            let failure = Failure::rate_limited(
                "GitHub's requests for this hour are spent; it is asked again when they are given anew",
                Some(at.saturating_sub(now_ms).max(1000)),
            );
            reply.marked(failure)
        }
        _ => reply.rate_limited(GITHUB, now_ms),
    }
}
