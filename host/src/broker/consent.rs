//! Connecting an account: the two calls of a provider, for a credential that does not exist yet.
//!
//! No flight and no cache: each consent is spent once, by whoever started it.

use super::tools::Tools;
use super::{Broker, BrokerError, input};
use crate::ids::ProviderName;
use crate::manifest::Kind;
use crate::runtime::{CallContext, Consented, CredentialInput, Exchanged, Input, Provider};
use std::collections::BTreeMap;
use std::sync::Arc;
use url::Url;

/// A credential that is about to be connected.
#[derive(Debug, Clone)]
pub struct Draft {
    /// At which provider.
    pub provider: ProviderName,
    /// The kind, as the manifest names it.
    pub kind: String,
    /// At which instance.
    pub url: Option<String>,
    /// Its public fields.
    pub fields: BTreeMap<String, String>,
}

impl Broker {
    /// Where the person's browser is sent, without what the host adds.
    ///
    /// # Errors
    /// [`BrokerError::Misconfigured`] where nobody registered a client for the instance, and what else a call can end in.
    pub async fn authorise(&self, draft: &Draft) -> Result<Url, BrokerError> {
        let tools = &*self.0.tools;
        let provider = provider(tools, draft)?;
        let called = provider.authorise(input_of(tools, &provider, draft)?, context(tools, draft)).await;
        called.map_err(|fault| BrokerError::of_fault(&fault))
    }

    /// Buys the first tokens.
    ///
    /// # Errors
    /// The upstream's refusal, and what else a call can end in.
    pub async fn exchange(&self, draft: &Draft, consented: Consented) -> Result<Exchanged, BrokerError> {
        let tools = &*self.0.tools;
        let provider = provider(tools, draft)?;
        let called = provider
            .exchange(input_of(tools, &provider, draft)?, consented, context(tools, draft))
            .await;
        called.map_err(|fault| BrokerError::of_fault(&fault))
    }
}

fn provider(tools: &Tools, draft: &Draft) -> Result<Arc<Provider>, BrokerError> {
    tools
        .catalog
        .get(draft.provider.as_str())
        .map_err(|unavailable| BrokerError::ProviderBroken(unavailable.to_string()))
}

fn input_of(tools: &Tools, provider: &Provider, draft: &Draft) -> Result<CredentialInput, BrokerError> {
    let kind: &Kind = provider
        .manifest()
        .kind(&draft.kind)
        .ok_or_else(|| BrokerError::Misconfigured(format!("the loaded provider has no kind `{}`", draft.kind)))?;
    let public = draft.fields.iter().map(|(name, text)| (name.clone(), Input::Text(text.clone())));
    let mut fields: Vec<(String, Input)> = public.collect();
    input::add_operators_client(tools, &draft.provider, draft.url.as_deref(), kind, &mut fields);
    Ok(CredentialInput {
        kind: draft.kind.clone(),
        fields,
        url: draft.url.clone(),
        current: None,
    })
}

fn context(tools: &Tools, draft: &Draft) -> CallContext {
    CallContext {
        provider: draft.provider.to_string(),
        door: Arc::clone(&tools.door),
        clock: Arc::clone(&tools.clock),
        rotation: None,
    }
}
