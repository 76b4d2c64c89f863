//! The provider of everything that has none of its own (`kubeconfig`, `anthropic`, …): the token is what was stored.
//!
//! It asks nobody, so it cannot tell whether the token still works, and it cannot narrow one.

use claviger_sdk::{Credential, Failure, Narrowing, Provider, Token};

/// The provider.
pub struct Static;

impl Provider for Static {
    const MANIFEST: &'static str = include_str!("../manifest.json");

    fn mint(mut credential: Credential, narrowing: &Narrowing) -> Result<Token, Failure> {
        narrowing.refuse(credential.kind())?;
        let token = Token::new(credential.take_secret("token")?);
        Ok(token.field("url", credential.text("url")).field("email", credential.text("email")))
    }
}

claviger_sdk::export_provider!(Static);

#[cfg(test)]
mod tests;
