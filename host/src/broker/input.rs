//! What a provider is given: the credential's fields, sealed ones opened, and the operator's client where the credential has none.

use super::mint::Tools;
use crate::config::Instance;
use crate::egress::Address;
use crate::manifest::Kind;
use crate::records::model::Credential;
use crate::records::{Material, sealing};
use crate::runtime::{CredentialInput, Input};
use crate::seal::SealError;

/// The credential's fields, sealed ones opened. What the operator set for the instance fills what the credential has not.
pub(super) fn of(tools: &Tools, material: &Material, kind: &Kind) -> Result<CredentialInput, SealError> {
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
    for sealed in &material.secrets {
        let value = sealing::open_field(&tools.keyring, &credential.id, sealed)?;
        fields.push((sealed.field.clone(), Input::Secret(value)));
    }
    if let Some(instance) = operators_client(tools, credential) {
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
    Ok(CredentialInput {
        kind: credential.kind.clone(),
        fields,
        url: credential.url.clone(),
        current: None,
    })
}

fn operators_client<'a>(tools: &'a Tools, credential: &Credential) -> Option<&'a Instance> {
    let manifest_default = || {
        let provider = tools.catalog.get(credential.provider.as_str()).ok()?;
        provider.manifest().instance.clone()
    };
    let address = credential.url.clone().or_else(manifest_default)?;
    tools.instances.iter().find(|instance| {
        instance.provider == credential.provider.as_str() && Address::parse(&address).ok() == Address::parse(instance.url.as_str()).ok()
    })
}
