//! GitHub: personal access tokens as they are, and installation tokens of a GitHub App, minted and narrowed.
//!
//! Works with github.com, Enterprise Server (`https://HOST`) and data residency (`https://TENANT.ghe.com`).

pub mod app;
pub mod failures;
pub mod instance;
pub mod pat;
pub mod permissions;

use claviger_sdk::{Credential, Failure, Narrowing, Provider, Revoke, Token};

/// The provider.
pub struct GitHub;

impl Provider for GitHub {
    const MANIFEST: &'static str = include_str!("../manifest.json");

    fn mint(credential: Credential, narrowing: &Narrowing) -> Result<Token, Failure> {
        match credential.kind() {
            "personal-access-token" => pat::mint(credential, narrowing),
            "app-installation" => app::mint(&credential, narrowing),
            other => Err(Failure::unsupported(format!("`{other}` is no kind of GitHub credential"))),
        }
    }
}

impl Revoke for GitHub {
    fn revoke(credential: Credential) -> Result<Option<String>, Failure> {
        match credential.kind() {
            "app-installation" => app::revoke(&credential).map(|()| None),
            kind => Err(Failure::unsupported(format!(
                "GitHub lets nobody end a token of kind `{kind}` this way; its owner deletes it in GitHub's settings"
            ))),
        }
    }
}

/// A token with the Git identity that is stored beside it.
fn with_identity(token: Token, credential: &Credential) -> Result<Token, Failure> {
    let (name, email) = (credential.identity("user-name")?, credential.identity("email")?);
    Ok(token.field("user-name", name).field("email", email))
}

claviger_sdk::export_provider!(GitHub, revoke);

#[cfg(test)]
mod tests;
