//! Agents of projects.

use super::database::Transactional;
use super::error::{Entity, RecordsError, Result};
use super::model::Agent;
use super::row::{Fields, each};
use super::{Records, projects};
use crate::ids::{AgentId, ProjectId};

/// An agent to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAgent {
    /// [`AgentId::make`]
    pub id: AgentId,
    /// Its project, which must exist.
    pub project_id: ProjectId,
    /// For people.
    pub name: String,
}

macro_rules! columns {
    () => {
        "id, project_id, name, created_at_ms, updated_at_ms"
    };
}

pub(super) const ALL: &str = concat!("SELECT ", columns!(), " FROM agents ORDER BY id");
pub(super) const BY_ID: &str = concat!("SELECT ", columns!(), " FROM agents WHERE id = $1");

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
        let insert = sqlx::query("INSERT INTO agents (id, project_id, name, created_at_ms, updated_at_ms) VALUES ($1, $2, $3, $4, $4)");
        write
            .run(
                insert
                    .bind(agent.id.as_str())
                    .bind(agent.project_id.as_str())
                    .bind(agent.name.as_str())
                    .bind(now),
            )
            .await?;
        write.touch(Entity::Agent, &agent.id);
        write.commit().await?;
        Ok(agent)
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
}
