//! One flight: read the record again, open what is sealed, call the provider, store what came back.
//!
//! Nothing here answers anyone. A failure leaves the record in a state that says so: refused for good (*needs reconnect*), or spent without an
//! answer (*indeterminate*).

use super::error::BrokerError;
use super::failed::Failed;
use super::freshness::{Freshness, Life, Margins, freshness};
use super::identity;
use super::input;
use super::journal::Journal;
use super::narrowing::Narrow;
use super::pause::Pauses;
use super::renewed;
use super::tools::Tools;
use crate::access::MaintenancePermit;
use crate::audit::MintOutcome;
use crate::cache::{CacheKey, CachedToken, Told};
use crate::clock::Millis;
use crate::ids::Generation;
use crate::manifest::{Kind, TokenSource};
use crate::records::model::{Credential, CredentialState};
use crate::records::{Attempt, Material, RecordsError, sealing};
use crate::runtime::{CallContext, CredentialInput, CurrentToken, MintInput, Provider, ProviderFault, RotationLog};
use crate::secret::Secret;
use crate::telemetry;
use std::collections::BTreeMap;
use std::sync::Arc;
use tracing::Instrument;

/// What a flight brought.
pub(super) struct Minted {
    pub(super) token: CachedToken,
    /// Its record, unless nothing was asked of anyone.
    pub(super) mint: Option<String>,
}

/// What one flight is to do.
pub(super) struct Job {
    tools: Arc<Tools>,
    pauses: Arc<Pauses>,
    seen: Arc<Credential>,
    margins: Margins,
    narrow: Narrow,
    min_ttl_ms: Millis,
    /// A token that is still good will not do: it was rejected, or the next one is to be ready in time.
    anew: bool,
}

impl Job {
    pub(super) fn new(
        tools: &Arc<Tools>,
        pauses: &Arc<Pauses>,
        permit: &MaintenancePermit,
        margins: Margins,
        narrow: Narrow,
        min_ttl_ms: Millis,
        anew: bool,
    ) -> Self {
        Self {
            tools: Arc::clone(tools),
            pauses: Arc::clone(pauses),
            seen: Arc::clone(permit.credential()),
            margins,
            narrow,
            min_ttl_ms,
            anew,
        }
    }

    pub(super) async fn fly(self) -> Result<Arc<Minted>, BrokerError> {
        match self.attempt(self.seen.generation).await {
            Err(Failed::SiblingWon(generation)) => match self.attempt(generation).await {
                Err(Failed::SiblingWon(_)) => Err(BrokerError::Transient {
                    reason: "the credential changes faster than it can be used".to_owned(),
                    retry_after_ms: Some(1000),
                }),
                Err(Failed::For(error)) => Err(error),
                Ok(minted) => Ok(Arc::new(minted)),
            },
            Err(Failed::For(error)) => Err(error),
            Ok(minted) => Ok(Arc::new(minted)),
        }
    }

    async fn attempt(&self, expected: Generation) -> Result<Minted, Failed> {
        let tools = &*self.tools;
        let material = match tools.records.material(&self.seen.id).await {
            Err(RecordsError::NotFound { .. }) => return Err(BrokerError::Gone.into()),
            material => material?,
        };
        let credential = &material.credential;
        let provider = tools
            .catalog
            .get(credential.provider.as_str())
            .map_err(|unavailable| BrokerError::ProviderBroken(unavailable.to_string()))?;
        let Some(kind) = provider.manifest().kind(&credential.kind).cloned() else {
            let reason = if provider.manifest().provider == credential.provider.as_str() {
                format!(
                    "the loaded provider has no kind `{}`; approve a version that has it, or change the credential",
                    credential.kind
                )
            } else {
                format!(
                    "no provider `{}` is loaded, and without one nobody knows the kind `{}`; approve it (again)",
                    credential.provider, credential.kind
                )
            };
            return Err(BrokerError::NotLoaded(reason).into());
        };
        let attempt = self.may_be_tried(credential, &kind).await?;
        if material.secrets.is_empty() && kind.fields.iter().any(|field| field.secret && !field.configured) {
            return Ok(Minted {
                token: nothing_stored(credential, tools.clock.now_ms()),
                mint: None,
            });
        }
        // Another flight may have landed since this one was asked for: its token is good even for a reader of a rejected one.
        let anew = self.anew && credential.generation == expected && expected == self.seen.generation;
        let input = MintInput {
            credential: CredentialInput {
                current: self.current(&material, &kind, anew)?,
                ..input::of(tools, &material, &kind).await?
            },
            narrowing: self.narrow.pairs(),
        };
        let journal = kind.rotation.as_ref().map(|_| Arc::new(Journal::new(tools, credential, attempt)));
        let context = CallContext {
            provider: credential.provider.to_string(),
            door: Arc::clone(&tools.door),
            clock: Arc::clone(&tools.clock),
            rotation: journal.clone().map(|journal| journal as Arc<dyn RotationLog>),
        };

        let mint = tools.audit.mint_begun(credential)?;
        // Every line that the call logs, the provider's own included, says for which credential.
        let span = tracing::error_span!("mint", credential.id = credential.id.as_str(), id = mint);
        let outcome = provider.mint(input, context).instrument(span).await;
        let rotated_to = match (&journal, &outcome) {
            (Some(journal), _) => journal.rotated_to(),
            (None, Ok(minted)) => renewed::store(tools, &material, &minted.renewed).await,
            (None, Err(_)) => None,
        };
        if rotated_to.is_some() {
            // The generation is part of every key: readers must see it before they look for the token.
            tools.follower.catch_up().await?;
        }
        let (code, reveals) = match &outcome {
            Ok(minted) => ("minted", minted.notes.reveals),
            Err(fault) => (known_code(fault.cause.code()), fault.reveals),
        };
        metrics::counter!(telemetry::MINTS, "provider" => provider.manifest().provider.clone(), "outcome" => code).increment(1);
        let recorded = tools
            .audit
            .mint_finished(
                &mint,
                credential,
                MintOutcome {
                    code,
                    generation: rotated_to,
                    reveals,
                },
            )
            .await;
        match outcome {
            Ok(mut minted) => {
                recorded?;
                let told = identity::complete(tools, &provider, &kind, &material, rotated_to, &mut minted).await;
                self.keep(credential, &provider, rotated_to, (minted, told), mint)
            }
            Err(fault) => match self.failed(credential, &kind, journal.as_deref(), &fault).await? {
                Failed::For(failure) => {
                    let generation = rotated_to.unwrap_or(credential.generation);
                    Err(self.pauses.note(&credential.id, generation, failure, tools.clock.now_ms()).into())
                }
                sibling @ Failed::SiblingWon(_) => Err(sibling),
            },
        }
    }

    /// Refuses what is known not to work, without asking the upstream again.
    async fn may_be_tried(&self, credential: &Credential, kind: &Kind) -> Result<Attempt, Failed> {
        match credential.state {
            CredentialState::Empty | CredentialState::Usable => Ok(Attempt::First),
            CredentialState::NeedsReconnect => {
                Err(BrokerError::NeedsReconnect("the upstream refused it for good earlier".to_owned()).into())
            }
            CredentialState::Indeterminate => {
                let grace_s = kind.rotation.as_ref().map_or(0, |rotation| rotation.retry_grace_seconds);
                let grace_ms = Millis::try_from(grace_s.saturating_mul(1000)).unwrap_or(Millis::MAX);
                let last = self.tools.records.last_unanswered(&credential.id, credential.generation).await?;
                let since_ms = last.filter(|entry| entry.attempt == Attempt::First).map(|entry| entry.begun_at_ms);
                match since_ms {
                    Some(since_ms) if self.tools.clock.now_ms().saturating_sub(since_ms) < grace_ms => Ok(Attempt::Retry),
                    _ => Err(BrokerError::Indeterminate.into()),
                }
            }
        }
    }

    /// The token of the last rotation, if it is still good: a lost cache must not cost another rotation.
    fn current(&self, material: &Material, kind: &Kind, anew: bool) -> Result<Option<CurrentToken>, Failed> {
        let Some(sealed) = material.token.as_ref().filter(|_| kind.rotation.is_some() && !anew) else {
            return Ok(None);
        };
        let life = Life {
            minted_at_ms: sealed.minted_at_ms,
            expires_at_ms: sealed.expires_at_ms,
        };
        if freshness(life, self.tools.clock.now_ms(), self.min_ttl_ms, self.margins) == Freshness::Stale {
            return Ok(None);
        }
        let token = sealing::open_token(&self.tools.keyring, &material.credential.id, sealed)?;
        Ok(Some(CurrentToken {
            token,
            expires_at_ms: sealed.expires_at_ms,
        }))
    }

    fn keep(
        &self,
        credential: &Credential,
        provider: &Provider,
        rotated_to: Option<Generation>,
        (minted, told): (crate::runtime::Minted, Told),
        mint: String,
    ) -> Result<Minted, Failed> {
        let now_ms = self.tools.clock.now_ms();
        if minted.expires_at_ms.is_some_and(|end| end <= now_ms) {
            let reason = "the upstream's token had already expired when it came; compare the clocks".to_owned();
            return Err(BrokerError::Misconfigured(reason).into());
        }
        let generation = rotated_to.unwrap_or(credential.generation);
        let token = CachedToken {
            token: minted.token,
            fields: minted.fields,
            minted_at_ms: now_ms,
            expires_at_ms: minted.expires_at_ms,
            generation,
            told,
        };
        let key = CacheKey::new(
            &credential.id,
            generation,
            provider.digest(),
            credential.url.as_deref(),
            &self.narrow.canonical(),
        );
        if let Err(error) = self.tools.cache.put(&key, &token) {
            tracing::warn!(credential.id = credential.id.as_str(), %error, "a token was not cached; the next read mints again");
        }
        Ok(Minted { token, mint: Some(mint) })
    }

    async fn failed(
        &self,
        credential: &Credential,
        kind: &Kind,
        journal: Option<&Journal>,
        fault: &ProviderFault,
    ) -> Result<Failed, Failed> {
        let tools = &*self.tools;
        let error = BrokerError::of_fault(fault);
        if journal.is_some_and(Journal::is_unanswered) {
            tools.follower.catch_up().await?;
            return Ok(BrokerError::Indeterminate.into());
        }
        if let BrokerError::NeedsReconnect(_) = error
            && (kind.token == TokenSource::Minted || kind.rotation.is_some())
        {
            // Refused with a generation that has moved on: a sibling won, and its token is the answer.
            if !tools.records.mark_needs_reconnect(&credential.id, credential.generation).await? {
                let now = match tools.records.credential(&credential.id).await {
                    Err(RecordsError::NotFound { .. }) => return Ok(BrokerError::Gone.into()),
                    now => now?,
                };
                return Ok(Failed::SiblingWon(now.generation));
            }
            tools.follower.catch_up().await?;
        }
        Ok(error.into())
    }
}

fn nothing_stored(credential: &Credential, now_ms: Millis) -> CachedToken {
    CachedToken {
        token: Secret::new(String::new()),
        fields: BTreeMap::new(),
        minted_at_ms: now_ms,
        expires_at_ms: None,
        generation: credential.generation,
        told: Told::default(),
    }
}

/// A failure's code as metrics and the trail may have it. What a provider says is free text; only the documented codes get through.
fn known_code(code: &str) -> &'static str {
    const KNOWN: [&str; 32] = [
        "transient",
        "rate-limited",
        "reauth-required",
        "misconfigured",
        "insufficient-scope",
        "suspended",
        "clock-skew",
        "unsupported",
        "invalid-credential",
        "upstream-protocol",
        "egress-denied",
        "placement-denied",
        "timeout",
        "connect",
        "tls",
        "too-large",
        "protocol",
        "echoed-secret",
        "storage",
        "cpu-exceeded",
        "memory-exceeded",
        "stack-overflow",
        "timed-out",
        "busy",
        "host-call-flood",
        "handle-flood",
        "log-flood",
        "host-call-data",
        "trap",
        "contract",
        "leak-prevented",
        "credential",
    ];
    KNOWN.iter().find(|known| **known == code).copied().unwrap_or("other")
}
