//! Refusals of what a person's token asks for, and of what an application asks for with its id and secret.

use super::installation::misplaced;
use super::{GITHUB, Limits, said};
use claviger_sdk::{Credential, Failure, Reply};

/// GitHub's copies learn of a new token with delay: a token this young is refused as if it were nobody's (401), or not allowed yet (403). Five
/// seconds are usual; from far away it was seen to take longer.
const LAG_MS: u64 = 15_000;

/// When such a token is asked about again.
const LAG_RETRY_MS: u64 = 2_000;

/// Whether a token may be too young to be known everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fresh(pub bool);

impl Fresh {
    /// By the end of the credential's current token, for a kind whose tokens live so long. A token without an end is taken for an old one.
    #[must_use]
    pub fn of(credential: &Credential, lifetime_ms: u64, now_ms: u64) -> Self {
        let ends = credential.text("current-token-expires-at-ms").and_then(|at| at.parse::<u64>().ok());
        Self(ends.is_some_and(|ends| now_ms.abs_diff(ends.saturating_sub(lifetime_ms)) < LAG_MS))
    }
}

/// Why a token learns nothing of its own account.
#[must_use]
pub fn user_failure(reply: &Reply, limits: &Limits, fresh: Fresh, now_ms: u64) -> Failure {
    let said = said(reply);
    if limits.reached(reply) {
        return limits.failure(reply, now_ms);
    }
    let failure = match reply.status {
        _ if said.contains("suspended") => Failure::suspended(format!("GitHub: {said}; an administrator there can lift it")),
        401 | 403 if fresh.0 => Failure::transient(
            format!("GitHub does not know the new token everywhere yet ({said}); it is asked again"),
            Some(LAG_RETRY_MS),
        ),
        401 => Failure::reauth_required(format!(
            "GitHub does not accept the token any more ({said}): it has expired, or was revoked; store or connect a new one"
        )),
        403 if said.contains("SAML") => Failure::insufficient_scope(
            format!("GitHub: {said} Authorise the token for single sign-on in GitHub's settings"),
            None,
        ),
        403 if said.contains("IP allow list") => misplaced(said),
        403 => Failure::insufficient_scope(format!("GitHub forbids it ({said}); check what the token may do"), None),
        404 => Failure::misconfigured(format!(
            "there is no such REST interface ({said}); correct the address of the instance"
        )),
        _ => return reply.failure_by_status(GITHUB, now_ms),
    };
    reply.marked(failure)
}

/// Why GitHub does not act for an application that shows its id and secret.
#[must_use]
pub fn client_failure(reply: &Reply, limits: &Limits, now_ms: u64) -> Failure {
    if limits.reached(reply) {
        return limits.failure(reply, now_ms);
    }
    match reply.status {
        401 | 403 => reply.marked(Failure::misconfigured(format!(
            "GitHub does not accept the application's id and secret ({}); correct them in the configuration or the credential",
            said(reply)
        ))),
        _ => reply.failure_by_status(GITHUB, now_ms),
    }
}

#[cfg(test)]
mod tests {
    use super::{Fresh, Limits, client_failure, user_failure};
    use claviger_sdk::{Credential, Reply, Retry, Value, codes};
    use proptest::prelude::*;
    use serde_json::json;

    const NOW_MS: u64 = 1_786_960_800_000;
    const OLD: Fresh = Fresh(false);

    fn reply(status: u16, message: &str) -> Reply {
        Reply {
            status,
            json: json!({ "message": message }),
            ..Reply::default()
        }
    }

    #[test]
    fn githubs_words_for_persons_are_told_apart() {
        for (status, message, code) in [
            (401, "Bad credentials", codes::REAUTH_REQUIRED),
            (401, "Requires authentication", codes::REAUTH_REQUIRED),
            (403, "Sorry. Your account was suspended.", codes::SUSPENDED),
            (
                403,
                "Resource protected by organization SAML enforcement. You must grant your OAuth token access to this organization.",
                codes::INSUFFICIENT_SCOPE,
            ),
            (403, "Resource not accessible by personal access token", codes::INSUFFICIENT_SCOPE),
            (403, "Resource not accessible by integration", codes::INSUFFICIENT_SCOPE),
            (
                403,
                "Although you appear to have the correct authorization credentials, the `octo` organization has an IP allow list enabled, \
                 and your IP address is not permitted to access this resource.",
                codes::MISCONFIGURED,
            ),
            (403, "You have exceeded a secondary rate limit. Please wait.", codes::RATE_LIMITED),
            (404, "Not Found", codes::MISCONFIGURED),
            (503, "No server is currently available to service your request.", codes::TRANSIENT),
        ] {
            assert_eq!(
                user_failure(&reply(status, message), &Limits::default(), OLD, NOW_MS).code,
                code,
                "{status} {message}"
            );
        }
    }

    #[test]
    fn a_fresh_token_that_is_refused_is_asked_about_again() {
        for (status, message) in [(401, "Bad credentials"), (403, "Resource not accessible by integration")] {
            let failure = user_failure(&reply(status, message), &Limits::default(), Fresh(true), NOW_MS);
            assert_eq!(
                (failure.code.as_str(), failure.retry),
                (codes::TRANSIENT, Retry::Later(Some(2_000)))
            );
        }
        let failure = user_failure(
            &reply(403, "Sorry. Your account was suspended."),
            &Limits::default(),
            Fresh(true),
            NOW_MS,
        );
        assert_eq!(failure.code, codes::SUSPENDED);

        let hour = 3_600_000;
        let made = |ends: u64| {
            let ends = Value::Text(ends.to_string());
            Fresh::of(
                &Credential::new("app-installation", vec![("current-token-expires-at-ms".to_owned(), ends)]),
                hour,
                NOW_MS,
            )
        };
        assert_eq!((made(NOW_MS + hour), made(NOW_MS + hour - 14_000)), (Fresh(true), Fresh(true)));
        assert_eq!((made(NOW_MS + hour - 15_000), made(NOW_MS + 60_000)), (OLD, OLD));
        assert_eq!(Fresh::of(&Credential::new("personal-access-token", Vec::new()), hour, NOW_MS), OLD);
    }

    #[test]
    fn a_wrong_client_is_the_operators_to_mend() {
        let failure = client_failure(&reply(401, "Bad credentials"), &Limits::default(), NOW_MS);
        assert_eq!((failure.code.as_str(), failure.retry), (codes::MISCONFIGURED, Retry::Never));
        assert_eq!(client_failure(&reply(500, ""), &Limits::default(), NOW_MS).code, codes::TRANSIENT);
    }

    proptest! {
        #[test]
        fn only_a_401_asks_for_a_new_token(status in 200..600_u16, message in "\\PC{0,60}", fresh in any::<bool>(), now in any::<u64>()) {
            let failure = user_failure(&reply(status, &message), &Limits::default(), Fresh(fresh), now);
            prop_assert!(failure.retry != Retry::Reauthorise || (status == 401 && !fresh), "{:?}", failure);
        }
    }
}
