//! The envelope: `ck1.<key version>.<base64url(nonce ‖ ciphertext ‖ tag)>`.

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
        let mut nonce = [0; aead::NONCE_LEN];
        fill_random(&mut nonce);
        // Room for the tag from the start: growing would leave a copy of the plain text behind.
        let mut sealed = Vec::with_capacity(nonce.len() + secret.len() + aead::AES_256_GCM.tag_len());
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(secret.expose().as_bytes());
        let body = sealed.get_mut(aead::NONCE_LEN..).unwrap_or_default();
        let tag = keys.aead.seal_in_place_separate_tag(
            aead::Nonce::assume_unique_for_key(nonce),
            aead::Aad::from(aad.encode(version)),
            body,
        );
        match tag {
            Ok(tag) => sealed.extend_from_slice(tag.as_ref()),
            // Only a text of 64 GiB gets here. What it leaves opens nowhere and holds nothing.
            Err(ring::error::Unspecified) => {
                sealed.zeroize();
            }
        }
        format!("{FORMAT}.{version}.{}", URL_SAFE_NO_PAD.encode(&sealed))
    }

    /// Opens an envelope at the place `aad`.
    ///
    /// # Errors
    /// See [`SealError`].
    pub fn open(&self, purpose: Purpose, aad: &Aad<'_>, envelope: &str) -> Result<Secret, SealError> {
        let (version, mut sealed) = parse(envelope)?;
        let keys = self.version(purpose, version)?;
        let damaged = SealError::DamagedOrMisplaced { version };
        let (nonce, _) = sealed.split_first_chunk::<{ aead::NONCE_LEN }>().ok_or(SealError::NotAnEnvelope)?;
        let nonce = aead::Nonce::assume_unique_for_key(*nonce);
        let opened = keys
            .aead
            .open_within(nonce, aead::Aad::from(aad.encode(version)), &mut sealed, aead::NONCE_LEN..)
            .map_err(|_| damaged.clone())?
            .len();
        // `open_within` moved the plain text to the front of the buffer, which becomes the secret: no copy to wipe.
        let tail = sealed.get_mut(opened..).unwrap_or_default();
        tail.zeroize();
        sealed.truncate(opened);
        match String::from_utf8(sealed) {
            Ok(text) => Ok(Secret::new(text)),
            Err(error) => {
                error.into_bytes().zeroize();
                Err(damaged)
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
