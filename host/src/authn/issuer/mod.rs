//! Signed bearers of others: tokens of the issuers that the operator configured.
//!
//! A token is read strictly, its issuer looked up by what it says, its signature checked with that issuer's keys and that issuer's algorithms,
//! and only then is anything in it believed. A service is found by issuer and subject; everybody else is the person that the issuer's claims
//! name, never a service and never somebody of another issuer.
//!
//! By hand, over ring, and not with the crate that everybody takes: that one reads headers, claims and keys leniently (a name that comes
//! twice, a `crit` that nobody understands), so all that stands here would stand in front of it, and behind its seam ring would be called by us as well.
//!
//! What was found good is remembered by the hash of the bearer: never past its end, and not after one of its issuer's keys has gone.
//!
//! On failure: a token is refused without a word to whoever presented it; the log has the rule at `debug`. If there are no keys at
//! all to check it with, nobody can tell, and that is what is answered.

mod claims;
mod compact;
mod jwk;
mod keys;
mod rejection;
mod source;

pub use claims::Profile;
pub use rejection::Rejection;
pub use source::KeysError;

use super::{AuthnError, Hash, Services, Workloads};
use crate::clock::{Millis, SharedClock};
use crate::config::{Issuer, IssuerKind};
use crate::egress::Egress;
use crate::identity::{Caller, CallerKind, PersonBearer};
use crate::ids::Username;
use crate::records::model::Workload;
use crate::records::{Records, RecordsError};
use compact::Unverified;
use futures::future::BoxFuture;
use keys::{Candidates, Keys};
use moka::sync::Cache;
use std::sync::Arc;

/// Remembered bearers: some 0.5 KiB each, so 50 MiB at most.
const REMEMBERED: u64 = 100_000;
/// People whose record was seen to be what their issuer says, so that a new token of theirs asks no database.
const MET: u64 = 100_000;

/// Who keeps note of people.
pub trait Register: Send + Sync + 'static {
    /// Notes a person whom an issuer names, or what it now says of them. May be called by many at once for one person.
    fn note<'a>(&'a self, profile: &'a Profile) -> BoxFuture<'a, Result<(), RecordsError>>;
}

impl Register for Records {
    fn note<'a>(&'a self, profile: &'a Profile) -> BoxFuture<'a, Result<(), RecordsError>> {
        Box::pin(async {
            let (name, email) = (profile.name.as_deref(), profile.email.as_deref());
            self.upsert_user(&profile.username, name, email).await.map(drop)
        })
    }
}

/// All configured issuers. Cloning shares them.
#[derive(Clone)]
pub struct Issuers(Arc<Inner>);

struct Inner {
    issuers: Vec<Trusted>,
    /// What stands before the names of an issuer's people, and stood before those of issuers that were taken out of the configuration.
    prefixes: Vec<String>,
    services: Services,
    workloads: Workloads,
    register: Arc<dyn Register>,
    met: Cache<Profile, ()>,
    good: Cache<Hash, Arc<Good>>,
    clock: SharedClock,
}

struct Trusted {
    config: Issuer,
    keys: Keys,
}

/// A bearer that was found good.
struct Good {
    who: Who,
    ends_at_ms: Millis,
    issuer: usize,
    epoch: u64,
}

/// Whom it speaks for.
enum Who {
    /// Always the same.
    Caller(Caller),
    /// The session that runs as this service account, which may end before the token does.
    Workload(Workload),
}

impl Issuers {
    /// From the configuration, and the prefixes that issuers had before. Keys in files are read at once, the others by [`Issuers::keep`].
    ///
    /// # Errors
    /// A file that does not read, an address that cannot be asked.
    pub fn new(
        configured: &[Issuer],
        former_prefixes: impl IntoIterator<Item = String>,
        (services, workloads): (Services, Workloads),
        egress: &Arc<Egress>,
        register: Arc<dyn Register>,
        clock: SharedClock,
    ) -> Result<Self, KeysError> {
        let trusted = |config: &Issuer| {
            let keys = Keys::new(config, Arc::clone(egress), Arc::clone(&clock))?;
            Ok(Trusted {
                config: config.clone(),
                keys,
            })
        };
        let today = configured.iter().filter_map(|issuer| issuer.prefix.clone());
        Ok(Self(Arc::new(Inner {
            prefixes: today.chain(former_prefixes).collect(),
            issuers: configured.iter().map(trusted).collect::<Result<_, KeysError>>()?,
            services,
            workloads,
            register,
            met: Cache::new(MET),
            good: Cache::new(REMEMBERED),
            clock,
        })))
    }

    /// Keeps every issuer's keys current until the task is dropped.
    pub async fn keep(self) {
        let inner = &*self.0;
        futures::future::join_all(inner.issuers.iter().map(|issuer| issuer.keys.keep())).await;
        // Without issuers there is nothing to keep, and the task still ends with the others.
        std::future::pending::<()>().await;
    }

    /// The caller of a bearer that was found good before and still is.
    pub(super) fn remembered(&self, hash: &Hash, now_ms: Millis) -> Option<Caller> {
        let inner = &*self.0;
        let good = inner.good.get(hash)?;
        let keys = inner.issuers.get(good.issuer)?.keys.current(now_ms)?;
        if now_ms >= good.ends_at_ms || keys.epoch != good.epoch {
            return None;
        }
        inner.resolve(&good.who)
    }

    /// The caller of a bearer that is not remembered.
    pub(super) async fn recognise(&self, bearer: &str, hash: Hash) -> Result<Caller, AuthnError> {
        let inner = &*self.0;
        if inner.issuers.is_empty() {
            return Err(AuthnError::Unauthenticated);
        }
        match inner.verify(bearer).await {
            Ok(Ok(good)) => {
                let caller = inner.resolve(&good.who);
                inner.good.insert(hash, Arc::new(good));
                if caller.is_none() {
                    tracing::debug!(rejection = %Rejection::Unassigned, "a bearer is refused");
                }
                caller.ok_or(AuthnError::Unauthenticated)
            }
            Ok(Err(rejection)) => {
                tracing::debug!(%rejection, "a bearer is refused");
                Err(AuthnError::Unauthenticated)
            }
            Err(unavailable) => Err(unavailable),
        }
    }
}

impl Inner {
    async fn verify(&self, bearer: &str) -> Result<Result<Good, Rejection>, AuthnError> {
        let token = match Unverified::read(bearer) {
            Ok(token) => token,
            Err(rejection) => return Ok(Err(rejection)),
        };
        let Some((at, issuer)) = self.issuer_of(&token) else {
            return Ok(Err(Rejection::Issuer));
        };
        if !issuer.config.algorithms.contains(&token.algorithm) {
            return Ok(Err(Rejection::Algorithm));
        }
        let kid = token.kid.as_deref();
        let mut keys = issuer.keys.current(self.clock.now_ms());
        let unknown = keys
            .as_ref()
            .is_none_or(|keys| matches!(keys.candidates(kid, token.algorithm), Candidates::Unknown));
        if unknown {
            issuer.keys.ask_for(kid).await;
            keys = issuer.keys.current(self.clock.now_ms());
        }
        let keys = keys.ok_or(AuthnError::Unavailable)?;
        let candidates = match keys.candidates(kid, token.algorithm) {
            Candidates::These(these) => these,
            Candidates::Unfit => return Ok(Err(Rejection::WrongKey)),
            Candidates::Unknown => return Ok(Err(Rejection::UnknownKey)),
            Candidates::Ambiguous => return Ok(Err(Rejection::NoKeyNamed)),
        };
        let signed = candidates
            .iter()
            .any(|key| key.verifies(token.algorithm, token.input, &token.signature));
        if !signed {
            return Ok(Err(Rejection::Signature));
        }
        let ends_at_ms = match claims::check(&token.claims, &issuer.config, self.clock.now_ms()) {
            Ok(ends_at_ms) => ends_at_ms,
            Err(rejection) => return Ok(Err(rejection)),
        };
        let who = match self.who(&token, issuer) {
            Ok((who, None)) => who,
            Ok((who, Some(profile))) => {
                self.note(profile).await?;
                who
            }
            Err(rejection) => return Ok(Err(rejection)),
        };
        Ok(Ok(Good {
            who,
            ends_at_ms,
            issuer: at,
            epoch: keys.epoch,
        }))
    }

    /// By what the token says, which is not yet believed: it only chooses whose keys have to fit.
    fn issuer_of(&self, token: &Unverified<'_>) -> Option<(usize, &Trusted)> {
        let said = claims::text(&token.claims, "iss")?;
        self.issuers.iter().enumerate().find(|(_, issuer)| issuer.config.url == said)
    }

    fn resolve(&self, who: &Who) -> Option<Caller> {
        match who {
            Who::Caller(caller) => Some(caller.clone()),
            Who::Workload(workload) => self.workloads.find(workload),
        }
    }

    /// Whom a verified token speaks for, and if that is a person, what is said of them.
    fn who(&self, token: &Unverified<'_>, issuer: &Trusted) -> Result<(Who, Option<Profile>), Rejection> {
        let subject = match issuer.config.kind {
            IssuerKind::People => claims::subject(&token.claims),
            IssuerKind::Kubernetes => Some(claims::service_account(&token.claims)?),
        };
        if let Some(service) = subject.and_then(|subject| self.services.with_subject(&issuer.config.url, subject)) {
            return Ok((Who::Caller(service), None));
        }
        match issuer.config.kind {
            IssuerKind::Kubernetes => {
                let workload = Workload {
                    issuer: issuer.config.url.clone(),
                    subject: subject.unwrap_or_default().to_owned(),
                };
                Ok((Who::Workload(workload), None))
            }
            IssuerKind::People => {
                let user = self.username(token, &issuer.config)?;
                let caller = Caller::authenticated(CallerKind::Person {
                    user: user.clone(),
                    via: PersonBearer::Issuer,
                });
                Ok((Who::Caller(caller), Some(claims::profile(&token.claims, user))))
            }
        }
    }

    fn username(&self, token: &Unverified<'_>, config: &Issuer) -> Result<Username, Rejection> {
        let user = claims::username(&token.claims, config)?;
        if self.services.is_reserved(&user) {
            return Err(Rejection::ServiceName);
        }
        let others = self.prefixes.iter().filter(|prefix| config.prefix.as_ref() != Some(prefix));
        if others.into_iter().any(|prefix| user.as_str().starts_with(prefix.as_str())) {
            return Err(Rejection::ForeignName);
        }
        Ok(user)
    }

    /// Before the first answer, so that whoever is let in is on record; afterwards from memory.
    async fn note(&self, profile: Profile) -> Result<(), AuthnError> {
        if self.met.contains_key(&profile) {
            return Ok(());
        }
        if let Err(error) = self.register.note(&profile).await {
            tracing::warn!(%error, "a person could not be noted, and is not let in");
            return Err(AuthnError::Unavailable);
        }
        self.met.insert(profile, ());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
