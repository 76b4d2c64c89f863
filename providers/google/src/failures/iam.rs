//! Refusals of `generateAccessToken`, in the form of Google's newer services: a status by name and a message.

use super::GOOGLE;
use claviger_sdk::{Failure, Reply};

/// Whether the answer is a token of `target`.
///
/// # Errors
/// The refusal, classified. None asks for a person: what is missing is a role, an API or a scope.
pub fn check(reply: &Reply, target: &str, now_ms: u64) -> Result<(), Failure> {
    if reply.is_success() {
        return Ok(());
    }
    let said = reply.text("/error/message").unwrap_or("no reason given");
    let status = reply.text("/error/status").unwrap_or_default();
    let reason = reply.text("/error/details/0/reason").unwrap_or_default();
    let failure = match reply.status {
        403 if reason == "SERVICE_DISABLED" || said.contains("has not been used in project") => Failure::misconfigured(format!(
            "the IAM Service Account Credentials API is off in the source's project ({said}); switch it on there"
        )),
        403 if reason == "ACCESS_TOKEN_SCOPE_INSUFFICIENT" || said.contains("insufficient authentication scopes") => {
            Failure::insufficient_scope(
                format!("the source's grant may not impersonate ({said}); connect it with the scope `cloud-platform`"),
                Some("https://www.googleapis.com/auth/cloud-platform"),
            )
        }
        403 => Failure::misconfigured(format!(
            "the source may not make tokens of `{target}` ({said}); grant it the role Service Account Token Creator on that account, \
             and on each delegate to the one after it"
        )),
        404 => Failure::misconfigured(format!(
            "Google does not know the service account `{target}` ({said}); correct the address"
        )),
        400 => Failure::misconfigured(format!(
            "Google does not accept the request for a token of `{target}` ({said}); check its scopes and delegates"
        )),
        401 => Failure::transient(
            format!("Google does not accept the source's fresh token ({said}); another is tried later"),
            reply.retry_after_ms(now_ms),
        ),
        _ => return Err(with_status(reply.failure_by_status(GOOGLE, now_ms), status)),
    };
    Err(with_status(reply.marked(failure), status))
}

fn with_status(failure: Failure, status: &str) -> Failure {
    if status.is_empty() {
        failure
    } else {
        failure.detail("upstream-error", status)
    }
}
