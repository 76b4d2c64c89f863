//! From a bearer to a [`Caller`], or to nothing.
//!
//! Two kinds of bearer are known: stored ones (API keys and the development server's people), found by the hash of what was
//! presented, and signed ones (sessions and turns), which Claviger issued itself. Neither needs a query: stored bearers are kept in
//! memory and follow the records' change sequence. What is not recognised is refused alike, whatever was wrong with it.

mod signed;
mod stored;

pub use signed::{SessionClaims, SignedBearers, Subject};
pub use stored::{Bearer, StoredBearers, hash_of, make_bearer};

use crate::clock::SharedClock;
use crate::identity::Caller;

/// Nobody that we know. Deliberately without a reason: the reason goes to the counter, not to whoever knocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bearer is missing or not accepted")]
pub struct Unauthenticated;

/// Recognises bearers. Shared by all requests.
#[derive(Clone)]
pub struct Authenticator {
    stored: StoredBearers,
    signed: SignedBearers,
    clock: SharedClock,
}

impl Authenticator {
    /// From its two tables.
    #[must_use]
    pub const fn new(stored: StoredBearers, signed: SignedBearers, clock: SharedClock) -> Self {
        Self { stored, signed, clock }
    }

    /// Who presented this `Authorization` header.
    ///
    /// # Errors
    /// If the header is absent, of another scheme, or its bearer is unknown, revoked or past its end.
    pub fn authenticate(&self, authorization: Option<&[u8]>) -> Result<Caller, Unauthenticated> {
        let bearer = bearer_of(authorization.ok_or(Unauthenticated)?).ok_or(Unauthenticated)?;
        let now_ms = self.clock.now_ms();
        if Bearer::is_stored(bearer) {
            self.stored.recognise(bearer, now_ms)
        } else {
            self.signed.recognise(bearer, now_ms)
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
}

/// RFC 6750, 2.1: the scheme in any case, one space or more, the token.
fn bearer_of(header: &[u8]) -> Option<&str> {
    let (scheme, token) = std::str::from_utf8(header).ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())).then_some(token)
}

#[cfg(test)]
mod tests;
