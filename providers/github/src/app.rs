//! A GitHub App's installation: an assertion signed with the App's key buys a token for an hour.

use crate::failures::{classify, of_revocation};
use crate::instance::api_base;
use crate::permissions::requested;
use crate::with_identity;
use claviger_sdk::{Credential, Failure, Json, Narrowing, Reply, Request, Token, now_ms, rfc3339_ms, sign_rs256};
use serde_json::{Value, json};

/// A clock that is a little fast would issue in the future, which GitHub refuses.
const ISSUED_AGO_SECONDS: u64 = 60;

/// GitHub allows 600 seconds from its own now. With exactly that, a clock one second fast fails; ten minutes in all, begun a
/// minute ago, leaves a minute.
const EXPIRES_IN_SECONDS: u64 = 540;

/// The version of the REST interface that this provider was written for.
const API_VERSION: &str = "2022-11-28";

/// A token of the installation, for the repositories and permissions that the reader asked for.
///
/// # Errors
/// GitHub's refusal, classified by [`classify`], or a field that is missing or cannot be what it should be.
pub fn mint(credential: &Credential, narrowing: &Narrowing) -> Result<Token, Failure> {
    let installation = installation(credential.require_text("installation-id")?)?;
    let claims = claims(credential.require_text("app-id")?, now_ms());
    let assertion = sign_rs256(credential.require_secret("private-key")?, None, &claims)?;
    let mut request = described("POST", &token_url(credential.text("url"), installation)).bearer(&assertion);
    let members = requested(narrowing)?;
    if !members.is_empty() {
        let body = members.iter().fold(Json::new(), |body, (key, value)| body.value(key, value));
        request = request.body(body);
    }
    let response = request.send()?;
    let reply = Reply::read(&response)?;
    if !reply.is_success() {
        let remaining = response.header("x-ratelimit-remaining");
        let reset = response.header("x-ratelimit-reset");
        return Err(classify(&reply, remaining.as_deref(), reset.as_deref(), now_ms()));
    }
    let ends = reply.text("/expires_at").and_then(rfc3339_ms);
    let (Some(token), Some(ends)) = (response.take("token"), ends) else {
        return Err(reply.marked(Failure::upstream_protocol(
            "GitHub's answer lacks the token or a readable `expires_at`",
        )));
    };
    with_identity(Token::new(token).expires_at_ms(Some(ends)), credential)
}

/// Ends an installation token. One that GitHub no longer knows has ended already.
///
/// # Errors
/// GitHub is not well, or limits how often it may be asked.
pub fn revoke(credential: &Credential) -> Result<(), Failure> {
    let Some(token) = credential.secret("current-token") else {
        return Ok(());
    };
    let url = format!("{}/installation/token", api_base(credential.text("url")));
    let response = described("DELETE", &url).bearer(token).send()?;
    match response.status() {
        204 | 401 | 404 => Ok(()),
        _ => {
            let reply = Reply::read(&response)?;
            let remaining = response.header("x-ratelimit-remaining");
            let reset = response.header("x-ratelimit-reset");
            Err(of_revocation(&reply, remaining.as_deref(), reset.as_deref(), now_ms()))
        }
    }
}

fn described<'a>(method: &'static str, url: &str) -> Request<'a> {
    Request::new(method, url)
        .header("accept", "application/vnd.github+json")
        .header("x-github-api-version", API_VERSION)
        .header("user-agent", "claviger")
}

/// Where tokens of this installation are made.
#[must_use]
pub fn token_url(url: Option<&str>, installation: u64) -> String {
    format!("{}/app/installations/{installation}/access_tokens", api_base(url))
}

/// The claims of the App's assertion. `app` is the App's id or its client id: GitHub takes either.
#[must_use]
pub fn claims(app: &str, now_ms: u64) -> Value {
    let now = now_ms / 1000;
    json!({ "iat": now.saturating_sub(ISSUED_AGO_SECONDS), "exp": now + EXPIRES_IN_SECONDS, "iss": app })
}

/// A number, so that it cannot be a path.
fn installation(id: &str) -> Result<u64, Failure> {
    id.parse().map_err(|_| {
        Failure::invalid_credential(format!(
            "installation id `{id}` is not a number; it is the last part of the installation's address"
        ))
    })
}
