//! Personal access tokens, and OAuth tokens that do not end: what was stored is the token.
//!
//! Its text never passes through here, so that it is one line without spaces is for the host to see when it is stored.

use crate::with_consumers;
use claviger_sdk::{Credential, Failure, Narrowing, Token};

/// The stored token and the Git identity beside it. None of these can be narrowed, and whoever asks for less must
/// not be given more.
///
/// # Errors
/// `unsupported` if a narrowing was asked for; `invalid-credential` if the token is missing or the identity would break Git's
/// configuration.
pub fn mint(mut credential: Credential, narrowing: &Narrowing) -> Result<Token, Failure> {
    narrowing.refuse(credential.kind())?;
    let token = Token::new(credential.take_secret("token")?);
    with_consumers(token, &credential)
}
