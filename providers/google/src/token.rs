//! From an answer to the token that is handed out, the same for all kinds.

use claviger_sdk::oauth::expires_at_ms;
use claviger_sdk::{Credential, Failure, Reply, Response, Secret, Token, now_ms};

/// An answer that names no end is not believed for long: every access token of Google's has one.
const UNTOLD_MS: u64 = 10 * 60 * 1000;

/// What a token is for.
#[derive(Debug, Clone, Copy)]
pub struct Extent<'a> {
    /// Whose it is, where that is known without asking.
    pub email: Option<&'a str>,
    /// Its scopes, separated by spaces.
    pub scopes: Option<&'a str>,
}

/// The token of a token endpoint's answer.
///
/// # Errors
/// `upstream-protocol` if there is none.
pub fn of(credential: &Credential, response: &Response, reply: &Reply, extent: Extent<'_>) -> Result<Token, Failure> {
    let end = expires_at_ms(reply, now_ms()).unwrap_or_else(|| now_ms().saturating_add(UNTOLD_MS));
    Ok(finish(credential, taken(response, reply)?, end, extent))
}

/// The access token of an answer.
///
/// # Errors
/// `upstream-protocol` if there is none.
pub fn taken(response: &Response, reply: &Reply) -> Result<Secret, Failure> {
    let token = response.take("access-token");
    token.ok_or_else(|| reply.marked(Failure::upstream_protocol("Google's answer lacks the access token")))
}

/// A token with what consumers need beside it. What is stored with the credential comes before what is known otherwise.
#[must_use]
pub fn finish(credential: &Credential, value: Secret, expires_at_ms: u64, extent: Extent<'_>) -> Token {
    Token::new(value)
        .expires_at_ms(Some(expires_at_ms))
        .field("email", credential.text("email").or(extent.email))
        .field("project-id", credential.text("project-id"))
        .field("quota-project-id", credential.text("quota-project-id"))
        .field("scopes", extent.scopes)
}
