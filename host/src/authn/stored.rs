//! Bearers that are looked up: 256 random bits, shown once, kept as a hash.

use super::{Hash, Services, Unauthenticated};
use crate::clock::{Millis, fill_random};
use crate::identity::{Caller, CallerKind, KeyScopes, PersonBearer};
use crate::records::model::{ApiKey, StandsFor};
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::collections::HashMap;
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
    by_hash: Arc<RwLock<HashMap<Hash, ApiKey>>>,
    services: Services,
    development: bool,
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
        let by_hash = |key: ApiKey| {
            let mut hash = [0; 32];
            hex::decode_to_slice(&key.hash, &mut hash).ok().map(|()| (hash, key))
        };
        let keys = keys.into_iter().filter_map(by_hash).collect();
        *self.by_hash.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    pub(super) fn recognise(&self, hash: &Hash, now_ms: Millis) -> Result<Caller, Unauthenticated> {
        let keys = self.by_hash.read().unwrap_or_else(PoisonError::into_inner);
        let key = keys.get(hash).ok_or(Unauthenticated)?;
        if key.revoked_at_ms.is_some() || key.expires_at_ms.is_some_and(|end| end <= now_ms) {
            return Err(Unauthenticated);
        }
        match key.stands_for {
            // A person's key made before a service got their name.
            StandsFor::Key | StandsFor::Person if self.services.is_reserved(&key.creator) => Err(Unauthenticated),
            StandsFor::Key => Ok(Caller::authenticated(CallerKind::ApiKey {
                id: key.id.clone(),
                creator: key.creator.clone(),
                scopes: KeyScopes::All,
            })),
            StandsFor::Person if self.development => Ok(Caller::authenticated(CallerKind::Person {
                user: key.creator.clone(),
                via: PersonBearer::Development,
            })),
            StandsFor::Person => Err(Unauthenticated),
            StandsFor::Service => match self.services.named(&key.creator) {
                Some(service) => Ok(service),
                None if self.development => Ok(Caller::authenticated(CallerKind::Service {
                    name: key.creator.clone(),
                    scopes: KeyScopes::All,
                })),
                None => Err(Unauthenticated),
            },
        }
    }
}
