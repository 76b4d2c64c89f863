//! API keys: random bearers, of which only the hash is kept.

use super::Records;
use super::error::{Entity, RecordsError, Result};
use super::model::{ApiKey, StandsFor};
use super::row::{Fields, Stored, each};
use crate::clock::Millis;
use crate::ids::{ApiKeyId, Username};

/// A key to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewApiKey {
    /// For people.
    pub name: String,
    /// Whose it is.
    pub creator: Username,
    /// What the bearer stands for.
    pub stands_for: StandsFor,
    /// SHA-256 of the bearer, hex.
    pub hash: String,
    /// When it ends.
    pub expires_at_ms: Option<Millis>,
    /// What it may be used for; `None` is all that its person may.
    pub scopes: Option<Vec<String>>,
}

macro_rules! columns {
    () => {
        "id, name, creator, stands_for, hash, created_at_ms, expires_at_ms, revoked_at_ms, scopes, last_used_at_ms"
    };
}

pub(super) const ALL: &str = concat!("SELECT ", columns!(), " FROM api_keys ORDER BY id");
pub(super) const BY_ID: &str = concat!("SELECT ", columns!(), " FROM api_keys WHERE id = $1");
const BY_HASH: &str = concat!("SELECT ", columns!(), " FROM api_keys WHERE hash = $1");

pub(super) fn read(row: &Fields<'_>) -> Result<ApiKey> {
    Ok(ApiKey {
        id: row.id("id")?,
        name: row.text("name")?,
        creator: row.id("creator")?,
        stands_for: row.word("stands_for")?,
        hash: row.text("hash")?,
        created_at_ms: row.int("created_at_ms")?,
        expires_at_ms: row.maybe_int("expires_at_ms")?,
        revoked_at_ms: row.maybe_int("revoked_at_ms")?,
        scopes: row.maybe_json("scopes")?,
        last_used_at_ms: row.maybe_int("last_used_at_ms")?,
    })
}

impl Records {
    /// Keeps a key.
    ///
    /// # Errors
    /// [`RecordsError::Duplicate`] if a key of this hash is kept already.
    pub async fn create_api_key(&self, new: NewApiKey) -> Result<ApiKey> {
        let mut write = self.db.write().await?;
        if let Some(row) = write.optional(sqlx::query(BY_HASH).bind(new.hash.as_str())).await? {
            let existing = read(&Fields {
                row: &row,
                table: "api_keys",
            })?
            .id
            .into();
            return Err(RecordsError::Duplicate {
                entity: Entity::ApiKey,
                existing,
            });
        }
        let key = ApiKey {
            id: ApiKeyId::make(&*self.clock),
            name: new.name,
            creator: new.creator,
            stands_for: new.stands_for,
            hash: new.hash,
            created_at_ms: self.now_ms(),
            expires_at_ms: new.expires_at_ms,
            revoked_at_ms: None,
            scopes: new.scopes,
            last_used_at_ms: None,
        };
        // A list of texts always serialises.
        let scopes = key
            .scopes
            .as_ref()
            .map(|scopes| serde_json::Value::from(scopes.clone()).to_string());
        let insert = sqlx::query(
            "INSERT INTO api_keys (id, name, creator, stands_for, hash, created_at_ms, expires_at_ms, scopes)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        );
        let insert = insert
            .bind(key.id.as_str())
            .bind(key.name.as_str())
            .bind(key.creator.as_str())
            .bind(key.stands_for.word());
        write
            .run(
                insert
                    .bind(key.hash.as_str())
                    .bind(key.created_at_ms)
                    .bind(key.expires_at_ms)
                    .bind(scopes),
            )
            .await?;
        write.touch(Entity::ApiKey, &key.id);
        write.commit().await?;
        Ok(key)
    }

    /// The key of this hash, be it expired or revoked: whether it still counts is the caller's to tell, with a reason.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn api_key_by_hash(&self, hash: &str) -> Result<Option<ApiKey>> {
        let row = self.db.optional(sqlx::query(BY_HASH).bind(hash)).await?;
        row.map(|row| {
            read(&Fields {
                row: &row,
                table: "api_keys",
            })
        })
        .transpose()
    }

    /// All keys, oldest first.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn api_keys(&self) -> Result<Vec<ApiKey>> {
        each(&self.db.all(sqlx::query(ALL)).await?, "api_keys", read)
    }

    /// Notes when keys were last used. It is no change that anybody has to follow, and an earlier use than the one that is known is none.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn note_api_key_uses(&self, uses: &[(ApiKeyId, Millis)]) -> Result<()> {
        if uses.is_empty() {
            return Ok(());
        }
        let mut write = self.db.write().await?;
        for (id, at_ms) in uses {
            let update =
                sqlx::query("UPDATE api_keys SET last_used_at_ms = $2 WHERE id = $1 AND (last_used_at_ms IS NULL OR last_used_at_ms < $2)");
            write.run(update.bind(id.as_str()).bind(*at_ms)).await?;
        }
        write.commit().await
    }

    /// Revokes a key. Revoking it again leaves the first time.
    ///
    /// # Errors
    /// [`RecordsError::NotFound`]
    pub async fn revoke_api_key(&self, id: &ApiKeyId) -> Result<ApiKey> {
        let mut write = self.db.write().await?;
        let update = sqlx::query("UPDATE api_keys SET revoked_at_ms = $2 WHERE id = $1 AND revoked_at_ms IS NULL");
        write.run(update.bind(id.as_str()).bind(self.now_ms())).await?;
        let row = write.one(sqlx::query(BY_ID).bind(id.as_str()), Entity::ApiKey, id.as_str()).await?;
        write.touch(Entity::ApiKey, id);
        write.commit().await?;
        read(&Fields {
            row: &row,
            table: "api_keys",
        })
    }
}
