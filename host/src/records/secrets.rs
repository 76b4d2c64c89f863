//! Sealed fields and the current token of a credential. For the broker alone: whoever reads them still needs the keyring.

use super::database::{Transactional, Write};
use super::error::{Entity, RecordsError, Result};
use super::model::{Credential, SealedField, SealedToken};
use super::row::{Fields, each};
use super::{Records, credential_rows};
use crate::ids::{CredentialId, Generation};
use std::collections::BTreeSet;

/// Everything a flight needs of a credential, as it was at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Material {
    /// Its public side.
    pub credential: Credential,
    /// Its sealed fields.
    pub secrets: Vec<SealedField>,
    /// The current access token, for kinds that keep one.
    pub token: Option<SealedToken>,
}

impl Records {
    /// The credential with its sealed fields and its current token.
    ///
    /// # Errors
    /// [`RecordsError::NotFound`]
    pub async fn material(&self, id: &CredentialId) -> Result<Material> {
        let mut view = self.db.view().await?;
        let credential = credential_rows::get(&mut view, id).await?;
        let secrets = fields(&mut view, id).await?;
        let token = token(&mut view, id).await?;
        Ok(Material {
            credential,
            secrets,
            token,
        })
    }
}

async fn fields(tx: &mut Transactional, id: &CredentialId) -> Result<Vec<SealedField>> {
    let query = sqlx::query("SELECT field, envelope, generation FROM credential_secrets WHERE credential_id = $1 ORDER BY field");
    let rows = tx.all(query.bind(id.as_str())).await?;
    each(&rows, "credential_secrets", |row| {
        Ok(SealedField {
            field: row.text("field")?,
            envelope: row.text("envelope")?,
            generation: row.generation("generation")?,
        })
    })
}

async fn token(tx: &mut Transactional, id: &CredentialId) -> Result<Option<SealedToken>> {
    let query = sqlx::query("SELECT envelope, generation, minted_at_ms, expires_at_ms FROM credential_tokens WHERE credential_id = $1");
    let row = tx.optional(query.bind(id.as_str())).await?;
    row.map(|row| {
        let row = Fields {
            row: &row,
            table: "credential_tokens",
        };
        Ok(SealedToken {
            envelope: row.text("envelope")?,
            generation: row.generation("generation")?,
            minted_at_ms: row.int("minted_at_ms")?,
            expires_at_ms: row.maybe_int("expires_at_ms")?,
        })
    })
    .transpose()
}

/// What is about to be stored must be sealed for the generation it comes with, else it would never open again.
pub(super) fn check(fields: &[SealedField], token: Option<&SealedToken>, generation: Generation) -> Result<()> {
    if fields.iter().any(|field| field.generation != generation) || token.is_some_and(|token| token.generation != generation) {
        return Err(RecordsError::Inconsistent(
            "a secret is sealed for another generation than the one it is stored with",
        ));
    }
    let names: BTreeSet<_> = fields.iter().map(|field| &field.field).collect();
    if names.len() != fields.len() {
        return Err(RecordsError::Inconsistent("a secret field is given twice"));
    }
    Ok(())
}

/// Adds fields, or replaces those of the same names.
pub(super) async fn put_fields(write: &mut Write, id: &CredentialId, fields: &[SealedField]) -> Result<()> {
    for field in fields {
        let query = sqlx::query(
            "INSERT INTO credential_secrets (credential_id, field, envelope, generation) VALUES ($1, $2, $3, $4)
             ON CONFLICT (credential_id, field) DO UPDATE SET envelope = excluded.envelope, generation = excluded.generation",
        );
        let query = query
            .bind(id.as_str())
            .bind(field.field.as_str())
            .bind(field.envelope.as_str())
            .bind(field.generation.0);
        write.run(query).await?;
    }
    write.touch(Entity::Credential, id);
    Ok(())
}

/// Replaces the current token; `None` removes it.
pub(super) async fn put_token(write: &mut Write, id: &CredentialId, token: Option<&SealedToken>) -> Result<()> {
    write
        .run(sqlx::query("DELETE FROM credential_tokens WHERE credential_id = $1").bind(id.as_str()))
        .await?;
    let Some(token) = token else { return Ok(()) };
    let query = sqlx::query(
        "INSERT INTO credential_tokens (credential_id, envelope, generation, minted_at_ms, expires_at_ms) VALUES ($1, $2, $3, $4, $5)",
    );
    let query = query.bind(id.as_str()).bind(token.envelope.as_str()).bind(token.generation.0);
    write.run(query.bind(token.minted_at_ms).bind(token.expires_at_ms)).await?;
    Ok(())
}

pub(super) async fn clear_fields(write: &mut Write, id: &CredentialId) -> Result<()> {
    write
        .run(sqlx::query("DELETE FROM credential_secrets WHERE credential_id = $1").bind(id.as_str()))
        .await?;
    Ok(())
}
