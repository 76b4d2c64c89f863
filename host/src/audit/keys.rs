//! The trail's keys: one pair for each epoch, which is a version of the keyring.

use super::error::AuditError;
use crate::identity::{Caller, CallerKind};
use crate::ids::Username;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use std::collections::BTreeMap;
use std::sync::Arc;

/// 144 bits of a record's hash: 24 characters without padding, so that every character counts. A whole hash would make every record 38
/// bytes longer and no forgery harder that matters.
const RECORD_BYTES: usize = 18;
/// Characters of a record's hash.
pub(super) const RECORD_HASH_LEN: usize = 24;

/// A record's keyed hash, as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordHash(pub(super) [u8; RECORD_HASH_LEN]);

impl RecordHash {
    /// What stands before the first record of a chain.
    pub(super) const NONE: Self = Self([b'-'; RECORD_HASH_LEN]);
}

/// The keyed hash of a record: of every byte of its line before the hash itself.
pub(super) fn record_hash(key: &hmac::Key, line: &[u8]) -> RecordHash {
    let tag = hmac::sign(key, line);
    let mut text = [b'-'; RECORD_HASH_LEN];
    // 18 bytes are exactly 24 characters; the buffer always fits.
    let _ = URL_SAFE_NO_PAD.encode_slice(tag.as_ref().get(..RECORD_BYTES).unwrap_or_default(), &mut text);
    RecordHash(text)
}

/// Keys for hashing principals and for chaining records. Cloning shares them.
#[derive(Clone)]
pub struct AuditKeys {
    current: u32,
    epochs: Arc<BTreeMap<u32, Epoch>>,
}

#[derive(Clone)]
struct Epoch {
    principal: hmac::Key,
    chain: hmac::Key,
}

impl AuditKeys {
    /// None yet; `current` is the epoch that writes.
    #[must_use]
    pub fn new(current: u32) -> Self {
        Self {
            current,
            epochs: Arc::default(),
        }
    }

    /// With the keys of one more epoch.
    #[must_use]
    pub fn with(mut self, epoch: u32, principal: hmac::Key, chain: hmac::Key) -> Self {
        Arc::make_mut(&mut self.epochs).insert(epoch, Epoch { principal, chain });
        self
    }

    /// The epoch that writes.
    #[must_use]
    pub const fn current(&self) -> u32 {
        self.current
    }

    pub(super) fn chain(&self, epoch: u32) -> Result<&hmac::Key, AuditError> {
        self.epochs.get(&epoch).map(|epoch| &epoch.chain).ok_or(AuditError::NoKey { epoch })
    }

    /// 128 bits of the keyed hash: nobody can guess them without the key, and two principals never share them.
    fn principal(&self, epoch: u32, kind: &str, name: &str) -> Option<PrincipalHash> {
        let mut context = hmac::Context::with_key(&self.epochs.get(&epoch)?.principal);
        context.update(kind.as_bytes());
        context.update(b"\0");
        context.update(name.as_bytes());
        let mut text = [b'-'; PRINCIPAL_HASH_LEN];
        URL_SAFE_NO_PAD.encode_slice(context.sign().as_ref().get(..16)?, &mut text).ok()?;
        Some(PrincipalHash(text))
    }

    /// The principals of one record.
    pub(super) const fn principals(&self) -> Principals<'_> {
        Principals { keys: self, last: None }
    }
}

/// Characters of 16 bytes in base64.
const PRINCIPAL_HASH_LEN: usize = 22;

/// A principal's keyed hash, as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PrincipalHash([u8; PRINCIPAL_HASH_LEN]);

impl PrincipalHash {
    /// No principal's: what stands where the epoch has no key, with which no trail opens.
    const NONE: Self = Self([b'-'; PRINCIPAL_HASH_LEN]);

    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Hashes the principals of one record. User, owner and caller are one person in most reads, who is then hashed once.
pub(super) struct Principals<'a> {
    keys: &'a AuditKeys,
    last: Option<(&'a Username, PrincipalHash)>,
}

impl<'a> Principals<'a> {
    pub(super) fn person(&mut self, user: &'a Username) -> PrincipalHash {
        match self.last {
            Some((last, hash)) if last == user => hash,
            _ => {
                let hash = self.hash("person", user.as_str());
                self.last = Some((user, hash));
                hash
            }
        }
    }

    /// Who presented the bearer. A session is nobody's identity, so it has a hash of its own.
    pub(super) fn caller(&mut self, caller: &'a Caller) -> PrincipalHash {
        match caller.kind() {
            CallerKind::Person { user, .. } | CallerKind::Turn { user, .. } => self.person(user),
            CallerKind::ApiKey { creator, .. } => self.person(creator),
            CallerKind::Service { name, .. } => self.hash("service", name.as_str()),
            CallerKind::Session { session, project, .. } => self.hash("session", &format!("{project}/{session}")),
        }
    }

    fn hash(&self, kind: &str, name: &str) -> PrincipalHash {
        self.keys.principal(self.keys.current, kind, name).unwrap_or(PrincipalHash::NONE)
    }
}

/// The hashes under which a person stands in the trail, by epoch.
#[must_use]
pub fn principal_hashes(user: &Username, keys: &AuditKeys) -> Vec<(u32, String)> {
    keys.epochs
        .keys()
        .filter_map(|epoch| Some((*epoch, keys.principal(*epoch, "person", user.as_str())?.as_str().to_owned())))
        .collect()
}
