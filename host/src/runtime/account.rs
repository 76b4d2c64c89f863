//! Calls about the account behind a credential: who it is, and its end.

use super::call;
use super::fault::{Cause, ProviderFault};
use super::provider::{CallContext, CredentialInput, Notes, Provider, credential, notes};
use super::record::Record;
use super::result;
use super::state::stop;
use std::collections::BTreeMap;

/// Whom the upstream takes a credential for.
pub struct Identified {
    /// `id`, `login`, `display-name`, `user-name`, `email` and what else the provider knows. Searched: no secret of the call is in it.
    pub fields: BTreeMap<String, String>,
    /// What the audit trail should know.
    pub notes: Notes,
}

/// The upstream has ended a credential.
pub struct Revoked {
    /// What a person still has to do.
    pub remaining: Option<String>,
    /// What the audit trail should know.
    pub notes: Notes,
}

impl Provider {
    /// Whom the upstream takes the credential for. `input.current` is the token to ask with.
    ///
    /// # Errors
    /// [`ProviderFault`]; [`Cause::Contract`] if the provider cannot ([`Provider::can_identify`]).
    pub async fn identify(&self, input: CredentialInput, context: CallContext) -> Result<Identified, ProviderFault> {
        let Some(identifying) = self.abilities.identifying.clone() else {
            return Err(self.cannot("identify"));
        };
        let (kind, setting) = self.prepare(&input, context).map_err(|reason| self.misfit(reason))?;
        let (outcome, record) = call::run(&self.sandbox.engine, &self.sandbox.slots, setting, |store| {
            Box::pin(async move {
                let guest = identifying.instantiate_async(&mut *store).await?;
                let credential = credential(store, &kind, input)?;
                let guest = guest.claviger_provider_identify();
                match guest.call_identify(&mut *store, &credential).await? {
                    Ok(fields) => result::public(store.data_mut(), fields).map_err(stop),
                    Err(failure) => Err(stop(Cause::Failure(result::failure(store.data_mut(), failure)))),
                }
            })
        })
        .await;
        let fields = outcome.map_err(|cause| self.fault(cause, &record))?;
        Ok(Identified {
            fields,
            notes: notes(&record),
        })
    }

    /// Ends the credential's grant at the upstream, and `input.current`.
    ///
    /// # Errors
    /// [`ProviderFault`]; [`Cause::Contract`] if the provider cannot ([`Provider::can_revoke`]).
    pub async fn revoke(&self, input: CredentialInput, context: CallContext) -> Result<Revoked, ProviderFault> {
        let Some(revoking) = self.abilities.revoking.clone() else {
            return Err(self.cannot("revoke"));
        };
        let (kind, setting) = self.prepare(&input, context).map_err(|reason| self.misfit(reason))?;
        let (outcome, record) = call::run(&self.sandbox.engine, &self.sandbox.slots, setting, |store| {
            Box::pin(async move {
                let guest = revoking.instantiate_async(&mut *store).await?;
                let credential = credential(store, &kind, input)?;
                let guest = guest.claviger_provider_revoke();
                match guest.call_revoke(&mut *store, &credential).await? {
                    Ok(remaining) => Ok(remaining.map(|text| result::said(store.data_mut(), &text))),
                    Err(failure) => Err(stop(Cause::Failure(result::failure(store.data_mut(), failure)))),
                }
            })
        })
        .await;
        let remaining = outcome.map_err(|cause| self.fault(cause, &record))?;
        Ok(Revoked {
            remaining,
            notes: notes(&record),
        })
    }

    pub(super) fn cannot(&self, ability: &str) -> ProviderFault {
        self.fault(Cause::Contract(format!("it offers no `{ability}`")), &Record::default())
    }
}
