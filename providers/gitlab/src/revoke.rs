//! Ending a credential at GitLab. A token that GitLab does not accept any more has ended: that is what was wanted.

use crate::instance::{api, base};
use crate::refusal::{of_api, of_revocation};
use claviger_sdk::{Credential, Failure, Form, Reply, Request, Secret, now_ms};

/// Ends what the credential holds.
///
/// # Errors
/// GitLab's refusal, classified; `unsupported` for a deploy token.
pub fn revoke(credential: &Credential) -> Result<Option<String>, Failure> {
    match credential.kind() {
        crate::DEPLOY_TOKEN => Err(Failure::unsupported(format!(
            "a deploy token cannot end itself, for it cannot use GitLab's API; remove it in the project's or group's settings at `{}` under \
             Repository, Deploy tokens",
            base(credential)
        ))),
        crate::OAUTH => end_grant(credential).map(|()| None),
        _ => end_token(credential).map(|()| None),
    }
}

/// The token ends itself; GitLab takes any scope for that (15.4 and later).
fn end_token(credential: &Credential) -> Result<(), Failure> {
    let response = Request::new("DELETE", api(credential, "/personal_access_tokens/self"))
        .header("accept", "application/json")
        .header("user-agent", "claviger")
        .bearer(credential.require_secret("token")?)
        .send()?;
    let reply = Reply::read(&response)?;
    match reply.status {
        200..=299 | 401 => Ok(()),
        404 | 405 => Err(reply.marked(Failure::unsupported(format!(
            "this GitLab does not let the token end itself; revoke it at `{}` where it was made",
            base(credential)
        )))),
        _ => Err(of_api(&reply, now_ms())),
    }
}

/// A refresh token and the access token that came with it end together; the one in use may be older, so it is named too.
fn end_grant(credential: &Credential) -> Result<(), Failure> {
    revoke_token(credential, credential.require_secret("refresh-token")?)?;
    match credential.secret("current-token") {
        Some(token) => revoke_token(credential, token),
        None => Ok(()),
    }
}

fn revoke_token(credential: &Credential, token: &Secret) -> Result<(), Failure> {
    let mut form = Form::new()
        .text("client_id", crate::oauth::client_id(credential)?)
        .secret("token", token);
    if let Some(secret) = credential.secret("client-secret") {
        form = form.secret("client_secret", secret);
    }
    let response = Request::post(format!("{}/oauth/revoke", base(credential)))
        .header("accept", "application/json")
        .header("user-agent", "claviger")
        .body(form)
        .send()?;
    let reply = Reply::read(&response)?;
    of_revocation(&reply, now_ms())
}
