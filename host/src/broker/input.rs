//! What a provider is given: the credential's fields, sealed ones opened, the operator's client where the credential has none, and what
//! is never stored, read anew.

use super::error::BrokerError;
use super::tools::Tools;
use crate::config::Instance;
use crate::egress::Address;
use crate::ids::ProviderName;
use crate::manifest::{Field, Kind};
use crate::records::model::Credential;
use crate::records::{Material, sealing};
use crate::runtime::{CredentialInput, Input};
use crate::seal::SealError;
use crate::secret::Secret;
use std::time::Duration;

/// A file that takes longer is on a disk that is not there, a network's as a rule.
const READ_WITHIN: Duration = Duration::from_secs(2);

/// Why a provider cannot be given what it needs.
#[derive(Debug, thiserror::Error)]
pub(super) enum InputError {
    /// A stored field does not open.
    #[error(transparent)]
    Sealed(#[from] SealError),
    /// A field that the operator configures does not read, or nobody configured it.
    #[error("{0}")]
    Source(String),
}

impl From<InputError> for BrokerError {
    fn from(error: InputError) -> Self {
        match error {
            // A key that is not in the keyring is the operator's to mend, and named as such.
            InputError::Sealed(error) => Self::Internal(format!("a stored secret does not open: {error}")),
            InputError::Source(reason) => Self::Misconfigured(reason),
        }
    }
}

/// The credential's fields, sealed ones opened. What the operator set for the instance fills what the credential has not.
pub(super) async fn of(tools: &Tools, material: &Material, kind: &Kind) -> Result<CredentialInput, InputError> {
    let credential = &material.credential;
    let mut fields: Vec<(String, Input)> = credential
        .fields
        .iter()
        .map(|(name, text)| (name.clone(), Input::Text(text.clone())))
        .collect();
    if let Some(email) = credential.email.as_ref().filter(|_| kind.field("email").is_some())
        && !credential.fields.contains_key("email")
    {
        fields.push(("email".to_owned(), Input::Text(email.clone())));
    }
    for sealed in material.secrets.iter().filter(|sealed| !is_configured(kind, &sealed.field)) {
        let value = sealing::open_field(&tools.keyring, &credential.id, sealed)?;
        fields.push((sealed.field.clone(), Input::Secret(value)));
    }
    for field in kind.fields.iter().filter(|field| field.configured) {
        if let Some(value) = configured(tools, credential, field).await? {
            fields.push((field.name.clone(), Input::Secret(value)));
        }
    }
    add_operators_client(tools, &credential.provider, credential.url.as_deref(), kind, &mut fields);
    Ok(CredentialInput {
        kind: credential.kind.clone(),
        fields,
        url: credential.url.clone(),
        current: None,
    })
}

/// What the operator's file for this very credential holds now.
async fn configured(tools: &Tools, credential: &Credential, field: &Field) -> Result<Option<Secret>, InputError> {
    let mut sources = tools.sources.iter();
    let own = sources.find(|source| source.credential == credential.id.as_str() && source.field == field.name);
    let Some(source) = own.cloned() else {
        let missing = format!(
            "the field `{}` is never stored, and no `[[source]]` of the configuration names credential `{}`; add one with the `file` to \
             read it from",
            field.name,
            credential.id.as_str()
        );
        return if field.required {
            Err(InputError::Source(missing))
        } else {
            Ok(None)
        };
    };
    let failed = |why: String| InputError::Source(format!("the file of the field `{}` gives nothing: {why}", field.name));
    match tokio::time::timeout(READ_WITHIN, tokio::task::spawn_blocking(move || source.read())).await {
        Ok(Ok(read)) => read.map(Some).map_err(|error| failed(error.to_string())),
        Ok(Err(_)) => Err(failed("reading it was cut short".to_owned())),
        Err(_) => Err(failed(format!("it was not read within {} s", READ_WITHIN.as_secs()))),
    }
}

fn is_configured(kind: &Kind, name: &str) -> bool {
    kind.field(name).is_some_and(|field| field.configured)
}

/// The operator's client for the instance, where the credential has none of its own.
pub(super) fn add_operators_client(
    tools: &Tools,
    provider: &ProviderName,
    url: Option<&str>,
    kind: &Kind,
    fields: &mut Vec<(String, Input)>,
) {
    let Some(instance) = operators_client(tools, provider, url) else {
        return;
    };
    // A pair belongs together: the credential's own wins whole.
    let own = fields
        .iter()
        .any(|(name, _)| matches!(name.as_str(), "client-id" | "client-secret"));
    let wanted = |name: &str| !own && kind.field(name).is_some();
    if let Some(id) = instance.client_id.clone().filter(|_| wanted("client-id")) {
        fields.push(("client-id".to_owned(), Input::Text(id)));
    }
    if let Some(value) = instance.client_secret.clone().filter(|_| wanted("client-secret")) {
        fields.push((
            "client-secret".to_owned(),
            Input::Operator {
                value,
                instance: instance.url.clone(),
            },
        ));
    }
}

fn operators_client<'a>(tools: &'a Tools, provider: &ProviderName, url: Option<&str>) -> Option<&'a Instance> {
    let manifest_default = || {
        let loaded = tools.catalog.get(provider.as_str()).ok()?;
        loaded.manifest().instance.clone()
    };
    let address = url.map(str::to_owned).or_else(manifest_default)?;
    tools.instances.iter().find(|instance| {
        instance.provider == provider.as_str() && Address::parse(&address).ok() == Address::parse(instance.url.as_str()).ok()
    })
}
