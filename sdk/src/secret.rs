//! Secrets that the host holds: placed, joined and signed with, not read.

use crate::{Failure, host};

/// A handle. The text stays with the host; dropping the handle gives it back.
pub struct Secret(pub(crate) host::Handle);

/// How a secret is written where it is placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// As it is.
    Plain,
    /// Base64 with padding, on one line.
    Base64,
    /// Base64 in its alphabet for URLs, without padding.
    Base64Url,
    /// As a value in `application/x-www-form-urlencoded`.
    FormUrlencoded,
    /// As a JSON string, with its quotes.
    JsonString,
}

/// A literal, or a secret in some encoding.
pub enum Part<'a> {
    /// A literal.
    Text(String),
    /// A secret.
    Secret(&'a Secret, Encoding),
}

impl Secret {
    /// A compact JWS (RFC 7515) signed with this secret, a PEM private key. `header` and `claims` are JSON objects.
    ///
    /// # Errors
    /// The host's, if the secret is no key or the algorithm is not one it knows.
    pub fn sign_jwt(&self, algorithm: &str, header: &str, claims: &str) -> Result<Self, Failure> {
        host::sign_jwt(&self.0, algorithm, header, claims).map(Self)
    }

    /// The text. The host refuses unless the operator granted this provider `reveal`, and audits each use.
    ///
    /// # Errors
    /// The host's refusal.
    pub fn reveal(&self) -> Result<String, Failure> {
        host::reveal(&self.0)
    }

    /// A second handle to the same secret, class and all: for returning one that is still needed.
    #[must_use]
    pub fn copy(&self) -> Self {
        join(&[Part::Secret(self, Encoding::Plain)], Encoding::Plain)
    }
}

/// The parts, joined and encoded as one new secret: how `user:token` becomes a Basic credential. Of more than one part it
/// can be placed, but never returned as the token.
#[must_use]
pub fn join(parts: &[Part<'_>], encoding: Encoding) -> Secret {
    Secret(host::join(parts, encoding))
}
