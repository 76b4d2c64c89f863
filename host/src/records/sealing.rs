//! The seals of what is stored: which place a sealed value belongs to. A value that is moved to another record, field or generation
//! does not open.

use super::model::{SealedField, SealedToken};
use crate::clock::Millis;
use crate::ids::{CredentialId, Generation};
use crate::seal::{Aad, Keyring, Purpose, SealError};
use crate::secret::Secret;

fn field_place<'a>(id: &'a CredentialId, field: &'a str, generation: Generation) -> Aad<'a> {
    Aad {
        table: "credential_secrets",
        record: id.as_str(),
        field,
        generation,
    }
}

fn token_place(id: &CredentialId, generation: Generation) -> Aad<'_> {
    Aad {
        table: "credential_tokens",
        record: id.as_str(),
        field: "token",
        generation,
    }
}

/// Seals a secret field for a generation.
#[must_use]
pub fn seal_field(keyring: &Keyring, id: &CredentialId, field: &str, generation: Generation, value: &Secret) -> SealedField {
    let envelope = keyring.seal(Purpose::Records, &field_place(id, field, generation), value);
    SealedField {
        field: field.to_owned(),
        envelope,
        generation,
    }
}

/// Opens a secret field.
///
/// # Errors
/// If its key is not in the keyring, or it does not belong here.
pub fn open_field(keyring: &Keyring, id: &CredentialId, sealed: &SealedField) -> Result<Secret, SealError> {
    keyring.open(
        Purpose::Records,
        &field_place(id, &sealed.field, sealed.generation),
        &sealed.envelope,
    )
}

/// Seals the current token of a rotating kind.
#[must_use]
pub fn seal_token(
    keyring: &Keyring,
    id: &CredentialId,
    generation: Generation,
    token: &Secret,
    minted_at_ms: Millis,
    expires_at_ms: Option<Millis>,
) -> SealedToken {
    let envelope = keyring.seal(Purpose::Records, &token_place(id, generation), token);
    SealedToken {
        envelope,
        generation,
        minted_at_ms,
        expires_at_ms,
    }
}

/// Opens the current token.
///
/// # Errors
/// As [`open_field`].
pub fn open_token(keyring: &Keyring, id: &CredentialId, sealed: &SealedToken) -> Result<Secret, SealError> {
    keyring.open(Purpose::Records, &token_place(id, sealed.generation), &sealed.envelope)
}
