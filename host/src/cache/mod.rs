//! Minted tokens, sealed, in sled: fast and disposable. The only place that names sled.
//!
//! The cache may be deleted at any time; what is lost is one mint per token. It is asked with a [`Permit`] and answers nobody without one. A
//! damaged one is set aside when the server starts and a new one begun; an entry that does not open (another key, another place) is a miss.

mod key;
mod store;

pub use key::CacheKey;
pub use store::CacheError;

use crate::access::{MaintenancePermit, Permit};
use crate::clock::Millis;
use crate::ids::{CredentialId, Generation};
use crate::seal::{Keyring, Purpose};
use crate::secret::Secret;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use store::{Entry, Store};

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
    /// Which of the fields its upstream told.
    pub told: Told,
}

/// What of a token's fields its upstream told of the account, beside what is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Their names.
    pub fields: BTreeSet<String>,
    /// From when on the upstream is to be asked again; `None`: never.
    pub ask_at_ms: Option<Millis>,
}

/// What is sealed. Borrowed for writing, so that no copy of the token is made for it.
#[derive(Serialize)]
struct Written<'a> {
    token: &'a str,
    fields: &'a BTreeMap<String, String>,
    minted_at_ms: Millis,
    expires_at_ms: Option<Millis>,
    told: &'a Told,
}

#[derive(Deserialize)]
struct Read {
    token: Secret,
    fields: BTreeMap<String, String>,
    minted_at_ms: Millis,
    expires_at_ms: Option<Millis>,
    told: Told,
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

    /// The token under this key, for the server's own upkeep: to ask the upstream with it, never to answer it.
    #[must_use]
    pub fn get_for_upkeep(&self, permit: &MaintenancePermit, key: &CacheKey) -> Option<CachedToken> {
        (*key.credential() == permit.credential().id).then(|| self.look_up(key))?
    }

    /// All tokens of the credential, to end them: a grant that was renewed has some of the generation before.
    #[must_use]
    pub fn all_for_upkeep(&self, permit: &MaintenancePermit) -> Vec<CachedToken> {
        let credential = permit.credential();
        let places = self.store.places(&CacheKey::prefix(&credential.id));
        places
            .iter()
            .filter_map(|place| self.opened(place, &self.store.get(place)?, credential.generation))
            .collect()
    }

    fn look_up(&self, key: &CacheKey) -> Option<CachedToken> {
        let place = key.place();
        self.opened(&place, &self.store.get(&place)?, key.generation())
    }

    fn opened(&self, place: &[u8], entry: &Entry, generation: Generation) -> Option<CachedToken> {
        let opened = self.keyring.open_packed(Purpose::Cache, place, entry.sealed()?).ok()?;
        let read: Read = serde_json::from_str(opened.expose()).ok()?;
        Some(CachedToken {
            token: read.token,
            fields: read.fields,
            minted_at_ms: read.minted_at_ms,
            expires_at_ms: read.expires_at_ms,
            generation,
            told: read.told,
        })
    }

    /// Remembers a token.
    ///
    /// # Errors
    /// If the disk refuses. The token is good all the same.
    pub fn put(&self, key: &CacheKey, token: &CachedToken) -> Result<(), CacheError> {
        let place = key.place();
        let sealed = self.sealed(&place, token)?;
        self.store.put(&place, &sealed, token.expires_at_ms)
    }

    fn sealed(&self, place: &[u8], token: &CachedToken) -> Result<Vec<u8>, CacheError> {
        let written = Written {
            token: token.token.expose(),
            fields: &token.fields,
            minted_at_ms: token.minted_at_ms,
            expires_at_ms: token.expires_at_ms,
            told: &token.told,
        };
        let text = Secret::new(serde_json::to_string(&written).map_err(|error| CacheError::Refused(error.to_string()))?);
        Ok(self.keyring.seal_packed(Purpose::Cache, place, &text))
    }

    /// Changes what stands beside a token, unless another token has come into its place meanwhile.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn amend(&self, key: &CacheKey, change: impl FnOnce(&mut CachedToken)) -> Result<(), CacheError> {
        let place = key.place();
        let Some(old) = self.store.get(&place) else { return Ok(()) };
        let Some(mut token) = self.opened(&place, &old, key.generation()) else {
            return Ok(());
        };
        change(&mut token);
        let sealed = self.sealed(&place, &token)?;
        self.store.replace(&place, &old, &sealed, token.expires_at_ms)
    }

    /// Remembers something that is no token, under a key that no token has ([`CacheKey::identity`]).
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn note(&self, key: &CacheKey, note: &impl Serialize, until_ms: Millis) -> Result<(), CacheError> {
        let text = serde_json::to_string(note).map_err(|error| CacheError::Refused(error.to_string()))?;
        let place = key.place();
        let sealed = self.keyring.seal_packed(Purpose::Cache, &place, &Secret::new(text));
        self.store.put(&place, &sealed, Some(until_ms))
    }

    /// What was noted there.
    #[must_use]
    pub fn noted<T: DeserializeOwned>(&self, key: &CacheKey) -> Option<T> {
        let place = key.place();
        let entry = self.store.get(&place)?;
        let opened = self.keyring.open_packed(Purpose::Cache, &place, entry.sealed()?).ok()?;
        serde_json::from_str(opened.expose()).ok()
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
