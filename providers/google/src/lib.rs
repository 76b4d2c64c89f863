//! Google: access tokens of a service account, for itself or, where domain-wide delegation allows it, for a person.
//!
//! The key file is split when it is stored. Its `token_uri` is not among the fields: it is whatever the file's author wrote,
//! and an assertion sent there could be spent by whoever runs that address.

pub mod assertion;
pub mod failures;
pub mod scopes;

use assertion::{Assertion, GRANT_TYPE};
use claviger_sdk::oauth::expires_at_ms;
use claviger_sdk::{Credential, Failure, Form, Narrowing, Provider, Reply, Request, Token, instance_base, now_ms, sign_rs256};

/// Where a credential without `url` gets its tokens.
const GOOGLE: &str = "https://oauth2.googleapis.com";

/// The provider.
pub struct Google;

impl Provider for Google {
    const MANIFEST: &'static str = include_str!("../manifest.json");

    fn mint(credential: Credential, narrowing: &Narrowing) -> Result<Token, Failure> {
        match credential.kind() {
            "service-account" => service_account(&credential, narrowing),
            other => Err(Failure::unsupported(format!("`{other}` is no kind of Google credential"))),
        }
    }
}

fn service_account(credential: &Credential, narrowing: &Narrowing) -> Result<Token, Failure> {
    let account = credential.require_text("client-email")?;
    let subject = credential.text("subject");
    let scope = scopes::asked(credential.text("scopes"), narrowing)?;
    let claims = Assertion {
        account,
        subject,
        scope: &scope,
    }
    .claims(now_ms());
    let assertion = sign_rs256(
        credential.require_secret("private-key")?,
        credential.text("private-key-id"),
        &claims,
    )?;

    let response = Request::post(token_url(credential.text("url")))
        .header("accept", "application/json")
        .header("user-agent", "claviger")
        .body(Form::new().text("grant_type", GRANT_TYPE).secret("assertion", &assertion))
        .send()?;
    let reply = Reply::read(&response)?;
    failures::check(&reply, &scope, now_ms())?;
    let token = response
        .take("access-token")
        .ok_or_else(|| reply.marked(Failure::upstream_protocol("Google's answer lacks the access token")))?;
    let email = credential.text("email").or(subject).unwrap_or(account);
    Ok(Token::new(token)
        .expires_at_ms(expires_at_ms(&reply, now_ms()))
        .field("email", Some(email))
        .field("project-id", credential.text("project-id"))
        .field("scopes", Some(scope)))
}

/// The token endpoint.
#[must_use]
pub fn token_url(url: Option<&str>) -> String {
    format!("{}/token", instance_base(url, GOOGLE))
}

claviger_sdk::export_provider!(Google);

#[cfg(test)]
mod tests;
