//! Who may see and change projects, agents, sessions, roles and people: what a role allows on what a binding covers.
//!
//! As everywhere: reading what one may not see is 404, changing it 403, both as if it did not exist. Service callers administer; tokens are
//! not decided here, and a session's or a turn's bearer has no part in this.

use super::index::{Index, Reach};
use super::manage::Refused;
use super::resolve::winner;
use super::roles::{PROJECT_EDITOR, PROJECT_OWNER};
use crate::identity::Caller;
use crate::ids::{ProjectId, Username};
use crate::records::model::{Agent, Credential, Project, Scope, Session};

const FORBIDDEN: Refused = Refused::Forbidden("Forbidden");

/// What a request is about.
pub trait Subject {
    /// Which bindings cover it.
    fn reach(&self) -> Reach<'_>;
}

impl Subject for Project {
    fn reach(&self) -> Reach<'_> {
        in_project(&self.id)
    }
}

impl Subject for Agent {
    fn reach(&self) -> Reach<'_> {
        Reach {
            agent: Some(&self.id),
            ..in_project(&self.project_id)
        }
    }
}

impl Subject for Session {
    fn reach(&self) -> Reach<'_> {
        Reach {
            agent: self.agent_id.as_ref(),
            session: Some(&self.id),
            ..in_project(&self.project_id)
        }
    }
}

/// What only global bindings cover: roles, people.
pub struct Platform;

impl Subject for Platform {
    fn reach(&self) -> Reach<'_> {
        Reach::default()
    }
}

fn in_project(project: &ProjectId) -> Reach<'_> {
    Reach {
        project: Some(project),
        ..Reach::default()
    }
}

/// Whether a role of the caller's allows this on what it covers, and their key is not narrower.
fn allows(index: &Index, caller: &Caller, resource: &str, action: &str, reach: Reach<'_>) -> bool {
    let Some(user) = caller.principal() else { return false };
    let allowed = caller.is_service() || index.allowing_binding(user, resource, action, reach).is_some();
    allowed && caller.scopes().allow(resource, action)
}

/// Whether the caller may read this.
#[must_use]
pub fn sees(index: &Index, caller: &Caller, resource: &str, subject: &impl Subject) -> bool {
    allows(index, caller, resource, "read", subject.reach())
}

/// Whether the caller may know of a project: it may be read, or they have any role in it. One that does not exist is known to nobody.
#[must_use]
pub fn sees_project(index: &Index, caller: &Caller, project: &ProjectId) -> bool {
    let Some(user) = caller.principal() else { return false };
    let member = || index.has_role(user, Scope::Project, in_project(project), &[]) && caller.scopes().allow("project", "read");
    index.project(project).is_some() && (allows(index, caller, "project", "read", in_project(project)) || member())
}

/// Whether the caller may make a project: everybody but sessions and turns. They become its owner.
///
/// # Errors
/// 403
pub fn may_create_project(caller: &Caller) -> Result<&Username, Refused> {
    let user = caller.principal().ok_or(FORBIDDEN)?;
    if caller.scopes().allow("project", "create") {
        Ok(user)
    } else {
        Err(FORBIDDEN)
    }
}

/// Whether the caller may do one of these to what is there; several actions are alternatives.
///
/// # Errors
/// 403 if not; 404 if it is not there, only for someone who may do it to all.
pub fn may_change<S: Subject>(
    index: &Index,
    caller: &Caller,
    resource: &str,
    actions: &[&str],
    subject: Option<&S>,
) -> Result<(), Refused> {
    let any = |reach| actions.iter().any(|action| allows(index, caller, resource, action, reach));
    match subject {
        Some(subject) if any(subject.reach()) => Ok(()),
        None if any(Reach::default()) => Err(Refused::NotFound),
        _ => Err(FORBIDDEN),
    }
}

/// Whether the caller may make such a thing in a project.
///
/// # Errors
/// 403 if not; 404 for a project that is not there, only for someone who may do it in all.
pub fn may_create_in(index: &Index, caller: &Caller, resource: &str, project: &ProjectId) -> Result<(), Refused> {
    may_change(index, caller, resource, &["create"], index.project(project).map(AsRef::as_ref))
}

/// Whether a person may make such a thing in a project, by their roles alone: for what is made in their name.
#[must_use]
pub fn person_may_create_in(index: &Index, user: &Username, resource: &str, project: &ProjectId) -> bool {
    index.project(project).is_some() && index.allowing_binding(user, resource, "create", in_project(project)).is_some()
}

/// Whether the caller may make a credential that belongs to a project at once: who could bind it there afterwards. They become its owner.
///
/// # Errors
/// As [`may_create_in`].
pub fn may_create_credential_in<'a>(index: &Index, caller: &'a Caller, project: &ProjectId) -> Result<&'a Username, Refused> {
    let user = super::manage::may_create_credential(caller)?;
    if !caller.scopes().allow("role_binding", "create") {
        return Err(FORBIDDEN);
    }
    let leads = index.has_role(user, Scope::Project, in_project(project), &[PROJECT_OWNER, PROJECT_EDITOR]);
    if leads && index.project(project).is_some() {
        return Ok(user);
    }
    may_create_in(index, caller, "credential", project).map(|()| user)
}

/// Whether a person may read another one's record, or their own.
#[must_use]
pub fn sees_user(index: &Index, caller: &Caller, user: &Username) -> bool {
    let own = caller.principal() == Some(user) && caller.scopes().allow("user", "read");
    own || sees(index, caller, "user", &Platform)
}

/// Whether a person may change another one's record, or what their own says about them.
///
/// # Errors
/// As [`may_change`].
pub fn may_change_user(index: &Index, caller: &Caller, user: Option<&Username>, own: bool) -> Result<(), Refused> {
    let is_own = own && user.is_some() && caller.principal() == user && caller.scopes().allow("user", "update");
    if is_own {
        return Ok(());
    }
    may_change(index, caller, "user", &["update"], user.map(|_| &Platform))
}

/// Whether a credential is one of a project's: it is what resolves there, for the project or for one of its agents. For a session's own bearer,
/// whatever it was granted, in its own project.
#[must_use]
pub fn belongs(index: &Index, caller: &Caller, project: &ProjectId, credential: &Credential) -> bool {
    if let Some((own, _)) = caller.bound_session() {
        return own == project;
    }
    let wins = |agent| winner(index, project, agent, &credential.provider).is_some_and(|(won, _)| won == credential.id);
    let of_agent = || {
        let bindings = index.bindings_of_credential(&credential.id);
        let mut here = bindings.filter(|binding| binding.project_id.as_ref() == Some(project));
        here.any(|binding| binding.agent_id.is_some() && wins(binding.agent_id.as_ref()))
    };
    index.project(project).is_some() && credential.connected_to.is_none() && (wins(None) || of_agent())
}
