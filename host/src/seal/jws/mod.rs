//! Compact JWS (RFC 7515): assertions signed with stored RSA keys, and the bearers that Claviger signs itself.
//!
//! The algorithm is never taken from a token or from whoever asks: [`sign_rs256`] signs RS256, [`BearerKeys`] signs and accepts EdDSA, and
//! both write `alg` themselves.

mod bearer;
mod rs256;

pub use bearer::{BearerKeys, Expected, PublicKey};
pub use rs256::{check_rs256, sign_rs256};

use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// Why something was not signed or not accepted. Never tells a key, a token or its content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// The private key does not read.
    #[error(
        "the private key does not read: it must be an RSA key in PEM, PKCS#1 (`BEGIN RSA PRIVATE KEY`) or PKCS#8 (`BEGIN PRIVATE KEY`)"
    )]
    KeyUnreadable,
    /// It reads, and is refused.
    #[error("the private key is refused ({0}): it must be an RSA key of 2048 to 4096 bits")]
    KeyRefused(String),
    /// The header or the claims are no JSON object.
    #[error("the {0} of a JWS must be a JSON object")]
    NotAnObject(&'static str),
    /// The signature could not be made.
    #[error("the signature could not be made")]
    Signing,
    /// It does not have the form of a bearer of ours.
    #[error("the bearer does not read")]
    Malformed,
    /// It names another algorithm.
    #[error("the bearer does not say `EdDSA`")]
    Algorithm,
    /// It was signed with a key that is not, or no longer, in the keyring.
    #[error("the bearer was signed with a key that is not in the keyring")]
    UnknownKey,
    /// The signature does not fit.
    #[error("the bearer's signature is wrong")]
    Signature,
    /// Another issuer.
    #[error("the bearer has another issuer")]
    Issuer,
    /// For somebody else.
    #[error("the bearer is meant for another audience")]
    Audience,
    /// It has ended.
    #[error("the bearer has expired")]
    Expired,
    /// Its time has not come.
    #[error("the bearer is not valid yet")]
    NotYet,
}

/// `header.claims` in base64url, the text that is signed.
fn signing_input(header: &Map<String, Value>, claims: &[u8]) -> String {
    // A map of JSON values always serialises.
    let header = Value::Object(header.clone()).to_string();
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
}

fn object(what: &'static str, text: &str) -> Result<Map<String, Value>, JwsError> {
    serde_json::from_str(text).map_err(|_| JwsError::NotAnObject(what))
}

fn finish(input: &str, signature: &[u8]) -> Secret {
    let encoded = URL_SAFE_NO_PAD.encode(signature);
    let mut token = String::with_capacity(input.len() + 1 + encoded.len());
    token.push_str(input);
    token.push('.');
    token.push_str(&encoded);
    Secret::new(token)
}

#[cfg(test)]
mod tests;
