//! Google: access tokens of people, of service accounts, of service accounts that others may impersonate, and of identities of other
//! issuers.
//!
//! A pasted document is split when it is stored. What it says of where to go is never used (`hosts`, `documents`): an assertion or a
//! refresh token sent there could be spent by whoever runs that address.

pub mod assertion;
pub mod authorised_user;
pub mod documents;
pub mod external_account;
pub mod failures;
pub mod hosts;
pub mod impersonation;
pub mod scopes;
pub mod service_account;
pub mod target;
pub mod token;

use claviger_sdk::{Credential, Failure, Narrowing, Provider, Token};

/// The provider.
pub struct Google;

impl Provider for Google {
    const MANIFEST: &'static str = include_str!("../manifest.json");

    fn mint(credential: Credential, narrowing: &Narrowing) -> Result<Token, Failure> {
        match credential.kind() {
            authorised_user::KIND => authorised_user::mint(&credential, narrowing),
            service_account::KIND => service_account::mint(&credential, narrowing),
            impersonation::KIND => impersonation::mint(&credential, narrowing),
            external_account::KIND => external_account::mint(&credential, narrowing),
            other => Err(unknown(other)),
        }
    }
}

fn unknown(kind: &str) -> Failure {
    Failure::unsupported(format!("`{kind}` is no kind of Google credential"))
}

claviger_sdk::export_provider!(Google);

#[cfg(test)]
mod tests;
