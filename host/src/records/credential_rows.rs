//! Credentials' rows: read, inserted, stored.

use super::database::{Query, Transactional, Write};
use super::error::{Entity, RecordsError, Result};
use super::model::{Credential, CredentialState};
use super::row::{Fields, Stored};
use crate::clock::Millis;
use crate::ids::{CredentialId, Generation, Username};

macro_rules! columns {
    () => {
        "id, name, description, provider, kind, url, email, labels, annotations, fields, connected_to, generation, state, created_at_ms, updated_at_ms,
         (SELECT COUNT(*) FROM credential_secrets s WHERE s.credential_id = credentials.id) AS secrets"
    };
}

pub(super) const ALL: &str = concat!("SELECT ", columns!(), " FROM credentials ORDER BY id");
pub(super) const BY_ID: &str = concat!("SELECT ", columns!(), " FROM credentials WHERE id = $1");

pub(super) fn read(row: &Fields<'_>) -> Result<Credential> {
    Ok(Credential {
        id: row.id("id")?,
        name: row.text("name")?,
        description: row.maybe_text("description")?,
        provider: row.id("provider")?,
        kind: row.text("kind")?,
        url: row.maybe_text("url")?,
        email: row.maybe_text("email")?,
        labels: row.maybe_text("labels")?,
        annotations: row.maybe_text("annotations")?,
        fields: row.json("fields")?,
        connected_to: row.maybe_id("connected_to")?,
        generation: row.generation("generation")?,
        state: match row.word("state")? {
            CredentialState::Usable if row.int("secrets")? == 0 => CredentialState::Empty,
            state => state,
        },
        created_at_ms: row.int("created_at_ms")?,
        updated_at_ms: row.int("updated_at_ms")?,
    })
}

/// Inside a transaction.
pub(super) async fn get(tx: &mut Transactional, id: &CredentialId) -> Result<Credential> {
    let row = tx
        .one(sqlx::query(BY_ID).bind(id.as_str()), Entity::Credential, id.as_str())
        .await?;
    read(&Fields {
        row: &row,
        table: "credentials",
    })
}

/// Sets the state if the generation has not moved.
pub(super) async fn set_state(
    write: &mut Write,
    id: &CredentialId,
    generation: Generation,
    state: CredentialState,
    now: Millis,
) -> Result<bool> {
    let query = sqlx::query("UPDATE credentials SET state = $3, updated_at_ms = $4 WHERE id = $1 AND generation = $2");
    let changed = write
        .run(query.bind(id.as_str()).bind(generation.0).bind(state.word()).bind(now))
        .await?
        > 0;
    if changed {
        write.touch(Entity::Credential, id);
    }
    Ok(changed)
}

pub(super) async fn insert(write: &mut Write, credential: &Credential) -> Result<()> {
    let query = sqlx::query(
        "INSERT INTO credentials (id, name, description, provider, kind, url, email, labels, annotations, fields, generation, state, updated_at_ms,
                                  connected_to, created_at_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
    );
    let query = bind(query, credential)?;
    write
        .run(
            query
                .bind(credential.connected_to.as_ref().map(Username::as_str))
                .bind(credential.created_at_ms),
        )
        .await?;
    Ok(())
}

pub(super) async fn store(write: &mut Write, credential: &Credential) -> Result<()> {
    let query = sqlx::query(
        "UPDATE credentials SET name = $2, description = $3, provider = $4, kind = $5, url = $6, email = $7, labels = $8, annotations = $9,
                fields = $10, generation = $11, state = $12, updated_at_ms = $13
         WHERE id = $1",
    );
    let query = bind(query, credential)?;
    write.run(query).await?;
    write.touch(Entity::Credential, &credential.id);
    Ok(())
}

/// `$1` to `$13` of both statements above.
fn bind(query: Query, credential: &Credential) -> Result<Query> {
    let fields = serde_json::to_string(&credential.fields).map_err(|_| RecordsError::Inconsistent("the public fields do not serialise"))?;
    let query = query
        .bind(credential.id.as_str())
        .bind(credential.name.as_str())
        .bind(credential.description.as_deref());
    let query = query
        .bind(credential.provider.as_str())
        .bind(credential.kind.as_str())
        .bind(credential.url.as_deref());
    let query = query
        .bind(credential.email.as_deref())
        .bind(credential.labels.as_deref())
        .bind(credential.annotations.as_deref());
    Ok(query
        .bind(fields)
        .bind(credential.generation.0)
        .bind(credential.state.word())
        .bind(credential.updated_at_ms))
}
