//! Role bindings: who sees, makes, changes and takes them away.

use super::{
    Asked, NO_LEVEL, Who, agent, bindings_of, covers, credential, holds, in_project, level_of, on_credential, resolves, role_of, session,
};
use crate::access::Snapshot;
use crate::records::model::{Binding, Role, Scope};

/// `Ok`, or the status with the reason that clients know.
pub(crate) type Answer = Result<(), (u16, &'static str)>;

const FORBIDDEN: Answer = Err((403, "Forbidden"));
const NOT_FOUND: Answer = Err((404, ""));

/// One's own; those of one's projects and credentials; all, with a global role that reads them.
pub(crate) fn sees(world: &Snapshot, who: &Who, binding: &Binding) -> bool {
    let Some(name) = who.principal().filter(|_| who.bearer_allows("role_binding", "read")) else {
        return false;
    };
    who.is_service()
        || binding.user_id.as_ref().is_some_and(|user| user.as_str() == name)
        || holds(world, name, "role_binding", "read", Asked::default())
        || project_of(world, binding).is_some_and(|project| in_project(world, name, &project, &[]))
        || binding
            .credential_id
            .as_ref()
            .is_some_and(|id| on_credential(world, name, id.as_str(), &[]))
}

/// The project that a binding is about: the one it names, else that of its agent or session.
fn project_of(world: &Snapshot, binding: &Binding) -> Option<String> {
    let named = binding.project_id.as_ref().map(|project| project.as_str().to_owned());
    named.or_else(|| match binding.scope {
        Scope::Agent => Some(agent(world, binding.agent_id.as_ref()?.as_str())?.project_id.as_str().to_owned()),
        Scope::Session => Some(
            session(world, None, binding.session_id.as_ref()?.as_str())?
                .project_id
                .as_str()
                .to_owned(),
        ),
        _ => None,
    })
}

/// The best level among the caller's roles on what the binding is about and their global ones.
fn level(world: &Snapshot, name: &str, asked: Asked<'_>) -> u16 {
    let own = bindings_of(world, name);
    let here = own.iter().filter(|(binding, _)| covers(binding, asked));
    here.map(|(_, role)| level_of(role)).min().unwrap_or(NO_LEVEL)
}

fn level_for(world: &Snapshot, name: &str, binding: &Binding) -> u16 {
    let project = project_of(world, binding);
    match binding.scope {
        Scope::Global => level(world, name, Asked::default()),
        Scope::Credential => match &binding.credential_id {
            Some(id) => level(world, name, Asked::credential(id.as_str())),
            None => level(world, name, Asked::default()),
        },
        Scope::Project | Scope::Agent | Scope::Session => {
            let asked = Asked {
                project: project.as_deref(),
                ..Asked::default()
            };
            level(world, name, asked)
        }
    }
}

/// The administrators grant what the table has, everybody else what stands strictly lower.
const fn grantable(own: u16, target: u16) -> bool {
    target != NO_LEVEL && (own == 0 || own < target)
}

fn is_internal(role: &Role) -> bool {
    role.name == "agent:runner" || role.name == "credential:token-reader"
}

/// Making one. First failure wins, in the order of the wire.
pub(crate) fn binds(world: &Snapshot, who: &Who, binding: &Binding) -> Answer {
    let Some(name) = who.principal().filter(|_| who.bearer_allows("role_binding", "create")) else {
        return FORBIDDEN;
    };
    let Some(role) = role_of(world, binding) else {
        return Err((403, "target role not found"));
    };
    let level = if who.is_service() { 0 } else { level_for(world, name, binding) };
    if is_internal(role) && level != 0 {
        return Err((403, "cannot assign internal role"));
    }
    if !grantable(level, level_of(role)) {
        return Err((403, "insufficient privileges to grant this role"));
    }
    match binding.scope {
        Scope::Global | Scope::Project => {
            if binding.credential_id.is_some() || binding.agent_id.is_some() || binding.session_id.is_some() {
                return Err((400, "a binding of this scope takes no agent_id, session_id or credential_id"));
            }
            match (&binding.project_id, binding.scope) {
                (_, Scope::Global) if level == 0 => Ok(()),
                (_, Scope::Global) => Err((403, "only platform admins can create global bindings")),
                (None, _) => Err((400, "a project-scoped binding requires a project_id")),
                (Some(project), _) if level == 0 || in_project(world, name, project.as_str(), &[]) => Ok(()),
                (Some(_), _) => Err((403, "caller has no access to this project")),
            }
        }
        Scope::Agent | Scope::Session => binds_inside(world, name, level, binding),
        Scope::Credential => binds_credential(world, who, name, level, role, binding),
    }
}

/// On an agent or a session: the target must lie inside a project that the caller owns; unknown and foreign are the same 403.
fn binds_inside(world: &Snapshot, name: &str, level: u16, binding: &Binding) -> Answer {
    if binding.credential_id.is_some() {
        return Err((400, "a binding of this scope takes no credential_id"));
    }
    let project = binding.project_id.as_ref().map(|project| project.as_str());
    let lies_in = match (binding.scope, &binding.agent_id, &binding.session_id) {
        (Scope::Agent, None, _) => return Err((400, "an agent-scoped binding requires an agent_id")),
        (Scope::Agent, Some(id), _) => agent(world, id.as_str()).map(|agent| agent.project_id.as_str()),
        (_, _, None) => return Err((400, "a session-scoped binding requires a session_id")),
        (_, _, Some(id)) => session(world, project, id.as_str()).map(|session| session.project_id.as_str()),
    };
    let fits = lies_in.is_some_and(|inside| project.is_none_or(|named| named == inside));
    let administers = level == 0 || lies_in.is_some_and(|inside| in_project(world, name, inside, &["project:owner"]));
    if fits && administers {
        Ok(())
    } else {
        Err((403, "caller does not administer the target of this binding"))
    }
}

fn binds_credential(world: &Snapshot, who: &Who, name: &str, level: u16, role: &Role, binding: &Binding) -> Answer {
    const NOT_OWNER: Answer = Err((403, "caller must be credential owner to grant credential-scoped bindings"));
    let Some(id) = binding.credential_id.as_ref().map(|id| id.as_str()) else {
        return Err((400, "a credential-scoped binding requires a credential_id"));
    };
    let project = binding.project_id.as_ref().map(|project| project.as_str());
    if let Some(wanted) = &binding.agent_id {
        let Some(project) = project else {
            return Err((400, "agent-scoped credential bindings require a project_id"));
        };
        match agent(world, wanted.as_str()) {
            None => return Err((400, "agent not found")),
            Some(agent) if agent.project_id.as_str() != project => return Err((400, "agent does not belong to the specified project")),
            Some(_) => {}
        }
    }
    let Some(row) = credential(world, id).filter(|row| row.connected_to.is_none()) else {
        return NOT_OWNER;
    };
    if !on_credential(world, name, id, &["credential:owner"]) {
        // Administrators and services grant what they do not own to a session for which it resolves, and to nobody else.
        let session = binding
            .session_id
            .as_ref()
            .and_then(|session_id| session(world, project, session_id.as_str()));
        let resolved = session.and_then(|session| {
            let agent = session.agent_id.as_ref().map(|agent| agent.as_str());
            resolves(world, session.project_id.as_str(), agent, row.provider.as_str())
        });
        let grants = level == 0 && role.name == "credential:token-reader" && resolved.as_deref() == Some(id);
        return if grants { Ok(()) } else { NOT_OWNER };
    }
    match project {
        _ if level == 0 || who.is_service() => Ok(()),
        Some(project) if in_project(world, name, project, &["project:owner", "project:editor"]) => Ok(()),
        Some(_) => Err((403, "caller must be project editor or higher to bind credentials to a project")),
        None => Err((403, "only platform admins can create global credential bindings")),
    }
}

/// The only binding by which a person owns its project or its credential.
pub(crate) fn is_last_owner(world: &Snapshot, binding: &Binding) -> bool {
    let owned = |row: &Binding| {
        let role = role_of(world, row).map(|role| role.name.as_str());
        let person = row.user_id.is_some() && row.session_id.is_none();
        match (row.scope, role, &row.project_id, &row.credential_id) {
            (Scope::Project, Some("project:owner"), Some(project), _) if person => Some(("project", project.as_str().to_owned())),
            (Scope::Credential, Some("credential:owner"), _, Some(id)) if person => Some(("credential", id.as_str().to_owned())),
            _ => None,
        }
    };
    owned(binding).is_some_and(|what| world.bindings.iter().filter(|row| owned(row).as_ref() == Some(&what)).count() == 1)
}

/// The ids by which a stored binding is covered.
fn of_stored<'a>(binding: &'a Binding, project: Option<&'a str>) -> Asked<'a> {
    Asked {
        project,
        credential: binding.credential_id.as_ref().map(|id| id.as_str()),
        ..Asked::default()
    }
}

/// Taking one away. `None` is one that is not there.
pub(crate) fn unbinds(world: &Snapshot, who: &Who, binding: Option<&Binding>) -> Answer {
    const REFUSED: Answer = Err((403, "insufficient privileges to delete this binding"));
    let Some(name) = who.principal().filter(|_| who.bearer_allows("role_binding", "delete")) else {
        return FORBIDDEN;
    };
    let all = who.is_service() || holds(world, name, "role_binding", "delete", Asked::default());
    let Some(binding) = binding else {
        return if all { NOT_FOUND } else { FORBIDDEN };
    };
    let project = project_of(world, binding);
    if !all && !holds(world, name, "role_binding", "delete", of_stored(binding, project.as_deref())) {
        return FORBIDDEN;
    }
    if is_last_owner(world, binding) {
        return Err((409, "cannot delete the last owner binding"));
    }
    let allowed = match binding.scope {
        _ if all => true,
        Scope::Credential => {
            let owns = binding
                .credential_id
                .as_ref()
                .is_some_and(|id| on_credential(world, name, id.as_str(), &["credential:owner"]));
            let edits = |project: &str| in_project(world, name, project, &["project:owner", "project:editor"]);
            owns || binding.project_id.as_ref().is_some_and(|project| edits(project.as_str()))
        }
        _ => {
            let own = level_for(world, name, binding);
            own <= 1 && grantable(own, role_of(world, binding).map_or(NO_LEVEL, level_of))
        }
    };
    if allowed { Ok(()) } else { REFUSED }
}

/// Changing one: people the role of their own alone; and what it becomes, its changer must be able to make.
pub(crate) fn rebinds(world: &Snapshot, who: &Who, change: Option<(&Binding, &Binding)>) -> Answer {
    let Some(name) = who.principal().filter(|_| who.bearer_allows("role_binding", "update")) else {
        return FORBIDDEN;
    };
    let all = who.is_service() || holds(world, name, "role_binding", "update", Asked::default());
    let Some((old, new)) = change else {
        return if all { NOT_FOUND } else { FORBIDDEN };
    };
    let project = project_of(world, old);
    let asked = of_stored(old, project.as_deref());
    let own = old.user_id.as_ref().is_some_and(|user| user.as_str() == name);
    let own = own && holds(world, name, "role_binding", "update", asked);
    if !all && !own {
        return FORBIDDEN;
    }
    let subject = |row: &Binding| {
        (
            row.scope,
            row.user_id.clone(),
            row.project_id.clone(),
            row.agent_id.clone(),
            row.session_id.clone(),
            row.credential_id.clone(),
        )
    };
    let moved = subject(old) != subject(new);
    if moved && !all {
        return FORBIDDEN;
    }
    if old.role_id != new.role_id {
        let Some(role) = role_of(world, new) else {
            return Err((403, "target role not found"));
        };
        if is_internal(role) {
            return Err((403, "cannot assign internal role"));
        }
        let level = if all { 0 } else { level(world, name, asked) };
        if !grantable(level, level_of(role)) {
            return Err((403, "insufficient privileges to change role"));
        }
    } else if !moved {
        return Ok(());
    }
    binds(world, who, new)
}
