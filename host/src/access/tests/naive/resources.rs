//! Projects, agents, sessions, roles, people, and the metadata of credentials.

use super::{Asked, Who, agent, credential, granted, in_project, may, on_credential, project, resolves, session};
use crate::access::Snapshot;
use crate::records::model::Phase;

/// How a change ends: as the API answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Allowed,
    Forbidden,
    NotFound,
}

/// A thing that a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Thing {
    Project(&'static str),
    Agent(&'static str),
    Session(&'static str, &'static str),
    Platform,
    Nothing,
}

fn asked<'a>(world: &'a Snapshot, thing: Thing) -> Asked<'a> {
    match thing {
        Thing::Project(id) => Asked::project(id),
        Thing::Agent(id) => Asked {
            agent: Some(id),
            project: agent(world, id).map(|agent| agent.project_id.as_str()),
            ..Asked::default()
        },
        Thing::Session(project, id) => Asked {
            session: Some(id),
            project: Some(project),
            agent: session(world, Some(project), id).and_then(|session| session.agent_id.as_ref().map(|agent| agent.as_str())),
            ..Asked::default()
        },
        Thing::Platform | Thing::Nothing => Asked::default(),
    }
}

/// Reading: whoever may read it, and 404 to everybody else.
pub(crate) fn sees(world: &Snapshot, who: &Who, resource: &str, thing: Thing) -> bool {
    may(world, who, resource, "read", asked(world, thing))
}

/// Changing: 403 to everybody who may not, whether it is there or not; 404 to those who may do it to all.
pub(crate) fn changes(world: &Snapshot, who: &Who, resource: &str, action: &str, thing: Thing) -> Change {
    match (may(world, who, resource, action, asked(world, thing)), thing) {
        (false, _) => Change::Forbidden,
        (true, Thing::Nothing) => Change::NotFound,
        (true, _) => Change::Allowed,
    }
}

/// A project is known to whoever may read it or has any role in it.
pub(crate) fn sees_project(world: &Snapshot, who: &Who, id: &str) -> bool {
    let Some(name) = who.principal() else { return false };
    let member = in_project(world, name, id, &[]) && who.bearer_allows("project", "read");
    project(world, id).is_some() && (member || may(world, who, "project", "read", Asked::project(id)))
}

/// Everybody makes projects and credentials, but for sessions and turns.
pub(crate) fn makes(who: &Who, resource: &str) -> bool {
    who.principal().is_some() && who.bearer_allows(resource, "create")
}

/// A credential of a project is made by whoever could bind it there afterwards, or may create them there.
pub(crate) fn makes_credential_in(world: &Snapshot, who: &Who, id: &str) -> Change {
    let Some(name) = who.principal() else { return Change::Forbidden };
    if !who.bearer_allows("credential", "create") || !who.bearer_allows("role_binding", "create") {
        return Change::Forbidden;
    }
    let there = project(world, id).is_some();
    if there && in_project(world, name, id, &["project:owner", "project:editor"]) {
        return Change::Allowed;
    }
    let asked = if there { Asked::project(id) } else { Asked::default() };
    match (may(world, who, "credential", "create", asked), there) {
        (false, _) => Change::Forbidden,
        (true, true) => Change::Allowed,
        (true, false) => Change::NotFound,
    }
}

/// People see themselves, and change what is said about them; administrators everybody.
pub(crate) fn sees_user(world: &Snapshot, who: &Who, user: &str) -> bool {
    let own = who.principal() == Some(user) && who.bearer_allows("user", "read");
    own || may(world, who, "user", "read", Asked::default())
}

pub(crate) fn changes_user(world: &Snapshot, who: &Who, user: Option<&str>, own_may: bool) -> Change {
    let own = own_may && user.is_some() && who.principal() == user && who.bearer_allows("user", "update");
    match (own || may(world, who, "user", "update", Asked::default()), user) {
        (false, _) => Change::Forbidden,
        (true, None) => Change::NotFound,
        (true, Some(_)) => Change::Allowed,
    }
}

/// The metadata of a credential: one's own account; what one has any binding on or may read; services all that can be bound; a session what
/// it was granted while it runs.
pub(crate) fn sees_credential(world: &Snapshot, who: &Who, id: &str) -> bool {
    if !who.bearer_allows("credential", "read") {
        return false;
    }
    let Some(row) = credential(world, id) else { return false };
    if let Some((in_project, own)) = who.session() {
        let Some(session) = session(world, Some(in_project), own) else {
            return false;
        };
        let runs = matches!(session.phase, Phase::Creating | Phase::Running);
        let over = matches!(who, Who::Turn(id, ..) if world.turns.iter().all(|turn| turn.id.as_str() != *id));
        return runs && !over && granted(world, session).iter().any(|granted| granted.id.as_str() == id);
    }
    let Some(name) = who.principal() else { return false };
    match &row.connected_to {
        Some(person) => person.as_str() == name && !who.is_service(),
        None => {
            who.is_service()
                || on_credential(world, name, id, &[])
                || super::holds(world, name, "credential", "read", Asked::credential(id))
        }
    }
}

/// Changing one. A service sees them and changes none that it has no binding for.
pub(crate) fn changes_credential(world: &Snapshot, who: &Who, id: Option<&str>, action: &str) -> Change {
    let Some(name) = who.principal().filter(|_| who.bearer_allows("credential", action)) else {
        return Change::Forbidden;
    };
    let all = super::holds(world, name, "credential", action, Asked::default());
    let Some(row) = id.and_then(|id| credential(world, id)) else {
        return if all { Change::NotFound } else { Change::Forbidden };
    };
    let may = match &row.connected_to {
        Some(person) => person.as_str() == name && !who.is_service(),
        None => super::holds(world, name, "credential", action, Asked::credential(row.id.as_str())),
    };
    if may { Change::Allowed } else { Change::Forbidden }
}

/// Whether a credential is one of a project's: what resolves there for the project or for an agent of it; for a session's bearer the project is
/// compared, and what it was granted is judged by [`sees_credential`].
pub(crate) fn belongs(world: &Snapshot, who: &Who, in_project: &str, id: &str) -> bool {
    if let Some((own, _)) = who.session() {
        return own == in_project;
    }
    let Some(row) = credential(world, id).filter(|row| row.connected_to.is_none()) else {
        return false;
    };
    let agents = world.agents.iter().map(|agent| Some(agent.id.as_str()));
    let mut places = agents.chain([None]);
    project(world, in_project).is_some()
        && places.any(|agent| resolves(world, in_project, agent, row.provider.as_str()).as_deref() == Some(id))
}
