//! The end of a credential at its upstream.
//!
//! The provider is asked once for each token that is out: some upstreams end a whole grant with any of them, others end what they are shown.
//! Only when all of it has ended is the record changed; trouble half way leaves the credential as it was, and asking again is safe, since
//! what an upstream no longer knows counts as ended.
//!
//! It flies alone on the credential: a refresh that is on lands first, for what it brings has to be ended too, and none begins meanwhile. A
//! change from elsewhere (another replica's refresh, its owner's new secrets) is found when the record is changed; then the answer is "ask
//! again", and never that it had ended.

use super::error::BrokerError;
use super::tools::Tools;
use super::{Broker, FlightKey, identity, input};
use crate::access::MaintenancePermit;
use crate::ids::CredentialId;
use crate::manifest::{Kind, TokenSource};
use crate::records::{Material, RecordsError, sealing};
use crate::runtime::{CallContext, Cause, CurrentToken, Provider};
use crate::seal::SealError;
use crate::telemetry;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Tokens that are ended one by one: at 0.1 s each, as long as an impatient client waits. More of them end by themselves.
const MOST: usize = 100;

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revocation {
    /// The upstream knows the credential no longer. It has to be connected again.
    Done {
        /// What a person still has to do.
        remaining: Option<String>,
    },
    /// Nobody can end it from here. It is as it was.
    Unsupported {
        /// What to do instead.
        advice: String,
    },
}

/// It is not known to have ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unended {
    /// Why.
    pub why: BrokerError,
    /// Whether some of it may have ended all the same.
    pub upstream_may_have_acted: bool,
}

impl From<BrokerError> for Unended {
    fn from(why: BrokerError) -> Self {
        Self {
            why,
            upstream_may_have_acted: false,
        }
    }
}

impl Broker {
    /// Ends a credential at its upstream: its grant and every token of it that is out and that this replica knows of. The caller has checked
    /// whose it is, and records it.
    ///
    /// # Errors
    /// [`Unended`], with the credential as it was.
    pub async fn revoke(&self, id: &CredentialId) -> Result<Revocation, Unended> {
        let (broker, ended) = (self.clone(), id.clone());
        let flight = || async move {
            let outcome = broker.end(&ended).await;
            let for_readers = match &outcome {
                Ok(Revocation::Done { .. }) => BrokerError::NeedsReconnect("it was ended at its upstream just now".to_owned()),
                Ok(Revocation::Unsupported { .. }) | Err(_) => ask_again("somebody was ending the credential"),
            };
            (outcome, Err(for_readers))
        };
        let key = FlightKey::Credential(id.clone());
        let outcome = self.0.flights.alone(key, self.0.wait, flight).await;
        // What readers were told was for those who waited.
        self.fresh_start(id);
        outcome.unwrap_or(Err(Unended {
            why: BrokerError::WaitOver,
            upstream_may_have_acted: true,
        }))
    }

    async fn end(&self, id: &CredentialId) -> Result<Revocation, Unended> {
        let tools = &*self.0.tools;
        let material = match tools.records.material(id).await {
            Err(RecordsError::NotFound { .. }) => return Err(BrokerError::Gone.into()),
            material => material.map_err(internal)?,
        };
        let credential = &material.credential;
        if let Some(pause) = self.0.pause(credential, tools.clock.now_ms()) {
            return Err(pause.into());
        }
        let provider = self.0.provider(credential)?;
        let title = &provider.manifest().title;
        let Some(kind) = provider.manifest().kind(&credential.kind).filter(|_| provider.can_revoke()) else {
            let advice = format!("{title} credentials cannot be ended from here; end it where it was made, then delete it here");
            return Ok(Revocation::Unsupported { advice });
        };
        let mut tokens = out(tools, &material, kind).map_err(internal)?;
        if material.secrets.is_empty() && tokens.is_empty() {
            let advice = "nothing is stored in this credential, so there is nothing to end".to_owned();
            return Ok(Revocation::Unsupported { advice });
        }
        let left_alone = tokens.len().saturating_sub(MOST);
        tokens.truncate(MOST);
        let mut remaining = (left_alone > 0).then(|| format!("{left_alone} more tokens end by themselves, when their time is over"));
        // The grant is ended even if no token is out.
        let mut asked = false;
        for current in tokens.into_iter().map(Some).chain([None]) {
            if current.is_none() && asked {
                break;
            }
            let answer = self.ask(&provider, kind, &material, current).await;
            match answer.map_err(|error| error.after(asked))? {
                Revocation::Done { remaining: left } => remaining = remaining.or(left),
                unsupported @ Revocation::Unsupported { .. } => return Ok(unsupported),
            }
            asked = true;
        }
        let marked = match tools.records.mark_ended(id, credential.generation).await {
            Ok(true) | Err(RecordsError::NotFound { .. }) => tools.follower.catch_up().await.map_err(internal),
            // Other secrets than those that were ended are there, or are about to be.
            Ok(false) | Err(RecordsError::RotationOpen { .. }) => Err(ask_again("the credential has changed while it was being ended")),
            Err(error) => Err(internal(error)),
        };
        marked.map_err(|why| Unended::from(why).after(true))?;
        self.removed(id);
        Ok(Revocation::Done { remaining })
    }

    async fn ask(
        &self,
        provider: &Provider,
        kind: &Kind,
        material: &Material,
        current: Option<CurrentToken>,
    ) -> Result<Revocation, Unended> {
        let (tools, credential) = (&*self.0.tools, &material.credential);
        let mut input = input::of(tools, material, kind).await.map_err(BrokerError::from)?;
        input.current = current;
        let context = CallContext {
            provider: credential.provider.to_string(),
            door: Arc::clone(&tools.door),
            clock: Arc::clone(&tools.clock),
            rotation: None,
        };
        let answer = provider.revoke(input, context).await;
        let (code, reveals) = match &answer {
            Ok(revoked) => ("revoked", revoked.notes.reveals),
            Err(fault) => ("not-revoked", fault.reveals),
        };
        metrics::counter!(telemetry::MINTS, "provider" => provider.manifest().provider.clone(), "outcome" => code).increment(1);
        let recorded = identity::record_reveals(tools, credential, "revoke", reveals).await;
        recorded.map_err(|why| Unended::from(why).after(true))?;
        let fault = match answer {
            Ok(revoked) => {
                return Ok(Revocation::Done {
                    remaining: revoked.remaining,
                });
            }
            Err(fault) => fault,
        };
        if let Cause::Failure(failure) = &fault.cause
            && failure.code == "unsupported"
        {
            return Ok(Revocation::Unsupported {
                advice: failure.message.clone(),
            });
        }
        let failure = BrokerError::of_fault(&fault);
        let now_ms = tools.clock.now_ms();
        let why = self.0.pauses.note(&credential.id, credential.generation, failure, now_ms);
        Err(Unended::from(why).after(fault.upstream_may_have_acted))
    }
}

impl Unended {
    fn after(mut self, something_ended: bool) -> Self {
        self.upstream_may_have_acted |= something_ended;
        self
    }
}

fn ask_again(reason: &str) -> BrokerError {
    BrokerError::Transient {
        reason: reason.to_owned(),
        retry_after_ms: Some(1000),
    }
}

/// The tokens of the credential that are out and have not ended, the newest first.
fn out(tools: &Tools, material: &Material, kind: &Kind) -> Result<Vec<CurrentToken>, SealError> {
    let (credential, now_ms) = (&material.credential, tools.clock.now_ms());
    if kind.token == TokenSource::Static {
        let stored = material.secrets.iter().find(|sealed| sealed.field == kind.token_fills);
        let opened = stored.map(|sealed| sealing::open_field(&tools.keyring, &credential.id, sealed));
        let token = opened.transpose()?.map(|token| CurrentToken {
            token,
            expires_at_ms: None,
        });
        return Ok(token.into_iter().collect());
    }
    let is_good = |expires_at_ms: Option<i64>| expires_at_ms.is_none_or(|end| end > now_ms);
    if kind.rotation.is_some() {
        let recorded = material.token.as_ref().filter(|sealed| is_good(sealed.expires_at_ms));
        let opened = recorded.map(|sealed| {
            let token = sealing::open_token(&tools.keyring, &credential.id, sealed)?;
            Ok(CurrentToken {
                token,
                expires_at_ms: sealed.expires_at_ms,
            })
        });
        return Ok(opened.transpose()?.into_iter().collect());
    }
    let permit = MaintenancePermit::for_upkeep(Arc::new(credential.clone()));
    let mut cached = tools.cache.all_for_upkeep(&permit);
    cached.retain(|token| is_good(token.expires_at_ms));
    cached.sort_by_key(|token| std::cmp::Reverse(token.minted_at_ms));
    let mut seen = BTreeSet::new();
    cached.retain(|token| seen.insert(tools.fingerprint(&token.token)));
    let tokens = cached.into_iter().map(|token| CurrentToken {
        token: token.token,
        expires_at_ms: token.expires_at_ms,
    });
    Ok(tokens.collect())
}

fn internal(error: impl std::fmt::Display) -> BrokerError {
    BrokerError::Internal(error.to_string())
}
