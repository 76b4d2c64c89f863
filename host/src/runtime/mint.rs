//! A call for a token.

use super::call;
use super::fault::{Cause, ProviderFault};
use super::provider::{CallContext, CredentialInput, Notes, Provider, credential, notes};
use super::result;
use super::state::stop;
use crate::clock::Millis;
use crate::secret::Secret;
use std::collections::BTreeMap;

/// What a mint needs.
pub struct MintInput {
    /// The credential.
    pub credential: CredentialInput,
    /// What the reader asked for, each key once per value; the broker has checked the names.
    pub narrowing: Vec<(String, String)>,
}

/// A token, checked by the host.
pub struct Minted {
    /// The token: minted, or static where the kind says so.
    pub token: Secret,
    /// When it ends; the host's own reading of the answer, or an earlier claim of the provider.
    pub expires_at_ms: Option<Millis>,
    /// What consumers need beside it. Searched: no secret of the call is in it.
    pub fields: BTreeMap<String, String>,
    /// The same for values that are tokens themselves.
    pub secret_fields: BTreeMap<String, Secret>,
    /// New values of stored fields, of a kind that does not rotate: what was stored stays good beside them.
    pub renewed: Vec<(String, Secret)>,
    /// What the audit trail should know.
    pub notes: Notes,
}

impl Provider {
    /// A token from a stored credential.
    ///
    /// # Errors
    /// [`ProviderFault`], with the cause.
    pub async fn mint(&self, input: MintInput, context: CallContext) -> Result<Minted, ProviderFault> {
        let (kind, mut setting) = self.prepare(&input.credential, context).map_err(|reason| self.misfit(reason))?;
        setting.gathers = kind.rotation.is_none();
        let base = self.base.clone();
        let (outcome, record) = call::run(&self.sandbox.engine, &self.sandbox.slots, setting, |store| {
            Box::pin(async move {
                let guest = base.instantiate_async(&mut *store).await?;
                let credential = credential(store, &kind, input.credential)?;
                let guest = guest.claviger_provider_provider();
                match guest.call_mint(&mut *store, &credential, &input.narrowing).await? {
                    Ok(token) => {
                        let checked = result::token(store.data_mut(), token).map_err(stop)?;
                        let gathered = store.data_mut().gathered.take().unwrap_or_default();
                        Ok((checked, gathered.fields))
                    }
                    Err(failure) => Err(stop(Cause::Failure(result::failure(store.data_mut(), failure)))),
                }
            })
        })
        .await;
        let (checked, renewed) = outcome.map_err(|cause| self.fault(cause, &record))?;
        Ok(Minted {
            token: checked.token,
            expires_at_ms: checked.expires_at_ms,
            fields: checked.fields,
            secret_fields: checked.secret_fields,
            renewed,
            notes: notes(&record),
        })
    }
}
