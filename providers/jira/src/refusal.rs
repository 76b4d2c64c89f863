//! What Atlassian's refusals mean. Pure: a read answer in, a failure out.
//!
//! The token endpoint refuses a dead refresh token with 403 and one of two words; a wrong application secret reads like a denied person
//! (401 `access_denied`). The gateway tells an expired token with 403 or 404 as well as 401, so these are read together with the stored end.

use crate::answer::Answer;
use claviger_sdk::oauth::check;
use claviger_sdk::{Failure, Reply};

const ATLASSIAN: &str = "Atlassian";

/// What was shown to the token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    /// A refresh token.
    Refresh,
    /// The code of a consent.
    Code,
    /// A service account's own id and secret.
    Client,
}

/// Who answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// A site of the cloud.
    Site,
    /// The gateway, which scoped tokens and OAuth work at.
    Gateway,
    /// A server of somebody's own.
    DataCenter,
}

/// Whether an answer of the token endpoint is a token.
///
/// # Errors
/// The refusal, classified.
pub fn of_grant(answer: &Answer, grant: Grant, now_ms: u64) -> Result<(), Failure> {
    let reply = &answer.reply;
    let said = answer.said();
    match (reply.text("/error"), grant) {
        _ if reply.status == 429 => Err(answer.limited(now_ms)),
        _ if reply.is_outage() => check(ATLASSIAN, reply, now_ms),
        (Some(error @ ("access_denied" | "invalid_client")), _) => Err(named(
            reply,
            error,
            Failure::misconfigured(format!(
                "Atlassian does not accept the application's id and secret ({said}); correct them in the configuration or the credential"
            )),
        )),
        (Some(error @ "unauthorized_client"), Grant::Client) => Err(named(
            reply,
            error,
            Failure::misconfigured(format!(
                "Atlassian does not let this client use its own credentials ({said}); make an OAuth 2.0 credential for a service account"
            )),
        )),
        // Seen for dead refresh tokens in place of `invalid_grant`, with the same meaning.
        (Some(error @ ("invalid_grant" | "unauthorized_client")), _) => Err(named(
            reply,
            error,
            Failure::reauth_required(format!(
                "Atlassian no longer accepts the stored grant ({said}): it was unused for 90 days, is a year old, was used twice or was \
                 withdrawn; connect the account again"
            )),
        )),
        _ => check(ATLASSIAN, reply, now_ms),
    }
}

/// What an answer of the API means that is no success. `ends_ms` is when the token ends, if it does.
#[must_use]
pub fn of_api(answer: &Answer, at: At, ends_ms: Option<u64>, now_ms: u64) -> Failure {
    let reply = &answer.reply;
    let said = answer.said();
    let has_ended = ends_ms.is_some_and(|ends| ends <= now_ms);
    if answer.sign_in.as_deref().is_some_and(|word| word.contains("AUTHENTICATION_DENIED")) {
        return reply.marked(Failure::suspended(
            "Jira wants the account to pass a CAPTCHA before anything else; sign in once in a browser",
        ));
    }
    match (reply.status, at) {
        (429, _) => answer.limited(now_ms),
        (401 | 403, _) if said.to_ascii_lowercase().contains("scope does not match") => reply.marked(Failure::insufficient_scope(
            format!("the token lacks a scope that Jira asks for here ({said}); `read:jira-user` is the one for its account"),
            Some("read:jira-user"),
        )),
        // The gateway says so of a token that was good a minute ago; a token that ought to be good is not renewed for it.
        (401 | 403 | 404, At::Gateway) if has_ended => reply.marked(Failure::transient(
            format!("the token has ended, which Atlassian's gateway tells with {}; it is made anew", reply.status),
            Some(0),
        )),
        (401, At::Site) => reply.marked(Failure::reauth_required(format!(
            "the site does not accept the token ({said}): it has expired, was revoked, or has scopes and then works through the gateway alone; \
             store a new one, or store this one as `scoped-api-token`"
        ))),
        (401, At::Gateway) => reply.marked(Failure::reauth_required(format!(
            "Atlassian's gateway does not accept the token ({said}): it has expired or was revoked; store a new one or connect again"
        ))),
        (401, At::DataCenter) => reply.marked(Failure::reauth_required(format!(
            "the server does not accept the token ({said}): it has expired or was revoked; store a new personal access token"
        ))),
        (403, _) => reply.marked(Failure::insufficient_scope(
            format!("Jira does not let this token do that ({said}); give it the scope, or its account the access"),
            None,
        )),
        (404, At::Gateway) => reply.marked(Failure::misconfigured(format!(
            "Atlassian's gateway knows no such site for this token ({said}); correct `cloud-id`, or connect the site"
        ))),
        (404, _) => reply.marked(Failure::misconfigured(format!(
            "there is no Jira at that address ({said}); store the address with the path that it lives below"
        ))),
        _ => reply.failure_by_status(ATLASSIAN, now_ms),
    }
}

fn named(reply: &Reply, error: &str, failure: Failure) -> Failure {
    reply.marked(failure.detail("upstream-error", error))
}
