//! GitLab: access tokens as they are or rotated in time, OAuth grants whose refresh token changes with every use, deploy tokens.
//!
//! Works with gitlab.com, self-managed instances and instances below a relative root (`https://host/gitlab`).

pub mod identity;
pub mod instance;
pub mod oauth;
pub mod refusal;
pub mod revoke;
pub mod rotating;

use claviger_sdk::{Account, Connect, Credential, Failure, Identify, Identity, Narrowing, Provider, Revoke, Token};
use instance::Parts;

const OAUTH: &str = "oauth";
const DEPLOY_TOKEN: &str = "deploy-token";

/// The provider.
pub struct GitLab;

impl Provider for GitLab {
    const MANIFEST: &'static str = include_str!("../manifest.json");

    fn mint(mut credential: Credential, narrowing: &Narrowing) -> Result<Token, Failure> {
        narrowing.refuse(credential.kind())?;
        let token = match credential.kind() {
            "personal-access-token" => Token::new(credential.take_secret("token")?),
            "rotating-access-token" => rotating::token(&mut credential)?,
            OAUTH => oauth::token(&mut credential)?,
            DEPLOY_TOKEN => deploy_token(&mut credential)?,
            other => return Err(Failure::unsupported(format!("`{other}` is no kind of GitLab credential"))),
        };
        with_fields(token, &credential)
    }
}

impl Identify for GitLab {
    fn identify(credential: Credential) -> Result<Identity, Failure> {
        identity::identify(&credential)
    }
}

impl Revoke for GitLab {
    fn revoke(credential: Credential) -> Result<Option<String>, Failure> {
        revoke::revoke(&credential)
    }
}

impl Connect for GitLab {
    fn authorise(credential: Credential) -> Result<String, Failure> {
        oauth::authorise(&credential)
    }

    fn exchange(credential: Credential) -> Result<Vec<Account>, Failure> {
        oauth::exchange(&credential)
    }
}

/// A deploy token opens repositories and registries under a user name of its own, and nothing else.
fn deploy_token(credential: &mut Credential) -> Result<Token, Failure> {
    let user = credential.require_text("username")?.to_owned();
    // It becomes one half of a Basic credential and a line of Git's protocol.
    if user.chars().any(|c| c == ':' || c.is_control() || c.is_whitespace()) {
        return Err(Failure::invalid_credential(
            "field `username` has a colon, a space or a control character; store the deploy token's user name",
        ));
    }
    Ok(Token::new(credential.take_secret("token")?).field("username", Some(user)))
}

/// What consumers need beside the token.
fn with_fields(token: Token, credential: &Credential) -> Result<Token, Failure> {
    let (name, email) = (credential.identity("user-name")?, credential.identity("email")?);
    let base = instance::base(credential);
    let parts = Parts::of(&base);
    let part = |of: fn(&Parts) -> Option<String>| parts.as_ref().and_then(of);
    Ok(token
        .field("protocol", part(|parts| Some(parts.protocol.clone())))
        .field("host", part(|parts| Some(parts.host.clone())))
        .field("path", part(|parts| parts.path.clone()))
        .field("instance-url", Some(base))
        .field("user-name", name)
        .field("email", email))
}

claviger_sdk::export_provider!(GitLab, identify, revoke, connect);

#[cfg(test)]
mod tests;
