//! Sealing: what is stored is unreadable without the keyring, and readable only where it was meant to stand.
//!
//! A [`Keyring`] holds one master key per version. Every purpose has keys of its own, derived by HKDF-SHA256, so that an envelope of the
//! cache never opens as a record. An envelope is AES-256-GCM text that names its key version; table, record, field and generation are
//! authenticated with it ([`Aad`]), so that a row copied elsewhere, or an old one put back, does not open.
//!
//! Failure: no keyring, no start. An envelope is opened with the key that it names or not at all: nothing is tried in turn.

mod derive;
mod envelope;
pub mod jws;
mod keyring;
mod packed;

pub use derive::Purpose;
pub use envelope::Aad;
pub use keyring::{Keyring, KeyringError};

/// Why something could not be sealed or opened. Never tells content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The text is no envelope of ours.
    #[error("this is not a sealed value: it must read `ck1.<key version>.<base64url>`")]
    NotAnEnvelope,
    /// The key that it names is not in the keyring.
    #[error("sealed with key version {version}, which the keyring does not hold (it holds {}); add that key", list(.known))]
    UnknownKey {
        /// The version wanted.
        version: u32,
        /// The versions at hand.
        known: Vec<u32>,
    },
    /// It was altered, or belongs to another record, field or generation, or that version's key is another key.
    #[error(
        "the sealed value does not open: damaged, moved from another record, or key version {version} is not the key it was sealed with"
    )]
    DamagedOrMisplaced {
        /// The version that was used.
        version: u32,
    },
}

fn list(versions: &[u32]) -> String {
    versions.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
