//! The seals of what is stored: which place a sealed value belongs to. A value that is moved to another record, field or generation
//! does not open.

use super::model::{SealedField, SealedToken};
use crate::clock::Millis;
use crate::ids::{ConsentId, CredentialId, Generation};
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

fn consent_place<'a>(id: &'a ConsentId, field: &'a str) -> Aad<'a> {
    Aad {
        table: "consent_secrets",
        record: id.as_str(),
        field,
        generation: Generation::FIRST,
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

/// Seals what a consent keeps while it is under way: the verifier, the code, what the exchange brought.
#[must_use]
pub fn seal_of_consent(keyring: &Keyring, id: &ConsentId, field: &str, value: &Secret) -> (String, String) {
    (field.to_owned(), keyring.seal(Purpose::Records, &consent_place(id, field), value))
}

/// Opens what a consent keeps.
///
/// # Errors
/// As [`open_field`].
pub fn open_of_consent(keyring: &Keyring, id: &ConsentId, field: &str, envelope: &str) -> Result<Secret, SealError> {
    keyring.open(Purpose::Records, &consent_place(id, field), envelope)
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
