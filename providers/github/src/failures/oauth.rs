//! Refusals of the token endpoint, which come with status 200.

use super::GITHUB;
use claviger_sdk::{Failure, Reply, oauth};

/// Whether a refresh, or a consent, brought a token.
///
/// # Errors
/// GitHub's own words first, then those that every OAuth server has. Only an explicit refusal of the grant asks for a person.
pub fn check(reply: &Reply, now_ms: u64) -> Result<(), Failure> {
    match own_word(reply) {
        Some(failure) => Err(failure),
        None => oauth::check(GITHUB, reply, now_ms),
    }
}

fn own_word(reply: &Reply) -> Option<Failure> {
    let error = reply.text("/error").filter(|_| !reply.is_outage())?;
    let said = reply.text("/error_description").unwrap_or("no reason given");
    let failure = match error {
        "bad_verification_code" => Failure::reauth_required(format!(
            "GitHub does not accept the code of this consent ({said}): it was used, or is older than ten minutes; connect again"
        )),
        "unverified_user_email" => Failure::reauth_required(format!(
            "the account at GitHub has no verified address ({said}); verify one in GitHub's settings, then connect again"
        )),
        "application_suspended" => Failure::suspended(format!(
            "GitHub has suspended the application ({said}); its owner has to ask GitHub's support"
        )),
        // An unknown client id answers 404 with this instead of OAuth's own word.
        "Not Found" => Failure::misconfigured(
            "GitHub knows no application of this client id; correct it in the configuration or the credential, and check the instance's \
             address",
        ),
        _ => return None,
    };
    Some(reply.marked(failure.detail("upstream-error", error)))
}

#[cfg(test)]
mod tests {
    use super::check;
    use claviger_sdk::{Reply, Retry, codes};
    use proptest::prelude::*;
    use serde_json::json;

    const NOW_MS: u64 = 1_786_960_800_000;

    fn reply(status: u16, error: &str, description: &str) -> Reply {
        Reply {
            status,
            json: json!({ "error": error, "error_description": description, "error_uri": "https://docs.github.com" }),
            ..Reply::default()
        }
    }

    #[test]
    fn errors_with_status_200_are_errors() {
        for (error, description, code) in [
            (
                "bad_refresh_token",
                "The refresh token passed is incorrect or expired.",
                codes::REAUTH_REQUIRED,
            ),
            (
                "bad_verification_code",
                "The code passed is incorrect or expired.",
                codes::REAUTH_REQUIRED,
            ),
            (
                "unverified_user_email",
                "The user must have a verified primary email.",
                codes::REAUTH_REQUIRED,
            ),
            (
                "incorrect_client_credentials",
                "The client_id and/or client_secret passed are incorrect.",
                codes::MISCONFIGURED,
            ),
            (
                "redirect_uri_mismatch",
                "The redirect_uri MUST match the registered callback URL for this application.",
                codes::MISCONFIGURED,
            ),
            ("unsupported_grant_type", "The grant type is not supported.", codes::MISCONFIGURED),
            ("application_suspended", "Your application has been suspended.", codes::SUSPENDED),
            ("access_denied", "The user has denied your application access.", codes::SUSPENDED),
            (
                "slow_down",
                "Too many requests have been made in the same timeframe.",
                codes::RATE_LIMITED,
            ),
            ("something_new", "", codes::UPSTREAM_PROTOCOL),
        ] {
            let failure = check(&reply(200, error, description), NOW_MS).unwrap_err();
            assert_eq!(failure.code, code, "{error}");
            if error != "slow_down" {
                assert_eq!(failure.get("upstream-error"), Some(error));
            }
        }
        assert_eq!(check(&reply(404, "Not Found", ""), NOW_MS).unwrap_err().code, codes::MISCONFIGURED);
        assert_eq!(
            check(
                &Reply {
                    status: 200,
                    ..Reply::default()
                },
                NOW_MS
            ),
            Ok(())
        );
    }

    #[test]
    fn an_outage_is_not_a_refusal() {
        for status in [500, 502, 503, 504] {
            let nothing = Reply {
                status,
                ..Reply::default()
            };
            for failure in [check(&nothing, NOW_MS), check(&reply(status, "something_new", ""), NOW_MS)] {
                assert_eq!(failure.unwrap_err().code, codes::TRANSIENT, "{status}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_word_that_is_not_githubs_asks_for_a_person(status in 200..600_u16, error in "[a-z_]{1,24}", description in "\\PC{0,60}") {
            let known = ["bad_refresh_token", "bad_verification_code", "unverified_user_email", "invalid_grant"];
            prop_assume!(!known.contains(&error.as_str()));
            let failure = check(&reply(status, &error, &description), NOW_MS).unwrap_err();
            prop_assert!(failure.retry != Retry::Reauthorise, "{:?}", failure);
        }
    }
}
