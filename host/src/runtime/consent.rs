//! A person connects an account in a browser: where to send them, and what their consent buys.
//!
//! The provider knows the upstream's address and parameters; what protects the person is the host's. It alone writes `state`, `redirect_uri` and the
//! code challenge, and it sends nobody to an address outside the endpoint that the operator approved for this.

use super::bind::Value;
use super::bind::connecting::exports::claviger::provider::connect;
use super::call;
use super::fault::{Cause, ProviderFault};
use super::held::{Class, HostSecret};
use super::outbound::{Closed, Refusal, Upstream};
use super::provider::{CallContext, CredentialInput, Notes, Provider, credential, notes};
use super::record::Record;
use super::result;
use super::rotation::Rotated;
use super::state::{CallState, stop};
use crate::manifest::{CODE, CODE_VERIFIER, Kind, TokenSource};
use crate::secret::Secret;
use std::collections::BTreeMap;
use std::sync::Arc;
use url::Url;

/// Accounts that one consent may cover: sites of one Atlassian user are the known case, and nobody chooses from more.
const ACCOUNTS: usize = 64;

/// What came back from the browser, and what belongs to it.
pub struct Consented {
    /// The authorisation code.
    pub code: Secret,
    /// The secret behind the code challenge, where the kind has one.
    pub verifier: Option<Secret>,
    /// Where the browser was sent back to; the upstream compares it.
    pub redirect_uri: String,
}

/// One account that the person may have meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// For people.
    pub title: String,
    /// The public fields that a credential for it stores.
    pub fields: BTreeMap<String, String>,
}

/// What a consent bought.
pub struct Exchanged {
    /// At least one.
    pub accounts: Vec<Account>,
    /// The secrets to store, and the first token; of a static kind the token is among the secrets.
    pub secrets: Rotated,
    /// What the audit trail should know.
    pub notes: Notes,
}

impl Provider {
    /// Where to send the person, without `state`, `redirect_uri` and code challenge. Nothing can be sent meanwhile.
    ///
    /// # Errors
    /// [`ProviderFault`]; [`Cause::Contract`] if the provider or the kind cannot, or names an address that is not approved.
    pub async fn authorise(&self, input: CredentialInput, context: CallContext) -> Result<Url, ProviderFault> {
        let Some(connecting) = self.abilities.connecting.clone() else {
            return Err(self.cannot("connect"));
        };
        let (kind, mut setting) = self.fitting(&input, context).map_err(|reason| self.misfit(reason))?;
        let closed = Arc::new(Closed(Refusal::denied("`authorise` names an address and sends nothing")));
        let upstream = std::mem::replace(&mut setting.upstream, closed);
        let given = kind.clone();
        let (outcome, record) = call::run(&self.sandbox.engine, &self.sandbox.slots, setting, |store| {
            Box::pin(async move {
                let guest = connecting.instantiate_async(&mut *store).await?;
                let credential = credential(store, &given, input)?;
                match guest.claviger_provider_connect().call_authorise(&mut *store, &credential).await? {
                    Ok(address) if store.data_mut().finder().finds(&address) => {
                        Err(stop(Cause::LeakPrevented("the address of the consent holds a secret".to_owned())))
                    }
                    Ok(address) => Ok(address),
                    Err(failure) => Err(stop(Cause::Failure(result::failure(store.data_mut(), failure)))),
                }
            })
        })
        .await;
        let address = outcome.map_err(|cause| self.fault(cause, &record))?;
        self.consent_page(&kind, &*upstream, &address)
            .map_err(|reason| self.fault(Cause::Contract(reason), &record))
    }

    /// The address, if it is the approved endpoint's and leaves the host its own parameters.
    fn consent_page(&self, kind: &Kind, upstream: &dyn Upstream, address: &str) -> Result<Url, String> {
        let Some(consent) = &kind.connect else {
            return Err(format!("nobody can connect a credential of kind `{}` in a browser", kind.name));
        };
        let endpoint = upstream
            .approve(&self.manifest, "GET", address)
            .map_err(|refusal| format!("the address of the consent is refused: {refusal}"))?;
        if endpoint.name != consent.authorise {
            return Err(format!(
                "the consent goes to endpoint `{}`, not to `{}`",
                endpoint.name, consent.authorise
            ));
        }
        Url::parse(address).map_err(|_| "the address of the consent does not read".to_owned())
    }

    /// Buys the first tokens with what the browser brought. What the answers hold for stored fields comes back to be stored; the provider
    /// sees none of it.
    ///
    /// # Errors
    /// [`ProviderFault`].
    pub async fn exchange(&self, input: CredentialInput, consented: Consented, context: CallContext) -> Result<Exchanged, ProviderFault> {
        let Some(connecting) = self.abilities.connecting.clone() else {
            return Err(self.cannot("connect"));
        };
        let (kind, mut setting) = self.fitting(&input, context).map_err(|reason| self.misfit(reason))?;
        if kind.connect.is_none() {
            return Err(self.fault(
                Cause::Contract(format!("nobody can connect a credential of kind `{}` in a browser", kind.name)),
                &Record::default(),
            ));
        }
        setting.gathers = true;
        let stores = (kind.token == TokenSource::Static).then(|| kind.token_fills.clone());
        let (outcome, record) = call::run(&self.sandbox.engine, &self.sandbox.slots, setting, |store| {
            Box::pin(async move {
                let guest = connecting.instantiate_async(&mut *store).await?;
                let mut credential = credential(store, &kind, input)?;
                let mut secret = |name: &str, value: Secret| -> wasmtime::Result<()> {
                    let held = store.data_mut().hold(HostSecret::field(name, value, Class::Stored, None))?;
                    credential.fields.push((name.to_owned(), Value::Secret(held)));
                    Ok(())
                };
                secret(CODE, consented.code)?;
                if let Some(verifier) = consented.verifier {
                    secret(CODE_VERIFIER, verifier)?;
                }
                credential.fields.retain(|(name, _)| name != "redirect-uri");
                credential
                    .fields
                    .push(("redirect-uri".to_owned(), Value::Text(consented.redirect_uri)));
                match guest.claviger_provider_connect().call_exchange(&mut *store, &credential).await? {
                    Ok(accounts) => accounts_of(store.data_mut(), accounts).map_err(stop),
                    Err(failure) => Err(stop(Cause::Failure(result::failure(store.data_mut(), failure)))),
                }
            })
        })
        .await;
        let (accounts, mut secrets) = outcome.map_err(|cause| self.fault(cause, &record))?;
        // An endpoint that serves several kinds calls it the token; in a static kind that is what is stored.
        if let Some(field) = stores.filter(|field| !secrets.fields.iter().any(|(name, _)| name == field)) {
            secrets.fields.extend(secrets.token.take().map(|token| (field, token)));
        }
        Ok(Exchanged {
            accounts,
            secrets,
            notes: notes(&record),
        })
    }
}

fn accounts_of(state: &mut CallState, accounts: Vec<connect::Account>) -> Result<(Vec<Account>, Rotated), Cause> {
    if accounts.is_empty() || accounts.len() > ACCOUNTS {
        return Err(Cause::Contract(format!(
            "an exchange answers 1 to {ACCOUNTS} accounts, not {}",
            accounts.len()
        )));
    }
    let mut checked = Vec::with_capacity(accounts.len());
    for account in accounts {
        let title = result::said(state, &account.title);
        if title.is_empty() {
            return Err(Cause::Contract("an account has no title".to_owned()));
        }
        checked.push(Account {
            title,
            fields: result::public(state, account.fields)?,
        });
    }
    Ok((checked, state.gathered.take().unwrap_or_default()))
}
