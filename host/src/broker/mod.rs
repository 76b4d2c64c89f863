//! Gets tokens: from the cache while they are fresh, else through one flight per credential.
//!
//! A reader brings a [`Permit`]; without one nothing here answers a token. The flight itself works with a maintenance permit, which can
//! refresh and store and yields nothing to anyone.

pub mod consent;
pub mod error;
mod failed;
pub mod flight;
pub mod freshness;
pub mod identity;
mod input;
mod journal;
mod lease;
mod mint;
pub mod narrowing;
mod note;
mod pause;
mod renewed;
mod revoke;
mod tools;
mod trial;

pub use consent::Draft;
pub use error::BrokerError;
pub use identity::Identity;
pub use lease::{Lease, Origin, Token};
pub use narrowing::{Narrow, Wish};
pub use revoke::{Revocation, Unended};
pub use tools::Tools;
pub use trial::Trial;

use crate::access::{MaintenancePermit, Permit};
use crate::cache::{CacheKey, CachedToken};
use crate::clock::Millis;
use crate::config;
use crate::ids::CredentialId;
use crate::records::model::Credential;
use crate::runtime::Provider;
use flight::{Flights, Waited};
use freshness::{Freshness, Life, Margins, freshness};
use mint::{Job, Minted};
use pause::Pauses;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A reader that says "rejected" gets another token at most this often per credential, in milliseconds: a loop in a client must not
/// become a loop at the upstream.
const FORCED_EVERY_MS: Millis = 60_000;

/// Gets tokens. Cloning shares it.
#[derive(Clone)]
pub struct Broker(Arc<Inner>);

struct Inner {
    tools: Arc<Tools>,
    margins: Margins,
    wait: Duration,
    flights: Flights<FlightKey, Arc<Minted>, BrokerError>,
    identities: Flights<CacheKey, Identity, BrokerError>,
    forced: Mutex<HashMap<CredentialId, Millis>>,
    pauses: Arc<Pauses>,
}

/// What only one flight may be under way for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum FlightKey {
    /// The whole credential: each refresh ends the secret before it.
    Credential(CredentialId),
    /// One shape of its token.
    Token(CacheKey),
}

impl Broker {
    /// A broker with these bounds.
    #[must_use]
    pub fn new(tools: Tools, bounds: &config::Broker) -> Self {
        let ms = |seconds: u64| Millis::try_from(seconds.saturating_mul(1000)).unwrap_or(Millis::MAX);
        let flights = Flights::new(Arc::clone(&tools.clock));
        let identities = Flights::new(Arc::clone(&tools.clock));
        Self(Arc::new(Inner {
            tools: Arc::new(tools),
            margins: Margins {
                stale_ms: ms(bounds.stale_before_expiry_s),
                soon_ms: ms(bounds.refresh_before_expiry_s),
            },
            wait: Duration::from_millis(bounds.wait_ms),
            flights,
            identities,
            forced: Mutex::new(HashMap::new()),
            pauses: Arc::default(),
        }))
    }

    /// A token for whoever holds the permit.
    ///
    /// # Errors
    /// [`BrokerError`], in the classes a reader can act on.
    pub async fn read(&self, permit: &Permit, wish: &Wish) -> Result<Lease, BrokerError> {
        let inner = &*self.0;
        let credential = permit.credential();
        let provider = inner.provider(credential)?;
        wish.narrow.check(provider.manifest(), &credential.kind)?;
        let key = inner.key(credential, &provider, &wish.narrow);
        let now_ms = inner.tools.clock.now_ms();
        let forced = inner.is_forced(credential, wish, now_ms);

        if !forced && let Some(token) = inner.tools.cache.get(permit, &key) {
            match inner.freshness(&token, now_ms, wish.min_ttl_ms) {
                Freshness::Fresh => {
                    if token.told.ask_at_ms.is_some_and(|at_ms| at_ms <= now_ms) {
                        inner.identify_in_background(&permit.maintenance(), &provider, key, token.clone());
                    }
                    return Ok(Lease::cached(provider, token, &inner.tools));
                }
                Freshness::RefreshSoon => {
                    inner.refresh_in_background(&permit.maintenance(), &provider, key, wish.narrow.clone());
                    return Ok(Lease::cached(provider, token, &inner.tools));
                }
                Freshness::Stale => {}
            }
        }
        inner.wait_for_flight(&permit.maintenance(), &provider, key, wish, forced).await
    }

    /// Whether [`Broker::identity`] would answer without asking anybody.
    #[must_use]
    pub fn knows_identity(&self, credential: &Credential) -> bool {
        let noted = |provider: &Provider| identity::noted(&self.0.tools, &identity::place(provider, credential, credential.generation));
        self.0.provider(credential).is_ok_and(|provider| noted(&provider).is_some())
    }

    /// Whom the upstream takes the credential for. If no good token of it is at hand, one is obtained, which goes to nobody but its upstream.
    ///
    /// # Errors
    /// [`BrokerError`], as for a read; [`BrokerError::Unsupported`] where the provider or the kind cannot tell.
    pub async fn identity(&self, credential: &Arc<Credential>) -> Result<Identity, BrokerError> {
        let inner = &*self.0;
        let provider = inner.provider(credential)?;
        if !provider.can_identify() {
            return Err(BrokerError::Unsupported(
                "its provider does not say whose a credential is".to_owned(),
            ));
        }
        let now_ms = inner.tools.clock.now_ms();
        if let Some(note) = identity::noted(&inner.tools, &identity::place(&provider, credential, credential.generation)) {
            return note.answer(now_ms);
        }
        let permit = MaintenancePermit::for_upkeep(Arc::clone(credential));
        let key = inner.key(credential, &provider, &Narrow::default());
        let cached = inner.tools.cache.get_for_upkeep(&permit, &key);
        let good = cached.filter(|token| inner.freshness(token, now_ms, 0) != Freshness::Stale);
        if let Some(pause) = inner.pause(credential, now_ms) {
            return Err(pause);
        }
        let rotates = provider
            .manifest()
            .kind(&credential.kind)
            .is_some_and(|kind| kind.rotation.is_some());
        let token = match good {
            Some(token) => token,
            // Whoever may see a credential may not spend its refresh token.
            None if rotates => {
                return Err(BrokerError::Transient {
                    reason: "no good token is at hand to ask with; the next read of its token brings one".to_owned(),
                    retry_after_ms: None,
                });
            }
            None => inner.fly(&permit, &provider, key, &Wish::default(), false).await?.token.clone(),
        };
        if token.token.is_empty() {
            return Err(BrokerError::Misconfigured("nothing is stored in it".to_owned()));
        }
        let place = identity::place(&provider, credential, token.generation);
        let (tools, id) = (Arc::clone(&inner.tools), credential.id.clone());
        let flight = || async move {
            let note = identity::with_token(&tools, &provider, &id, token).await?;
            note.answer(tools.clock.now_ms())
        };
        waited(inner.identities.ride(place, inner.wait, flight).await)
    }

    /// Its owner has just changed or removed this credential, so that nothing that it brought is of use: the tokens are forgotten as well.
    pub fn removed(&self, id: &CredentialId) {
        self.fresh_start(id);
        self.0.tools.cache.forget(id);
    }

    /// Forgets what failed for this credential: its owner has just changed it. Tokens that were obtained with the old secrets are out of every
    /// reader's reach, for the generation has risen; they are kept because they are still good at their upstream, and can be ended there.
    pub fn fresh_start(&self, id: &CredentialId) {
        self.0.flights.forget(|key| match key {
            FlightKey::Credential(of) => of == id,
            FlightKey::Token(key) => key.credential() == id,
        });
        self.0.identities.forget(|key| key.credential() == id);
        lock(&self.0.forced).remove(id);
        self.0.pauses.lift(id);
    }
}

impl Inner {
    fn provider(&self, credential: &Credential) -> Result<Arc<Provider>, BrokerError> {
        self.tools
            .catalog
            .get(credential.provider.as_str())
            .map_err(|unavailable| BrokerError::ProviderBroken(unavailable.to_string()))
    }

    fn key(&self, credential: &Credential, provider: &Provider, narrow: &Narrow) -> CacheKey {
        CacheKey::new(
            &credential.id,
            credential.generation,
            provider.digest(),
            credential.url.as_deref(),
            &narrow.canonical(),
        )
    }

    fn freshness(&self, token: &CachedToken, now_ms: Millis, min_ttl_ms: Millis) -> Freshness {
        freshness(
            Life {
                minted_at_ms: token.minted_at_ms,
                expires_at_ms: token.expires_at_ms,
            },
            now_ms,
            min_ttl_ms,
            self.margins,
        )
    }

    /// Whether the upstream rejected the very token that would be answered, and it may be replaced now.
    fn is_forced(&self, credential: &Credential, wish: &Wish, now_ms: Millis) -> bool {
        if wish.rejected != Some(credential.generation) {
            return false;
        }
        if self.pause(credential, now_ms).is_some() {
            // Nobody may be asked, and the token that was rejected is no answer; the one time in a minute is not used up.
            return true;
        }
        let mut forced = lock(&self.forced);
        forced.retain(|_, last_ms| now_ms - *last_ms < FORCED_EVERY_MS);
        if forced.contains_key(&credential.id) {
            return false;
        }
        forced.insert(credential.id.clone(), now_ms);
        true
    }

    /// Why the credential may not be used now: its upstream said until when.
    fn pause(&self, credential: &Credential, now_ms: Millis) -> Option<BrokerError> {
        self.pauses.of(&credential.id, credential.generation, now_ms)
    }

    /// What a flight is to do. There is none while the credential is paused, whoever wants it.
    fn job(&self, permit: &MaintenancePermit, narrow: Narrow, min_ttl_ms: Millis, anew: bool) -> Result<Job, BrokerError> {
        match self.pause(permit.credential(), self.tools.clock.now_ms()) {
            Some(pause) => Err(pause),
            None => Ok(Job::new(&self.tools, &self.pauses, permit, self.margins, narrow, min_ttl_ms, anew)),
        }
    }

    fn refresh_in_background(self: &Inner, permit: &MaintenancePermit, provider: &Arc<Provider>, key: CacheKey, narrow: Narrow) {
        let Ok(job) = self.job(permit, narrow, 0, true) else { return };
        self.flights
            .start(flight_key(provider, permit.credential(), key), move || job.fly());
    }

    /// Asks again whose a token is, with that token; what is told is there for the next reader.
    fn identify_in_background(&self, permit: &MaintenancePermit, provider: &Arc<Provider>, key: CacheKey, token: CachedToken) {
        let credential = permit.credential();
        if self.pause(credential, self.tools.clock.now_ms()).is_some() {
            return;
        }
        let (tools, provider, id) = (Arc::clone(&self.tools), Arc::clone(provider), credential.id.clone());
        let place = identity::place(&provider, credential, credential.generation);
        self.identities.start(place, move || async move {
            let note = identity::with_token(&tools, &provider, &id, token).await?;
            if let Err(error) = tools.cache.amend(&key, |token| note.renew(token)) {
                tracing::warn!(credential.id = id.as_str(), %error, "what the upstream told of a credential was not kept");
            }
            note.answer(tools.clock.now_ms())
        });
    }

    async fn wait_for_flight(
        &self,
        permit: &MaintenancePermit,
        provider: &Arc<Provider>,
        key: CacheKey,
        wish: &Wish,
        forced: bool,
    ) -> Result<Lease, BrokerError> {
        let minted = self.fly(permit, provider, key, wish, forced).await?;
        Ok(Lease::minted(Arc::clone(provider), &minted, &self.tools))
    }

    async fn fly(
        &self,
        permit: &MaintenancePermit,
        provider: &Provider,
        key: CacheKey,
        wish: &Wish,
        forced: bool,
    ) -> Result<Arc<Minted>, BrokerError> {
        let job = self.job(permit, wish.narrow.clone(), wish.min_ttl_ms, forced)?;
        let key = flight_key(provider, permit.credential(), key);
        waited(self.flights.ride(key, self.wait, move || job.fly()).await)
    }
}

fn waited<T>(waited: Waited<T, BrokerError>) -> Result<T, BrokerError> {
    match waited {
        Waited::Landed(outcome) => outcome,
        Waited::StillFlying => Err(BrokerError::WaitOver),
        Waited::Crashed => Err(BrokerError::Internal(
            "the task of a call to a provider died; the log has its panic".to_owned(),
        )),
    }
}

/// A kind that rotates has one token, whatever is asked of it, so its flight is the credential's.
fn flight_key(provider: &Provider, credential: &Credential, key: CacheKey) -> FlightKey {
    let rotates = provider
        .manifest()
        .kind(&credential.kind)
        .is_some_and(|kind| kind.rotation.is_some());
    if rotates {
        FlightKey::Credential(credential.id.clone())
    } else {
        FlightKey::Token(key)
    }
}

// The map stays whole whatever panics: every change is one insert or remove.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
