//! Refusals of `oauth2.googleapis.com/token` and `/revoke`.

use super::{GOOGLE, passing};
use claviger_sdk::{Failure, Reply, codes, oauth};

/// What was shown to the token endpoint: the same word means another thing for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// A service account's assertion.
    Assertion,
    /// A person's refresh token.
    RefreshToken,
    /// The code that a consent left.
    Code,
}

/// Whether the answer is a token.
///
/// # Errors
/// The refusal, classified.
pub fn check(reply: &Reply, shown: Shown, scope: &str, now_ms: u64) -> Result<(), Failure> {
    if let Some(failure) = passing(reply, now_ms) {
        return Err(failure);
    }
    let said = reply.text("/error_description").unwrap_or("no reason given");
    let Some(error) = reply.text("/error").filter(|_| !reply.is_outage()) else {
        return oauth::check(GOOGLE, reply, now_ms);
    };
    let failure = match (error, shown) {
        ("invalid_grant", _) if is_session_control(reply, said) => session_control(),
        ("invalid_grant", Shown::Assertion) => return Err(assertion(reply, said, now_ms)),
        ("invalid_grant", Shown::RefreshToken) => refresh_token(said),
        ("invalid_grant", Shown::Code) => Failure::reauth_required(format!(
            "Google no longer takes the code of the consent ({said}): it was used, or it is older than a few minutes; connect again"
        )),
        ("rapt_required" | "invalid_rapt", _) => session_control(),
        ("unauthorized_client" | "access_denied", Shown::Assertion) => Failure::misconfigured(format!(
            "Google does not let this service account act for the person in `subject` with these scopes ({said}); its administrator \
             adds them under domain-wide delegation, which may take a day to spread"
        )),
        ("unauthorized_client", _) => Failure::misconfigured(format!(
            "Google gave this grant to another client ({said}); store the client id and secret that it was given to"
        )),
        ("invalid_client" | "deleted_client" | "disabled_client", _) => Failure::misconfigured(format!(
            "Google does not accept the client id and secret ({error}: {said}); correct them in the configuration or the credential"
        )),
        ("invalid_scope", _) => Failure::insufficient_scope(
            format!("Google does not know, or does not grant, one of the scopes asked for ({said})"),
            Some(scope).filter(|scope| !scope.is_empty()),
        ),
        ("admin_policy_enforced" | "org_internal", _) => Failure::suspended(format!(
            "the Workspace's policy does not let this application in ({error}: {said}); its administrator allows it under API controls"
        )),
        _ => return oauth::check(GOOGLE, reply, now_ms),
    };
    Err(reply.marked(failure.detail("upstream-error", error)))
}

/// A clock that is right within seconds was not the reason, and signing again would not help. And no honest clock is further off than the
/// widest mistake of a time zone: an assertion dated after one that is could be kept, and used much later.
const CORRECTED_SECONDS: std::ops::RangeInclusive<u64> = 5..=26 * 3600;

/// Whether a clock is all that is wrong, and by which time to sign anew: the upstream's, in milliseconds since the epoch.
#[must_use]
pub fn their_clock_ms(failure: &Failure, now_ms: u64) -> Option<u64> {
    let ahead: i64 = failure
        .get("clock-skew-seconds")
        .filter(|_| failure.code == codes::CLOCK_SKEW)?
        .parse()
        .ok()?;
    CORRECTED_SECONDS
        .contains(&ahead.unsigned_abs())
        .then(|| now_ms.checked_add_signed(ahead.checked_neg()?.checked_mul(1000)?))?
}

/// Whether a grant has ended. What Google does not know has.
///
/// # Errors
/// Anything that leaves it open.
pub fn check_revoked(reply: &Reply, now_ms: u64) -> Result<Revoked, Failure> {
    if let Some(failure) = passing(reply, now_ms) {
        return Err(failure);
    }
    match reply.text("/error") {
        // Google says `invalid_token`; RFC 7009 knows no such error, and other words for a dead token have been seen beside it.
        Some("invalid_token") if matches!(reply.status, 200..=299 | 400..=499) && !reply.is_outage() => Ok(Revoked::Before),
        None if reply.is_success() => Ok(Revoked::Now),
        Some("unsupported_token_type") => Err(reply.marked(Failure::unsupported(
            "Google does not end tokens of service accounts; delete or disable the key instead",
        ))),
        _ => oauth::check(GOOGLE, reply, now_ms).map(|()| Revoked::Now),
    }
}

/// When a grant ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    /// With this request.
    Now,
    /// Earlier: Google no longer knows it.
    Before,
}

fn assertion(reply: &Reply, said: &str, now_ms: u64) -> Failure {
    let failure = if is_about_time(said) {
        Failure::clock_skew(
            format!("Google finds the assertion out of time ({said}); set this machine's clock"),
            reply.clock_ahead_seconds(now_ms),
        )
    } else if said.contains("Invalid JWT Signature") || said.contains("No valid verifier found") {
        Failure::reauth_required(
            "Google no longer knows the stored key: it was deleted or replaced; store a new key file of the service account",
        )
    } else if said.contains("account not found") || said.contains("Account has been deleted") {
        Failure::reauth_required(
            "Google does not know the service account: it was deleted, or the address is wrong; store a key file of one that exists",
        )
    } else if said.contains("valid email or user ID") || said.contains("Invalid email or User ID") {
        Failure::misconfigured("Google does not know the person in the field `subject`; store the address of an account of that domain")
    } else if said.contains("Invalid JWT") {
        Failure::misconfigured(format!(
            "Google does not accept the assertion ({said}); store the service account's key file again"
        ))
    } else {
        Failure::reauth_required(format!(
            "Google no longer accepts the service account's key ({said}); store a new key file"
        ))
    };
    reply.marked(failure.detail("upstream-error", "invalid_grant"))
}

fn refresh_token(said: &str) -> Failure {
    Failure::reauth_required(format!(
        "Google no longer accepts the refresh token ({said}): it was revoked, was not used for six months, ended with a change of \
         password, was one too many of its client, or is a week old and its client's consent screen still in testing; connect the \
         account again"
    ))
}

fn session_control() -> Failure {
    Failure::reauth_required(
        "the Workspace's session control asks for a fresh sign-in (reauthentication); sign in again, or have its administrator \
         exempt this application, for it will ask again",
    )
}

/// `Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. …`
fn is_about_time(said: &str) -> bool {
    let marks = [
        "short-lived token",
        "reasonable timeframe",
        "Token used too early",
        "expired assertion",
    ];
    marks.iter().any(|mark| said.contains(mark))
}

fn is_session_control(reply: &Reply, said: &str) -> bool {
    matches!(reply.text("/error_subtype"), Some("invalid_rapt" | "rapt_required"))
        || said.contains("invalid_rapt")
        || said.contains("rapt_required")
}
