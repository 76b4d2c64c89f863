//! Projects, and with them their owner's binding.

use super::bindings::NewBinding;
use super::database::Transactional;
use super::details::{Detailed, Details, DetailsPatch};
use super::error::{Entity, RecordsError, Result};
use super::model::{CredentialPolicy, Project, Scope};
use super::row::{Fields, Stored, each};
use super::{Records, agents, bindings, roles, sessions};
use crate::ids::{BindingId, ProjectId, Username};

/// A project to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewProject {
    /// Its id and name.
    pub id: ProjectId,
    /// For people.
    pub description: Option<String>,
    /// Whose credentials its sessions use.
    pub credential_policy: CredentialPolicy,
    /// Who gets the owner's binding.
    pub owner: Username,
    /// What else is stored.
    pub details: Details,
}

/// What changes about a project. `None` leaves a part alone.
#[derive(Debug, Clone, Default)]
pub struct ProjectPatch {
    /// For people; the inner `None` clears it.
    pub description: Option<Option<String>>,
    /// Whose credentials its sessions use.
    pub credential_policy: Option<CredentialPolicy>,
    /// What else changes.
    pub details: DetailsPatch,
}

macro_rules! columns {
    () => {
        "id, description, credential_policy, created_at_ms, updated_at_ms"
    };
}

pub(super) const ALL: &str = concat!("SELECT ", columns!(), " FROM projects ORDER BY id");
pub(super) const BY_ID: &str = concat!("SELECT ", columns!(), " FROM projects WHERE id = $1");
const DETAILED: &str = concat!("SELECT ", columns!(), ", details FROM projects ORDER BY id");
const DETAILED_BY_ID: &str = concat!("SELECT ", columns!(), ", details FROM projects WHERE id = $1");

pub(super) fn read(row: &Fields<'_>) -> Result<Project> {
    Ok(Project {
        id: row.id("id")?,
        description: row.maybe_text("description")?,
        credential_policy: row.word("credential_policy")?,
        created_at_ms: row.int("created_at_ms")?,
        updated_at_ms: row.int("updated_at_ms")?,
    })
}

/// Inside a transaction.
pub(super) async fn get(tx: &mut Transactional, id: &ProjectId) -> Result<Project> {
    let row = tx.one(sqlx::query(BY_ID).bind(id.as_str()), Entity::Project, id.as_str()).await?;
    read(&Fields {
        row: &row,
        table: "projects",
    })
}

impl Records {
    /// Makes a project and its owner's binding.
    ///
    /// # Errors
    /// [`RecordsError::Duplicate`]
    pub async fn create_project(&self, new: NewProject) -> Result<Project> {
        let now = self.now_ms();
        let mut write = self.db.write().await?;
        if write.optional(sqlx::query(BY_ID).bind(new.id.as_str())).await?.is_some() {
            return Err(RecordsError::Duplicate {
                entity: Entity::Project,
                existing: new.id.into(),
            });
        }
        let project = Project {
            id: new.id,
            description: new.description,
            credential_policy: new.credential_policy,
            created_at_ms: now,
            updated_at_ms: now,
        };
        let insert = sqlx::query(
            "INSERT INTO projects (id, description, credential_policy, created_at_ms, updated_at_ms, details) VALUES ($1, $2, $3, $4, $4, $5)",
        );
        let insert = insert.bind(project.id.as_str()).bind(project.description.as_deref());
        let insert = insert.bind(project.credential_policy.word()).bind(now).bind(new.details.written()?);
        write.run(insert).await?;
        write.touch(Entity::Project, &project.id);
        // The platform's clients may have bound people to the project before it was made here; the owner among them is fine.
        let role = roles::named(&mut write, roles::PROJECT_OWNER).await?;
        let mut binding = NewBinding::new(role.id, Scope::Project);
        binding.user_id = Some(new.owner);
        binding.project_id = Some(project.id.clone());
        if bindings::find(&mut write, &binding).await?.is_none() {
            bindings::insert(&mut write, &binding, BindingId::make(&*self.clock), now).await?;
        }
        write.commit().await?;
        Ok(project)
    }

    /// One project.
    ///
    /// # Errors
    /// [`RecordsError::NotFound`]
    pub async fn project(&self, id: &ProjectId) -> Result<Project> {
        let row = self
            .db
            .one(sqlx::query(BY_ID).bind(id.as_str()), Entity::Project, id.as_str())
            .await?;
        read(&Fields {
            row: &row,
            table: "projects",
        })
    }

    /// All projects, by name.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn projects(&self) -> Result<Vec<Project>> {
        each(&self.db.all(sqlx::query(ALL)).await?, "projects", read)
    }

    /// One project with its details.
    ///
    /// # Errors
    /// [`RecordsError::NotFound`]
    pub async fn detailed_project(&self, id: &ProjectId) -> Result<Detailed<Project>> {
        let query = sqlx::query(DETAILED_BY_ID).bind(id.as_str());
        let row = self.db.one(query, Entity::Project, id.as_str()).await?;
        let row = Fields {
            row: &row,
            table: "projects",
        };
        Detailed::read(&row, read)
    }

    /// All projects with their details, by name.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn detailed_projects(&self) -> Result<Vec<Detailed<Project>>> {
        let rows = self.db.all(sqlx::query(DETAILED)).await?;
        each(&rows, "projects", |row| Detailed::read(row, read))
    }

    /// Changes a project.
    ///
    /// # Errors
    /// [`RecordsError::NotFound`]
    pub async fn update_project(&self, id: &ProjectId, patch: ProjectPatch) -> Result<Detailed<Project>> {
        let mut write = self.db.write().await?;
        let query = sqlx::query(DETAILED_BY_ID).bind(id.as_str());
        let row = write.one(query, Entity::Project, id.as_str()).await?;
        let row = Fields {
            row: &row,
            table: "projects",
        };
        let Detailed {
            record: mut project,
            details,
        } = Detailed::read(&row, read)?;
        let details = details.changed(patch.details);
        project.description = patch.description.unwrap_or(project.description);
        project.credential_policy = patch.credential_policy.unwrap_or(project.credential_policy);
        project.updated_at_ms = self.now_ms();
        let update =
            sqlx::query("UPDATE projects SET description = $2, credential_policy = $3, updated_at_ms = $4, details = $5 WHERE id = $1");
        let update = update
            .bind(id.as_str())
            .bind(project.description.as_deref())
            .bind(project.credential_policy.word());
        write.run(update.bind(project.updated_at_ms).bind(details.written()?)).await?;
        write.touch(Entity::Project, id);
        write.commit().await?;
        Ok(Detailed { record: project, details })
    }

    /// Deletes a project with its agents, its sessions and every binding that names one of them: whoever makes a project of this name later
    /// gets none of it.
    ///
    /// # Errors
    /// [`RecordsError::NotFound`]
    pub async fn delete_project(&self, id: &ProjectId) -> Result<()> {
        let mut write = self.db.write().await?;
        get(&mut write, id).await?;
        for session in sessions::of_project(&mut write, id).await? {
            sessions::remove(&mut write, &session).await?;
        }
        for agent in agents::of_project(&mut write, id).await? {
            agents::remove(&mut write, &agent).await?;
        }
        bindings::remove_all(&mut write, bindings::OF_PROJECT, id.as_str()).await?;
        write
            .run(sqlx::query("DELETE FROM injections WHERE project_id = $1").bind(id.as_str()))
            .await?;
        write
            .run(sqlx::query("DELETE FROM projects WHERE id = $1").bind(id.as_str()))
            .await?;
        write.touch(Entity::Project, id);
        write.commit().await
    }
}
