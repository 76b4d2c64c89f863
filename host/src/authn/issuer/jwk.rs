//! An issuer's public keys (RFC 7517), and whether a signature is theirs.
//!
//! ring checks signatures; what is ours is which key may check which algorithm: a key has one type, and an algorithm that is not of that
//! type is refused before any arithmetic. Symmetric keys are not read at all, so no public key can ever serve as an HMAC secret.

use super::compact::LONGEST_KID;
use crate::config::Algorithm;
use crate::json;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey};
use serde_json::{Map, Value};

/// More keys than any issuer has at a time.
const MOST_KEYS: usize = 100;
/// RSA keys below 2048 bits are not believed, above 8192 not computed with. In bytes.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// One public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) kid: Option<String>,
    only: Option<Algorithm>,
    public: Public,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Public {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// Reads a key set. What is no public key for signatures is left out; `None` if it is no key set at all.
pub(super) fn read(document: &[u8]) -> Option<Vec<Key>> {
    let document = json::object(document)?;
    let listed = document.get("keys")?.as_array()?;
    if listed.len() > MOST_KEYS {
        return None;
    }
    Some(listed.iter().filter_map(|key| Key::read(key.as_object()?)).collect())
}

impl Key {
    fn read(jwk: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?.trim_end_matches('=')).ok();
        if text("use").is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        if let Some(operations) = jwk.get("key_ops") {
            let verifies = operations.as_array()?.iter().any(|operation| operation == "verify");
            if !verifies {
                return None;
            }
        }
        // Whoever publishes the private half has lost it.
        if jwk.contains_key("d") {
            return None;
        }
        let kid = match jwk.get("kid") {
            None => None,
            Some(Value::String(kid)) if kid.len() <= LONGEST_KID => Some(kid.clone()),
            Some(_) => return None,
        };
        let only = match text("alg") {
            None => None,
            // For encryption, or of a kind that we do not know.
            Some(name) => Some(Algorithm::named(name)?),
        };
        let public = match (text("kty")?, text("crv")) {
            ("RSA", None) => {
                let n: Vec<u8> = bytes("n")?.into_iter().skip_while(|byte| *byte == 0).collect();
                RSA_BYTES.contains(&n.len()).then_some(Public::Rsa { n, e: bytes("e")? })?
            }
            ("EC", Some("P-256")) => Public::P256(point(bytes("x")?, bytes("y")?, 32)?),
            ("EC", Some("P-384")) => Public::P384(point(bytes("x")?, bytes("y")?, 48)?),
            ("OKP", Some("Ed25519")) => Public::Ed25519(bytes("x").filter(|x| x.len() == 32)?),
            _ => return None,
        };
        Some(Self { kid, only, public })
    }

    /// Whether this key may check this algorithm.
    pub(super) fn fits(&self, algorithm: Algorithm) -> bool {
        use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
        let of_type = match self.public {
            Public::Rsa { .. } => matches!(algorithm, RS256 | RS384 | RS512 | PS256 | PS384 | PS512),
            Public::P256(_) => algorithm == ES256,
            Public::P384(_) => algorithm == ES384,
            Public::Ed25519(_) => algorithm == EdDSA,
        };
        of_type && self.only.is_none_or(|only| only == algorithm)
    }

    /// Whether the signature is this key's. An RSA signature takes some 50 µs.
    pub(super) fn verifies(&self, algorithm: Algorithm, input: &[u8], sign: &[u8]) -> bool {
        if !self.fits(algorithm) {
            return false;
        }
        let outcome = match &self.public {
            Public::Rsa { n, e } => match rsa(algorithm) {
                Some(parameters) => RsaPublicKeyComponents { n, e }.verify(parameters, input, sign),
                None => Err(ring::error::Unspecified),
            },
            Public::P256(point) => UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point).verify(input, sign),
            Public::P384(point) => UnparsedPublicKey::new(&signature::ECDSA_P384_SHA384_FIXED, point).verify(input, sign),
            Public::Ed25519(x) => UnparsedPublicKey::new(&signature::ED25519, x).verify(input, sign),
        };
        outcome.is_ok()
    }
}

fn rsa(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    match algorithm {
        Algorithm::RS256 => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::RS384 => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::RS512 => Some(&signature::RSA_PKCS1_2048_8192_SHA512),
        Algorithm::PS256 => Some(&signature::RSA_PSS_2048_8192_SHA256),
        Algorithm::PS384 => Some(&signature::RSA_PSS_2048_8192_SHA384),
        Algorithm::PS512 => Some(&signature::RSA_PSS_2048_8192_SHA512),
        Algorithm::ES256 | Algorithm::ES384 | Algorithm::EdDSA => None,
    }
}

/// An uncompressed point (SEC 1, 2.3.3). RFC 7518, 6.2.1.2: both numbers have their full length.
fn point(x: Vec<u8>, y: Vec<u8>, length: usize) -> Option<Vec<u8>> {
    if x.len() != length || y.len() != length {
        return None;
    }
    let mut point = vec![4];
    point.extend(x);
    point.extend(y);
    Some(point)
}
