//! Jira: an API token, with the site and the account that it is used with.
//!
//! Atlassian offers no way to make a shorter-lived token of one, nor to end one from outside, so there is nothing to ask
//! upstream and nothing to revoke.

use claviger_sdk::{Credential, Failure, Narrowing, Provider, Token, instance_base};

/// The provider.
pub struct Jira;

impl Provider for Jira {
    const MANIFEST: &'static str = include_str!("../manifest.json");

    fn mint(mut credential: Credential, narrowing: &Narrowing) -> Result<Token, Failure> {
        narrowing.refuse(credential.kind())?;
        // Clients append paths to the address; two slashes in a row are another page to Jira.
        let url = instance_base(Some(credential.require_text("url")?), "");
        // The account's half of a Basic credential ends at the first colon, and a header at the first line's end.
        let email = credential.require_text("email")?.to_owned();
        if email.chars().any(|c| c == ':' || c.is_control() || c.is_whitespace()) {
            return Err(Failure::invalid_credential(
                "field `email` has a colon, a space or a control character; store the account's e-mail address",
            ));
        }
        let token = Token::new(credential.take_secret("token")?);
        Ok(token.field("url", Some(url)).field("email", Some(email)))
    }
}

claviger_sdk::export_provider!(Jira);

#[cfg(test)]
mod tests;
