//! A loaded provider: plain data in, plain data out.
//!
//! Nothing of WebAssembly shows here, so that this could move into a process of its own without the broker noticing.

use super::bind::{Credential, Value, base, revoking};
use super::call;
use super::fault::{Cause, Incident, ProviderFault};
use super::held::{CURRENT_TOKEN, CURRENT_TOKEN_EXPIRES, Class, HostSecret};
use super::limits::Limits;
use super::outbound::{Closed, Door};
use super::record::Record;
use super::result;
use super::rotation::RotationLog;
use super::sandbox::Sandbox;
use super::state::{CallState, Setting, stop};
use crate::clock::{Millis, SharedClock};
use crate::manifest::{Field, Kind, Manifest, TokenSource};
use crate::secret::Secret;
use std::collections::BTreeMap;
use std::sync::Arc;
use url::Url;
use wasmtime::Store;

/// A provider, ready to be called.
pub struct Provider {
    pub(super) sandbox: Arc<Sandbox>,
    pub(super) manifest: Arc<Manifest>,
    pub(super) digest: String,
    pub(super) base: base::BasePre<CallState>,
    pub(super) revoking: Option<revoking::RevokingPre<CallState>>,
    pub(super) limits: Limits,
    pub(super) may_reveal: bool,
    pub(super) built_in: bool,
}

/// One field of a credential, as the broker gives it.
pub enum Input {
    /// Public.
    Text(String),
    /// Secret: the guest gets a handle.
    Secret(Secret),
    /// The operator's client secret, which may be placed at this instance alone.
    Operator {
        /// The secret.
        value: Secret,
        /// Where it is registered.
        instance: Url,
    },
}

/// A token of an earlier call that is still good.
pub struct CurrentToken {
    /// The token.
    pub token: Secret,
    /// When it ends.
    pub expires_at_ms: Option<Millis>,
}

/// What a call works on.
pub struct CredentialInput {
    /// The kind, by its name in the manifest.
    pub kind: String,
    /// Its fields. One that the kind does not have is refused.
    pub fields: Vec<(String, Input)>,
    /// The credential's `url`, if it names one.
    pub url: Option<String>,
}

/// What a mint needs.
pub struct MintInput {
    /// The credential.
    pub credential: CredentialInput,
    /// A token of an earlier call.
    pub current: Option<CurrentToken>,
    /// What the reader asked for, each key once per value; the broker has checked the names.
    pub narrowing: Vec<(String, String)>,
}

/// What surrounds a call.
pub struct CallContext {
    /// The provider's name as the credential has it: it differs from the manifest's for those that `static` serves.
    pub provider: String,
    /// The way out.
    pub door: Arc<dyn Door>,
    /// The time.
    pub clock: SharedClock,
    /// The journal, for kinds that rotate. Without it such a kind's secret cannot be sent.
    pub rotation: Option<Arc<dyn RotationLog>>,
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
    /// What the audit trail should know.
    pub notes: Notes,
}

/// What the audit trail should know about a call that succeeded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// How many secrets were read as text.
    pub reveals: u32,
    /// What the host prevented or noticed.
    pub incidents: Vec<Incident>,
}

impl Provider {
    /// The approved manifest.
    #[must_use]
    pub fn manifest(&self) -> &Arc<Manifest> {
        &self.manifest
    }

    /// SHA-256 of the component, in hexadecimal.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The component's version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.manifest.version
    }

    /// Whether it came with this program.
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        self.built_in
    }

    /// Whether the operator lets it read secrets as text.
    #[must_use]
    pub fn may_reveal(&self) -> bool {
        self.may_reveal
    }

    /// What one call may use.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether it can end a token.
    #[must_use]
    pub fn can_revoke(&self) -> bool {
        self.revoking.is_some()
    }

    /// A token from a stored credential.
    ///
    /// # Errors
    /// [`ProviderFault`], with the cause.
    pub async fn mint(&self, input: MintInput, context: CallContext) -> Result<Minted, ProviderFault> {
        let (kind, setting) = self.prepare(&input.credential, context).map_err(|reason| self.misfit(reason))?;
        let base = self.base.clone();
        let (outcome, record) = call::run(&self.sandbox.engine, &self.sandbox.slots, setting, |store| {
            Box::pin(async move {
                let guest = base.instantiate_async(&mut *store).await?;
                let mut credential = credential(store, &kind, input.credential)?;
                if let Some(current) = input.current {
                    add_current(store, &mut credential, current)?;
                }
                let guest = guest.claviger_provider_provider();
                match guest.call_mint(&mut *store, &credential, &input.narrowing).await? {
                    Ok(token) => result::token(store.data_mut(), token).map_err(stop),
                    Err(failure) => Err(stop(Cause::Failure(result::failure(store.data_mut(), failure)))),
                }
            })
        })
        .await;
        let checked = outcome.map_err(|cause| self.fault(cause, &record))?;
        Ok(Minted {
            token: checked.token,
            expires_at_ms: checked.expires_at_ms,
            fields: checked.fields,
            secret_fields: checked.secret_fields,
            notes: notes(&record),
        })
    }

    /// Ends a token at the upstream.
    ///
    /// # Errors
    /// [`ProviderFault`]; [`Cause::Contract`] if the provider cannot ([`Self::can_revoke`]).
    pub async fn revoke(&self, input: CredentialInput, token: Secret, context: CallContext) -> Result<Notes, ProviderFault> {
        let Some(revoking) = self.revoking.clone() else {
            return Err(self.fault(Cause::Contract("it offers no `revoke`".to_owned()), &Record::default()));
        };
        let (kind, setting) = self.prepare(&input, context).map_err(|reason| self.misfit(reason))?;
        let (outcome, record) = call::run(&self.sandbox.engine, &self.sandbox.slots, setting, |store| {
            Box::pin(async move {
                let guest = revoking.instantiate_async(&mut *store).await?;
                let credential = credential(store, &kind, input)?;
                let token = match kind.token {
                    TokenSource::Static => HostSecret::field(&kind.token_fills, token, Class::Static, None),
                    TokenSource::Minted => HostSecret::minted(token, None),
                };
                let token = store.data_mut().hold(token)?;
                match guest
                    .claviger_provider_revoke()
                    .call_revoke(&mut *store, &credential, token)
                    .await?
                {
                    Ok(()) => Ok(()),
                    Err(failure) => Err(stop(Cause::Failure(result::failure(store.data_mut(), failure)))),
                }
            })
        })
        .await;
        outcome.map_err(|cause| self.fault(cause, &record))?;
        Ok(notes(&record))
    }

    /// The kind and the setting of a call, or why the credential does not fit.
    fn prepare(&self, input: &CredentialInput, context: CallContext) -> Result<(Kind, Setting), String> {
        let kind = self
            .manifest
            .kind(&input.kind)
            .cloned()
            .ok_or_else(|| format!("there is no kind `{}`", input.kind))?;
        for (name, _) in &input.fields {
            if kind.field(name).is_none() {
                return Err(format!("the kind `{}` has no field `{name}`", kind.name));
            }
        }
        for field in kind.fields.iter().filter(|field| field.required) {
            let from_url = field.name == "url" && input.url.is_some();
            if !from_url && !input.fields.iter().any(|(name, _)| *name == field.name) {
                return Err(format!("the field `{}` is missing", field.name));
            }
        }
        let upstream = context
            .door
            .open(&context.provider, &self.manifest, input.url.as_deref())
            .unwrap_or_else(|refusal| Arc::new(Closed(refusal)));
        let setting = Setting {
            provider: self.manifest.provider.clone(),
            limits: self.limits,
            manifest: Arc::clone(&self.manifest),
            kind: Some(kind.clone()),
            may_reveal: self.may_reveal,
            upstream,
            clock: context.clock,
            rotation: context.rotation,
        };
        Ok((kind, setting))
    }

    fn misfit(&self, reason: String) -> ProviderFault {
        self.fault(Cause::Credential(reason), &Record::default())
    }

    fn fault(&self, cause: Cause, record: &Record) -> ProviderFault {
        let fault = ProviderFault {
            provider: self.manifest.provider.clone(),
            version: self.manifest.version.clone(),
            digest: self.digest.get(..12).unwrap_or_default().to_owned(),
            cause,
            incidents: record.incidents(),
            reveals: record.reveals(),
            upstream_may_have_acted: record.may_have_acted(),
        };
        tracing::warn!(
            provider.name = fault.provider,
            provider.version = fault.version,
            cause = fault.cause.code(),
            "{fault}"
        );
        fault
    }
}

fn notes(record: &Record) -> Notes {
    Notes {
        reveals: record.reveals(),
        incidents: record.incidents(),
    }
}

/// The credential as the guest gets it: public fields as text, secret ones as handles.
fn credential(store: &mut Store<CallState>, kind: &Kind, input: CredentialInput) -> wasmtime::Result<Credential> {
    let mut fields = Vec::with_capacity(input.fields.len() + 1);
    for (name, value) in input.fields {
        let Some(field) = kind.field(&name) else { continue };
        let value = match value {
            Input::Text(text) if !field.secret => Value::Text(text),
            Input::Text(text) => hold(store, kind, field, Secret::new(text), None)?,
            Input::Secret(secret) => hold(store, kind, field, secret, None)?,
            Input::Operator { value, instance } => hold(store, kind, field, value, Some(instance))?,
        };
        fields.push((name, value));
    }
    if let Some(url) = input.url
        && !fields.iter().any(|(name, _)| name == "url")
    {
        fields.push(("url".to_owned(), Value::Text(url)));
    }
    Ok(Credential { kind: input.kind, fields })
}

fn hold(store: &mut Store<CallState>, kind: &Kind, field: &Field, value: Secret, only_at: Option<Url>) -> wasmtime::Result<Value> {
    let class = match kind.token {
        _ if field.client => Class::Client,
        TokenSource::Static => Class::Static,
        TokenSource::Minted => Class::Stored,
    };
    store
        .data_mut()
        .hold(HostSecret::field(&field.name, value, class, only_at))
        .map(Value::Secret)
}

fn add_current(store: &mut Store<CallState>, credential: &mut Credential, current: CurrentToken) -> wasmtime::Result<()> {
    let token = store.data_mut().hold(HostSecret::minted(current.token, current.expires_at_ms))?;
    credential.fields.push((CURRENT_TOKEN.to_owned(), Value::Secret(token)));
    if let Some(at) = current.expires_at_ms {
        credential
            .fields
            .push((CURRENT_TOKEN_EXPIRES.to_owned(), Value::Text(at.to_string())));
    }
    Ok(())
}
