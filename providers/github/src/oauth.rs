//! User tokens that expire after eight hours, of GitHub Apps and of OAuth Apps alike. A refresh ends the old refresh token and the old
//! access token at once, so a token that is still good is handed out again rather than made anew.

use crate::failures::check;
use crate::instance::Instance;
use crate::with_consumers;
use claviger_sdk::oauth::{Refresh, expires_at_ms};
use claviger_sdk::{Credential, Failure, Form, Narrowing, Reply, Request, Response, Token, now_ms};

/// The current token if there is one, else one from a refresh. The new refresh token never comes here: the host has stored it
/// before the answer arrives.
///
/// # Errors
/// `unsupported` if a narrowing was asked for; GitHub's refusal, classified; `misconfigured` if nobody said which application this is.
pub fn mint(mut credential: Credential, narrowing: &Narrowing) -> Result<Token, Failure> {
    narrowing.refuse(credential.kind())?;
    if credential.secret("current-token").is_some() {
        let ends = credential.text("current-token-expires-at-ms").and_then(|at| at.parse().ok());
        let token = Token::new(credential.take_secret("current-token")?).expires_at_ms(ends);
        return with_consumers(token, &credential);
    }
    let token = refresh(&credential)?;
    with_consumers(token, &credential)
}

fn refresh(credential: &Credential) -> Result<Token, Failure> {
    let grant = Refresh {
        refresh_token: credential.require_secret("refresh-token")?,
        client_id: client_id(credential)?,
        client_secret: credential.secret("client-secret"),
        redirect_uri: None,
    };
    let (response, reply) = ask(&Instance::of(credential), grant.form())?;
    let token = response
        .take("access-token")
        .ok_or_else(|| reply.marked(Failure::upstream_protocol("GitHub's answer lacks the access token")))?;
    // Without an end it does not end: expiry was turned off in the application's settings, and no refresh token came.
    Ok(Token::new(token).expires_at_ms(expires_at_ms(&reply, now_ms())))
}

/// One request to the token endpoint. Without `Accept` it would answer with a form.
///
/// # Errors
/// The host's, or GitHub's refusal, classified.
pub fn ask(instance: &Instance, form: Form<'_>) -> Result<(Response, Reply), Failure> {
    let response = Request::post(token_url(instance))
        .header("accept", "application/json")
        .header("user-agent", "claviger")
        .body(form)
        .send()?;
    let reply = Reply::read(&response)?;
    check(&reply, now_ms())?;
    Ok((response, reply))
}

/// The application that the grant is to.
///
/// # Errors
/// `misconfigured`, if nobody said.
pub fn client_id(credential: &Credential) -> Result<&str, Failure> {
    credential.text("client-id").ok_or_else(|| {
        Failure::misconfigured(format!(
            "no client id for `{}`; set `client_id` for that instance in the configuration, or store it as `client-id`",
            Instance::of(credential).web
        ))
    })
}

/// The token endpoint of an instance.
#[must_use]
pub fn token_url(instance: &Instance) -> String {
    format!("{}/login/oauth/access_token", instance.web)
}
