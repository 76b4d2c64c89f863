//! Sessions. How they start and end is in [`session_life`](super::session_life).

use super::database::{Transactional, Write};
use super::details::{Detailed, Details, DetailsPatch};
use super::error::{Entity, RecordsError, Result};
use super::model::{Phase, Session, Trigger, Workload};
use super::row::{Fields, Stored, each};
use super::{Records, agents, bindings, projects, session_life};
use crate::clock::Millis;
use crate::ids::{AgentId, ProjectId, SessionId, Username};

/// A session to be made. It is pending until [`Records::start_session`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// Its id, unique over all projects.
    pub id: SessionId,
    /// Its project, which must exist.
    pub project_id: ProjectId,
    /// Its agent, which must be that project's.
    pub agent_id: Option<AgentId>,
    /// For people.
    pub name: String,
    /// Who made it.
    pub created_by: Username,
    /// What made it.
    pub trigger: Trigger,
    /// What else is stored.
    pub details: Details,
}

/// What changes about a session beside its phase. `None` leaves a part alone.
#[derive(Debug, Clone, Default)]
pub struct SessionPatch {
    /// For people.
    pub name: Option<String>,
    /// What else changes.
    pub details: DetailsPatch,
}

macro_rules! columns {
    () => {
        "id, project_id, agent_id, name, created_by, started_by, phase, workload_issuer, workload_subject, starts, attended, joined, created_at_ms, updated_at_ms"
    };
}

pub(super) const ALL: &str = concat!("SELECT ", columns!(), " FROM sessions ORDER BY id");
pub(super) const BY_ID: &str = concat!("SELECT ", columns!(), " FROM sessions WHERE id = $1");
const OF_PROJECT: &str = concat!("SELECT ", columns!(), " FROM sessions WHERE project_id = $1 ORDER BY id");
const OF_AGENT: &str = concat!("SELECT ", columns!(), " FROM sessions WHERE agent_id = $1 ORDER BY id");
const DETAILED: &str = concat!("SELECT ", columns!(), ", details FROM sessions ORDER BY id");
const DETAILED_OF_PROJECT: &str = concat!("SELECT ", columns!(), ", details FROM sessions WHERE project_id = $1 ORDER BY id");
const DETAILED_BY_ID: &str = concat!("SELECT ", columns!(), ", details FROM sessions WHERE id = $1");

pub(super) fn read(row: &Fields<'_>) -> Result<Session> {
    Ok(Session {
        id: row.id("id")?,
        project_id: row.id("project_id")?,
        agent_id: row.maybe_id("agent_id")?,
        name: row.text("name")?,
        created_by: row.id("created_by")?,
        trigger: row.word("started_by")?,
        phase: row.word("phase")?,
        workload: match (row.maybe_text("workload_issuer")?, row.maybe_text("workload_subject")?) {
            (Some(issuer), Some(subject)) => Some(Workload { issuer, subject }),
            _ => None,
        },
        starts: row.int("starts")?,
        attended: row.int("attended")? != 0,
        joined: row.int("joined")? != 0,
        created_at_ms: row.int("created_at_ms")?,
        updated_at_ms: row.int("updated_at_ms")?,
    })
}

/// Inside a transaction.
pub(super) async fn get(tx: &mut Transactional, id: &SessionId) -> Result<Session> {
    let row = tx.one(sqlx::query(BY_ID).bind(id.as_str()), Entity::Session, id.as_str()).await?;
    read(&Fields {
        row: &row,
        table: "sessions",
    })
}

/// A session is named with its project in the list of changes, since nothing else tells the project once it is gone. Neither may contain `/`.
pub(super) fn touch(write: &mut Write, session: &Session) {
    write.touch(Entity::Session, format!("{}/{}", session.project_id, session.id));
}

impl Records {
    /// Makes a session, pending.
    ///
    /// # Errors
    /// [`RecordsError::Duplicate`]; [`RecordsError::NotFound`] for project or agent; [`RecordsError::AgentElsewhere`].
    pub async fn create_session(&self, new: NewSession) -> Result<Session> {
        let mut write = self.db.write().await?;
        let session = insert(&mut write, new, self.now_ms()).await?;
        write.commit().await?;
        Ok(session)
    }

    /// The session that the agent of `new` works in or is about to; a new one, pending, if there is none. Of several who ask at once, one makes
    /// it.
    ///
    /// # Errors
    /// As [`Records::create_session`].
    pub async fn session_of_agent(&self, new: NewSession) -> Result<Session> {
        let mut write = self.db.write().await?;
        if let Some(agent) = &new.agent_id
            && let Some(current) = agents::current_session(&mut write, agent).await?
        {
            return get(&mut write, &current).await;
        }
        let session = insert(&mut write, new, self.now_ms()).await?;
        write.commit().await?;
        Ok(session)
    }

    /// One session.
    ///
    /// # Errors
    /// [`RecordsError::NotFound`]
    pub async fn session(&self, id: &SessionId) -> Result<Session> {
        let row = self
            .db
            .one(sqlx::query(BY_ID).bind(id.as_str()), Entity::Session, id.as_str())
            .await?;
        read(&Fields {
            row: &row,
            table: "sessions",
        })
    }

    /// All sessions.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn sessions(&self) -> Result<Vec<Session>> {
        each(&self.db.all(sqlx::query(ALL)).await?, "sessions", read)
    }

    /// One session with its details.
    ///
    /// # Errors
    /// [`RecordsError::NotFound`]
    pub async fn detailed_session(&self, id: &SessionId) -> Result<Detailed<Session>> {
        let query = sqlx::query(DETAILED_BY_ID).bind(id.as_str());
        let row = self.db.one(query, Entity::Session, id.as_str()).await?;
        let row = Fields {
            row: &row,
            table: "sessions",
        };
        Detailed::read(&row, read)
    }

    /// The sessions of a project, or all, with their details.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn detailed_sessions(&self, project: Option<&ProjectId>) -> Result<Vec<Detailed<Session>>> {
        let query = match project {
            Some(project) => sqlx::query(DETAILED_OF_PROJECT).bind(project.as_str()),
            None => sqlx::query(DETAILED),
        };
        each(&self.db.all(query).await?, "sessions", |row| Detailed::read(row, read))
    }

    /// Changes a session, but for its phase.
    ///
    /// # Errors
    /// [`RecordsError::NotFound`]
    pub async fn update_session(&self, id: &SessionId, patch: SessionPatch) -> Result<Detailed<Session>> {
        let mut write = self.db.write().await?;
        let query = sqlx::query(DETAILED_BY_ID).bind(id.as_str());
        let row = write.one(query, Entity::Session, id.as_str()).await?;
        let row = Fields {
            row: &row,
            table: "sessions",
        };
        let Detailed {
            record: mut session,
            details,
        } = Detailed::read(&row, read)?;
        let details = details.changed(patch.details);
        session.name = patch.name.unwrap_or(session.name);
        session.updated_at_ms = self.now_ms();
        let update = sqlx::query("UPDATE sessions SET name = $2, updated_at_ms = $3, details = $4 WHERE id = $1");
        let update = update.bind(id.as_str()).bind(session.name.as_str()).bind(session.updated_at_ms);
        write.run(update.bind(details.written()?)).await?;
        touch(&mut write, &session);
        write.commit().await?;
        Ok(Detailed { record: session, details })
    }

    /// Says as which service account a session's pod calls, or that it has none of its own. A service account is one session's at a time.
    ///
    /// # Errors
    /// [`RecordsError::Duplicate`] if a live session has it; [`RecordsError::NotFound`].
    pub async fn set_session_workload(&self, id: &SessionId, workload: Option<Workload>) -> Result<Session> {
        let mut write = self.db.write().await?;
        let mut session = get(&mut write, id).await?;
        if session.workload == workload {
            return Ok(session);
        }
        if let Some(workload) = &workload {
            let same = sqlx::query(
                "SELECT id FROM sessions WHERE workload_issuer = $1 AND workload_subject = $2 AND id <> $3
                 AND phase IN ('pending', 'creating', 'running')",
            );
            let same = same
                .bind(workload.issuer.as_str())
                .bind(workload.subject.as_str())
                .bind(id.as_str());
            if let Some(row) = write.optional(same).await? {
                let existing = Fields {
                    row: &row,
                    table: "sessions",
                }
                .text("id")?;
                return Err(RecordsError::Duplicate {
                    entity: Entity::Session,
                    existing,
                });
            }
        }
        session.workload = workload;
        session.updated_at_ms = self.now_ms();
        let update = sqlx::query("UPDATE sessions SET workload_issuer = $2, workload_subject = $3, updated_at_ms = $4 WHERE id = $1");
        let known = session.workload.as_ref();
        let update = update
            .bind(id.as_str())
            .bind(known.map(|workload| workload.issuer.as_str()))
            .bind(known.map(|workload| workload.subject.as_str()));
        write.run(update.bind(session.updated_at_ms)).await?;
        touch(&mut write, &session);
        write.commit().await?;
        Ok(session)
    }

    /// Deletes a session with everything that names it.
    ///
    /// # Errors
    /// [`RecordsError::NotFound`]
    pub async fn delete_session(&self, id: &SessionId) -> Result<()> {
        let mut write = self.db.write().await?;
        let session = get(&mut write, id).await?;
        remove(&mut write, &session).await?;
        write.commit().await
    }
}

async fn insert(write: &mut Write, new: NewSession, now: Millis) -> Result<Session> {
    projects::get(write, &new.project_id).await?;
    if let Some(agent) = &new.agent_id
        && agents::get(write, agent).await?.project_id != new.project_id
    {
        return Err(RecordsError::AgentElsewhere);
    }
    if write.optional(sqlx::query(BY_ID).bind(new.id.as_str())).await?.is_some() {
        return Err(RecordsError::Duplicate {
            entity: Entity::Session,
            existing: new.id.into(),
        });
    }
    let session = Session {
        id: new.id,
        project_id: new.project_id,
        agent_id: new.agent_id,
        name: new.name,
        created_by: new.created_by,
        trigger: new.trigger,
        phase: Phase::Pending,
        workload: None,
        starts: 0,
        attended: false,
        joined: false,
        created_at_ms: now,
        updated_at_ms: now,
    };
    let insert = sqlx::query(
        "INSERT INTO sessions (id, project_id, agent_id, name, created_by, started_by, phase, created_at_ms, updated_at_ms, details)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9)",
    );
    let insert = insert
        .bind(session.id.as_str())
        .bind(session.project_id.as_str())
        .bind(session.agent_id.as_ref().map(AgentId::as_str));
    let insert = insert
        .bind(session.name.as_str())
        .bind(session.created_by.as_str())
        .bind(session.trigger.word());
    let insert = insert.bind(session.phase.word()).bind(now).bind(new.details.written()?);
    write.run(insert).await?;
    touch(write, &session);
    Ok(session)
}

pub(super) async fn of_project(tx: &mut Transactional, id: &ProjectId) -> Result<Vec<Session>> {
    each(&tx.all(sqlx::query(OF_PROJECT).bind(id.as_str())).await?, "sessions", read)
}

/// Removes a session with everything that names it.
pub(super) async fn remove(write: &mut Write, session: &Session) -> Result<()> {
    session_life::end(write, &session.id).await?;
    bindings::remove_all(write, bindings::OF_SESSION, session.id.as_str()).await?;
    write
        .run(sqlx::query("DELETE FROM sessions WHERE id = $1").bind(session.id.as_str()))
        .await?;
    touch(write, session);
    Ok(())
}

/// Takes a deleted agent out of its sessions.
pub(super) async fn forget_agent(write: &mut Write, agent: &AgentId) -> Result<()> {
    let sessions = each(&write.all(sqlx::query(OF_AGENT).bind(agent.as_str())).await?, "sessions", read)?;
    write
        .run(sqlx::query("UPDATE sessions SET agent_id = NULL WHERE agent_id = $1").bind(agent.as_str()))
        .await?;
    for session in &sessions {
        touch(write, session);
    }
    Ok(())
}
