//! RS256 with a stored private key, as GitHub Apps and Google service accounts want it.

use super::{JwsError, finish, object, signing_input};
use crate::secret::Secret;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

/// A compact JWS over `claims`, signed RS256 with the PEM in `key`.
///
/// `header` and `claims` are JSON objects. Whatever the header says about `alg` is replaced; `typ` is `JWT` unless it says otherwise.
/// The claims are signed byte for byte as given.
///
/// # Errors
/// If the key does not read or is refused, or one of the texts is no JSON object. No error repeats any of them.
pub fn sign_rs256(key: &Secret, header: &str, claims: &str) -> Result<Secret, JwsError> {
    let mut header = object("header", header)?;
    header.insert("alg".to_owned(), "RS256".into());
    header.entry("typ").or_insert_with(|| "JWT".into());
    object("claims", claims)?;
    let pair = key_pair(key)?;
    let input = signing_input(&header, claims.as_bytes());
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input.as_bytes(), &mut signature)
        .map_err(|_| JwsError::Signing)?;
    Ok(finish(&input, &signature))
}

/// Whether a private key can sign, so that a malformed one is refused when it is stored and not when it is used.
///
/// # Errors
/// [`JwsError::KeyUnreadable`], [`JwsError::KeyRefused`].
pub fn check_rs256(key: &Secret) -> Result<(), JwsError> {
    key_pair(key).map(drop)
}

fn key_pair(key: &Secret) -> Result<RsaKeyPair, JwsError> {
    let pem = normalised(key);
    let refused = |error: ring::error::KeyRejected| JwsError::KeyRefused(error.to_string());
    match PrivateKeyDer::from_pem_slice(pem.expose().as_bytes()) {
        Ok(PrivateKeyDer::Pkcs1(der)) => RsaKeyPair::from_der(der.secret_pkcs1_der()).map_err(refused),
        Ok(PrivateKeyDer::Pkcs8(der)) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).map_err(refused),
        _ => Err(JwsError::KeyUnreadable),
    }
}

/// A key pasted out of JSON or an environment file often has `\n`, two characters, where its lines should end (and `\\n` when it was
/// escaped twice). A backslash never occurs in PEM, so undoing that is safe.
fn normalised(key: &Secret) -> Secret {
    let text = key.expose().trim().trim_matches(['"', '\'']);
    let mut lines = String::with_capacity(text.len() + 1);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if c != '\\' {
            lines.push(c);
            continue;
        }
        while rest.peek() == Some(&'\\') {
            rest.next();
        }
        match rest.peek() {
            Some('n') => {
                rest.next();
                lines.push('\n');
            }
            Some('r') => {
                rest.next();
            }
            _ => {}
        }
    }
    Secret::new(lines)
}
