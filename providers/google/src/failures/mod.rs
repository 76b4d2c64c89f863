//! What Google's refusals mean, in the words of each service.
//!
//! One word, `invalid_grant`, stands for a wrong clock, a deleted key, a stale token of another issuer and a person who has to sign in
//! again, and only the description tells them apart. Pure functions of an answer; what is not known falls back to the status.

pub mod iam;
pub mod sts;
pub mod token;

use claviger_sdk::{Failure, Reply};

/// As messages call it.
pub(crate) const GOOGLE: &str = "Google";

/// Words that mean "not now", wherever they stand: Google's own clients look at the error and at its description.
const PASSING: [&str; 3] = ["internal_failure", "server_error", "temporarily_unavailable"];

/// `transient`, where the upstream says that it is not well, whatever the status.
fn passing(reply: &Reply, now_ms: u64) -> Option<Failure> {
    let says = |pointer| reply.text(pointer).filter(|said| PASSING.contains(said));
    let said = says("/error").or_else(|| says("/error_description"))?;
    let failure = Failure::transient(
        format!("{GOOGLE} is not well ({said}); it is asked again later"),
        reply.retry_after_ms(now_ms),
    );
    Some(reply.marked(failure.detail("upstream-error", said)))
}

#[cfg(test)]
mod tests;
