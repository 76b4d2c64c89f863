//! Role bindings. Who may make or delete one is decided above; what must hold between rows is held here, in one transaction.

use super::database::{Transactional, Write, text};
use super::error::{Entity, RecordsError, Result};
use super::model::{Binding, Scope};
use super::row::{Fields, Stored, each};
use super::{Records, credential_rows, injections, roles};
use crate::clock::Millis;
use crate::ids::{AgentId, BindingId, CredentialId, ProjectId, RoleId, SessionId, Username};

/// A binding to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBinding {
    /// The role.
    pub role_id: RoleId,
    /// What it is about.
    pub scope: Scope,
    /// To whom.
    pub user_id: Option<Username>,
    /// For which project.
    pub project_id: Option<ProjectId>,
    /// For which agent.
    pub agent_id: Option<AgentId>,
    /// For which session.
    pub session_id: Option<SessionId>,
    /// For which credential.
    pub credential_id: Option<CredentialId>,
}

impl NewBinding {
    /// The same as that one.
    #[must_use]
    pub fn of(binding: &Binding) -> Self {
        Self {
            role_id: binding.role_id.clone(),
            scope: binding.scope,
            user_id: binding.user_id.clone(),
            project_id: binding.project_id.clone(),
            agent_id: binding.agent_id.clone(),
            session_id: binding.session_id.clone(),
            credential_id: binding.credential_id.clone(),
        }
    }

    /// `role` for `scope`, and nothing else yet.
    #[must_use]
    pub const fn new(role_id: RoleId, scope: Scope) -> Self {
        Self {
            role_id,
            scope,
            user_id: None,
            project_id: None,
            agent_id: None,
            session_id: None,
            credential_id: None,
        }
    }
}

macro_rules! columns {
    () => {
        "id, role_id, scope, user_id, project_id, agent_id, session_id, credential_id, created_at_ms, updated_at_ms"
    };
}

const ALL: &str = concat!("SELECT ", columns!(), " FROM role_bindings ORDER BY created_at_ms, id");
pub(super) const BY_ID: &str = concat!("SELECT ", columns!(), " FROM role_bindings WHERE id = $1");
const OF_CREDENTIAL: &str = concat!("SELECT ", columns!(), " FROM role_bindings WHERE credential_id = $1 ORDER BY id");
pub(super) const OF_SESSION: &str = concat!("SELECT ", columns!(), " FROM role_bindings WHERE session_id = $1 ORDER BY id");
pub(super) const OF_PROJECT: &str = concat!("SELECT ", columns!(), " FROM role_bindings WHERE project_id = $1 ORDER BY id");
pub(super) const OF_AGENT: &str = concat!("SELECT ", columns!(), " FROM role_bindings WHERE agent_id = $1 ORDER BY id");

pub(super) fn read(row: &Fields<'_>) -> Result<Binding> {
    Ok(Binding {
        id: row.id("id")?,
        role_id: row.id("role_id")?,
        scope: row.word("scope")?,
        user_id: row.maybe_id("user_id")?,
        project_id: row.maybe_id("project_id")?,
        agent_id: row.maybe_id("agent_id")?,
        session_id: row.maybe_id("session_id")?,
        credential_id: row.maybe_id("credential_id")?,
        created_at_ms: row.int("created_at_ms")?,
        updated_at_ms: row.int("updated_at_ms")?,
    })
}

impl Records {
    /// Makes a binding.
    ///
    /// # Errors
    /// [`RecordsError::Duplicate`] with the id of the same binding; [`RecordsError::InjectionConflict`] if the level has another
    /// credential of that provider; [`RecordsError::ConnectedAccount`]; [`RecordsError::NotFound`] for role or credential.
    pub async fn create_binding(&self, new: &NewBinding) -> Result<Binding> {
        let mut write = self.db.write().await?;
        let binding = insert(&mut write, new, BindingId::make(&*self.clock), self.now_ms()).await?;
        write.commit().await?;
        Ok(binding)
    }

    /// One binding.
    ///
    /// # Errors
    /// [`RecordsError::NotFound`]
    pub async fn binding(&self, id: &BindingId) -> Result<Binding> {
        let row = self
            .db
            .one(sqlx::query(BY_ID).bind(id.as_str()), Entity::Binding, id.as_str())
            .await?;
        read(&Fields {
            row: &row,
            table: "role_bindings",
        })
    }

    /// All bindings, oldest first.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn bindings(&self) -> Result<Vec<Binding>> {
        each(&self.db.all(sqlx::query(ALL)).await?, "role_bindings", read)
    }

    /// Changes a binding, unless it is the last owner's and would no longer be one. It keeps its id and its age.
    ///
    /// # Errors
    /// As [`Records::create_binding`] and [`Records::delete_binding`].
    pub async fn update_binding(&self, id: &BindingId, new: &NewBinding) -> Result<Binding> {
        let mut write = self.db.write().await?;
        let row = write
            .one(sqlx::query(BY_ID).bind(id.as_str()), Entity::Binding, id.as_str())
            .await?;
        let old = read(&Fields {
            row: &row,
            table: "role_bindings",
        })?;
        if *new == NewBinding::of(&old) {
            return Ok(old);
        }
        let role = roles::get(&mut write, &old.role_id).await?;
        if is_last_owner(&mut write, &old, &role.name).await? {
            return Err(RecordsError::LastOwner { binding: id.clone() });
        }
        write
            .run(sqlx::query("DELETE FROM role_bindings WHERE id = $1").bind(id.as_str()))
            .await?;
        injections::detach(&mut write, &old, &role).await?;
        let mut binding = insert(&mut write, new, id.clone(), self.now_ms()).await?;
        binding.created_at_ms = old.created_at_ms;
        let age = sqlx::query("UPDATE role_bindings SET created_at_ms = $2 WHERE id = $1");
        write.run(age.bind(id.as_str()).bind(old.created_at_ms)).await?;
        write.commit().await?;
        Ok(binding)
    }

    /// Deletes a binding, unless it is the last owner's.
    ///
    /// # Errors
    /// [`RecordsError::NotFound`], [`RecordsError::LastOwner`]
    pub async fn delete_binding(&self, id: &BindingId) -> Result<()> {
        let mut write = self.db.write().await?;
        let row = write
            .one(sqlx::query(BY_ID).bind(id.as_str()), Entity::Binding, id.as_str())
            .await?;
        let binding = read(&Fields {
            row: &row,
            table: "role_bindings",
        })?;
        let role = roles::get(&mut write, &binding.role_id).await?;
        if is_last_owner(&mut write, &binding, &role.name).await? {
            return Err(RecordsError::LastOwner { binding: id.clone() });
        }
        write
            .run(sqlx::query("DELETE FROM role_bindings WHERE id = $1").bind(id.as_str()))
            .await?;
        injections::detach(&mut write, &binding, &role).await?;
        write.touch(Entity::Binding, id);
        write.commit().await
    }
}

/// Removes every binding that a statement selects by one id. The levels that they held are the caller's to free.
pub(super) async fn remove_all(write: &mut Write, select: &'static str, id: &str) -> Result<()> {
    for binding in each(&write.all(sqlx::query(select).bind(id)).await?, "role_bindings", read)? {
        write
            .run(sqlx::query("DELETE FROM role_bindings WHERE id = $1").bind(binding.id.as_str()))
            .await?;
        write.touch(Entity::Binding, &binding.id);
    }
    Ok(())
}

async fn is_last_owner(tx: &mut Transactional, binding: &Binding, role: &str) -> Result<bool> {
    if binding.user_id.is_none() || binding.session_id.is_some() {
        return Ok(false);
    }
    // An owner's role on something else, an agent say, owns nothing.
    let owners = match (binding.scope, role, &binding.project_id, &binding.credential_id) {
        (Scope::Project, roles::PROJECT_OWNER, Some(project), _) => {
            let query = sqlx::query(
                "SELECT COUNT(*) AS n FROM role_bindings
                 WHERE role_id = $1 AND project_id = $2 AND scope = 'project' AND user_id IS NOT NULL AND session_id IS NULL",
            );
            query.bind(binding.role_id.as_str()).bind(project.as_str())
        }
        (Scope::Credential, roles::CREDENTIAL_OWNER, _, Some(credential)) => {
            let query = sqlx::query(
                "SELECT COUNT(*) AS n FROM role_bindings
                 WHERE role_id = $1 AND credential_id = $2 AND scope = 'credential' AND user_id IS NOT NULL AND session_id IS NULL",
            );
            query.bind(binding.role_id.as_str()).bind(credential.as_str())
        }
        _ => return Ok(false),
    };
    Ok(tx.count(owners).await? <= 1)
}

/// Makes a binding inside a write.
pub(super) async fn insert(write: &mut Write, new: &NewBinding, id: BindingId, now: Millis) -> Result<Binding> {
    let role = roles::get(write, &new.role_id).await?;
    if let Some(existing) = find(write, new).await? {
        return Err(RecordsError::Duplicate {
            entity: Entity::Binding,
            existing,
        });
    }
    let binding = Binding {
        id,
        role_id: new.role_id.clone(),
        scope: new.scope,
        user_id: new.user_id.clone(),
        project_id: new.project_id.clone(),
        agent_id: new.agent_id.clone(),
        session_id: new.session_id.clone(),
        credential_id: new.credential_id.clone(),
        created_at_ms: now,
        updated_at_ms: now,
    };
    if let Some(id) = &new.credential_id {
        let credential = credential_rows::get(write, id).await?;
        if credential.connected_to.is_some() {
            return Err(RecordsError::ConnectedAccount);
        }
        injections::attach(write, &binding, &role, &credential.provider).await?;
    }
    let insert = sqlx::query(
        "INSERT INTO role_bindings (id, role_id, scope, user_id, project_id, agent_id, session_id, credential_id, created_at_ms, updated_at_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)",
    );
    let insert = insert
        .bind(binding.id.as_str())
        .bind(binding.role_id.as_str())
        .bind(binding.scope.word());
    let insert = insert
        .bind(binding.user_id.as_ref().map(Username::as_str))
        .bind(binding.project_id.as_ref().map(ProjectId::as_str));
    let insert = insert
        .bind(binding.agent_id.as_ref().map(AgentId::as_str))
        .bind(binding.session_id.as_ref().map(SessionId::as_str));
    write
        .run(insert.bind(binding.credential_id.as_ref().map(CredentialId::as_str)).bind(now))
        .await?;
    write.touch(Entity::Binding, &binding.id);
    Ok(binding)
}

/// The binding of the same tuple. The scope is not part of it.
pub(super) async fn find(tx: &mut Transactional, new: &NewBinding) -> Result<Option<String>> {
    let query = sqlx::query(
        "SELECT id FROM role_bindings WHERE role_id = $1 AND COALESCE(user_id, '') = $2 AND COALESCE(project_id, '') = $3
           AND COALESCE(agent_id, '') = $4 AND COALESCE(session_id, '') = $5 AND COALESCE(credential_id, '') = $6",
    );
    let query = query
        .bind(new.role_id.as_str())
        .bind(new.user_id.as_ref().map_or("", Username::as_str));
    let query = query
        .bind(new.project_id.as_ref().map_or("", ProjectId::as_str))
        .bind(new.agent_id.as_ref().map_or("", AgentId::as_str));
    let query = query.bind(new.session_id.as_ref().map_or("", SessionId::as_str));
    let row = tx
        .optional(query.bind(new.credential_id.as_ref().map_or("", CredentialId::as_str)))
        .await?;
    row.map(|row| text(&row, "role_bindings", "id")).transpose()
}

pub(super) async fn of_credential(tx: &mut Transactional, id: &CredentialId) -> Result<Vec<Binding>> {
    each(&tx.all(sqlx::query(OF_CREDENTIAL).bind(id.as_str())).await?, "role_bindings", read)
}

pub(super) async fn of_session(tx: &mut Transactional, id: &SessionId) -> Result<Vec<Binding>> {
    each(&tx.all(sqlx::query(OF_SESSION).bind(id.as_str())).await?, "role_bindings", read)
}
