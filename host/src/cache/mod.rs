//! Minted tokens, sealed, in sled: fast and disposable. The only place that names sled.
//!
//! The cache may be deleted at any time; what is lost is one mint per token. It is asked with a [`Permit`] and answers nobody without one. A
//! damaged one is set aside when the server starts and a new one begun; an entry that does not open (another key, another place) is a miss.

mod key;
mod store;

pub use key::CacheKey;
pub use store::CacheError;

use crate::access::Permit;
use crate::clock::Millis;
use crate::ids::{CredentialId, Generation};
use crate::seal::{Keyring, Purpose};
use crate::secret::Secret;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use store::Store;

/// A token as it was obtained.
#[derive(Clone)]
pub struct CachedToken {
    /// The token.
    pub token: Secret,
    /// What its readers need beside it.
    pub fields: BTreeMap<String, String>,
    /// When it was obtained.
    pub minted_at_ms: Millis,
    /// When it ends.
    pub expires_at_ms: Option<Millis>,
    /// The credential's generation then.
    pub generation: Generation,
}

/// What is sealed. Borrowed for writing, so that no copy of the token is made for it.
#[derive(Serialize)]
struct Written<'a> {
    token: &'a str,
    fields: &'a BTreeMap<String, String>,
    minted_at_ms: Millis,
    expires_at_ms: Option<Millis>,
}

#[derive(Deserialize)]
struct Read {
    token: Secret,
    fields: BTreeMap<String, String>,
    minted_at_ms: Millis,
    expires_at_ms: Option<Millis>,
}

/// The cache. Cloning shares it.
#[derive(Clone)]
pub struct TokenCache {
    store: Store,
    keyring: Keyring,
}

impl TokenCache {
    /// Opens the folder. A damaged cache is set aside beside it.
    ///
    /// # Errors
    /// If neither the old nor a new cache can be opened.
    pub fn open(folder: &Path, keyring: Keyring, now_ms: Millis) -> Result<Self, CacheError> {
        Ok(Self {
            store: Store::open(folder, now_ms)?,
            keyring,
        })
    }

    /// The token under this key, if the permit is for its credential in its present generation.
    #[must_use]
    pub fn get(&self, permit: &Permit, key: &CacheKey) -> Option<CachedToken> {
        let credential = permit.credential();
        if *key.credential() != credential.id || key.generation() != credential.generation {
            return None;
        }
        self.look_up(key)
    }

    /// The token under this key, for a refresh: the broker's flights look whether a sibling was faster.
    fn look_up(&self, key: &CacheKey) -> Option<CachedToken> {
        let place = key.place();
        let entry = self.store.get(&place)?;
        let opened = self.keyring.open_packed(Purpose::Cache, &place, entry.sealed()?).ok()?;
        let read: Read = serde_json::from_str(opened.expose()).ok()?;
        Some(CachedToken {
            token: read.token,
            fields: read.fields,
            minted_at_ms: read.minted_at_ms,
            expires_at_ms: read.expires_at_ms,
            generation: key.generation(),
        })
    }

    /// Remembers a token.
    ///
    /// # Errors
    /// If the disk refuses. The token is good all the same.
    pub fn put(&self, key: &CacheKey, token: &CachedToken) -> Result<(), CacheError> {
        let written = Written {
            token: token.token.expose(),
            fields: &token.fields,
            minted_at_ms: token.minted_at_ms,
            expires_at_ms: token.expires_at_ms,
        };
        let text = Secret::new(serde_json::to_string(&written).map_err(|error| CacheError::Refused(error.to_string()))?);
        let place = key.place();
        let sealed = self.keyring.seal_packed(Purpose::Cache, &place, &text);
        self.store.put(&place, &sealed, token.expires_at_ms)
    }

    /// Forgets all tokens of a credential.
    pub fn forget(&self, credential: &CredentialId) {
        self.store.remove_prefix(&CacheKey::prefix(credential));
    }

    /// Drops what has ended.
    pub fn sweep(&self, now_ms: Millis) {
        self.store.sweep(now_ms);
    }
}

#[cfg(test)]
mod tests;
