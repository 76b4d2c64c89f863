//! Trying what is not stored: a mint, and a question whose it is.
//!
//! No flight and no cache: what it brings goes to nobody and is forgotten.

use super::tools::Tools;
use super::{Broker, BrokerError, input};
use crate::audit::Administrative;
use crate::ids::{CredentialId, ProviderName};
use crate::manifest::{Kind, TokenSource};
use crate::runtime::{CallContext, CredentialInput, CurrentToken, Input, MintInput, Provider};
use crate::secret::Secret;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A person waits for it, and no upstream that is well takes longer for three requests.
const AT_MOST: Duration = Duration::from_secs(10);

/// What is tried.
pub struct Trial {
    /// By which the trail knows this trial. No credential has it.
    pub id: CredentialId,
    /// At which provider.
    pub provider: ProviderName,
    /// The kind, as the manifest names it.
    pub kind: String,
    /// At which instance.
    pub url: Option<String>,
    /// Public fields.
    pub fields: BTreeMap<String, String>,
    /// Secret fields.
    pub secrets: Vec<(String, Secret)>,
}

impl Broker {
    /// Whether the upstream takes it: whom for, where that can be told, and nothing where a token was obtained that does not tell.
    ///
    /// # Errors
    /// [`BrokerError::Unsupported`] where nobody was asked, or a use would replace the secret; else the upstream's refusal, and what a call can end in.
    pub async fn try_out(&self, trial: Trial) -> Result<Option<BTreeMap<String, String>>, BrokerError> {
        match tokio::time::timeout(AT_MOST, tried(&self.0.tools, trial)).await {
            Ok(tried) => tried,
            Err(_) => Err(BrokerError::TimedOut(format!("there was no answer within {} s", AT_MOST.as_secs()))),
        }
    }
}

async fn tried(tools: &Tools, trial: Trial) -> Result<Option<BTreeMap<String, String>>, BrokerError> {
    let provider = tools.catalog.get(trial.provider.as_str());
    let provider = provider.map_err(|unavailable| BrokerError::ProviderBroken(unavailable.to_string()))?;
    let Some(kind) = provider.manifest().kind(&trial.kind).cloned() else {
        return Err(BrokerError::Misconfigured(format!(
            "the loaded provider has no kind `{}`",
            trial.kind
        )));
    };
    if kind.rotation.is_some() {
        return Err(BrokerError::Unsupported("a use replaces the secret".to_owned()));
    }
    let mint = MintInput {
        credential: input_of(tools, &trial, &kind, None),
        narrowing: Vec::new(),
    };
    let outcome = provider.mint(mint, context(tools, &trial)).await;
    let reveals = match &outcome {
        Ok(minted) => minted.notes.reveals,
        Err(fault) => fault.reveals,
    };
    recorded(tools, &trial, "mint", reveals).await?;
    let minted = outcome.map_err(|fault| BrokerError::of_fault(&fault))?;
    let current = CurrentToken {
        token: minted.token,
        expires_at_ms: minted.expires_at_ms,
    };
    match identified(tools, &provider, &trial, &kind, current).await {
        // The upstream has just given a token for it, which is what was asked.
        Err(error) if kind.token == TokenSource::Minted => {
            tracing::debug!(%error, "whose a credential under test is was not told");
            Ok(None)
        }
        told => told.map(Some),
    }
}

async fn identified(
    tools: &Tools,
    provider: &Provider,
    trial: &Trial,
    kind: &Kind,
    current: CurrentToken,
) -> Result<BTreeMap<String, String>, BrokerError> {
    if !provider.can_identify() {
        return Err(BrokerError::Unsupported("its provider asks nobody".to_owned()));
    }
    let outcome = provider
        .identify(input_of(tools, trial, kind, Some(current)), context(tools, trial))
        .await;
    let reveals = match &outcome {
        Ok(identified) => identified.notes.reveals,
        Err(fault) => fault.reveals,
    };
    recorded(tools, trial, "identify", reveals).await?;
    let identified = outcome.map_err(|fault| BrokerError::of_fault(&fault))?;
    Ok(super::note::presentable(identified.fields))
}

fn input_of(tools: &Tools, trial: &Trial, kind: &Kind, current: Option<CurrentToken>) -> CredentialInput {
    let known = |name: &str| kind.field(name).is_some();
    let public = trial.fields.iter().filter(|(name, _)| known(name));
    let mut fields: Vec<(String, Input)> = public.map(|(name, text)| (name.clone(), Input::Text(text.clone()))).collect();
    let secrets = trial.secrets.iter();
    fields.extend(secrets.map(|(name, value)| (name.clone(), Input::Secret(value.clone()))));
    input::add_operators_client(tools, &trial.provider, trial.url.as_deref(), kind, &mut fields);
    CredentialInput {
        kind: trial.kind.clone(),
        fields,
        url: trial.url.clone(),
        current,
    }
}

fn context(tools: &Tools, trial: &Trial) -> CallContext {
    CallContext {
        provider: trial.provider.to_string(),
        door: Arc::clone(&tools.door),
        clock: Arc::clone(&tools.clock),
        rotation: None,
    }
}

/// Each secret that a provider read as text is on the record, in whatever call.
async fn recorded(tools: &Tools, trial: &Trial, call: &'static str, reveals: u32) -> Result<(), BrokerError> {
    if reveals == 0 {
        return Ok(());
    }
    let count = reveals.to_string();
    let event = Administrative::secrets_revealed(&trial.id, &trial.provider, call, &count);
    let recorded = tools.audit.administrative(event).await;
    recorded.map_err(|error| BrokerError::Internal(error.to_string()))
}
