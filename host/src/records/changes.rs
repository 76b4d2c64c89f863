//! Following the records: a snapshot, then what changed since.
//!
//! Every write has a number, and numbers become visible in order (`database.rs`). Whoever holds the state at number *n* gets from
//! [`Records::updates_since`] the present state of all that changed after *n*. A record that changed twice is told once. What is told may
//! be newer than the number says; applying it again later does no harm.

use super::database::Transactional;
use super::error::{Entity, RecordsError, Result};
use super::model::{Agent, ApiKey, Binding, Credential, Project, Role, Session, Turn, User};
use super::row::{Fields, each, int};
use super::{Records, agents, api_keys, binding_pages, bindings, credential_rows, projects, roles, sessions, turns, users};
use crate::ids::{AgentId, ApiKeyId, BindingId, CredentialId, ProjectId, RoleId, SessionId, TurnId, Username};
use sqlx::any::AnyRow;

/// So many changes are remembered. A follower that is further behind takes a snapshot, which is then cheaper anyway.
const REMEMBERED: i64 = 100_000;

/// Old changes are forgotten at every so manieth write.
const PRUNE_EVERY: i64 = 1_000;

/// All that decides, at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The number of the last change in it.
    pub seq: i64,
    /// All roles.
    pub roles: Vec<Role>,
    /// All credentials.
    pub credentials: Vec<Credential>,
    /// All projects.
    pub projects: Vec<Project>,
    /// All agents.
    pub agents: Vec<Agent>,
    /// All sessions.
    pub sessions: Vec<Session>,
    /// All turns that were not closed, some of them perhaps past their end.
    pub turns: Vec<Turn>,
    /// All bindings.
    pub bindings: Vec<Binding>,
    /// People who were deactivated.
    pub deactivated: Vec<Username>,
    /// All API keys.
    pub api_keys: Vec<ApiKey>,
}

/// One record as it is now; `None` if it is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Update {
    /// A role.
    Role(RoleId, Option<Role>),
    /// A credential.
    Credential(CredentialId, Option<Credential>),
    /// A project.
    Project(ProjectId, Option<Project>),
    /// An agent.
    Agent(AgentId, Option<Agent>),
    /// A session.
    Session(ProjectId, SessionId, Option<Session>),
    /// A turn.
    Turn(TurnId, Option<Turn>),
    /// A binding.
    Binding(BindingId, Option<Binding>),
    /// A user.
    User(Username, Option<User>),
    /// An API key.
    ApiKey(ApiKeyId, Option<ApiKey>),
}

/// What a follower gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Updates {
    /// Everything that changed, up to `seq`.
    Upto {
        /// Ask from here next time.
        seq: i64,
        /// What changed. Roles and credentials first, for what a binding means depends on them.
        updates: Vec<Update>,
    },
    /// The follower is too far behind: take a [`Records::snapshot`].
    TooFarBehind,
}

impl Records {
    /// Everything, at one moment.
    ///
    /// # Errors
    /// If the database cannot be read, or a row of it does not read: an index with a hole would decide wrongly.
    pub async fn snapshot(&self) -> Result<Snapshot> {
        let mut view = self.db.view().await?;
        let (seq, _) = position(&mut view).await?;
        Ok(Snapshot {
            seq,
            roles: view.each(sqlx::query(roles::ALL), "roles", roles::read).await?,
            credentials: view
                .each(sqlx::query(credential_rows::ALL), "credentials", credential_rows::read)
                .await?,
            projects: view.each(sqlx::query(projects::ALL), "projects", projects::read).await?,
            agents: view.each(sqlx::query(agents::ALL), "agents", agents::read).await?,
            sessions: view.each(sqlx::query(sessions::ALL), "sessions", sessions::read).await?,
            turns: view.each(sqlx::query(turns::ALL), "turns", turns::read).await?,
            bindings: binding_pages::all(&mut view).await?,
            deactivated: view
                .each(sqlx::query(users::DEACTIVATED), "users", |row| row.id("username"))
                .await?,
            api_keys: view.each(sqlx::query(api_keys::ALL), "api_keys", api_keys::read).await?,
        })
    }

    /// What changed after number `seq`. Cheap if nothing did: one row is read.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn updates_since(&self, seq: i64) -> Result<Updates> {
        if self.db.seq().await? == seq {
            return Ok(Updates::Upto { seq, updates: Vec::new() });
        }
        let mut view = self.db.view().await?;
        let (now, pruned_to) = position(&mut view).await?;
        // A number from the future: the database was put back to an older state under a running server.
        if seq < pruned_to || seq > now {
            return Ok(Updates::TooFarBehind);
        }
        let rows = view
            .all(sqlx::query("SELECT DISTINCT entity, id FROM changes WHERE seq > $1").bind(seq))
            .await?;
        let mut changed = each(&rows, "changes", |row| {
            let name = row.text("entity")?;
            let unknown = || RecordsError::Damaged {
                table: "changes",
                column: "entity",
                reason: "holds an unknown word".to_owned(),
            };
            Ok((Entity::from_name(&name).ok_or_else(unknown)?, row.text("id")?))
        })?;
        changed.sort_by_key(|(entity, _)| (!matches!(entity, Entity::Role), !matches!(entity, Entity::Credential), *entity));
        let mut updates = Vec::with_capacity(changed.len());
        for (entity, id) in changed {
            updates.extend(load(&mut view, entity, id).await?);
        }
        Ok(Updates::Upto { seq: now, updates })
    }
}

async fn position(view: &mut Transactional) -> Result<(i64, i64)> {
    let query = sqlx::query("SELECT seq, pruned_to FROM change_sequence WHERE one = 1");
    let row = view.one(query, Entity::Rotation, "change_sequence").await?;
    Ok((int(&row, "change_sequence", "seq")?, int(&row, "change_sequence", "pruned_to")?))
}

async fn load(view: &mut Transactional, entity: Entity, id: String) -> Result<Option<Update>> {
    let damaged = |error: crate::ids::InvalidId| RecordsError::Damaged {
        table: "changes",
        column: "id",
        reason: error.to_string(),
    };
    let update = match entity {
        Entity::Role => Update::Role(
            RoleId::parse(id.as_str()).map_err(damaged)?,
            one(view, roles::BY_ID, &id, "roles", roles::read).await?,
        ),
        Entity::Credential => Update::Credential(
            CredentialId::parse(id.as_str()).map_err(damaged)?,
            one(view, credential_rows::BY_ID, &id, "credentials", credential_rows::read).await?,
        ),
        Entity::Project => Update::Project(
            ProjectId::parse(id.as_str()).map_err(damaged)?,
            one(view, projects::BY_ID, &id, "projects", projects::read).await?,
        ),
        Entity::Agent => Update::Agent(
            AgentId::parse(id.as_str()).map_err(damaged)?,
            one(view, agents::BY_ID, &id, "agents", agents::read).await?,
        ),
        Entity::Session => {
            let (project, session) = id.split_once('/').unwrap_or(("", &id));
            let project = ProjectId::parse(project).map_err(damaged)?;
            let found = one(view, sessions::BY_ID, session, "sessions", sessions::read).await?;
            // Its name may have been given again, in another project.
            let found = found.filter(|session| session.project_id == project);
            Update::Session(project, SessionId::parse(session).map_err(damaged)?, found)
        }
        Entity::Turn => Update::Turn(
            TurnId::parse(id.as_str()).map_err(damaged)?,
            one(view, turns::BY_ID, &id, "turns", turns::read).await?,
        ),
        Entity::Binding => Update::Binding(
            BindingId::parse(id.as_str()).map_err(damaged)?,
            one(view, bindings::BY_ID, &id, "role_bindings", bindings::read).await?,
        ),
        Entity::User => Update::User(
            Username::parse(id.as_str()).map_err(damaged)?,
            one(view, users::BY_NAME, &id, "users", users::read).await?,
        ),
        Entity::ApiKey => Update::ApiKey(
            ApiKeyId::parse(id.as_str()).map_err(damaged)?,
            one(view, api_keys::BY_ID, &id, "api_keys", api_keys::read).await?,
        ),
        Entity::Rotation | Entity::Consent => return Ok(None),
    };
    Ok(Some(update))
}

async fn one<T>(
    view: &mut Transactional,
    statement: &'static str,
    id: &str,
    table: &'static str,
    read: impl Fn(&Fields<'_>) -> Result<T>,
) -> Result<Option<T>> {
    let row: Option<AnyRow> = view.optional(sqlx::query(statement).bind(id)).await?;
    row.map(|row| read(&Fields { row: &row, table })).transpose()
}

/// Forgets what is older than the last [`REMEMBERED`] changes, now and then.
pub(super) async fn prune(tx: &mut Transactional, seq: i64) -> Result<()> {
    let upto = seq - REMEMBERED;
    if seq % PRUNE_EVERY != 0 || upto <= 0 {
        return Ok(());
    }
    tx.run(sqlx::query("DELETE FROM changes WHERE seq <= $1").bind(upto)).await?;
    tx.run(sqlx::query("UPDATE change_sequence SET pruned_to = $1 WHERE one = 1").bind(upto))
        .await?;
    Ok(())
}
