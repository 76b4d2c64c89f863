//! The end of a credential at its upstream.
//!
//! The provider is asked once for each token that is out: some upstreams end a whole grant with any of them, others end what they are shown.
//! Only when all of it has ended is the record changed; trouble half way leaves the credential as it was, and asking again is safe, since
//! what an upstream no longer knows counts as ended.

use super::error::BrokerError;
use super::mint::Tools;
use super::{Broker, identity, input};
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

impl Broker {
    /// Ends a credential at its upstream: its grant and every token of it that is out. The caller has checked whose it is, and records it.
    ///
    /// It goes on if its caller goes away.
    ///
    /// # Errors
    /// [`BrokerError`], with the credential as it was.
    pub async fn revoke(&self, id: &CredentialId) -> Result<Revocation, BrokerError> {
        let (broker, id) = (self.clone(), id.clone());
        let task = tokio::spawn(async move { broker.end(&id).await });
        task.await.unwrap_or_else(|_| {
            Err(BrokerError::Internal(
                "the task of a revocation died; the log has its panic".to_owned(),
            ))
        })
    }

    async fn end(&self, id: &CredentialId) -> Result<Revocation, BrokerError> {
        let tools = &*self.0.tools;
        let material = match tools.records.material(id).await {
            Err(RecordsError::NotFound { .. }) => return Err(BrokerError::Gone),
            material => material.map_err(internal)?,
        };
        let credential = &material.credential;
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
            asked = true;
            match self.ask(&provider, kind, &material, current).await? {
                Revocation::Done { remaining: left } => remaining = remaining.or(left),
                unsupported @ Revocation::Unsupported { .. } => return Ok(unsupported),
            }
        }
        // If the generation has moved, its owner has put in new secrets, which were not ended, or a refresh was under way, which the
        // upstream will refuse the next time.
        match tools.records.mark_ended(id, credential.generation).await {
            Ok(_) | Err(RecordsError::NotFound { .. }) => {}
            Err(error) => return Err(internal(error)),
        }
        tools.follower.catch_up().await.map_err(internal)?;
        self.changed(id);
        Ok(Revocation::Done { remaining })
    }

    async fn ask(
        &self,
        provider: &Provider,
        kind: &Kind,
        material: &Material,
        current: Option<CurrentToken>,
    ) -> Result<Revocation, BrokerError> {
        let (tools, credential) = (&*self.0.tools, &material.credential);
        let mut input = input::of(tools, material, kind).await?;
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
        identity::record_reveals(tools, credential, "revoke", reveals).await?;
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
        Err(self.0.pauses.note(&credential.id, credential.generation, failure, now_ms))
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
