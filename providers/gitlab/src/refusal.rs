//! What GitLab's refusals mean. Pure: a read answer in, a failure out.
//!
//! The token endpoint is Doorkeeper's and has one text for five causes; the API has several shapes of body (`message` as a text, `error`
//! with `error_description`), and what stands in front of both (a limiter, a ban) answers in plain text.

use claviger_sdk::oauth::check;
use claviger_sdk::{Failure, Reply};

const GITLAB: &str = "GitLab";

/// How long to leave GitLab alone after a refusal that looks like the ban of an address: it lasts an hour by default, has no header that
/// says so, and whatever is sent meanwhile by anybody behind the same address is refused too.
const BAN_MS: u64 = 15 * 60_000;

/// Whether an answer of the token endpoint is a token.
///
/// # Errors
/// The refusal, classified.
pub fn of_grant(reply: &Reply, now_ms: u64) -> Result<(), Failure> {
    match (reply.status, reply.text("/error")) {
        (_, Some("invalid_grant")) if !reply.is_outage() => Err(named(
            reply,
            "invalid_grant",
            Failure::reauth_required(
                "GitLab no longer accepts the stored grant: it was used already, expired, was revoked, belongs to another application or to \
                 another redirect address, and GitLab has one text for all five; connect the account again",
            ),
        )),
        (403, None) if is_wordless(reply) => Err(banned(reply)),
        _ => check(GITLAB, reply, now_ms),
    }
}

/// Whether an answer of the revocation endpoint says that the token has ended. One that GitLab does not know has.
///
/// # Errors
/// The refusal, classified.
pub fn of_revocation(reply: &Reply, now_ms: u64) -> Result<(), Failure> {
    match (reply.status, reply.text("/error")) {
        (403, Some("unauthorized_client")) => Err(named(
            reply,
            "unauthorized_client",
            Failure::misconfigured(
                "GitLab lets only the application that a token was made for revoke it, with its secret; correct the application id and \
                 secret in the configuration or the credential",
            ),
        )),
        _ => of_grant(reply, now_ms),
    }
}

/// What an answer of the API means that is no success.
#[must_use]
pub fn of_api(reply: &Reply, now_ms: u64) -> Failure {
    let error = reply.text("/error");
    let said = said(reply);
    match (reply.status, error) {
        (403, Some("insufficient_scope")) => {
            let wanted = reply.text("/scope").unwrap_or("another scope");
            let text = format!("the token lacks the scope that GitLab asks for here ({wanted}); make one that has it");
            named(reply, "insufficient_scope", Failure::insufficient_scope(text, reply.text("/scope")))
        }
        (401, _) => reply.marked(Failure::reauth_required(format!(
            "GitLab does not accept the token: it has expired or was revoked ({said}); store a new one or connect again"
        ))),
        (403, _) if said.to_ascii_lowercase().contains("blocked") || said.to_ascii_lowercase().contains("deactivated") => {
            reply.marked(Failure::suspended(format!(
                "GitLab has switched the account off ({said}); an administrator there has to allow it again"
            )))
        }
        // A refusal of the application has a body in JSON; a ban in front of it has none.
        (403, None) if is_wordless(reply) => banned(reply),
        (403, _) => reply.marked(Failure::insufficient_scope(
            format!("GitLab does not let this token do that ({said}); use a token with the scope and the role that it takes"),
            None,
        )),
        _ => reply.failure_by_status(GITLAB, now_ms),
    }
}

/// What a refused rotation means, and whether the old token is still good: then nothing has happened.
#[must_use]
pub fn of_rotation(reply: &Reply, now_ms: u64) -> (Failure, bool) {
    let said = said(reply);
    match reply.status {
        400 => {
            let text = format!("GitLab does not take the new end of the token ({said}); lower `lifetime-days` to what the instance allows");
            (reply.marked(Failure::misconfigured(text)), true)
        }
        403 if !is_wordless(reply) => {
            let text = format!("the token may not rotate itself ({said}); it takes the scope `self_rotate` or `api`");
            (reply.marked(Failure::insufficient_scope(text, Some("self_rotate"))), true)
        }
        404 => {
            let text = format!(
                "this GitLab does not know that a token can rotate itself ({said}); it came with GitLab 16.10. Store the token as `personal-access-token`"
            );
            (reply.marked(Failure::misconfigured(text)), true)
        }
        405 => {
            let text = format!("GitLab does not rotate tokens of this kind ({said}); store it as `personal-access-token`");
            (reply.marked(Failure::unsupported(text)), true)
        }
        403 | 429 => (of_api(reply, now_ms), true),
        _ => (of_api(reply, now_ms), false),
    }
}

/// What GitLab says, in the shapes that it says it in.
fn said(reply: &Reply) -> &str {
    ["/error_description", "/message", "/message/error", "/error"]
        .into_iter()
        .find_map(|pointer| reply.text(pointer))
        .unwrap_or("no reason given")
}

/// Whether no body, or none in JSON, came: the application's own refusals have one.
fn is_wordless(reply: &Reply) -> bool {
    reply.json.as_object().is_none_or(serde_json::Map::is_empty)
}

fn banned(reply: &Reply) -> Failure {
    reply.marked(Failure::rate_limited(
        "GitLab forbids everything without a reason, as it does after 30 failed sign-ins from one address; it is left alone for a while. If it \
         goes on, look for other programs with a bad token behind the same address",
        Some(BAN_MS),
    ))
}

fn named(reply: &Reply, error: &str, failure: Failure) -> Failure {
    reply.marked(failure.detail("upstream-error", error))
}
