//! The platform's own seal, which is only ever opened: `enc:v<N>:<base64 of nonce ‖ ciphertext ‖ tag>`, AES-256-GCM, bound to the credential's id.

use crate::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

const NONCE_BYTES: usize = 12;

/// Why a value does not open. Never tells a value or a key.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum EnvelopeError {
    /// The keyring is no JSON of versions and keys.
    #[error("the platform's keyring does not read: it is a JSON object, version to base64 of 32 bytes")]
    Keyring,
    /// The value is stored as it is.
    #[error("is not sealed; if that is right, say `--allow-plaintext`")]
    Plaintext,
    /// It is sealed with a key that is not there.
    #[error("is sealed with key version {0}, which the platform's keyring does not have")]
    UnknownKey(u32),
    /// It is damaged, or was moved here from another credential.
    #[error("does not open: it is damaged, of another credential, or sealed with another key")]
    Damaged,
}

/// The platform's keys by version.
#[derive(Default)]
pub(super) struct OldKeyring(BTreeMap<u32, LessSafeKey>);

impl OldKeyring {
    /// From the JSON that the platform is configured with.
    pub(super) fn parse(json: &Secret) -> Result<Self, EnvelopeError> {
        let given: BTreeMap<String, Secret> = serde_json::from_str(json.expose()).map_err(|_| EnvelopeError::Keyring)?;
        let mut keys = BTreeMap::new();
        for (version, key) in given {
            let version = version.parse().map_err(|_| EnvelopeError::Keyring)?;
            let bytes = Zeroizing::new(STANDARD.decode(key.expose().trim()).map_err(|_| EnvelopeError::Keyring)?);
            let key = UnboundKey::new(&AES_256_GCM, &bytes).map_err(|_| EnvelopeError::Keyring)?;
            keys.insert(version, LessSafeKey::new(key));
        }
        Ok(Self(keys))
    }

    /// A stored value of this credential as text.
    pub(super) fn open(&self, credential: &str, stored: &str, plaintext: bool) -> Result<Secret, EnvelopeError> {
        let Some(rest) = stored.strip_prefix("enc:") else {
            return if plaintext {
                Ok(Secret::new(stored.to_owned()))
            } else {
                Err(EnvelopeError::Plaintext)
            };
        };
        let (version, sealed) = rest
            .strip_prefix('v')
            .and_then(|rest| rest.split_once(':'))
            .ok_or(EnvelopeError::Damaged)?;
        let version: u32 = version.parse().map_err(|_| EnvelopeError::Damaged)?;
        let key = self.0.get(&version).ok_or(EnvelopeError::UnknownKey(version))?;
        let bytes = STANDARD.decode(sealed).map_err(|_| EnvelopeError::Damaged)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or(EnvelopeError::Damaged)?;
        let mut opened = Zeroizing::new(sealed.to_vec());
        let text = key
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(credential.as_bytes()), &mut opened)
            .map_err(|_| EnvelopeError::Damaged)?;
        std::str::from_utf8(text)
            .map(|text| Secret::new(text.to_owned()))
            .map_err(|_| EnvelopeError::Damaged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sealed by Python's `cryptography`, key `bytes(range(32))`, for the credential `cred-1`.
    const SEALED: &str = "enc:v7:ZGVmZ2hpamtsbW5vL3OuOR+bOfNhFjeNhRUGnDakaXjmH7dnod8PpbCrLvGzBF5weA==";

    fn keyring() -> OldKeyring {
        let key = STANDARD.encode((0..32).collect::<Vec<u8>>());
        OldKeyring::parse(&Secret::new(format!("{{\"1\":\"{}\",\"7\":\"{key}\"}}", STANDARD.encode([9; 32])))).unwrap()
    }

    #[test]
    fn what_the_platform_sealed_opens_for_its_credential_alone() {
        let keys = keyring();
        assert_eq!(keys.open("cred-1", SEALED, false).ok().unwrap().expose(), "ghp_from_the_platform");
        let why = |id: &str, stored: &str| keys.open(id, stored, false).err().unwrap();
        assert_eq!(why("cred-2", SEALED), EnvelopeError::Damaged);
        assert_eq!(why("cred-1", &SEALED.replace("v7", "v1")), EnvelopeError::Damaged);
        assert_eq!(why("cred-1", &SEALED.replace("v7", "v8")), EnvelopeError::UnknownKey(8));
        assert_eq!(why("cred-1", "ghp_plain"), EnvelopeError::Plaintext);
        for damaged in ["enc:", "enc:v7:", "enc:v7:####", "enc:v7:AAAA", "enc:7:AAAA", "enc:v:AAAA"] {
            assert_eq!(why("cred-1", damaged), EnvelopeError::Damaged, "{damaged}");
        }
        assert_eq!(keys.open("cred-1", "ghp_plain", true).ok().unwrap().expose(), "ghp_plain");
        assert!(keys.open("cred-1", "enc:v7:AAAA", true).is_err(), "a damaged seal is no plain text");
    }

    #[test]
    fn a_keyring_that_does_not_read_is_refused() {
        for bad in ["", "[]", "{\"1\":2}", "{\"a\":\"AA==\"}", "{\"1\":\"AA==\"}", "{\"1\":\"####\"}"] {
            assert!(OldKeyring::parse(&Secret::new(bad.to_owned())).is_err(), "{bad}");
        }
    }
}
