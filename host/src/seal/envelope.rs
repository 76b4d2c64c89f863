//! The envelope: `ck1.<key version>.<base64url(nonce ‖ ciphertext ‖ tag)>`.

use super::derive::PurposeKeys;
use super::{Keyring, Purpose, SealError};
use crate::clock::fill_random;
use crate::ids::Generation;
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead;
use zeroize::Zeroize;

const FORMAT: &str = "ck1";

/// Where a sealed value stands. It opens nowhere else.
#[derive(Debug, Clone, Copy)]
pub struct Aad<'a> {
    /// The table, or whatever else holds it.
    pub table: &'a str,
    /// The record's id.
    pub record: &'a str,
    /// The field in it.
    pub field: &'a str,
    /// The generation in which it was sealed.
    pub generation: Generation,
}

impl Aad<'_> {
    /// Every part is preceded by its length, so that no two places encode alike. The key version is part of it, since the envelope's
    /// head is outside the ciphertext.
    fn encode(&self, version: u32) -> Vec<u8> {
        let parts = [FORMAT, self.table, self.record, self.field];
        let mut out = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum::<usize>() + 12);
        for part in parts {
            out.extend_from_slice(&(part.len() as u64).to_be_bytes());
            out.extend_from_slice(part.as_bytes());
        }
        out.extend_from_slice(&self.generation.0.to_be_bytes());
        out.extend_from_slice(&version.to_be_bytes());
        out
    }
}

impl Keyring {
    /// Seals `secret` for the place `aad`, under the key version that writes.
    ///
    /// The nonce is random: 96 bits, safe for 2^32 envelopes under one version and purpose (NIST SP 800-38D, 8.3). A table of
    /// credentials is far from that; the cache, at 100 mints a second, gets there after 16 months: rotate the keyring yearly.
    #[must_use]
    pub fn seal(&self, purpose: Purpose, aad: &Aad<'_>, secret: &Secret) -> String {
        let (version, keys) = self.writer(purpose);
        let sealed = keys.seal(&[], &aad.encode(version), secret);
        format!("{FORMAT}.{version}.{}", URL_SAFE_NO_PAD.encode(&sealed))
    }

    /// Opens an envelope at the place `aad`.
    ///
    /// # Errors
    /// See [`SealError`].
    pub fn open(&self, purpose: Purpose, aad: &Aad<'_>, envelope: &str) -> Result<Secret, SealError> {
        let (version, sealed) = parse(envelope)?;
        let keys = self.version(purpose, version)?;
        keys.open(&aad.encode(version), sealed)
            .ok_or(SealError::DamagedOrMisplaced { version })
    }
}

impl PurposeKeys {
    /// `head ‖ nonce ‖ ciphertext ‖ tag`. The head stays in clear and is not bound; put it into `aad` if it must be.
    pub(super) fn seal(&self, head: &[u8], aad: &[u8], secret: &Secret) -> Vec<u8> {
        let mut nonce = [0; aead::NONCE_LEN];
        fill_random(&mut nonce);
        // Room for the tag from the start: growing would leave a copy of the plain text behind.
        let mut sealed = Vec::with_capacity(head.len() + nonce.len() + secret.len() + aead::AES_256_GCM.tag_len());
        sealed.extend_from_slice(head);
        sealed.extend_from_slice(&nonce);
        let plain = sealed.len();
        sealed.extend_from_slice(secret.expose().as_bytes());
        let body = sealed.get_mut(plain..).unwrap_or_default();
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        match self.aead.seal_in_place_separate_tag(nonce, aead::Aad::from(aad), body) {
            Ok(tag) => sealed.extend_from_slice(tag.as_ref()),
            // Only a text of 64 GiB gets here. What it leaves opens nowhere and holds nothing.
            Err(ring::error::Unspecified) => {
                sealed.zeroize();
            }
        }
        sealed
    }

    /// Opens `nonce ‖ ciphertext ‖ tag`; nothing if it does not open, or holds no text.
    pub(super) fn open(&self, aad: &[u8], mut sealed: Vec<u8>) -> Option<Secret> {
        let nonce = aead::Nonce::assume_unique_for_key(*sealed.first_chunk::<{ aead::NONCE_LEN }>()?);
        let opened = self
            .aead
            .open_within(nonce, aead::Aad::from(aad), &mut sealed, aead::NONCE_LEN..)
            .ok()?
            .len();
        // `open_within` moved the plain text to the front of the buffer, which becomes the secret: no copy to wipe.
        let tail = sealed.get_mut(opened..).unwrap_or_default();
        tail.zeroize();
        sealed.truncate(opened);
        match String::from_utf8(sealed) {
            Ok(text) => Some(Secret::new(text)),
            Err(error) => {
                error.into_bytes().zeroize();
                None
            }
        }
    }
}

/// Splits an envelope into key version and bytes. Exactly one text reads as a given envelope: no leading zero, sign, padding or
/// stray bit is let through.
fn parse(envelope: &str) -> Result<(u32, Vec<u8>), SealError> {
    let mut parts = envelope.split('.');
    let (Some(FORMAT), Some(version), Some(body), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(SealError::NotAnEnvelope);
    };
    let number: u32 = version.parse().map_err(|_| SealError::NotAnEnvelope)?;
    if number == 0 || number.to_string() != version {
        return Err(SealError::NotAnEnvelope);
    }
    let sealed = URL_SAFE_NO_PAD.decode(body).map_err(|_| SealError::NotAnEnvelope)?;
    if sealed.len() < aead::NONCE_LEN + aead::AES_256_GCM.tag_len() {
        return Err(SealError::NotAnEnvelope);
    }
    Ok((number, sealed))
}
