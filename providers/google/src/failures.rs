//! What Google's refusals mean: one word, `invalid_grant`, stands for a wrong clock, a deleted key and a person who has to
//! sign in again, and only the description tells them apart.

use claviger_sdk::{Failure, Reply, oauth};

const GOOGLE: &str = "Google";

/// Whether the answer is a token.
///
/// # Errors
/// The refusal, classified.
pub fn check(reply: &Reply, scope: &str, now_ms: u64) -> Result<(), Failure> {
    let said = reply.text("/error_description").unwrap_or_default();
    let failure = match reply.text("/error") {
        Some("invalid_grant") if is_about_time(said) => Failure::clock_skew(
            format!("Google finds the assertion out of time ({said}); set this machine's clock"),
            reply.clock_ahead_seconds(now_ms),
        ),
        Some("invalid_grant") if said.contains("Invalid JWT Signature") => Failure::reauth_required(
            "Google no longer knows the stored key: it was deleted or replaced; store a new key file of the service account",
        ),
        Some("invalid_grant") if said.contains("account not found") => Failure::reauth_required(
            "Google does not know the service account: it was deleted, or the address is wrong; store a key file of one that exists",
        ),
        Some("invalid_grant") if said.contains("Invalid email or User ID") => {
            Failure::misconfigured("Google does not know the person in the field `subject`; store the address of an account of that domain")
        }
        Some("invalid_grant") if is_session_control(reply) => Failure::reauth_required(
            "the Workspace's session control asks for a fresh sign-in; sign in again, or have its administrator exempt this application",
        ),
        Some("unauthorized_client") => Failure::misconfigured(format!(
            "Google does not let this service account act for the person in `subject` with these scopes ({said}); its administrator \
             adds them under domain-wide delegation, which may take a day to spread"
        )),
        Some("invalid_scope") => Failure::insufficient_scope(
            format!("Google does not know, or does not grant, one of the scopes asked for ({said})"),
            Some(scope),
        ),
        _ => return oauth::check(GOOGLE, reply, now_ms),
    };
    let error = reply.text("/error").unwrap_or_default();
    Err(reply.marked(failure.detail("upstream-error", error)))
}

/// `Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. …`
fn is_about_time(said: &str) -> bool {
    [
        "short-lived token",
        "reasonable timeframe",
        "Token used too early",
        "expired assertion",
    ]
    .iter()
    .any(|mark| said.contains(mark))
}

fn is_session_control(reply: &Reply) -> bool {
    matches!(reply.text("/error_subtype"), Some("invalid_rapt" | "rapt_required"))
}
