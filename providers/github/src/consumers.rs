//! What consumers need beside the token: who commits, and where the instance is.

use crate::instance::{Deployment, Instance};
use claviger_sdk::{Credential, Failure, Token};

/// A token with the Git identity that is stored beside it, and its instance's addresses.
///
/// # Errors
/// `invalid-credential` if the identity would break Git's configuration.
pub fn with_consumers(token: Token, credential: &Credential) -> Result<Token, Failure> {
    let instance = Instance::of(credential);
    let elsewhere = instance.deployment != Deployment::Cloud;
    let server = instance.deployment == Deployment::Server;
    let token = token
        .field("user-name", credential.identity("user-name")?)
        .field("email", credential.identity("email")?)
        .field("git-protocol", Some(instance.scheme()))
        .field("git-host", Some(instance.host()))
        .field("git-path", instance.root())
        // A runner that is not told takes every token for github.com's.
        .field("instance-url", elsewhere.then_some(instance.web.as_str()))
        // `gh` asks github.com unless it is told, and there the wrong one is named by nobody.
        .field("gh-host", elsewhere.then(|| instance.host()))
        .field("enterprise-host", server.then(|| instance.host()))
        .field("api-url", elsewhere.then_some(instance.api.as_str()));
    Ok(token)
}
