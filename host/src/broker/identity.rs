//! Whose a credential is, as its upstream says: asked after a mint, kept for a day, never in the way of a token.
//!
//! What is stored wins over what is told. A token whose account could not be told is answered without it, and the upstream is asked again in
//! the background, with that same token: nothing is minted or rotated for it. What is
//! kept of an answer is a [`Note`].

use super::error::BrokerError;
use super::input;
use super::note::{Note, OF_A_COMMIT};
use super::tools::Tools;
use crate::audit::Administrative;
use crate::cache::{CacheKey, CachedToken, Told};
use crate::clock::Millis;
use crate::ids::{CredentialId, Generation};
use crate::manifest::Kind;
use crate::records::model::Credential;
use crate::records::{Material, RecordsError};
use crate::runtime::{CallContext, CurrentToken, Minted, Provider};
use crate::telemetry;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A reader waits for its token meanwhile.
const ASK_AT_MOST: Duration = Duration::from_secs(3);

/// Whom the upstream takes a credential for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `id`, `login`, `display-name`, `user-name`, `email`, and what else the provider knows.
    pub fields: BTreeMap<String, String>,
    /// When the upstream was asked.
    pub checked_at_ms: Millis,
}

/// Where a credential's note stands.
pub(super) fn place(provider: &Provider, credential: &Credential, generation: Generation) -> CacheKey {
    CacheKey::identity(&credential.id, generation, provider.digest(), credential.url.as_deref())
}

/// What was told or refused not too long ago.
pub(super) fn noted(tools: &Tools, place: &CacheKey) -> Option<Note> {
    let note: Note = tools.cache.noted(place)?;
    (tools.clock.now_ms() < note.until_ms).then_some(note)
}

/// After a mint: fills the token's fields with what the upstream tells, where the stored ones do not say it all.
pub(super) async fn complete(
    tools: &Tools,
    provider: &Provider,
    kind: &Kind,
    material: &Material,
    rotated_to: Option<Generation>,
    minted: &mut Minted,
) -> Told {
    let said = |name: &str| minted.fields.get(name).is_some_and(|text| !text.is_empty());
    let is_over = minted.expires_at_ms.is_some_and(|end| end <= tools.clock.now_ms());
    if !provider.can_identify() || OF_A_COMMIT.iter().all(|name| said(name)) || is_over {
        return Told::default();
    }
    let credential = &material.credential;
    let here = place(provider, credential, rotated_to.unwrap_or(credential.generation));
    let known = noted(tools, &here).or_else(|| {
        // A refresh makes another generation, and the account stays the same.
        let before = noted(tools, &place(provider, credential, credential.generation))?;
        keep(tools, &here, &before);
        Some(before)
    });
    let note = match known {
        Some(note) => note,
        None => {
            let token = CurrentToken {
                token: minted.token.clone(),
                expires_at_ms: minted.expires_at_ms,
            };
            ask(tools, provider, kind, material, &here, token).await
        }
    };
    note.fill(&mut minted.fields)
}

/// Asks with a token that is at hand, unless it was done not too long ago.
pub(super) async fn with_token(tools: &Tools, provider: &Provider, id: &CredentialId, token: CachedToken) -> Result<Note, BrokerError> {
    let internal = |error: RecordsError| BrokerError::Internal(error.to_string());
    let material = match tools.records.material(id).await {
        Err(RecordsError::NotFound { .. }) => return Err(BrokerError::Gone),
        material => material.map_err(internal)?,
    };
    if material.credential.generation != token.generation {
        return Err(BrokerError::Transient {
            reason: "the credential has changed".to_owned(),
            retry_after_ms: Some(1000),
        });
    }
    let here = place(provider, &material.credential, token.generation);
    if let Some(note) = noted(tools, &here) {
        return Ok(note);
    }
    let Some(kind) = provider.manifest().kind(&material.credential.kind) else {
        return Err(BrokerError::Misconfigured(format!(
            "the loaded provider has no kind `{}`",
            material.credential.kind
        )));
    };
    let token = CurrentToken {
        token: token.token,
        expires_at_ms: token.expires_at_ms,
    };
    Ok(ask(tools, provider, kind, &material, &here, token).await)
}

async fn ask(tools: &Tools, provider: &Provider, kind: &Kind, material: &Material, here: &CacheKey, token: CurrentToken) -> Note {
    let answer = asked(tools, provider, kind, material, token).await;
    let code = match &answer {
        Ok(_) => "identified",
        Err(error) => error.code(),
    };
    metrics::counter!(telemetry::MINTS, "provider" => provider.manifest().provider.clone(), "outcome" => code).increment(1);
    let note = Note::of(answer, tools.clock.now_ms());
    keep(tools, here, &note);
    note
}

async fn asked(
    tools: &Tools,
    provider: &Provider,
    kind: &Kind,
    material: &Material,
    token: CurrentToken,
) -> Result<BTreeMap<String, String>, BrokerError> {
    let credential = &material.credential;
    let mut input = input::of(tools, material, kind).await?;
    input.current = Some(token);
    let context = CallContext {
        provider: credential.provider.to_string(),
        door: Arc::clone(&tools.door),
        clock: Arc::clone(&tools.clock),
        rotation: None,
    };
    let Ok(answer) = tokio::time::timeout(ASK_AT_MOST, provider.identify(input, context)).await else {
        return Err(BrokerError::TimedOut(format!(
            "the upstream did not say whose the credential is within {} s",
            ASK_AT_MOST.as_secs()
        )));
    };
    let reveals = match &answer {
        Ok(identified) => identified.notes.reveals,
        Err(fault) => fault.reveals,
    };
    record_reveals(tools, credential, "identify", reveals).await?;
    match answer {
        Ok(identified) => Ok(identified.fields),
        Err(fault) => Err(BrokerError::of_fault(&fault)),
    }
}

/// Each secret that a provider read as text is on the record, in whatever call.
pub(super) async fn record_reveals(tools: &Tools, credential: &Credential, call: &'static str, reveals: u32) -> Result<(), BrokerError> {
    if reveals == 0 {
        return Ok(());
    }
    let count = reveals.to_string();
    let event = Administrative::secrets_revealed(&credential.id, &credential.provider, call, &count);
    let recorded = tools.audit.administrative(event).await;
    recorded.map_err(|error| BrokerError::Internal(error.to_string()))
}

fn keep(tools: &Tools, here: &CacheKey, note: &Note) {
    if let Err(error) = tools.cache.note(here, note, note.until_ms) {
        tracing::warn!(credential.id = here.credential().as_str(), %error, "whose a credential is was not kept; the next mint asks again");
    }
}
