//! OAuth grants. GitLab ends the old refresh token and the old access token with every refresh, at once, so a token that is
//! still good is handed out again rather than made anew.

use crate::instance;
use claviger_sdk::oauth::{Refresh, check, expires_at_ms};
use claviger_sdk::{Credential, Failure, Reply, Request, Token, now_ms};

/// The current token if there is one, else one from a refresh. The new refresh token never comes here: the host has stored it
/// before the answer arrives.
///
/// # Errors
/// GitLab's refusal, classified; `misconfigured` if nobody said which application this is.
pub fn token(credential: &mut Credential) -> Result<Token, Failure> {
    if credential.secret("current-token").is_some() {
        let ends = credential.text("current-token-expires-at-ms").and_then(|at| at.parse().ok());
        return Ok(Token::new(credential.take_secret("current-token")?).expires_at_ms(ends));
    }
    refresh(credential)
}

fn refresh(credential: &Credential) -> Result<Token, Failure> {
    let client_id = credential.text("client-id").ok_or_else(|| {
        Failure::misconfigured(format!(
            "no application id for `{}`; set `client_id` for that instance in the configuration, or store it as `client-id`",
            instance(credential)
        ))
    })?;
    let grant = Refresh {
        refresh_token: credential.require_secret("refresh-token")?,
        client_id,
        client_secret: credential.secret("client-secret"),
        redirect_uri: credential.text("redirect-uri"),
    };
    let response = Request::post(token_url(&instance(credential)))
        .header("accept", "application/json")
        .header("user-agent", "claviger")
        .body(grant.form())
        .send()?;
    let reply = Reply::read(&response)?;
    check("GitLab", &reply, now_ms())?;
    let token = response
        .take("access-token")
        .ok_or_else(|| reply.marked(Failure::upstream_protocol("GitLab's answer lacks the access token")))?;
    Ok(Token::new(token).expires_at_ms(expires_at_ms(&reply, now_ms())))
}

/// The token endpoint of an instance.
#[must_use]
pub fn token_url(instance: &str) -> String {
    format!("{instance}/oauth/token")
}
