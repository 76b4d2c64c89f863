//! RS256 as the emulated upstreams check it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rsa::KeyPair;
use ring::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivatePkcs1KeyDer, PrivatePkcs8KeyDer};
use serde_json::Value;

/// The seed's key is none that RS256 can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the seed has a private key that is no RSA key of 2048 bits or more in PEM (PKCS#1 or PKCS#8)")]
pub struct KeyError;

/// A public key.
#[derive(Clone)]
pub(super) struct PublicKey(Vec<u8>);

impl PublicKey {
    /// The public half of a private key.
    pub(super) fn of(private_pem: &str) -> Result<Self, KeyError> {
        let text = private_pem.as_bytes();
        let pair = match PrivatePkcs8KeyDer::from_pem_slice(text) {
            Ok(key) => KeyPair::from_pkcs8(key.secret_pkcs8_der()),
            Err(_) => {
                let key = PrivatePkcs1KeyDer::from_pem_slice(text).map_err(|_| KeyError)?;
                KeyPair::from_der(key.secret_pkcs1_der())
            }
        };
        Ok(Self(pair.map_err(|_| KeyError)?.public_key().as_ref().to_vec()))
    }
}

/// A compact JWS over `claims`, as an issuer beside Google would sign one.
pub(super) fn signed(claims: &Value, private_pem: &str) -> Option<String> {
    let key = PrivatePkcs8KeyDer::from_pem_slice(private_pem.as_bytes()).ok()?;
    let pair = KeyPair::from_pkcs8(key.secret_pkcs8_der()).ok()?;
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(&serde_json::json!({ "alg": "RS256", "typ": "JWT" })), part(claims));
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &ring::rand::SystemRandom::new(), text.as_bytes(), &mut signature)
        .ok()?;
    Some(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// A token that reads, its signature not yet checked.
pub(super) struct Unverified {
    pub(super) claims: Value,
    signed: String,
    signature: Vec<u8>,
}

impl Unverified {
    /// A compact JWS whose header says RS256.
    pub(super) fn parse(token: &str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let json = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
        if json(header)?.get("alg")? != "RS256" {
            return None;
        }
        Some(Self {
            claims: json(claims)?,
            signed: signed.to_owned(),
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }

    pub(super) fn is_signed_by(&self, key: &PublicKey) -> bool {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &key.0)
            .verify(self.signed.as_bytes(), &self.signature)
            .is_ok()
    }

    pub(super) fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim).and_then(Value::as_str)
    }

    pub(super) fn seconds(&self, claim: &str) -> Option<i64> {
        self.claims.get(claim).and_then(Value::as_i64)
    }
}
