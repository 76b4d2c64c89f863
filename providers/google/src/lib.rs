//! Google: access tokens of people, of service accounts, of service accounts that others may impersonate, and of identities of other
//! issuers.
//!
//! A pasted document is split when it is stored. What it says of where to go is never used (`hosts`, `documents`): an assertion or a
//! refresh token sent there could be spent by whoever runs that address.

pub mod assertion;
pub mod authorised_user;
pub mod connect;
pub mod documents;
pub mod external_account;
pub mod failures;
pub mod hosts;
pub mod identify;
pub mod impersonation;
pub mod revoke;
pub mod scopes;
pub mod service_account;
pub mod target;
pub mod token;

use claviger_sdk::{Account, Connect, Credential, Failure, Identify, Identity, Narrowing, Provider, Revoke, Token};

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

impl Identify for Google {
    fn identify(credential: Credential) -> Result<Identity, Failure> {
        identify::identify(&credential)
    }
}

impl Revoke for Google {
    fn revoke(credential: Credential) -> Result<Option<String>, Failure> {
        revoke::revoke(&credential)
    }
}

impl Connect for Google {
    fn authorise(credential: Credential) -> Result<String, Failure> {
        connect::authorise(&credential)
    }

    fn exchange(credential: Credential) -> Result<Vec<Account>, Failure> {
        connect::exchange(&credential)
    }
}

fn unknown(kind: &str) -> Failure {
    Failure::unsupported(format!("`{kind}` is no kind of Google credential"))
}

claviger_sdk::export_provider!(Google, identify, revoke, connect);

#[cfg(test)]
mod tests;
