//! Agents of projects.

use super::database::{Transactional, Write};
use super::details::{Detailed, Details, DetailsPatch};
use super::error::{Entity, RecordsError, Result};
use super::model::Agent;
use super::row::{Fields, each};
use super::{Records, bindings, projects};
use crate::ids::{AgentId, ProjectId, SessionId};
use std::collections::HashMap;

/// An agent to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAgent {
    /// [`AgentId::make`]
    pub id: AgentId,
    /// Its project, which must exist.
    pub project_id: ProjectId,
    /// For people.
    pub name: String,
    /// What else is stored.
    pub details: Details,
}

/// What changes about an agent. `None` leaves a part alone.
#[derive(Debug, Clone, Default)]
pub struct AgentPatch {
    /// For people.
    pub name: Option<String>,
    /// What else changes.
    pub details: DetailsPatch,
}

macro_rules! columns {
    () => {
        "id, project_id, name, created_at_ms, updated_at_ms"
    };
}

pub(super) const ALL: &str = concat!("SELECT ", columns!(), " FROM agents ORDER BY id");
pub(super) const BY_ID: &str = concat!("SELECT ", columns!(), " FROM agents WHERE id = $1");
const OF_PROJECT: &str = concat!("SELECT ", columns!(), " FROM agents WHERE project_id = $1 ORDER BY id");
const DETAILED: &str = concat!("SELECT ", columns!(), ", details FROM agents WHERE project_id = $1 ORDER BY id");
const DETAILED_BY_ID: &str = concat!("SELECT ", columns!(), ", details FROM agents WHERE id = $1");
/// The session that an agent works in or is about to: the latest of those that have not begun to end.
const CURRENT: &str = "SELECT id, agent_id FROM sessions WHERE agent_id = $1 AND phase IN ('pending', 'creating', 'running')
     ORDER BY created_at_ms DESC, id DESC LIMIT 1";

/// The same of all agents of a project, the latest of each last.
const CURRENT_OF_PROJECT: &str = "SELECT id, agent_id FROM sessions WHERE project_id = $1 AND agent_id IS NOT NULL
     AND phase IN ('pending', 'creating', 'running') ORDER BY created_at_ms, id";

pub(super) fn read(row: &Fields<'_>) -> Result<Agent> {
    Ok(Agent {
        id: row.id("id")?,
        project_id: row.id("project_id")?,
        name: row.text("name")?,
        created_at_ms: row.int("created_at_ms")?,
        updated_at_ms: row.int("updated_at_ms")?,
    })
}

/// Inside a transaction.
pub(super) async fn get(tx: &mut Transactional, id: &AgentId) -> Result<Agent> {
    let row = tx.one(sqlx::query(BY_ID).bind(id.as_str()), Entity::Agent, id.as_str()).await?;
    read(&Fields {
        row: &row,
        table: "agents",
    })
}

impl Records {
    /// Makes an agent.
    ///
    /// # Errors
    /// [`RecordsError::Duplicate`]; [`RecordsError::NotFound`] for the project.
    pub async fn create_agent(&self, new: NewAgent) -> Result<Agent> {
        let now = self.now_ms();
        let mut write = self.db.write().await?;
        projects::get(&mut write, &new.project_id).await?;
        if write.optional(sqlx::query(BY_ID).bind(new.id.as_str())).await?.is_some() {
            return Err(RecordsError::Duplicate {
                entity: Entity::Agent,
                existing: new.id.into(),
            });
        }
        let agent = Agent {
            id: new.id,
            project_id: new.project_id,
            name: new.name,
            created_at_ms: now,
            updated_at_ms: now,
        };
        let insert =
            sqlx::query("INSERT INTO agents (id, project_id, name, created_at_ms, updated_at_ms, details) VALUES ($1, $2, $3, $4, $4, $5)");
        write
            .run(
                insert
                    .bind(agent.id.as_str())
                    .bind(agent.project_id.as_str())
                    .bind(agent.name.as_str())
                    .bind(now)
                    .bind(new.details.written()?),
            )
            .await?;
        write.touch(Entity::Agent, &agent.id);
        write.commit().await?;
        Ok(agent)
    }

    /// The session that each agent of a project works in or is about to, for those that have one.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn current_sessions(&self, project: &ProjectId) -> Result<HashMap<AgentId, SessionId>> {
        let rows = self.db.all(sqlx::query(CURRENT_OF_PROJECT).bind(project.as_str())).await?;
        let pairs = each(&rows, "sessions", |row| Ok((row.id("agent_id")?, row.id("id")?)))?;
        Ok(pairs.into_iter().collect())
    }

    /// One agent.
    ///
    /// # Errors
    /// [`RecordsError::NotFound`]
    pub async fn agent(&self, id: &AgentId) -> Result<Agent> {
        let row = self
            .db
            .one(sqlx::query(BY_ID).bind(id.as_str()), Entity::Agent, id.as_str())
            .await?;
        read(&Fields {
            row: &row,
            table: "agents",
        })
    }

    /// All agents.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn agents(&self) -> Result<Vec<Agent>> {
        each(&self.db.all(sqlx::query(ALL)).await?, "agents", read)
    }

    /// One agent with its details.
    ///
    /// # Errors
    /// [`RecordsError::NotFound`]
    pub async fn detailed_agent(&self, id: &AgentId) -> Result<Detailed<Agent>> {
        let query = sqlx::query(DETAILED_BY_ID).bind(id.as_str());
        let row = self.db.one(query, Entity::Agent, id.as_str()).await?;
        let row = Fields {
            row: &row,
            table: "agents",
        };
        Detailed::read(&row, read)
    }

    /// A project's agents with their details.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn detailed_agents(&self, project: &ProjectId) -> Result<Vec<Detailed<Agent>>> {
        let rows = self.db.all(sqlx::query(DETAILED).bind(project.as_str())).await?;
        each(&rows, "agents", |row| Detailed::read(row, read))
    }

    /// Changes an agent.
    ///
    /// # Errors
    /// [`RecordsError::NotFound`]
    pub async fn update_agent(&self, id: &AgentId, patch: AgentPatch) -> Result<Detailed<Agent>> {
        let mut write = self.db.write().await?;
        let query = sqlx::query(DETAILED_BY_ID).bind(id.as_str());
        let row = write.one(query, Entity::Agent, id.as_str()).await?;
        let row = Fields {
            row: &row,
            table: "agents",
        };
        let Detailed {
            record: mut agent,
            details,
        } = Detailed::read(&row, read)?;
        let details = details.changed(patch.details);
        agent.name = patch.name.unwrap_or(agent.name);
        agent.updated_at_ms = self.now_ms();
        let update = sqlx::query("UPDATE agents SET name = $2, updated_at_ms = $3, details = $4 WHERE id = $1");
        let update = update.bind(id.as_str()).bind(agent.name.as_str()).bind(agent.updated_at_ms);
        write.run(update.bind(details.written()?)).await?;
        write.touch(Entity::Agent, id);
        write.commit().await?;
        Ok(Detailed { record: agent, details })
    }

    /// Deletes an agent with every binding that names it. Its sessions stay, without it.
    ///
    /// # Errors
    /// [`RecordsError::NotFound`]
    pub async fn delete_agent(&self, id: &AgentId) -> Result<()> {
        let mut write = self.db.write().await?;
        let agent = get(&mut write, id).await?;
        super::sessions::forget_agent(&mut write, id).await?;
        remove(&mut write, &agent).await?;
        write.commit().await
    }
}

/// The session that the agent works in or is about to.
pub(super) async fn current_session(tx: &mut Transactional, id: &AgentId) -> Result<Option<SessionId>> {
    let row = tx.optional(sqlx::query(CURRENT).bind(id.as_str())).await?;
    let session = |row| Fields { row, table: "sessions" }.id("id");
    row.as_ref().map(session).transpose()
}

pub(super) async fn of_project(tx: &mut Transactional, id: &ProjectId) -> Result<Vec<Agent>> {
    each(&tx.all(sqlx::query(OF_PROJECT).bind(id.as_str())).await?, "agents", read)
}

/// Removes an agent that no session names any more.
pub(super) async fn remove(write: &mut Write, agent: &Agent) -> Result<()> {
    bindings::remove_all(write, bindings::OF_AGENT, agent.id.as_str()).await?;
    write
        .run(sqlx::query("DELETE FROM injections WHERE agent_id = $1").bind(agent.id.as_str()))
        .await?;
    write
        .run(sqlx::query("DELETE FROM agents WHERE id = $1").bind(agent.id.as_str()))
        .await?;
    write.touch(Entity::Agent, &agent.id);
    Ok(())
}
