//! Turns: one message being answered, for one person. Opened by a trusted proxy, closed by it or by time.

use super::database::{Write, text};
use super::error::{Entity, RecordsError, Result};
use super::model::Turn;
use super::row::{Fields, each};
use super::{Records, session_life, sessions};
use crate::clock::Millis;
use crate::ids::{RunId, SessionId, TurnId, Username};

/// A turn to be opened. Its project is its session's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTurn {
    /// The session, which must be live.
    pub session_id: SessionId,
    /// The run, as the proxy names it.
    pub run_id: RunId,
    /// Who sent the message.
    pub user: Username,
    /// When it ends at the latest.
    pub expires_at_ms: Millis,
}

macro_rules! columns {
    () => {
        "id, project_id, session_id, run_id, username, opened_at_ms, expires_at_ms"
    };
}

pub(super) const ALL: &str = concat!("SELECT ", columns!(), " FROM turns ORDER BY opened_at_ms, id");
pub(super) const BY_ID: &str = concat!("SELECT ", columns!(), " FROM turns WHERE id = $1");
const OPEN: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM turns WHERE expires_at_ms > $1 ORDER BY opened_at_ms, id"
);

pub(super) fn read(row: &Fields<'_>) -> Result<Turn> {
    Ok(Turn {
        id: row.id("id")?,
        project_id: row.id("project_id")?,
        session_id: row.id("session_id")?,
        run_id: row.id("run_id")?,
        user: row.id("username")?,
        opened_at_ms: row.int("opened_at_ms")?,
        expires_at_ms: row.int("expires_at_ms")?,
    })
}

impl Records {
    /// Opens a turn in a live session.
    ///
    /// # Errors
    /// [`RecordsError::WrongPhase`] if the session is not live; [`RecordsError::NotFound`]; [`RecordsError::Inconsistent`] if it would end
    /// before it begins.
    pub async fn open_turn(&self, new: NewTurn) -> Result<Turn> {
        let now = self.now_ms();
        if new.expires_at_ms <= now {
            return Err(RecordsError::Inconsistent("a turn must end after it begins"));
        }
        let mut write = self.db.write().await?;
        let session = sessions::get(&mut write, &new.session_id).await?;
        if !session_life::is_live(session.phase) {
            return Err(RecordsError::WrongPhase { current: session.phase });
        }
        session_life::join(&mut write, &session, &new.user).await?;
        let turn = Turn {
            id: TurnId::make(&*self.clock),
            project_id: session.project_id,
            session_id: new.session_id,
            run_id: new.run_id,
            user: new.user,
            opened_at_ms: now,
            expires_at_ms: new.expires_at_ms,
        };
        let insert = sqlx::query(
            "INSERT INTO turns (id, project_id, session_id, run_id, username, opened_at_ms, expires_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        );
        let insert = insert
            .bind(turn.id.as_str())
            .bind(turn.project_id.as_str())
            .bind(turn.session_id.as_str())
            .bind(turn.run_id.as_str());
        write
            .run(insert.bind(turn.user.as_str()).bind(turn.opened_at_ms).bind(turn.expires_at_ms))
            .await?;
        write.touch(Entity::Turn, &turn.id);
        write.commit().await?;
        Ok(turn)
    }

    /// One turn, open or past its end.
    ///
    /// # Errors
    /// [`RecordsError::NotFound`]
    pub async fn turn(&self, id: &TurnId) -> Result<Turn> {
        let row = self.db.one(sqlx::query(BY_ID).bind(id.as_str()), Entity::Turn, id.as_str()).await?;
        read(&Fields { row: &row, table: "turns" })
    }

    /// The turns that are open now.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn open_turns(&self) -> Result<Vec<Turn>> {
        each(&self.db.all(sqlx::query(OPEN).bind(self.now_ms())).await?, "turns", read)
    }

    /// Closes a turn.
    ///
    /// # Errors
    /// [`RecordsError::NotFound`]
    pub async fn close_turn(&self, id: &TurnId) -> Result<()> {
        let mut write = self.db.write().await?;
        let closed = write.run(sqlx::query("DELETE FROM turns WHERE id = $1").bind(id.as_str())).await?;
        if closed == 0 {
            return Err(RecordsError::NotFound {
                entity: Entity::Turn,
                id: id.to_string(),
            });
        }
        write.touch(Entity::Turn, id);
        write.commit().await
    }

    /// Deletes the turns whose time is over, and tells how many. They count as closed before that.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn sweep_turns(&self) -> Result<usize> {
        let now = self.now_ms();
        // Looked at without a write first: an idle server should not write every minute.
        let over = self
            .db
            .all(sqlx::query("SELECT id FROM turns WHERE expires_at_ms <= $1").bind(now))
            .await?;
        if over.is_empty() {
            return Ok(0);
        }
        let mut write = self.db.write().await?;
        let over = write
            .all(sqlx::query("DELETE FROM turns WHERE expires_at_ms <= $1 RETURNING id").bind(now))
            .await?;
        for row in &over {
            write.touch(Entity::Turn, text(row, "turns", "id")?);
        }
        write.commit().await?;
        Ok(over.len())
    }
}

/// Closes every turn of a session.
pub(super) async fn close_all(write: &mut Write, session: &SessionId) -> Result<()> {
    let closed = write
        .all(sqlx::query("DELETE FROM turns WHERE session_id = $1 RETURNING id").bind(session.as_str()))
        .await?;
    for row in &closed {
        write.touch(Entity::Turn, text(row, "turns", "id")?);
    }
    Ok(())
}
