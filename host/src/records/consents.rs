//! People on the way to connect an account: started by somebody, brought back by a browser, completed by whoever started it.
//!
//! Each step is a compare-and-swap on the stage, so that of two requests one makes it. Nothing here follows the change sequence: no read of a token
//! depends on it.

use super::Records;
use super::database::Write;
use super::error::{Entity, RecordsError, Result};
use super::model::{Consent, ConsentStage};
use super::row::{Fields, Stored, each};
use crate::clock::Millis;
use crate::ids::{ConsentId, ProviderName, Username};
use std::collections::BTreeMap;

/// So many may be under way for one person; the oldest gives way. A page that starts one at every click must not fill the table.
const PER_PERSON: i64 = 8;

/// So many wrong codes end a consent. The code has 34 bits, so five guesses find it once in five thousand million times.
const MISSES: i64 = 5;

/// A consent to be started.
#[derive(Debug, Clone)]
pub struct NewConsent {
    /// [`ConsentId::make`]: what it keeps is sealed with it.
    pub id: ConsentId,
    /// SHA-256 of the state that the browser will carry, in hexadecimal.
    pub state_hash: String,
    /// Who starts it.
    pub username: Username,
    /// At which provider.
    pub provider: ProviderName,
    /// Which kind the credential will have.
    pub kind: String,
    /// At which instance.
    pub url: Option<String>,
    /// Public fields that the credential will have.
    pub fields: BTreeMap<String, String>,
    /// Where the browser comes back to.
    pub redirect_uri: String,
    /// What it keeps, sealed: name and envelope.
    pub secrets: Vec<(String, String)>,
    /// When it ends.
    pub expires_at_ms: Millis,
}

/// A step from one stage to the next.
#[derive(Debug, Clone, Default)]
pub struct Step {
    /// What it keeps from now on beside what it kept, sealed.
    pub secrets: Vec<(String, String)>,
    /// The accounts to choose from.
    pub accounts: Vec<(String, BTreeMap<String, String>)>,
    /// When the first token ends.
    pub token_expires_at_ms: Option<Millis>,
}

macro_rules! columns {
    () => {
        "id, username, provider, kind, url, fields, redirect_uri, stage, accounts, token_expires_at_ms, created_at_ms, expires_at_ms"
    };
}

const BY_ID: &str = concat!("SELECT ", columns!(), " FROM consents WHERE id = $1 AND expires_at_ms > $2");
const BY_STATE: &str = concat!("SELECT ", columns!(), " FROM consents WHERE state_hash = $1 AND expires_at_ms > $2");

fn read(row: &Fields<'_>) -> Result<Consent> {
    Ok(Consent {
        id: row.id("id")?,
        username: row.id("username")?,
        provider: row.id("provider")?,
        kind: row.text("kind")?,
        url: row.maybe_text("url")?,
        fields: row.json("fields")?,
        redirect_uri: row.text("redirect_uri")?,
        stage: row.word("stage")?,
        accounts: row.json("accounts")?,
        token_expires_at_ms: row.maybe_int("token_expires_at_ms")?,
        created_at_ms: row.int("created_at_ms")?,
        expires_at_ms: row.int("expires_at_ms")?,
    })
}

fn gone(id: &str) -> RecordsError {
    RecordsError::NotFound {
        entity: Entity::Consent,
        id: id.to_owned(),
    }
}

fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|_| RecordsError::Inconsistent("a consent's fields cannot be written"))
}

impl Records {
    /// Starts a consent. Those that are over are swept, and the person's oldest gives way to the ninth.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn start_consent(&self, new: NewConsent) -> Result<()> {
        let now = self.now_ms();
        let mut write = self.db.write().await?;
        forget(&mut write, sqlx::query(OVER).bind(now)).await?;
        let oldest = sqlx::query(OLDEST).bind(new.username.as_str()).bind(PER_PERSON - 1);
        forget(&mut write, oldest).await?;
        let insert = sqlx::query(
            "INSERT INTO consents (id, state_hash, username, provider, kind, url, fields, redirect_uri, stage, accounts, misses, created_at_ms, expires_at_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '[]', 0, $10, $11)",
        );
        let insert = insert
            .bind(new.id.as_str())
            .bind(new.state_hash)
            .bind(new.username.as_str())
            .bind(new.provider.as_str())
            .bind(new.kind)
            .bind(new.url)
            .bind(json(&new.fields)?)
            .bind(new.redirect_uri)
            .bind(ConsentStage::Started.word())
            .bind(now);
        write.run(insert.bind(new.expires_at_ms)).await?;
        keep(&mut write, &new.id, new.secrets).await?;
        write.commit().await
    }

    /// The consent that a browser came back for.
    ///
    /// # Errors
    /// [`RecordsError::NotFound`]: unknown, or over.
    pub async fn consent_of_state(&self, state_hash: &str) -> Result<Consent> {
        let query = sqlx::query(BY_STATE).bind(state_hash.to_owned()).bind(self.now_ms());
        self.consent_by(query, "that").await
    }

    /// One consent.
    ///
    /// # Errors
    /// [`RecordsError::NotFound`]: unknown, or over.
    pub async fn consent(&self, id: &ConsentId) -> Result<Consent> {
        let query = sqlx::query(BY_ID).bind(id.as_str()).bind(self.now_ms());
        self.consent_by(query, id.as_str()).await
    }

    async fn consent_by(&self, query: super::database::Query, id: &str) -> Result<Consent> {
        let row = self.db.optional(query).await?.ok_or_else(|| gone(id))?;
        read(&Fields {
            row: &row,
            table: "consents",
        })
    }

    /// What a consent keeps, sealed.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn consent_secrets(&self, id: &ConsentId) -> Result<BTreeMap<String, String>> {
        let query = sqlx::query("SELECT field, envelope FROM consent_secrets WHERE consent_id = $1").bind(id.as_str());
        let rows = self.db.all(query).await?;
        let pairs = each(&rows, "consent_secrets", |row| Ok((row.text("field")?, row.text("envelope")?)))?;
        Ok(pairs.into_iter().collect())
    }

    /// Makes a step. Answers whether this call made it: if not, another did, or the consent is over.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn step_consent(&self, id: &ConsentId, from: ConsentStage, to: ConsentStage, step: Step) -> Result<bool> {
        let mut write = self.db.write().await?;
        let update = sqlx::query(
            "UPDATE consents SET stage = $1, accounts = $2, token_expires_at_ms = $3 WHERE id = $4 AND stage = $5 AND expires_at_ms > $6",
        );
        let update = update
            .bind(to.word())
            .bind(json(&step.accounts)?)
            .bind(step.token_expires_at_ms)
            .bind(id.as_str())
            .bind(from.word());
        if write.run(update.bind(self.now_ms())).await? == 0 {
            return Ok(false);
        }
        keep(&mut write, id, step.secrets).await?;
        write.commit().await?;
        Ok(true)
    }

    /// Counts a wrong code; the fifth ends the consent.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn miss_consent(&self, id: &ConsentId) -> Result<()> {
        let mut write = self.db.write().await?;
        write
            .run(sqlx::query("UPDATE consents SET misses = misses + 1 WHERE id = $1").bind(id.as_str()))
            .await?;
        let over = sqlx::query("SELECT id FROM consents WHERE id = $1 AND misses >= $2");
        forget(&mut write, over.bind(id.as_str()).bind(MISSES)).await?;
        write.commit().await
    }

    /// Ends a consent, with all that it kept. Answers whether this call ended it.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn end_consent(&self, id: &ConsentId) -> Result<bool> {
        let mut write = self.db.write().await?;
        let ended = forget(&mut write, sqlx::query("SELECT id FROM consents WHERE id = $1").bind(id.as_str())).await?;
        write.commit().await?;
        Ok(ended > 0)
    }
}

const OVER: &str = "SELECT id FROM consents WHERE expires_at_ms <= $1";
const OLDEST: &str = "SELECT id FROM consents WHERE username = $1 ORDER BY created_at_ms DESC, id DESC LIMIT 1000000 OFFSET $2";

/// Deletes the consents that a query selects, secrets first.
async fn forget(write: &mut Write, select: super::database::Query) -> Result<usize> {
    let rows = write.all(select).await?;
    for row in &rows {
        let id = super::database::text(row, "consents", "id")?;
        for statement in [
            "DELETE FROM consent_secrets WHERE consent_id = $1",
            "DELETE FROM consents WHERE id = $1",
        ] {
            write.run(sqlx::query(statement).bind(id.clone())).await?;
        }
    }
    Ok(rows.len())
}

async fn keep(write: &mut Write, id: &ConsentId, secrets: Vec<(String, String)>) -> Result<()> {
    for (field, envelope) in secrets {
        let insert = sqlx::query("INSERT INTO consent_secrets (consent_id, field, envelope) VALUES ($1, $2, $3)");
        write.run(insert.bind(id.as_str()).bind(field).bind(envelope)).await?;
    }
    Ok(())
}
