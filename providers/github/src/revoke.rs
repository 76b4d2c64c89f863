//! Ending a credential: a token of an installation, a person's grant to an application, or a token that anybody who holds it may report.

use crate::answer::{Answer, described};
use crate::app;
use crate::failures::{client_failure, revocation_failure};
use crate::instance::{Deployment, Instance};
use claviger_sdk::{Credential, Encoding, Failure, Json, Part, Secret, join, now_ms};

/// Ends the grant or the token, and says what a person still has to do.
///
/// # Errors
/// `unsupported`, if this instance lets nobody end it this way, with the place where its owner can; GitHub's refusal, classified.
pub fn revoke(credential: &Credential) -> Result<Option<String>, Failure> {
    let instance = Instance::of(credential);
    match credential.kind() {
        "app-installation" => installation(credential, &instance),
        "personal-access-token" => {
            let page = format!("{}/settings/tokens", instance.web);
            report(&instance, &[credential.require_secret("token")?], &page).map(|()| None)
        }
        _ => user(credential, &instance),
    }
}

/// The App stays installed: that is the account's decision, not this credential's.
fn installation(credential: &Credential, instance: &Instance) -> Result<Option<String>, Failure> {
    if let Some(token) = credential.secret("current-token") {
        app::end_token(instance, token)?;
    }
    Ok(Some(format!(
        "the App is still installed and its private key still works; to end that too, delete the key in the App's settings, or have the \
         account's owner uninstall the App (`{}/settings/installations`)",
        instance.web
    )))
}

/// With the application's id and secret, all that the person granted to it; else the tokens alone.
fn user(credential: &Credential, instance: &Instance) -> Result<Option<String>, Failure> {
    let token = credential.secret("token").or_else(|| credential.secret("current-token"));
    let client = credential.text("client-id").zip(credential.secret("client-secret"));
    if let (Some(token), Some((id, secret))) = (token, client)
        && grant(instance, id, secret, token)?
    {
        return Ok(None);
    }
    let page = format!("{}/settings/applications", instance.web);
    let held: Vec<&Secret> = match credential.secret("token") {
        Some(token) => vec![token],
        None => vec![credential.require_secret("refresh-token")?].into_iter().chain(token).collect(),
    };
    report(instance, &held, &page)?;
    Ok(Some(format!(
        "the tokens are ended; the application is still authorised, which its user can end at `{page}`"
    )))
}

/// `DELETE /applications/{client_id}/grant`: whether GitHub knew the token. One that it does not know may have expired, with the grant
/// still there.
fn grant(instance: &Instance, client_id: &str, client_secret: &Secret, token: &Secret) -> Result<bool, Failure> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if !client_id.chars().all(plain) || client_id.starts_with('.') {
        return Err(Failure::invalid_credential(format!(
            "`client-id` is `{client_id}`, which is no client id of GitHub's"
        )));
    }
    let pair = join(
        &[Part::Text(format!("{client_id}:")), Part::Secret(client_secret, Encoding::Plain)],
        Encoding::Base64,
    );
    let request = described("DELETE", &format!("{}/applications/{client_id}/grant", instance.api))
        .basic(&pair)
        .body(Json::new().secret("access_token", token));
    let answer = Answer::to(request)?;
    match answer.reply.status {
        204 => Ok(true),
        404 | 422 => Ok(false),
        _ => Err(client_failure(&answer.reply, &answer.limits, now_ms())),
    }
}

/// `POST /credentials/revoke`, which anybody may send who holds the token, and which answers 403 to whoever signs in. It accepts unknown
/// tokens like known ones.
fn report(instance: &Instance, held: &[&Secret], page: &str) -> Result<(), Failure> {
    let request = described("POST", &format!("{}/credentials/revoke", instance.api)).body(Json::new().secrets("credentials", held));
    let answer = Answer::to(request)?;
    match answer.reply.status {
        202 | 204 => Ok(()),
        // Enterprise Server has it not at all, or for administrators.
        401 | 403 | 404 if instance.deployment == Deployment::Server && !answer.limits.reached(&answer.reply) => {
            Err(Failure::unsupported(format!(
                "this Enterprise Server lets nobody end such a token over its API; do this instead: have its owner delete it at `{page}`"
            )))
        }
        _ => Err(revocation_failure(&answer.reply, &answer.limits, now_ms())),
    }
}
