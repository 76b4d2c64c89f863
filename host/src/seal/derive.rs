//! One master key → one key per purpose and use (HKDF-SHA256, RFC 5869).

use ring::{aead, hkdf, hmac};
use zeroize::Zeroizing;

/// What a derived key is for. Keys of different purposes have nothing in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// Secrets in the database.
    Records,
    /// Minted tokens in the cache.
    Cache,
    /// Keyed hashes of people in the audit trail.
    AuditPrincipal,
    /// The chain of the audit trail.
    AuditChain,
    /// Keyed fingerprints of tokens.
    TokenFingerprint,
    /// The signature of sessions' own bearers.
    SessionBearer,
    /// The seal on compiled code.
    CompiledCode,
    /// What is kept beside the data to recognise the key again.
    KeyCheck,
    /// The secrets in the addresses at which sessions get their bearers.
    ExchangeAddress,
}

impl Purpose {
    /// All of them, in the order of their discriminants.
    pub(super) const ALL: [Self; 9] = [
        Self::Records,
        Self::Cache,
        Self::AuditPrincipal,
        Self::AuditChain,
        Self::TokenFingerprint,
        Self::SessionBearer,
        Self::CompiledCode,
        Self::KeyCheck,
        Self::ExchangeAddress,
    ];

    /// Stands in the derivation for ever: changing one makes everything sealed under it unreadable.
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Records => b"records",
            Self::Cache => b"cache",
            Self::AuditPrincipal => b"audit-principal",
            Self::AuditChain => b"audit-chain",
            Self::TokenFingerprint => b"token-fingerprint",
            Self::SessionBearer => b"session-bearer",
            Self::CompiledCode => b"compiled-code",
            Self::KeyCheck => b"key-check",
            Self::ExchangeAddress => b"exchange-address",
        }
    }
}

/// Length of a master key and of every derived one, in bytes.
pub(super) const KEY_BYTES: usize = 32;

/// The three keys of one purpose under one master key.
pub(super) struct PurposeKeys {
    pub(super) aead: aead::LessSafeKey,
    pub(super) mac: hmac::Key,
    pub(super) seed: Zeroizing<[u8; KEY_BYTES]>,
}

struct Seed;

impl hkdf::KeyType for Seed {
    fn len(&self) -> usize {
        KEY_BYTES
    }
}

/// Derives the keys of `purpose`. The use (seal, mac, seed) is part of the derivation, so no key serves two algorithms.
pub(super) fn derive(master: &[u8; KEY_BYTES], purpose: Purpose) -> Result<PurposeKeys, ring::error::Unspecified> {
    // A fixed salt is what RFC 5869 (3.1) allows where the input key is already uniformly random.
    let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"claviger.seal.1").extract(master);
    let aead = root.expand(&[purpose.label(), b"/seal"], &aead::AES_256_GCM)?.into();
    let mac = root.expand(&[purpose.label(), b"/mac"], hmac::HMAC_SHA256)?.into();
    let mut seed = Zeroizing::new([0; KEY_BYTES]);
    root.expand(&[purpose.label(), b"/seed"], Seed)?.fill(seed.as_mut_slice())?;
    Ok(PurposeKeys {
        aead: aead::LessSafeKey::new(aead),
        mac,
        seed,
    })
}
