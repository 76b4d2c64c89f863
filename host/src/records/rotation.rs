//! The rotation journal: "about to spend the secrets of generation n", durable before they are sent, and what became of it.
//!
//! An entry stays open until it is settled. One open entry per credential is possible, across all replicas. If the process dies in between,
//! nobody knows whether the secret was spent: at the next start the credential becomes *indeterminate* rather than being tried
//! again, for a spent secret sent twice makes some upstreams revoke the whole grant.

use super::database::{Transactional, Write};
use super::error::{RecordsError, Result};
use super::model::{CredentialState, SealedField, SealedToken};
use super::row::{Fields, Stored, each};
use super::{Records, credential_rows, secrets};
use crate::clock::{Millis, fill_random};
use crate::ids::{CredentialId, Generation};

/// Which attempt with the secrets of one generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// They have not been sent yet, as far as anyone knows.
    First,
    /// They were sent once and not answered, and the manifest says that sending them once more is safe for a while.
    Retry,
}

/// How an attempt ended that brought no new secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It never left: the secrets are unspent.
    NotSent,
    /// The upstream answered, and did not rotate.
    Refused {
        /// The HTTP status.
        status: u16,
    },
    /// It was sent and no answer came.
    Unanswered,
}

/// An entry of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotationEntry {
    /// Its id, random.
    pub id: String,
    /// The credential.
    pub credential_id: CredentialId,
    /// Whose secrets are spent.
    pub generation: Generation,
    /// Which attempt.
    pub attempt: Attempt,
    /// Which replica announced it.
    pub holder: String,
    /// When.
    pub begun_at_ms: Millis,
    /// When it was settled.
    pub settled_at_ms: Option<Millis>,
}

/// What an upstream gave for the spent secrets.
#[derive(Debug, Clone)]
pub struct Rotated {
    /// The new secret fields, sealed for the next generation. Fields that do not rotate keep theirs.
    pub secrets: Vec<SealedField>,
    /// The new access token, sealed for the next generation.
    pub token: Option<SealedToken>,
}

impl Stored for Attempt {
    const WORDS: &'static [(Self, &'static str)] = &[(Self::First, "first"), (Self::Retry, "retry")];
}

macro_rules! columns {
    () => {
        "id, credential_id, generation, attempt, holder, begun_at_ms, settled_at_ms"
    };
}

const OPEN: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM rotation_journal WHERE settled_at_ms IS NULL ORDER BY begun_at_ms, id"
);
const OPEN_OF: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM rotation_journal WHERE credential_id = $1 AND settled_at_ms IS NULL"
);
const LAST_UNANSWERED: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM rotation_journal WHERE credential_id = $1 AND generation = $2 AND outcome = 'unanswered' ORDER BY begun_at_ms DESC, id DESC LIMIT 1"
);

fn read(row: &Fields<'_>) -> Result<RotationEntry> {
    Ok(RotationEntry {
        id: row.text("id")?,
        credential_id: row.id("credential_id")?,
        generation: row.generation("generation")?,
        attempt: row.word("attempt")?,
        holder: row.text("holder")?,
        begun_at_ms: row.int("begun_at_ms")?,
        settled_at_ms: row.maybe_int("settled_at_ms")?,
    })
}

impl Records {
    /// Announces, durably, that the secrets of `generation` are about to be sent. `holder` names this replica.
    ///
    /// # Errors
    /// [`RecordsError::RotationOpen`] if another flight has announced it; [`RecordsError::GenerationMoved`] if a sibling has won;
    /// [`RecordsError::NotUsable`] if the state forbids it, which for [`Attempt::Retry`] includes a second retry.
    pub async fn begin_rotation(&self, id: &CredentialId, generation: Generation, attempt: Attempt, holder: &str) -> Result<RotationEntry> {
        let mut write = self.db.write().await?;
        let credential = credential_rows::get(&mut write, id).await?;
        if credential.generation != generation {
            return Err(RecordsError::GenerationMoved {
                current: credential.generation,
            });
        }
        if let Some(row) = write.optional(sqlx::query(OPEN_OF).bind(id.as_str())).await? {
            let open = read(&Fields {
                row: &row,
                table: "rotation_journal",
            })?;
            return Err(RecordsError::RotationOpen { entry: open.id });
        }
        let allowed = match attempt {
            Attempt::First => credential.state == CredentialState::Usable,
            Attempt::Retry => credential.state == CredentialState::Indeterminate && unanswered(&mut write, id, generation).await? == 1,
        };
        if !allowed {
            return Err(RecordsError::NotUsable { state: credential.state });
        }
        let mut random = [0; 16];
        fill_random(&mut random);
        let entry = RotationEntry {
            id: hex::encode(random),
            credential_id: id.clone(),
            generation,
            attempt,
            holder: holder.to_owned(),
            begun_at_ms: self.now_ms(),
            settled_at_ms: None,
        };
        let insert = sqlx::query(
            "INSERT INTO rotation_journal (id, credential_id, generation, attempt, holder, begun_at_ms) VALUES ($1, $2, $3, $4, $5, $6)",
        );
        let insert = insert
            .bind(entry.id.as_str())
            .bind(id.as_str())
            .bind(generation.0)
            .bind(attempt.word());
        write.run(insert.bind(holder).bind(entry.begun_at_ms)).await?;
        write.commit().await?;
        Ok(entry)
    }

    /// Stores what came back, in one transaction: new secrets, new token, new generation, journal. Answers the new generation. Once
    /// this returns, and not before, the token may be shown to anyone.
    ///
    /// # Errors
    /// [`RecordsError::GenerationMoved`] if somebody put in other secrets meanwhile: theirs stay, and the journal notes it.
    pub async fn commit_rotation(&self, entry: &RotationEntry, rotated: &Rotated) -> Result<Generation> {
        let next = entry.generation.next();
        secrets::check(&rotated.secrets, rotated.token.as_ref(), next)?;
        let id = &entry.credential_id;
        let now = self.now_ms();
        let mut write = self.db.write().await?;
        let query =
            sqlx::query("UPDATE credentials SET generation = $3, state = 'usable', updated_at_ms = $4 WHERE id = $1 AND generation = $2");
        let won = write
            .run(query.bind(id.as_str()).bind(entry.generation.0).bind(next.0).bind(now))
            .await?
            == 1;
        if !won {
            let current = credential_rows::get(&mut write, id).await?.generation;
            settle(&mut write, entry, "superseded", None, now).await?;
            write.commit().await?;
            return Err(RecordsError::GenerationMoved { current });
        }
        secrets::put_fields(&mut write, id, &rotated.secrets).await?;
        secrets::put_token(&mut write, id, rotated.token.as_ref()).await?;
        settle(&mut write, entry, "committed", None, now).await?;
        write.commit().await?;
        Ok(next)
    }

    /// Notes how an attempt ended that brought nothing. [`Outcome::Unanswered`] makes the credential indeterminate, unless its secrets are
    /// others by now.
    ///
    /// # Errors
    /// [`RecordsError::AlreadySettled`]
    pub async fn settle_rotation(&self, entry: &RotationEntry, outcome: Outcome) -> Result<()> {
        let now = self.now_ms();
        let mut write = self.db.write().await?;
        let (word, status) = match outcome {
            Outcome::NotSent => ("not-sent", None),
            Outcome::Refused { status } => ("refused", Some(i64::from(status))),
            Outcome::Unanswered => ("unanswered", None),
        };
        settle(&mut write, entry, word, status, now).await?;
        if outcome == Outcome::Unanswered {
            credential_rows::set_state(
                &mut write,
                &entry.credential_id,
                entry.generation,
                CredentialState::Indeterminate,
                now,
            )
            .await?;
        }
        write.commit().await
    }

    /// Entries that were announced and not settled.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn open_rotations(&self) -> Result<Vec<RotationEntry>> {
        each(&self.db.all(sqlx::query(OPEN)).await?, "rotation_journal", read)
    }

    /// Settles, as unanswered, the open entries of this `holder`, which died before it could, and those of anyone that were announced
    /// before `abandoned_before_ms`, longer ago than any flight lasts. To be called at start, before the first flight.
    ///
    /// # Errors
    /// If the database cannot be written; nothing is settled then.
    pub async fn resume_rotations(&self, holder: &str, abandoned_before_ms: Millis) -> Result<Vec<RotationEntry>> {
        let now = self.now_ms();
        let mut write = self.db.write().await?;
        let mut open = each(&write.all(sqlx::query(OPEN)).await?, "rotation_journal", read)?;
        open.retain(|entry| entry.holder == holder || entry.begun_at_ms < abandoned_before_ms);
        for entry in &open {
            settle(&mut write, entry, "unanswered", None, now).await?;
            credential_rows::set_state(
                &mut write,
                &entry.credential_id,
                entry.generation,
                CredentialState::Indeterminate,
                now,
            )
            .await?;
        }
        write.commit().await?;
        Ok(open)
    }

    /// The attempt that left these secrets in doubt, if there is one: a retry is safe only within the manifest's grace after it.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn last_unanswered(&self, id: &CredentialId, generation: Generation) -> Result<Option<RotationEntry>> {
        let row = self
            .db
            .optional(sqlx::query(LAST_UNANSWERED).bind(id.as_str()).bind(generation.0))
            .await?;
        row.map(|row| {
            read(&Fields {
                row: &row,
                table: "rotation_journal",
            })
        })
        .transpose()
    }
}

/// Refuses a change that would make a rotation under way lose.
///
/// # Errors
/// [`RecordsError::RotationOpen`]
pub(super) async fn refuse_while_open(tx: &mut Transactional, id: &CredentialId) -> Result<()> {
    match tx.optional(sqlx::query(OPEN_OF).bind(id.as_str())).await? {
        None => Ok(()),
        Some(row) => Err(RecordsError::RotationOpen {
            entry: read(&Fields {
                row: &row,
                table: "rotation_journal",
            })?
            .id,
        }),
    }
}

async fn unanswered(tx: &mut Transactional, id: &CredentialId, generation: Generation) -> Result<i64> {
    let query =
        sqlx::query("SELECT COUNT(*) AS n FROM rotation_journal WHERE credential_id = $1 AND generation = $2 AND outcome = 'unanswered'");
    tx.count(query.bind(id.as_str()).bind(generation.0)).await
}

async fn settle(write: &mut Write, entry: &RotationEntry, outcome: &'static str, status: Option<i64>, now: Millis) -> Result<()> {
    let query =
        sqlx::query("UPDATE rotation_journal SET settled_at_ms = $2, outcome = $3, status = $4 WHERE id = $1 AND settled_at_ms IS NULL");
    let settled = write
        .run(query.bind(entry.id.as_str()).bind(now).bind(outcome).bind(status))
        .await?;
    if settled == 1 { Ok(()) } else { Err(RecordsError::AlreadySettled) }
}
