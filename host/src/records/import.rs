//! Records of another database, taken over with their ids and their ages: all of them in one transaction, or none.
//!
//! What is here already is left as it is, so a second import changes nothing. Something here that has the same id and another age is another
//! thing, and then neither it nor what refers to it is taken over: a project of the same name would otherwise hand one project's
//! credentials to the people of another.

use super::bindings::NewBinding;
use super::database::Write;
use super::details::Detailed;
use super::error::{Entity, RecordsError, Result};
use super::model::{Agent, Binding, Credential, Project, Role, SealedField, User};
use super::row::Stored;
use super::{Records, agents, bindings, credential_rows, projects, roles, secrets, users};
use crate::clock::Millis;
use crate::ids::{CredentialId, Generation};
use std::collections::BTreeSet;

/// What is to be taken over. Bindings are tried in the order given: of two that want one level, the first gets it.
#[derive(Default)]
pub struct Import {
    /// People.
    pub users: Vec<User>,
    /// Roles that did not come with the server.
    pub roles: Vec<Role>,
    /// Projects. Owners are bindings.
    pub projects: Vec<Detailed<Project>>,
    /// Agents.
    pub agents: Vec<Detailed<Agent>>,
    /// Credentials, with their secret fields sealed for [`Generation::FIRST`].
    pub credentials: Vec<(Credential, Vec<SealedField>)>,
    /// Role bindings, of these roles or of roles that are here.
    pub bindings: Vec<Binding>,
}

/// What became of one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It is new.
    Added,
    /// It was here.
    Here,
    /// It was left out, and why.
    Refused(String),
}

/// What became of each, in the order given.
#[derive(Debug, Default)]
pub struct Imported {
    /// [`Import::users`]
    pub users: Vec<Taken>,
    /// [`Import::roles`]
    pub roles: Vec<Taken>,
    /// [`Import::projects`]
    pub projects: Vec<Taken>,
    /// [`Import::agents`]
    pub agents: Vec<Taken>,
    /// [`Import::credentials`]
    pub credentials: Vec<Taken>,
    /// [`Import::bindings`]
    pub bindings: Vec<Taken>,
}

/// Things here that only share an id with what is imported.
#[derive(Default)]
struct Strangers(BTreeSet<(Entity, String)>);

impl Strangers {
    /// What becomes of something that is found here under its id.
    fn meet(&mut self, entity: Entity, id: &str, is_same: bool) -> Taken {
        if is_same {
            return Taken::Here;
        }
        self.0.insert((entity, id.to_owned()));
        Taken::Refused("another one of this id is here already".to_owned())
    }

    fn has(&self, entity: Entity, id: &str) -> bool {
        self.0.contains(&(entity, id.to_owned()))
    }
}

impl Records {
    /// Takes them over. With `keep` false everything is done and then undone, so what it tells is what would be.
    ///
    /// # Errors
    /// If the database cannot be read or written; nothing is taken over then.
    pub async fn import(&self, import: &Import, keep: bool) -> Result<Imported> {
        let mut write = self.db.write().await?;
        let mut done = Imported::default();
        let mut strangers = Strangers::default();
        for user in &import.users {
            done.users.push(take_user(&mut write, user).await?);
        }
        for role in &import.roles {
            done.roles.push(take_role(&mut write, role).await?);
        }
        for project in &import.projects {
            done.projects.push(take_project(&mut write, project, &mut strangers).await?);
        }
        for agent in &import.agents {
            done.agents.push(take_agent(&mut write, agent, &mut strangers).await?);
        }
        for (credential, fields) in &import.credentials {
            done.credentials
                .push(take_credential(&mut write, credential, fields, &mut strangers).await?);
        }
        for binding in &import.bindings {
            done.bindings.push(take_binding(&mut write, binding, &strangers).await?);
        }
        if keep {
            write.commit().await?;
        }
        Ok(done)
    }
}

async fn take_user(write: &mut Write, user: &User) -> Result<Taken> {
    if write
        .optional(sqlx::query(users::BY_NAME).bind(user.username.as_str()))
        .await?
        .is_some()
    {
        return Ok(Taken::Here);
    }
    let same_id = sqlx::query("SELECT id FROM users WHERE id = $1").bind(user.id.as_str());
    if write.optional(same_id).await?.is_some() {
        return Ok(Taken::Refused("another person has this id here".to_owned()));
    }
    let insert = sqlx::query(
        "INSERT INTO users (username, name, email, active, created_at_ms, updated_at_ms, id) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    );
    let insert = insert.bind(user.username.as_str()).bind(user.name.clone()).bind(user.email.clone());
    let insert = insert
        .bind(i64::from(user.active))
        .bind(user.created_at_ms)
        .bind(user.updated_at_ms);
    write.run(insert.bind(user.id.as_str())).await?;
    write.touch(Entity::User, &user.username);
    Ok(Taken::Added)
}

async fn take_role(write: &mut Write, role: &Role) -> Result<Taken> {
    for (query, by) in [(roles::BY_ID, role.id.as_str()), (roles::BY_NAME, role.name.as_str())] {
        if let Some(row) = write.optional(sqlx::query(query).bind(by)).await? {
            let there = super::database::text(&row, "roles", "id")?;
            let name = super::database::text(&row, "roles", "name")?;
            let is_same = there == role.id.as_str() && name == role.name;
            return Ok(if is_same {
                Taken::Here
            } else {
                Taken::Refused("another role of this id or name is here already".to_owned())
            });
        }
    }
    let permissions = serde_json::Value::from(role.permissions.clone()).to_string();
    let insert = sqlx::query(
        "INSERT INTO roles (id, name, display_name, description, permissions, built_in, created_at_ms, updated_at_ms)
         VALUES ($1, $2, $3, $4, $5, 0, $6, $7)",
    );
    let insert = insert
        .bind(role.id.as_str())
        .bind(role.name.as_str())
        .bind(role.display_name.clone());
    let insert = insert.bind(role.description.clone()).bind(permissions);
    write.run(insert.bind(role.created_at_ms).bind(role.updated_at_ms)).await?;
    write.touch(Entity::Role, &role.id);
    Ok(Taken::Added)
}

async fn take_project(write: &mut Write, project: &Detailed<Project>, strangers: &mut Strangers) -> Result<Taken> {
    let Detailed { record, details } = project;
    match projects::get(write, &record.id).await {
        Ok(there) => {
            let is_same = there.created_at_ms == record.created_at_ms;
            return Ok(strangers.meet(Entity::Project, record.id.as_str(), is_same));
        }
        Err(RecordsError::NotFound { .. }) => {}
        Err(error) => return Err(error),
    }
    let insert = sqlx::query(
        "INSERT INTO projects (id, description, credential_policy, created_at_ms, updated_at_ms, details) VALUES ($1, $2, $3, $4, $5, $6)",
    );
    let insert = insert.bind(record.id.as_str()).bind(record.description.clone());
    let insert = insert.bind(record.credential_policy.word()).bind(record.created_at_ms);
    write.run(insert.bind(record.updated_at_ms).bind(details.written()?)).await?;
    write.touch(Entity::Project, &record.id);
    Ok(Taken::Added)
}

async fn take_agent(write: &mut Write, agent: &Detailed<Agent>, strangers: &mut Strangers) -> Result<Taken> {
    let Detailed { record, details } = agent;
    if strangers.has(Entity::Project, record.project_id.as_str()) {
        strangers.meet(Entity::Agent, record.id.as_str(), false);
        return Ok(Taken::Refused("its project is another one here".to_owned()));
    }
    match agents::get(write, &record.id).await {
        Ok(there) => {
            let is_same = there.project_id == record.project_id && there.created_at_ms == record.created_at_ms;
            return Ok(strangers.meet(Entity::Agent, record.id.as_str(), is_same));
        }
        Err(RecordsError::NotFound { .. }) => {}
        Err(error) => return Err(error),
    }
    match projects::get(write, &record.project_id).await {
        Ok(_) => {}
        Err(RecordsError::NotFound { .. }) => return Ok(Taken::Refused("its project is not here".to_owned())),
        Err(error) => return Err(error),
    }
    let insert =
        sqlx::query("INSERT INTO agents (id, project_id, name, created_at_ms, updated_at_ms, details) VALUES ($1, $2, $3, $4, $5, $6)");
    let insert = insert
        .bind(record.id.as_str())
        .bind(record.project_id.as_str())
        .bind(record.name.as_str());
    let insert = insert.bind(record.created_at_ms).bind(record.updated_at_ms);
    write.run(insert.bind(details.written()?)).await?;
    write.touch(Entity::Agent, &record.id);
    Ok(Taken::Added)
}

async fn take_credential(write: &mut Write, credential: &Credential, fields: &[SealedField], strangers: &mut Strangers) -> Result<Taken> {
    match credential_rows::get(write, &credential.id).await {
        Ok(there) => {
            let is_same = there.created_at_ms == credential.created_at_ms && there.connected_to.is_none();
            return Ok(strangers.meet(Entity::Credential, credential.id.as_str(), is_same));
        }
        Err(RecordsError::NotFound { .. }) => {}
        Err(error) => return Err(error),
    }
    if credential.connected_to.is_some() || credential.generation != Generation::FIRST {
        return Err(RecordsError::Inconsistent(
            "an imported credential is nobody's connected account, and of the first generation",
        ));
    }
    secrets::check(fields, None, Generation::FIRST)?;
    credential_rows::insert(write, credential).await?;
    secrets::put_fields(write, &credential.id, fields).await?;
    write.touch(Entity::Credential, &credential.id);
    Ok(Taken::Added)
}

async fn take_binding(write: &mut Write, binding: &Binding, strangers: &Strangers) -> Result<Taken> {
    let refused = |why: &str| Ok(Taken::Refused(why.to_owned()));
    let targets = [
        (Entity::Project, binding.project_id.as_ref().map(AsRef::as_ref)),
        (Entity::Agent, binding.agent_id.as_ref().map(AsRef::as_ref)),
        (Entity::Credential, binding.credential_id.as_ref().map(AsRef::as_ref)),
    ];
    for (entity, id) in targets {
        let id: Option<&str> = id;
        if id.is_some_and(|id| strangers.has(entity, id)) {
            return refused("what it is about is another thing here");
        }
    }
    if write
        .optional(sqlx::query(bindings::BY_ID).bind(binding.id.as_str()))
        .await?
        .is_some()
    {
        return Ok(Taken::Here);
    }
    if let Some(project) = &binding.project_id {
        match projects::get(write, project).await {
            Ok(_) => {}
            // Whoever made a project of this name later would get what it is about.
            Err(RecordsError::NotFound { .. }) => return refused("its project is not here"),
            Err(error) => return Err(error),
        }
    }
    if let Some(agent) = &binding.agent_id {
        match agents::get(write, agent).await {
            Ok(there) if binding.project_id.as_ref().is_none_or(|project| *project == there.project_id) => {}
            Ok(_) => return refused("its agent is in another project"),
            Err(RecordsError::NotFound { .. }) => return refused("its agent is not here"),
            Err(error) => return Err(error),
        }
    }
    match bindings::insert(write, &NewBinding::of(binding), binding.id.clone(), binding.created_at_ms).await {
        Ok(_) => Ok(Taken::Added),
        Err(RecordsError::Duplicate { .. }) => Ok(Taken::Here),
        Err(RecordsError::InjectionConflict { existing }) => Ok(Taken::Refused(level(&existing))),
        Err(RecordsError::ConnectedAccount) => refused("its credential is somebody's connected account here"),
        Err(RecordsError::NotFound { entity, .. }) => Ok(Taken::Refused(format!("its {} is not here", entity.name()))),
        Err(error) => Err(error),
    }
}

fn level(existing: &CredentialId) -> String {
    format!("an earlier binding gives its place the credential {existing} of the same provider")
}

/// A missing age: older than everything that has one.
pub const AGELESS_MS: Millis = 0;
