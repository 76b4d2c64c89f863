//! From a bearer to a [`Caller`], or to nothing.
//!
//! Three kinds of bearer are known: stored ones (API keys and the development server's people), found by the hash of what was
//! presented; signed ones (sessions and turns), which Claviger issued itself; and tokens of configured issuers. None needs a query: stored
//! bearers are kept in memory and follow the records' change sequence, and a signature that was found good is remembered. What is not recognised
//! is refused alike, whatever was wrong with it.

mod issuer;
mod services;
mod signed;
mod stored;
mod workloads;

pub use issuer::{Issuers, KeysError, Profile, Register, Rejection};
pub use services::Services;
pub use signed::{SessionClaims, SignedBearers, Subject};
pub use stored::{Bearer, StoredBearers, hash_of, make_bearer};
pub use workloads::Workloads;

use crate::clock::SharedClock;
use crate::identity::Caller;
use ring::digest::{SHA256, digest};

/// Nobody that we know. Deliberately without a reason: the reason goes to the counter, not to whoever knocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bearer is missing or not accepted")]
pub struct Unauthenticated;

/// Why nobody was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthnError {
    /// 401: nobody that we know.
    #[error("the bearer is missing or not accepted")]
    Unauthenticated,
    /// 503: it cannot be told at the moment, since its issuer's keys or the records cannot be had.
    #[error("it cannot be told whose bearer this is at the moment")]
    Unavailable,
}

impl From<Unauthenticated> for AuthnError {
    fn from(Unauthenticated: Unauthenticated) -> Self {
        Self::Unauthenticated
    }
}

/// SHA-256 of a bearer: what it is looked up by, so that no bearer lies about in memory.
type Hash = [u8; 32];

fn hash(bearer: &str) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bearer.as_bytes()).as_ref());
    hash
}

/// Recognises bearers. Shared by all requests.
#[derive(Clone)]
pub struct Authenticator {
    stored: StoredBearers,
    signed: SignedBearers,
    issuers: Issuers,
    services: Services,
    clock: SharedClock,
}

impl Authenticator {
    /// From its tables.
    #[must_use]
    pub const fn new(stored: StoredBearers, signed: SignedBearers, issuers: Issuers, services: Services, clock: SharedClock) -> Self {
        Self {
            stored,
            signed,
            issuers,
            services,
            clock,
        }
    }

    /// Who presented this `Authorization` header. Waits only for a bearer that was not seen before: for its issuer's keys, five seconds at most,
    /// and for the record of its person.
    ///
    /// # Errors
    /// [`AuthnError::Unauthenticated`] if the header is absent, of another scheme, or its bearer is unknown, revoked or past its end;
    /// [`AuthnError::Unavailable`].
    pub async fn authenticate(&self, authorization: Option<&[u8]>) -> Result<Caller, AuthnError> {
        let bearer = bearer_of(authorization.ok_or(Unauthenticated)?).ok_or(Unauthenticated)?;
        let (hash, now_ms) = (hash(bearer), self.clock.now_ms());
        if Bearer::is_stored(bearer) {
            return Ok(self.stored.recognise(&hash, now_ms)?);
        }
        if let Some(caller) = self.issuers.remembered(&hash, now_ms) {
            return Ok(caller);
        }
        match self.signed.recognise(bearer, hash, now_ms) {
            Ok(caller) => Ok(caller),
            Err(Unauthenticated) => self.issuers.recognise(bearer, hash).await,
        }
    }

    /// The stored bearers, for the task that follows the records.
    #[must_use]
    pub const fn stored(&self) -> &StoredBearers {
        &self.stored
    }

    /// The signed bearers, for whoever issues one.
    #[must_use]
    pub const fn signed(&self) -> &SignedBearers {
        &self.signed
    }

    /// The configured services.
    #[must_use]
    pub const fn services(&self) -> &Services {
        &self.services
    }
}

/// RFC 6750, 2.1: the scheme in any case, one space or more, the token.
fn bearer_of(header: &[u8]) -> Option<&str> {
    let (scheme, token) = std::str::from_utf8(header).ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())).then_some(token)
}

#[cfg(test)]
mod tests;
