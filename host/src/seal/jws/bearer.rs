//! The bearers that Claviger signs for sessions and turns: EdDSA over Ed25519.
//!
//! The key pairs are derived from the keyring, so every replica signs and accepts alike, and a bearer dies when its key version is
//! taken out of the keyring.

use super::{JwsError, finish, signing_input};
use crate::clock::Millis;
use crate::seal::{Keyring, KeyringError, Purpose};
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A longer text is not looked at, in bytes. A turn token has about 600.
const LONGEST: usize = 4096;

/// What the only accepted algorithm is called (RFC 8037).
const ALGORITHM: &str = "EdDSA";

/// The key pairs for bearers, one per key version. Cloning shares them.
#[derive(Clone)]
pub struct BearerKeys(Arc<Inner>);

struct Inner {
    pairs: BTreeMap<String, Ed25519KeyPair>,
    writes: String,
}

/// A public key, for `/.well-known/jwks.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// Its name in a bearer's header.
    pub kid: String,
    /// The key, base64url: the JWK's `x` (`kty` OKP, `crv` Ed25519).
    pub x: String,
}

/// What a bearer must say to be accepted.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// `iss`
    pub issuer: &'a str,
    /// `aud`
    pub audience: &'a str,
    /// Now.
    pub now_ms: Millis,
    /// How far replicas' clocks may differ, in milliseconds. Applied to `nbf`; an end is an end.
    pub leeway_ms: Millis,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
    /// RFC 7515, 4.1.11: whoever does not understand a critical extension must refuse. We understand none.
    crit: Option<Value>,
}

#[derive(Deserialize)]
struct Registered {
    iss: String,
    aud: String,
    exp: i64,
    nbf: Option<i64>,
}

impl fmt::Debug for BearerKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BearerKeys")
            .field("kids", &self.0.pairs.keys())
            .field("writes", &self.0.writes)
            .finish()
    }
}

impl BearerKeys {
    /// The key pairs that follow from the keyring.
    ///
    /// # Errors
    /// [`KeyringError::Derivation`], if ring refuses a seed, which it does not.
    pub fn from_keyring(keyring: &Keyring) -> Result<Self, KeyringError> {
        let mut pairs = BTreeMap::new();
        let mut writes = String::new();
        for version in keyring.versions() {
            let seed = keyring
                .seed(Purpose::SessionBearer, version)
                .map_err(|_| KeyringError::Derivation)?;
            let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyringError::Derivation)?;
            // The version alone would be ambiguous after a keyring was replaced by another.
            let print = digest::digest(&digest::SHA256, pair.public_key().as_ref());
            let kid = format!("{version}-{}", hex::encode(print.as_ref().get(..6).unwrap_or_default()));
            if version == keyring.write_version() {
                writes.clone_from(&kid);
            }
            pairs.insert(kid, pair);
        }
        Ok(Self(Arc::new(Inner { pairs, writes })))
    }

    /// Signs `claims`, which must serialise to a JSON object with `iss`, `aud` and `exp` (seconds since the epoch).
    ///
    /// # Errors
    /// If the claims are no JSON object.
    pub fn sign<C: Serialize>(&self, claims: &C) -> Result<Secret, JwsError> {
        let Ok(Value::Object(claims)) = serde_json::to_value(claims) else {
            return Err(JwsError::NotAnObject("claims"));
        };
        let pair = self.0.pairs.get(&self.0.writes).ok_or(JwsError::Signing)?;
        let header: Map<String, Value> = [("alg", ALGORITHM), ("typ", "JWT"), ("kid", &self.0.writes)]
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.into()))
            .collect();
        let input = signing_input(&header, Value::Object(claims).to_string().as_bytes());
        Ok(finish(&input, pair.sign(input.as_bytes()).as_ref()))
    }

    /// Accepts a bearer and reads its claims. Nothing in it is looked at before the signature fits, its header apart.
    ///
    /// # Errors
    /// What is wrong with it; see [`JwsError`].
    pub fn verify<C: DeserializeOwned>(&self, bearer: &str, expected: &Expected<'_>) -> Result<C, JwsError> {
        if bearer.len() > LONGEST {
            return Err(JwsError::Malformed);
        }
        let (input, signature) = bearer.rsplit_once('.').ok_or(JwsError::Malformed)?;
        let (header, claims) = input.split_once('.').ok_or(JwsError::Malformed)?;
        let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| JwsError::Malformed)?;
        if header.alg != ALGORITHM {
            return Err(JwsError::Algorithm);
        }
        if header.crit.is_some() {
            return Err(JwsError::Malformed);
        }
        let pair = self.0.pairs.get(&header.kid).ok_or(JwsError::UnknownKey)?;
        UnparsedPublicKey::new(&ED25519, pair.public_key())
            .verify(input.as_bytes(), &decode(signature)?)
            .map_err(|_| JwsError::Signature)?;
        let claims = decode(claims)?;
        let registered: Registered = serde_json::from_slice(&claims).map_err(|_| JwsError::Malformed)?;
        accept(&registered, expected)?;
        serde_json::from_slice(&claims).map_err(|_| JwsError::Malformed)
    }

    /// The public halves, of every version that is still accepted.
    #[must_use]
    pub fn public_keys(&self) -> Vec<PublicKey> {
        let public = |(kid, pair): (&String, &Ed25519KeyPair)| PublicKey {
            kid: kid.clone(),
            x: URL_SAFE_NO_PAD.encode(pair.public_key()),
        };
        self.0.pairs.iter().map(public).collect()
    }
}

fn accept(claims: &Registered, expected: &Expected<'_>) -> Result<(), JwsError> {
    if claims.iss != expected.issuer {
        return Err(JwsError::Issuer);
    }
    if claims.aud != expected.audience {
        return Err(JwsError::Audience);
    }
    if claims.exp.saturating_mul(1000) <= expected.now_ms {
        return Err(JwsError::Expired);
    }
    if claims
        .nbf
        .is_some_and(|from| from.saturating_mul(1000) > expected.now_ms.saturating_add(expected.leeway_ms))
    {
        return Err(JwsError::NotYet);
    }
    Ok(())
}

fn decode(text: &str) -> Result<Vec<u8>, JwsError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| JwsError::Malformed)
}
