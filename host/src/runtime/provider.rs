//! A loaded provider: plain data in, plain data out.
//!
//! Nothing of WebAssembly shows here, so that this could move into a process of its own without the broker noticing.

use super::abilities::Abilities;
use super::bind::{Credential, Value, base};
use super::fault::{Cause, Incident, ProviderFault};
use super::held::{Class, HostSecret};
use super::limits::Limits;
use super::outbound::{Closed, Door};
use super::record::Record;
use super::rotation::RotationLog;
use super::sandbox::Sandbox;
use super::state::{CallState, Setting};
use crate::clock::{Millis, SharedClock};
use crate::manifest::{CURRENT_TOKEN, CURRENT_TOKEN_EXPIRES, Kind, Manifest};
use crate::secret::Secret;
use std::sync::Arc;
use url::Url;
use wasmtime::Store;

/// A provider, ready to be called.
pub struct Provider {
    pub(super) sandbox: Arc<Sandbox>,
    pub(super) manifest: Arc<Manifest>,
    pub(super) digest: String,
    pub(super) base: base::BasePre<CallState>,
    pub(super) abilities: Abilities,
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
    /// A token of an earlier call.
    pub current: Option<CurrentToken>,
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

    /// Whether it can end a credential at the upstream.
    #[must_use]
    pub fn can_revoke(&self) -> bool {
        self.abilities.revoking.is_some()
    }

    /// Whether it can say whom the upstream takes a credential for.
    #[must_use]
    pub fn can_identify(&self) -> bool {
        self.abilities.identifying.is_some()
    }

    /// The kind and the setting of a call, or why the credential does not fit.
    pub(super) fn prepare(&self, input: &CredentialInput, context: CallContext) -> Result<(Kind, Setting), String> {
        let (kind, setting) = self.fitting(input, context)?;
        match missing(&kind, input) {
            Some(field) => Err(format!("the field `{field}` is missing")),
            None => Ok((kind, setting)),
        }
    }

    /// The same for a credential that is still being made: what is required may be missing.
    pub(super) fn fitting(&self, input: &CredentialInput, context: CallContext) -> Result<(Kind, Setting), String> {
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
            gathers: false,
        };
        Ok((kind, setting))
    }

    pub(super) fn misfit(&self, reason: String) -> ProviderFault {
        self.fault(Cause::Credential(reason), &Record::default())
    }

    pub(super) fn fault(&self, cause: Cause, record: &Record) -> ProviderFault {
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

/// The first required field that nobody filled.
fn missing<'a>(kind: &'a Kind, input: &CredentialInput) -> Option<&'a str> {
    let given = |name: &str| (name == "url" && input.url.is_some()) || input.fields.iter().any(|(given, _)| given == name);
    kind.fields
        .iter()
        .find(|field| field.required && !given(&field.name))
        .map(|field| field.name.as_str())
}

pub(super) fn notes(record: &Record) -> Notes {
    Notes {
        reveals: record.reveals(),
        incidents: record.incidents(),
    }
}

/// The credential as the guest gets it: public fields as text, secret ones as handles.
pub(super) fn credential(store: &mut Store<CallState>, kind: &Kind, input: CredentialInput) -> wasmtime::Result<Credential> {
    let mut fields = Vec::with_capacity(input.fields.len() + 3);
    for (name, value) in input.fields {
        let Some(field) = kind.field(&name) else { continue };
        let (value, only_at) = match value {
            Input::Text(text) if !field.secret => {
                fields.push((name, Value::Text(text)));
                continue;
            }
            Input::Text(text) => (Secret::new(text), None),
            Input::Secret(secret) => (secret, None),
            Input::Operator { value, instance } => (value, Some(instance)),
        };
        let held = HostSecret::field(&name, value, Class::of(kind, &name), only_at);
        fields.push((name, Value::Secret(store.data_mut().hold(held)?)));
    }
    if let Some(url) = input.url
        && !fields.iter().any(|(name, _)| name == "url")
    {
        fields.push(("url".to_owned(), Value::Text(url)));
    }
    if let Some(current) = input.current {
        let token = store.data_mut().hold(HostSecret::minted(current.token, current.expires_at_ms))?;
        fields.push((CURRENT_TOKEN.to_owned(), Value::Secret(token)));
        if let Some(at) = current.expires_at_ms {
            fields.push((CURRENT_TOKEN_EXPIRES.to_owned(), Value::Text(at.to_string())));
        }
    }
    Ok(Credential { kind: input.kind, fields })
}
