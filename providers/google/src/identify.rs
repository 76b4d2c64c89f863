//! Whom Google takes a credential for.
//!
//! A key and an impersonated account carry their own address. A person is asked for, where the grant lets the token tell; what it does
//! not let it tell is absent, which is no failure. The identity of another issuer has no address at Google.

use crate::hosts::Hosts;
use crate::{authorised_user, external_account, impersonation, scopes, service_account, target, unknown};
use claviger_sdk::{Credential, Failure, Identity, Reply, Request, is_address, now_ms};

/// Who it is.
///
/// # Errors
/// Google's refusal, or what is missing.
pub fn identify(credential: &Credential) -> Result<Identity, Failure> {
    match credential.kind() {
        service_account::KIND => {
            let account = credential.require_text("client-email")?;
            Ok(address(credential.text("subject").unwrap_or(account)))
        }
        impersonation::KIND => Ok(address(&target::parse("target", credential.require_text("target")?)?)),
        external_account::KIND => match credential.text("target") {
            Some(text) => Ok(address(&target::parse("target", text)?)),
            None => Ok(Identity::new()),
        },
        authorised_user::KIND => person(credential),
        other => Err(unknown(other)),
    }
}

fn address(email: &str) -> Identity {
    let email = Some(email).filter(|email| email.contains('@'));
    Identity::new().login(email).email(email)
}

fn person(credential: &Credential) -> Result<Identity, Failure> {
    if credential.text("scopes").is_some_and(|stored| !scopes::tell_who(stored)) {
        return Ok(Identity::new());
    }
    let response = Request::new("GET", Hosts::of(credential).userinfo())
        .header("accept", "application/json")
        .header("user-agent", "claviger")
        .bearer(credential.require_secret("current-token")?)
        .send()?;
    let reply = Reply::read(&response)?;
    match reply.status {
        200..=299 => Ok(of(&reply)),
        // The grant does not let its tokens tell, or this one has just ended; the next read of a token finds out which.
        401 | 403 => Ok(Identity::new()),
        _ => Err(reply.failure_by_status(crate::failures::GOOGLE, now_ms())),
    }
}

/// What userinfo says. An address that its holder has not shown to be theirs is not passed on: it would end up in commits.
#[must_use]
pub fn of(reply: &Reply) -> Identity {
    let verified = reply.json.pointer("/email_verified");
    let refuted = verified.is_some_and(|verified| *verified == false || *verified == "false");
    let email = reply.text("/email").filter(|email| !refuted && is_line(email) && is_address(email));
    let name = reply.text("/name").filter(|name| is_line(name));
    Identity::new()
        .id(reply.text("/sub").filter(|sub| is_line(sub)))
        .login(email)
        .display_name(name)
        .user_name(name)
        .email(email)
}

/// One line, without the angle brackets that would end a name in a commit.
fn is_line(text: &str) -> bool {
    text.len() <= 320 && !text.chars().any(|c| c.is_control() || c == '<' || c == '>')
}
