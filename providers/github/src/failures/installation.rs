//! Refusals of what an App asks for with its assertion, and of ending a token.

use super::{GITHUB, Limits, said};
use claviger_sdk::{Failure, Reply};

/// Why there is no installation, or no token for it.
#[must_use]
pub fn installation_failure(reply: &Reply, limits: &Limits, now_ms: u64) -> Failure {
    let said = said(reply);
    if limits.reached(reply) {
        return limits.failure(reply, now_ms);
    }
    let failure = match reply.status {
        401 if is_about_time(said) => Failure::clock_skew(
            format!("GitHub finds the App's assertion out of time ({said}); set this machine's clock"),
            reply.clock_ahead_seconds(now_ms),
        ),
        401 => Failure::misconfigured(format!(
            "GitHub does not accept the App's assertion ({said}); check that the App id and the private key belong together, and that the key \
             was not deleted"
        )),
        403 if said.contains("suspended") => {
            Failure::suspended(format!("GitHub: {said}; the account's owner can unsuspend the App's installation"))
        }
        403 if said.contains("IP allow list") => misplaced(said),
        403 => Failure::insufficient_scope(format!("GitHub forbids it ({said}); check the App's permissions"), None),
        404 if said.contains("Integration not found") => Failure::misconfigured(format!(
            "GitHub knows no such App ({said}); correct `app-id`, and check that the App is registered at this instance"
        )),
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
pub fn revocation_failure(reply: &Reply, limits: &Limits, now_ms: u64) -> Failure {
    if limits.reached(reply) {
        return limits.failure(reply, now_ms);
    }
    match reply.status {
        403 => reply.marked(Failure::insufficient_scope(
            format!("GitHub does not end this token ({}); end it in GitHub's settings", said(reply)),
            None,
        )),
        422 => reply.marked(Failure::upstream_protocol(format!(
            "GitHub does not take this for a credential of its own ({}); end it where it was made",
            said(reply)
        ))),
        _ => reply.failure_by_status(GITHUB, now_ms),
    }
}

/// `'Expiration time' claim ('exp') is too far in the future`, `'Issued at' claim ('iat') must be …` and the like.
#[must_use]
pub fn is_about_time(said: &str) -> bool {
    ["'Expiration time'", "'Issued at'", "'exp'", "'iat'"]
        .iter()
        .any(|mark| said.contains(mark))
}

/// An organisation lets certain addresses in, and this server's is none of them.
pub(super) fn misplaced(said: &str) -> Failure {
    Failure::misconfigured(format!(
        "GitHub does not let this server's address in ({said}); have an owner there add it to the IP allow list"
    ))
}

#[cfg(test)]
mod tests {
    use super::{Limits, installation_failure, revocation_failure};
    use claviger_sdk::{Reply, Retry, codes};
    use proptest::prelude::*;
    use serde_json::json;

    const NOW_MS: u64 = 1_786_960_800_000;

    fn reply(status: u16, message: &str) -> Reply {
        Reply {
            status,
            json: json!({ "message": message }),
            date: Some("Mon, 17 Aug 2026 09:50:00 GMT".to_owned()),
            ..Reply::default()
        }
    }

    #[test]
    fn githubs_words_for_installations_are_told_apart() {
        for (status, message, code) in [
            (401, "A JSON web token could not be decoded", codes::MISCONFIGURED),
            (401, "Bad credentials", codes::MISCONFIGURED),
            (401, "'Issuer' claim ('iss') must be an Integer", codes::MISCONFIGURED),
            (401, "'Expiration time' claim ('exp') is too far in the future", codes::CLOCK_SKEW),
            (
                401,
                "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
                codes::CLOCK_SKEW,
            ),
            (
                401,
                "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
                codes::CLOCK_SKEW,
            ),
            (403, "This installation has been suspended", codes::SUSPENDED),
            (403, "Resource not accessible by integration", codes::INSUFFICIENT_SCOPE),
            (
                403,
                "Although you appear to have the correct authorization credentials, the `octo` organization has an IP allow list enabled, \
                 and your IP address is not permitted to access this resource.",
                codes::MISCONFIGURED,
            ),
            (404, "Integration not found", codes::MISCONFIGURED),
            (404, "Not Found", codes::REAUTH_REQUIRED),
            (
                422,
                "The permissions requested are not granted to this installation.",
                codes::INSUFFICIENT_SCOPE,
            ),
            (
                422,
                "There is at least one repository that does not exist or is not accessible to the parent installation.",
                codes::INSUFFICIENT_SCOPE,
            ),
            (422, "Validation Failed", codes::INSUFFICIENT_SCOPE),
            (500, "Server Error", codes::TRANSIENT),
            (502, "Bad gateway", codes::TRANSIENT),
            (504, "We couldn't respond to your request in time.", codes::TRANSIENT),
            (302, "", codes::MISCONFIGURED),
            (418, "", codes::UPSTREAM_PROTOCOL),
        ] {
            let failure = installation_failure(&reply(status, message), &Limits::default(), NOW_MS);
            assert_eq!(failure.code, code, "{status} {message}");
            assert_eq!(failure.get("upstream-status"), Some(status.to_string().as_str()), "{message}");
        }
        let gone = installation_failure(&reply(404, "Not Found"), &Limits::default(), NOW_MS);
        assert_eq!(gone.retry, Retry::Reauthorise);
        let skewed = installation_failure(&reply(401, "'Issued at' claim ('iat') must be"), &Limits::default(), NOW_MS);
        assert_eq!(skewed.get("clock-skew-seconds"), Some("600"));
    }

    #[test]
    fn ending_what_github_will_not_end_says_where_to() {
        for (status, message, code) in [
            (403, "Resource not accessible by personal access token", codes::INSUFFICIENT_SCOPE),
            (422, "Validation Failed", codes::UPSTREAM_PROTOCOL),
            (500, "", codes::TRANSIENT),
            (429, "", codes::RATE_LIMITED),
        ] {
            assert_eq!(
                revocation_failure(&reply(status, message), &Limits::default(), NOW_MS).code,
                code,
                "{status} {message}"
            );
        }
    }

    proptest! {
        /// An outage asks no person to install anything again.
        #[test]
        fn only_a_404_asks_for_a_new_installation(status in 200..600_u16, message in "\\PC{0,60}", retry_after in proptest::option::of("\\PC{0,10}"), now in any::<u64>()) {
            let reply = Reply { retry_after, ..reply(status, &message) };
            let failure = installation_failure(&reply, &Limits::default(), now);
            prop_assert!(failure.retry != Retry::Reauthorise || status == 404, "{:?}", failure);
        }
    }
}
