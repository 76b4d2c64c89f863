//! Bearers that Claviger signs: for a session, and for one turn of it.
//!
//! A signature takes 30 to 60 µs to check, so one that was found good is remembered, bounded, by the hash of the bearer and never past
//! its end. Whether the session still runs is not asked here: `identity` does, at every read, so nothing needs to be forgotten.

use super::{Hash, Unauthenticated};
use crate::clock::Millis;
use crate::identity::{Caller, CallerKind};
use crate::ids::{ProjectId, RunId, SessionId, TurnId, Username};
use crate::seal::jws::{BearerKeys, Expected, JwsError, PublicKey};
use crate::secret::Secret;
use moka::sync::Cache;
use serde::{Deserialize, Serialize};

const ISSUER: &str = "claviger";
const AUDIENCE: &str = "claviger";
/// Replicas' clocks may differ by this much.
const LEEWAY_MS: Millis = 30_000;
/// Remembered bearers: 0.5 KiB each, so 5 MiB at most.
const REMEMBERED: u64 = 10_000;

/// What a signed bearer says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionClaims {
    /// The session's project.
    pub project: ProjectId,
    /// The session.
    pub session: SessionId,
    /// For whom: the session itself or one turn.
    #[serde(flatten)]
    pub subject: Subject,
}

/// For whom a signed bearer speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "use", rename_all = "kebab-case")]
pub enum Subject {
    /// The session, whoever types to it.
    Session {
        /// Which of its starts: what was issued before it ended is worth nothing when it runs again. Bearers of older versions do not say it, and
        /// live for a quarter of an hour.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        start: Option<i64>,
    },
    /// One message being answered.
    Turn {
        /// The turn.
        turn: TurnId,
        /// The run, as the proxy named it.
        run: RunId,
        /// Who sent the message.
        user: Username,
    },
}

#[derive(Clone, Serialize, Deserialize)]
struct Envelope {
    iss: String,
    aud: String,
    iat: i64,
    exp: i64,
    #[serde(flatten)]
    claims: SessionClaims,
}

/// Issues and recognises signed bearers. Cloning shares it.
#[derive(Clone)]
pub struct SignedBearers {
    keys: BearerKeys,
    good: Cache<Hash, (SessionClaims, Millis)>,
}

impl SignedBearers {
    /// With the keyring's bearer keys.
    #[must_use]
    pub fn new(keys: BearerKeys) -> Self {
        Self {
            keys,
            good: Cache::new(REMEMBERED),
        }
    }

    /// A bearer that says so until `expires_at_ms`.
    ///
    /// # Errors
    /// If it cannot be signed.
    pub fn issue(&self, claims: SessionClaims, now_ms: Millis, expires_at_ms: Millis) -> Result<Secret, JwsError> {
        self.keys.sign(&Envelope {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            iat: now_ms.div_euclid(1000),
            exp: expires_at_ms.div_euclid(1000),
            claims,
        })
    }

    /// The public keys by which they can be checked.
    #[must_use]
    pub fn public_keys(&self) -> Vec<PublicKey> {
        self.keys.public_keys()
    }

    pub(super) fn recognise(&self, bearer: &str, hash: Hash, now_ms: Millis) -> Result<Caller, Unauthenticated> {
        if let Some((claims, expires_at_ms)) = self.good.get(&hash) {
            return if now_ms < expires_at_ms {
                Ok(caller(claims))
            } else {
                Err(Unauthenticated)
            };
        }
        let expected = Expected {
            issuer: ISSUER,
            audience: AUDIENCE,
            now_ms,
            leeway_ms: LEEWAY_MS,
        };
        let envelope: Envelope = self.keys.verify(bearer, &expected).map_err(|_| Unauthenticated)?;
        self.good.insert(hash, (envelope.claims.clone(), envelope.exp.saturating_mul(1000)));
        Ok(caller(envelope.claims))
    }
}

fn caller(claims: SessionClaims) -> Caller {
    let SessionClaims { project, session, subject } = claims;
    Caller::authenticated(match subject {
        Subject::Session { start } => CallerKind::Session { session, project, start },
        Subject::Turn { turn, run, user } => CallerKind::Turn {
            turn,
            session,
            project,
            run,
            user,
        },
    })
}
