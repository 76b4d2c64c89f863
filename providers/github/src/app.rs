//! A GitHub App's installation: an assertion signed with the App's key buys a token for an hour.

use crate::answer::{Answer, described};
use crate::assertion::App;
use crate::failures::{installation_failure, revocation_failure};
use crate::installation::Wanted;
use crate::instance::Instance;
use crate::permissions::requested;
use crate::with_consumers;
use claviger_sdk::{Credential, Failure, Json, Narrowing, Secret, Token, now_ms, rfc3339_ms};

/// A token of the installation, for the repositories and permissions that the reader asked for.
///
/// # Errors
/// GitHub's refusal, classified by [`installation_failure`], or a field that is missing or cannot be what it should be.
pub fn mint(credential: &Credential, narrowing: &Narrowing) -> Result<Token, Failure> {
    let members = requested(narrowing)?;
    let wanted = Wanted::of(credential)?;
    let mut app = App::of(credential)?;
    let installation = wanted.resolve(&mut app)?;
    let answer = app.ask(|instance| {
        let request = described("POST", &token_url(instance, installation));
        if members.is_empty() {
            return request;
        }
        request.body(members.iter().fold(Json::new(), |body, (key, value)| body.value(key, value)))
    })?;
    let reply = &answer.reply;
    if !reply.is_success() {
        return Err(installation_failure(reply, &answer.limits, now_ms()));
    }
    let ends = reply.text("/expires_at").and_then(rfc3339_ms);
    let (Some(token), Some(ends)) = (answer.take("token"), ends) else {
        return Err(reply.marked(Failure::upstream_protocol(
            "GitHub's answer lacks the token or a readable `expires_at`",
        )));
    };
    with_consumers(Token::new(token).expires_at_ms(Some(ends)), credential)
}

/// Ends an installation token. One that GitHub no longer knows has ended already.
///
/// # Errors
/// GitHub is not well, or limits how often it may be asked.
pub fn end_token(instance: &Instance, token: &Secret) -> Result<(), Failure> {
    let request = described("DELETE", &format!("{}/installation/token", instance.api)).bearer(token);
    let answer = Answer::to(request)?;
    match answer.reply.status {
        204 | 401 | 404 => Ok(()),
        _ => Err(revocation_failure(&answer.reply, &answer.limits, now_ms())),
    }
}

/// Where tokens of this installation are made.
#[must_use]
pub fn token_url(instance: &Instance, installation: u64) -> String {
    format!("{}/app/installations/{installation}/access_tokens", instance.api)
}
