//! GitHub: personal access tokens and OAuth tokens as they are, user tokens that are refreshed, and installation tokens of a GitHub App,
//! minted and narrowed.
//!
//! Works with github.com, Enterprise Server (`https://HOST`) and data residency (`https://TENANT.ghe.com`).

pub mod answer;
pub mod app;
pub mod assertion;
pub mod connect;
pub mod consumers;
pub mod failures;
pub mod identify;
pub mod installation;
pub mod instance;
pub mod oauth;
pub mod pat;
pub mod permissions;
pub mod revoke;

use claviger_sdk::{Account, Connect, Credential, Failure, Identify, Identity, Narrowing, Provider, Revoke, Token};
use consumers::with_consumers;

/// The provider.
pub struct GitHub;

impl Provider for GitHub {
    const MANIFEST: &'static str = include_str!("../manifest.json");

    fn mint(credential: Credential, narrowing: &Narrowing) -> Result<Token, Failure> {
        match credential.kind() {
            "personal-access-token" | "oauth-user-token" => pat::mint(credential, narrowing),
            "oauth-app-user" | "github-app-user" => oauth::mint(credential, narrowing),
            "app-installation" => app::mint(&credential, narrowing),
            other => Err(Failure::unsupported(format!("`{other}` is no kind of GitHub credential"))),
        }
    }
}

impl Identify for GitHub {
    fn identify(credential: Credential) -> Result<Identity, Failure> {
        identify::identify(&credential)
    }
}

impl Revoke for GitHub {
    fn revoke(credential: Credential) -> Result<Option<String>, Failure> {
        revoke::revoke(&credential)
    }
}

impl Connect for GitHub {
    fn authorise(credential: Credential) -> Result<String, Failure> {
        connect::authorise(&credential)
    }

    fn exchange(credential: Credential) -> Result<Vec<Account>, Failure> {
        connect::exchange(&credential)
    }
}

claviger_sdk::export_provider!(GitHub, identify, revoke, connect);

#[cfg(test)]
mod tests;
