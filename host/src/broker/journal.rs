//! The rotation journal of one flight: the broker's end of the runtime's [`RotationLog`].
//!
//! Intent is durable before the request leaves; what came back is one transaction before the provider sees it.

use super::tools::Tools;
use crate::clock::SharedClock;
use crate::ids::{CredentialId, Generation};
use crate::records::model::Credential;
use crate::records::{Attempt, Outcome, Records, RecordsError, RotationEntry, sealing};
use crate::runtime::{Rotated, RotationError, RotationLog};
use crate::seal::Keyring;
use futures::future::BoxFuture;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The last wait before a commit is given up: 100 ms doubled to this make 6.3 s in all.
const LONGEST_WAIT: Duration = Duration::from_millis(6_400);

pub(super) struct Journal {
    records: Records,
    keyring: Keyring,
    clock: SharedClock,
    holder: Arc<str>,
    credential: CredentialId,
    generation: Generation,
    attempt: Attempt,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    entry: Option<RotationEntry>,
    rotated_to: Option<Generation>,
    unanswered: bool,
}

impl Journal {
    pub(super) fn new(tools: &Tools, credential: &Credential, attempt: Attempt) -> Self {
        Self {
            records: tools.records.clone(),
            keyring: tools.keyring.clone(),
            clock: Arc::clone(&tools.clock),
            holder: Arc::clone(&tools.replica),
            credential: credential.id.clone(),
            generation: credential.generation,
            attempt,
            progress: Mutex::default(),
        }
    }

    /// The generation that the rotation led to, if it did.
    pub(super) fn rotated_to(&self) -> Option<Generation> {
        self.with(|progress| progress.rotated_to)
    }

    /// Whether the secret was sent and no answer came.
    pub(super) fn is_unanswered(&self) -> bool {
        self.with(|progress| progress.unanswered)
    }

    fn with<T>(&self, change: impl FnOnce(&mut Progress) -> T) -> T {
        change(&mut self.progress.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn settle(&self, outcome: Outcome) {
        let Some(entry) = self.with(|progress| progress.entry.clone()) else {
            return;
        };
        if let Err(error) = self.records.settle_rotation(&entry, outcome).await {
            // The entry stays open. At the next start it counts as unanswered, which is the careful reading.
            tracing::error!(credential.id = self.credential.as_str(), %error, "the outcome of a rotation could not be journalled");
        }
    }
}

impl Journal {
    /// Stores what came back. It is the only copy of the new secret, so a database that fails is asked again, for about six seconds: a
    /// failover, a lock. A commit whose answer was lost may have landed; what is stored then is exactly what we sealed.
    async fn commit(&self, entry: &RotationEntry, rotated: &crate::records::Rotated) -> Result<Generation, RecordsError> {
        let mut wait = Duration::from_millis(100);
        loop {
            let error = match self.records.commit_rotation(entry, rotated).await {
                Ok(generation) => return Ok(generation),
                Err(error) => error,
            };
            match &error {
                RecordsError::Unreachable(_) | RecordsError::Refused(_) if wait < LONGEST_WAIT => {
                    tracing::warn!(credential.id = self.credential.as_str(), %error, "a new refresh token could not be stored and is tried again");
                    tokio::time::sleep(wait).await;
                    wait *= 2;
                }
                RecordsError::GenerationMoved { .. } | RecordsError::AlreadySettled if self.is_stored(rotated).await => {
                    return Ok(entry.generation.next());
                }
                _ => return Err(error),
            }
        }
    }

    async fn is_stored(&self, rotated: &crate::records::Rotated) -> bool {
        let Ok(now) = self.records.material(&self.credential).await else {
            return false;
        };
        !rotated.secrets.is_empty() && rotated.secrets.iter().all(|sealed| now.secrets.contains(sealed))
    }
}

impl RotationLog for Journal {
    fn intend(&self) -> BoxFuture<'_, Result<(), RotationError>> {
        Box::pin(async {
            let begun = self
                .records
                .begin_rotation(&self.credential, self.generation, self.attempt, &self.holder)
                .await;
            let entry = begun.map_err(|error| RotationError(error.to_string()))?;
            self.with(|progress| progress.entry = Some(entry));
            Ok(())
        })
    }

    fn not_sent(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.settle(Outcome::NotSent))
    }

    fn unanswered(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.with(|progress| progress.unanswered = true);
            self.settle(Outcome::Unanswered).await;
        })
    }

    /// An answer without a new secret, a 5xx included: an upstream that is down says so to every refresh, and a credential must not be
    /// given up for that. What it costs is a second try with a spent secret where a gateway lost the answer of an upstream that had acted.
    fn refused(&self, status: u16) -> BoxFuture<'_, ()> {
        Box::pin(self.settle(Outcome::Refused { status }))
    }

    fn rotated(&self, rotated: Rotated) -> BoxFuture<'_, Result<(), RotationError>> {
        Box::pin(async move {
            let Some(entry) = self.with(|progress| progress.entry.clone()) else {
                return Err(RotationError("no intent was journalled".to_owned()));
            };
            let (next, now_ms) = (self.generation.next(), self.clock.now_ms());
            let seal = |(field, value)| sealing::seal_field(&self.keyring, &self.credential, field, next, value);
            let secrets = rotated
                .fields
                .iter()
                .map(|(field, value)| (field.as_str(), value))
                .map(seal)
                .collect();
            let token = rotated
                .token
                .as_ref()
                .map(|token| sealing::seal_token(&self.keyring, &self.credential, next, token, now_ms, rotated.expires_at_ms));
            let rotated = crate::records::Rotated { secrets, token };
            let rotated_to = self
                .commit(&entry, &rotated)
                .await
                .map_err(|error| RotationError(error.to_string()))?;
            self.with(|progress| progress.rotated_to = Some(rotated_to));
            Ok(())
        })
    }
}
