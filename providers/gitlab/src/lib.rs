//! GitLab: access tokens as they are, and OAuth grants whose refresh token changes with every use.
//!
//! Works with gitlab.com, self-managed instances and instances below a relative root (`https://host/gitlab`).

pub mod oauth;

use claviger_sdk::{Credential, Failure, Narrowing, Provider, Token, instance_base};

/// Where a credential without `url` lives.
const GITLAB: &str = "https://gitlab.com";

/// The provider.
pub struct GitLab;

impl Provider for GitLab {
    const MANIFEST: &'static str = include_str!("../manifest.json");

    fn mint(mut credential: Credential, narrowing: &Narrowing) -> Result<Token, Failure> {
        narrowing.refuse(credential.kind())?;
        let token = match credential.kind() {
            "personal-access-token" => Token::new(credential.take_secret("token")?),
            "oauth" => oauth::token(&mut credential)?,
            other => return Err(Failure::unsupported(format!("`{other}` is no kind of GitLab credential"))),
        };
        with_fields(token, &credential)
    }
}

/// What consumers need beside the token.
fn with_fields(token: Token, credential: &Credential) -> Result<Token, Failure> {
    let (name, email) = (credential.identity("user-name")?, credential.identity("email")?);
    Ok(token
        .field("instance-url", Some(instance(credential)))
        .field("user-name", name)
        .field("email", email))
}

/// The instance's address, its relative root kept.
fn instance(credential: &Credential) -> String {
    instance_base(credential.text("url"), GITLAB)
}

claviger_sdk::export_provider!(GitLab);

#[cfg(test)]
mod tests;
