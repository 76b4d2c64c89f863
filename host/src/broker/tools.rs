//! What the broker works with: the time, the keys, the records, the way out.
//!
//! A flight outlives the reader that began it, so it holds all of this itself and borrows nothing. Nothing here fails; what the parts refuse,
//! they say themselves.

use crate::audit::Audit;
use crate::cache::TokenCache;
use crate::clock::SharedClock;
use crate::follow::Follower;
use crate::records::Records;
use crate::runtime::{Catalog, Door};
use crate::seal::{Keyring, Purpose};
use crate::secret::Secret;
use std::sync::Arc;

/// What a flight works with.
pub struct Tools {
    /// The time.
    pub clock: SharedClock,
    /// The keys.
    pub keyring: Keyring,
    /// The truth.
    pub records: Records,
    /// Keeps what is in memory current.
    pub follower: Follower,
    /// Minted tokens.
    pub cache: TokenCache,
    /// The loaded providers.
    pub catalog: Arc<Catalog>,
    /// The way out.
    pub door: Arc<dyn Door>,
    /// The operator's clients.
    pub instances: Vec<crate::config::Instance>,
    /// Where fields that are never stored are read from.
    pub sources: Vec<crate::config::Source>,
    /// The trail.
    pub audit: Audit,
    /// What this replica is called in the journal.
    pub replica: Arc<str>,
}

impl Tools {
    /// The keyed hash by which the audit trail recognises a token: 64 bits, enough to find, too few to guess from.
    pub(super) fn fingerprint(&self, token: &Secret) -> String {
        let (_, key) = self.keyring.current(Purpose::TokenFingerprint);
        let tag = ring::hmac::sign(key, token.expose().as_bytes());
        hex::encode(tag.as_ref().get(..8).unwrap_or_default())
    }
}
