//! What an upstream gave anew although nothing was used up: Google answers another refresh token now and then, and the one before stays good.
//!
//! No journal: there is no moment in which only one copy of a grant exists. So what cannot be stored is only told; the next answer brings
//! another, or none is needed.

use super::tools::Tools;
use crate::ids::Generation;
use crate::records::{CredentialPatch, Material, RecordsError, sealing};
use crate::secret::Secret;

/// Stores what is not stored already; the generation that this led to, if it did.
pub(super) async fn store(tools: &Tools, material: &Material, renewed: &[(String, Secret)]) -> Option<Generation> {
    let credential = &material.credential;
    let new: Vec<_> = renewed
        .iter()
        .filter(|(field, value)| !is_stored(tools, material, field, value))
        .collect();
    if new.is_empty() {
        return None;
    }
    let next = credential.generation.next();
    let seal = |(field, value): &&(String, Secret)| sealing::seal_field(&tools.keyring, &credential.id, field, next, value);
    let patch = CredentialPatch {
        secrets: new.iter().map(seal).collect(),
        ..CredentialPatch::default()
    };
    match tools.records.update_credential(&credential.id, credential.generation, patch).await {
        Ok(stored) => Some(stored.generation),
        // Its owner changed it meanwhile, and what they stored is newer than this.
        Err(RecordsError::GenerationMoved { .. } | RecordsError::NotFound { .. }) => None,
        Err(error) => {
            tracing::warn!(credential.id = credential.id.as_str(), %error, "what an upstream gave anew was not stored; the one before goes on");
            None
        }
    }
}

/// The same text again must not raise the generation: every read would then mint.
fn is_stored(tools: &Tools, material: &Material, field: &str, value: &Secret) -> bool {
    let sealed = material.secrets.iter().find(|sealed| sealed.field == field);
    let stored = sealed.and_then(|sealed| sealing::open_field(&tools.keyring, &material.credential.id, sealed).ok());
    stored.is_some_and(|stored| tools.fingerprint(&stored) == tools.fingerprint(value))
}
