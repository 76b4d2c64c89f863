//! Refusals of `sts.googleapis.com/v1/token`.
//!
//! What is refused here is never a grant that a person could renew: the subject token comes from a file that another program keeps
//! fresh, and is read anew for every exchange. So no refusal asks for a person.

use super::{GOOGLE, passing};
use claviger_sdk::{Failure, Reply, oauth};

/// Whether the answer is a token.
///
/// # Errors
/// The refusal, classified.
pub fn check(reply: &Reply, scope: &str, now_ms: u64) -> Result<(), Failure> {
    if let Some(failure) = passing(reply, now_ms) {
        return Err(failure);
    }
    let said = reply.text("/error_description").unwrap_or("no reason given");
    let Some(error) = reply.text("/error").filter(|_| !reply.is_outage()) else {
        return oauth::check(GOOGLE, reply, now_ms);
    };
    let failure = match error {
        "invalid_request" if said.contains("audience") => Failure::misconfigured(format!(
            "Google does not accept the audience ({said}); store the provider's full name, as in \
             `//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/name`"
        )),
        "invalid_target" => Failure::misconfigured(format!(
            "Google does not know the workload identity provider in the field `audience`, or it is disabled ({said})"
        )),
        "invalid_grant" if said.contains("Error connecting") => Failure::transient(
            format!("Google cannot reach the issuer of the subject token ({said}); it is asked again later"),
            reply.retry_after_ms(now_ms),
        ),
        "invalid_grant" if is_stale(said) => Failure::misconfigured(format!(
            "the subject token is out of time ({said}); whatever writes the file of the field `subject-token` has to renew it"
        )),
        "invalid_grant" => Failure::misconfigured(format!(
            "Google does not accept the subject token ({said}); compare its issuer and audience with the provider's settings, and \
             its kind with the field `subject-token-type`"
        )),
        "unauthorized_client" | "access_denied" => Failure::misconfigured(format!(
            "the provider's attribute condition does not let this subject in ({said}); its administrator changes it or the subject"
        )),
        "invalid_scope" => Failure::insufficient_scope(
            format!("Google does not know, or does not grant, one of the scopes asked for ({said})"),
            Some(scope),
        ),
        _ => return oauth::check(GOOGLE, reply, now_ms),
    };
    Err(reply.marked(failure.detail("upstream-error", error)))
}

/// `ID Token issued at 1640995200 is stale to sign-in.` and `The ID Token is expired.`
fn is_stale(said: &str) -> bool {
    ["is stale", "expired", "issued in the future", "not yet valid"]
        .iter()
        .any(|mark| said.contains(mark))
}
