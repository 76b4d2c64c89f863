//! Paperboy, an imaginary news service: API keys as they are, and client credentials that are exchanged for an hour's token
//! (RFC 6749, 4.4).
//!
//! Every newsroom has an address of its own, so a credential names one (`url`), and the operator lists it as an instance. The client
//! secret is a handle throughout: this code places it in the form where the manifest says it may stand, and never sees it.

use claviger_sdk::{Credential, Failure, Form, Narrowing, Provider, Reply, Request, Token, instance_base, now_ms, oauth};

/// The provider.
pub struct Paperboy;

impl Provider for Paperboy {
    const MANIFEST: &'static str = include_str!("../manifest.json");

    fn mint(mut credential: Credential, narrowing: &Narrowing) -> Result<Token, Failure> {
        narrowing.refuse(credential.kind())?;
        let url = credential.text("url").map(|url| instance_base(Some(url), ""));
        let token = match credential.kind() {
            "api-key" => Token::new(credential.take_secret("key")?),
            "client-credentials" => exchanged(&credential)?,
            other => return Err(Failure::unsupported(format!("`{other}` is no kind of Paperboy credential"))),
        };
        Ok(token.field("url", url))
    }
}

/// A token for the client itself. It does not rotate anything, so there is nothing to store.
fn exchanged(credential: &Credential) -> Result<Token, Failure> {
    let newsroom = instance_base(Some(credential.require_text("url")?), "");
    let form = Form::new()
        .text("grant_type", "client_credentials")
        .text("client_id", credential.require_text("client-id")?)
        .secret("client_secret", credential.require_secret("client-secret")?);
    let response = Request::post(format!("{newsroom}/oauth/token"))
        .header("accept", "application/json")
        .body(form)
        .send()?;
    let reply = Reply::read(&response)?;
    oauth::check("Paperboy", &reply, now_ms())?;
    let token = response
        .take("access-token")
        .ok_or_else(|| reply.marked(Failure::upstream_protocol("Paperboy's answer lacks the access token")))?;
    Ok(Token::new(token).expires_at_ms(oauth::expires_at_ms(&reply, now_ms())))
}

claviger_sdk::export_provider!(Paperboy);

#[cfg(test)]
mod tests;
