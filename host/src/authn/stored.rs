//! Bearers that are looked up: 256 random bits, shown once, kept as a hash.

use super::{Hash, Services, Unauthenticated};
use crate::clock::{Millis, fill_random};
use crate::identity::{Caller, CallerKind, KeyScopes, Permission, PersonBearer};
use crate::ids::ApiKeyId;
use crate::records::model::{ApiKey, StandsFor};
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use zeroize::Zeroizing;

/// What a stored bearer begins with, so that a leaked one can be recognised by scanners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bearer;

impl Bearer {
    const KEY: &str = "cvk_";
    const PERSON: &str = "cvp_";
    const SERVICE: &str = "cvs_";

    /// Whether the text has the form of a stored bearer.
    #[must_use]
    pub fn is_stored(text: &str) -> bool {
        [Self::KEY, Self::PERSON, Self::SERVICE]
            .iter()
            .any(|prefix| text.starts_with(prefix))
    }
}

/// A new bearer. It is shown once; what is stored is [`hash_of`] it.
#[must_use]
pub fn make_bearer(stands_for: StandsFor) -> Secret {
    let mut random = Zeroizing::new([0; 32]);
    fill_random(&mut *random);
    let prefix = match stands_for {
        StandsFor::Key => Bearer::KEY,
        StandsFor::Person => Bearer::PERSON,
        StandsFor::Service => Bearer::SERVICE,
    };
    Secret::new(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(*random)))
}

/// SHA-256 in hex. A plain hash is enough: 256 random bits cannot be guessed, with or without salt.
#[must_use]
pub fn hash_of(bearer: &str) -> String {
    hex::encode(super::hash(bearer))
}

/// All stored bearers, by hash. Cloning shares them.
#[derive(Clone)]
pub struct StoredBearers {
    by_hash: Arc<RwLock<HashMap<Hash, Known>>>,
    services: Services,
    development: bool,
}

/// A stored bearer, and when it was last presented.
struct Known {
    key: ApiKey,
    scopes: KeyScopes,
    /// Zero: not since it was last written down.
    used_at_ms: AtomicI64,
}

impl StoredBearers {
    /// None yet. Bearers of people are accepted only by the development server, those of services elsewhere only if the service is configured.
    #[must_use]
    pub fn new(services: Services, development: bool) -> Self {
        Self {
            by_hash: Arc::default(),
            services,
            development,
        }
    }

    /// Takes over what the records say now. A row whose hash is none fits no bearer and is left out.
    pub fn replace(&self, keys: Vec<ApiKey>) {
        let mut known = self.by_hash.write().unwrap_or_else(PoisonError::into_inner);
        let by_hash = |key: ApiKey| {
            let mut hash = [0; 32];
            hex::decode_to_slice(&key.hash, &mut hash).ok()?;
            let used_at_ms = known.get(&hash).map_or(0, |known| known.used_at_ms.load(Ordering::Relaxed));
            // A permission that does not read allows nothing.
            let scopes = key.scopes.as_ref().map_or(KeyScopes::All, |scopes| {
                KeyScopes::Only(scopes.iter().filter_map(|text| Permission::parse(text)).collect())
            });
            let used_at_ms = AtomicI64::new(used_at_ms);
            Some((hash, Known { key, scopes, used_at_ms }))
        };
        *known = keys.into_iter().filter_map(by_hash).collect();
    }

    /// The keys that were presented since this was last asked, and when: for whoever writes it down.
    #[must_use]
    pub fn take_uses(&self) -> Vec<(ApiKeyId, Millis)> {
        let keys = self.by_hash.read().unwrap_or_else(PoisonError::into_inner);
        let uses = keys.values().map(|known| (known, known.used_at_ms.swap(0, Ordering::Relaxed)));
        uses.filter(|(known, at_ms)| *at_ms > 0 && known.key.stands_for != StandsFor::Person)
            .map(|(known, at_ms)| (known.key.id.clone(), at_ms))
            .collect()
    }

    pub(super) fn recognise(&self, hash: &Hash, now_ms: Millis) -> Result<Caller, Unauthenticated> {
        let keys = self.by_hash.read().unwrap_or_else(PoisonError::into_inner);
        let known = keys.get(hash).ok_or(Unauthenticated)?;
        let key = &known.key;
        if key.revoked_at_ms.is_some() || key.expires_at_ms.is_some_and(|end| end <= now_ms) {
            return Err(Unauthenticated);
        }
        let caller = self.caller(key, &known.scopes).ok_or(Unauthenticated)?;
        known.used_at_ms.store(now_ms, Ordering::Relaxed);
        Ok(caller)
    }

    fn caller(&self, key: &ApiKey, scopes: &KeyScopes) -> Option<Caller> {
        let kind = match key.stands_for {
            // A person's key, made before a service got their name.
            StandsFor::Key | StandsFor::Person if self.services.is_reserved(&key.creator) => return None,
            StandsFor::Key => CallerKind::ApiKey {
                id: key.id.clone(),
                creator: key.creator.clone(),
                scopes: scopes.clone(),
            },
            StandsFor::Person if self.development => CallerKind::Person {
                user: key.creator.clone(),
                via: PersonBearer::Development,
            },
            StandsFor::Person => return None,
            StandsFor::Service if self.development && !self.services.is_configured(&key.creator) => CallerKind::Service {
                name: key.creator.clone(),
                scopes: scopes.clone(),
            },
            StandsFor::Service => return self.services.named(&key.creator, scopes.clone()),
        };
        Some(Caller::authenticated(kind))
    }
}
