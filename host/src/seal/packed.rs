//! The envelope as bytes: `format ‖ key version ‖ nonce ‖ ciphertext ‖ tag`, for what is opened on every read and thrown away when a new
//! version of this program does not know its form. Text costs base64 and a copy each way.

use super::{Keyring, Purpose, SealError};
use crate::secret::Secret;

/// The format. No text envelope begins with this byte.
const FORMAT: u8 = 2;
/// The format and the key version.
const HEAD_BYTES: usize = 5;

impl Keyring {
    /// Seals `secret` for `place`, any bytes that name where it stands. Under the same keys, and with the same care for nonces, as
    /// [`Keyring::seal`].
    #[must_use]
    pub fn seal_packed(&self, purpose: Purpose, place: &[u8], secret: &Secret) -> Vec<u8> {
        let (version, keys) = self.writer(purpose);
        let head = head(version);
        keys.seal(&head, &bound(head, place), secret)
    }

    /// Opens at `place` what [`Keyring::seal_packed`] sealed there.
    ///
    /// # Errors
    /// See [`SealError`].
    pub fn open_packed(&self, purpose: Purpose, place: &[u8], packed: &[u8]) -> Result<Secret, SealError> {
        let (head, sealed) = packed.split_first_chunk::<HEAD_BYTES>().ok_or(SealError::NotAnEnvelope)?;
        let [FORMAT, version @ ..] = *head else {
            return Err(SealError::NotAnEnvelope);
        };
        let version = u32::from_be_bytes(version);
        let keys = self.version(purpose, version)?;
        keys.open(&bound(*head, place), sealed.to_vec())
            .ok_or(SealError::DamagedOrMisplaced { version })
    }
}

fn head(version: u32) -> [u8; HEAD_BYTES] {
    let [a, b, c, d] = version.to_be_bytes();
    [FORMAT, a, b, c, d]
}

/// The additional data. The head has a fixed length, so no two pairs of head and place encode alike; and no [`super::Aad`] begins with its
/// first byte, so what is sealed as text never opens as bytes.
fn bound(head: [u8; HEAD_BYTES], place: &[u8]) -> Vec<u8> {
    [head.as_slice(), place].concat()
}
