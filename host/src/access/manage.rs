//! Who may see and change credentials and role bindings: the rules of the API beside the token read.
//!
//! Reading what one may not see is 404, changing it 403, and both look the same as if it did not exist. Pure: the index in, an
//! answer out.

use super::index::{Index, Reach};
use super::resolve::winner;
use super::roles::{CREDENTIAL_OWNER, KnownRole, Level, PROJECT_EDITOR, PROJECT_OWNER, TOKEN_READER};
use crate::identity::{Caller, OPEN_TURN};
use crate::ids::Username;
use crate::records::model::{Binding, Credential, Scope};

/// Why a change is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// 404: it does not exist, and the caller would see it if it did.
    #[error("not found")]
    NotFound,
    /// 403, with the reason that clients know.
    #[error("{0}")]
    Forbidden(&'static str),
    /// 409: it is the last owner's, and the caller may know.
    #[error("cannot delete the last owner binding")]
    LastOwner,
    /// 400: it makes no sense, whoever asks.
    #[error("{0}")]
    Senseless(&'static str),
}

const FORBIDDEN: Refused = Refused::Forbidden("Forbidden");

/// Whether the caller may see a credential's metadata: their own account; what a role of theirs lets them read; what they hold any
/// binding on; and, for a session, what it was granted. Never says anything about its token.
#[must_use]
pub fn sees_credential(index: &Index, caller: &Caller, credential: &Credential) -> bool {
    if !caller.scopes().allow("credential", "read") {
        return false;
    }
    if let Some((project, session)) = caller.bound_session() {
        return index.still_speaks(caller) && index.grants(project, session).any(|(_, granted)| granted.id == credential.id);
    }
    let Some(user) = caller.principal() else { return false };
    if let Some(person) = &credential.connected_to {
        return person == user && !caller.is_service();
    }
    // A control plane resolves credentials for the sessions it starts. Their tokens are another matter.
    if caller.is_service() {
        return true;
    }
    let reach = Reach {
        credential: Some(&credential.id),
        ..Reach::default()
    };
    index.allowing_binding(user, "credential", "read", reach).is_some() || index.has_role(user, Scope::Credential, reach, &[])
}

/// Whether the caller may make a credential: everybody but a session. They become its owner.
///
/// # Errors
/// 403 for sessions and turns, which read tokens and nothing else, and for a key without the scope.
pub fn may_create_credential(caller: &Caller) -> Result<&Username, Refused> {
    let user = caller.principal().ok_or(FORBIDDEN)?;
    if caller.scopes().allow("credential", "create") {
        Ok(user)
    } else {
        Err(FORBIDDEN)
    }
}

/// Whether the caller may change (`update`) or remove (`delete`) a credential.
///
/// # Errors
/// 403 if not; 404 only for someone who may change all of them.
pub fn may_change_credential(index: &Index, caller: &Caller, credential: Option<&Credential>, action: &str) -> Result<(), Refused> {
    let user = caller.principal().ok_or(FORBIDDEN)?;
    if !caller.scopes().allow("credential", action) {
        return Err(FORBIDDEN);
    }
    let everywhere = index.allowing_binding(user, "credential", action, Reach::default()).is_some();
    let Some(credential) = credential else {
        return Err(if everywhere { Refused::NotFound } else { FORBIDDEN });
    };
    if let Some(person) = &credential.connected_to {
        return if person == user && !caller.is_service() {
            Ok(())
        } else {
            Err(FORBIDDEN)
        };
    }
    let reach = Reach {
        credential: Some(&credential.id),
        ..Reach::default()
    };
    if everywhere || index.allowing_binding(user, "credential", action, reach).is_some() {
        Ok(())
    } else {
        Err(FORBIDDEN)
    }
}

/// Whether the caller may see a binding: their own; those of their projects and of their credentials; all, with a global role that
/// reads bindings. A session sees none.
#[must_use]
pub fn sees_binding(index: &Index, caller: &Caller, binding: &Binding) -> bool {
    let Some(user) = caller.principal().filter(|_| caller.scopes().allow("role_binding", "read")) else {
        return false;
    };
    if caller.is_service()
        || binding.user_id.as_ref() == Some(user)
        || index.allowing_binding(user, "role_binding", "read", Reach::default()).is_some()
    {
        return true;
    }
    let in_project = index.project_of(binding).is_some_and(|project| {
        index.has_role(
            user,
            Scope::Project,
            Reach {
                project: Some(project),
                ..Reach::default()
            },
            &[],
        )
    });
    in_project
        || binding.credential_id.as_ref().is_some_and(|credential| {
            index.has_role(
                user,
                Scope::Credential,
                Reach {
                    credential: Some(credential),
                    ..Reach::default()
                },
                &[],
            )
        })
}

/// Whether the caller may make this binding. The order of the checks is the wire's: clients tell the cases apart by the reason.
///
/// # Errors
/// The first rule that is broken.
pub fn may_bind(index: &Index, caller: &Caller, binding: &Binding, role: Option<&KnownRole>) -> Result<(), Refused> {
    let user = caller.principal().ok_or(FORBIDDEN)?;
    if !caller.scopes().allow("role_binding", "create") {
        return Err(FORBIDDEN);
    }
    let role = role.ok_or(Refused::Forbidden("target role not found"))?;
    let level = if caller.is_service() {
        Level::ADMIN
    } else {
        level_for(index, user, binding)
    };
    if role.is_internal() && level != Level::ADMIN {
        return Err(Refused::Forbidden("cannot assign internal role"));
    }
    if !level.may_grant(role.level) {
        return Err(Refused::Forbidden("insufficient privileges to grant this role"));
    }
    match binding.scope {
        Scope::Global | Scope::Project if binding.credential_id.is_some() || binding.agent_id.is_some() || binding.session_id.is_some() => {
            Err(Refused::Senseless(
                "a binding of this scope takes no agent_id, session_id or credential_id",
            ))
        }
        Scope::Agent | Scope::Session if binding.credential_id.is_some() => {
            Err(Refused::Senseless("a binding of this scope takes no credential_id"))
        }
        Scope::Global if level != Level::ADMIN => Err(Refused::Forbidden("only platform admins can create global bindings")),
        Scope::Global => Ok(()),
        Scope::Project => {
            let project = binding
                .project_id
                .as_ref()
                .ok_or(Refused::Senseless("a project-scoped binding requires a project_id"))?;
            let reach = Reach {
                project: Some(project),
                ..Reach::default()
            };
            let inside = level == Level::ADMIN || index.has_role(user, Scope::Project, reach, &[]);
            if inside {
                Ok(())
            } else {
                Err(Refused::Forbidden("caller has no access to this project"))
            }
        }
        Scope::Agent | Scope::Session => may_bind_inside(index, level, user, binding),
        Scope::Credential => may_bind_credential(index, caller, user, level, binding, role),
    }
}

/// A binding on an agent or a session: the target must lie in a project that the caller owns. Unknown and out of reach answer alike.
fn may_bind_inside(index: &Index, level: Level, user: &Username, binding: &Binding) -> Result<(), Refused> {
    const OUTSIDE: Refused = Refused::Forbidden("caller does not administer the target of this binding");
    let project = match binding.scope {
        Scope::Agent => {
            let agent = binding
                .agent_id
                .as_ref()
                .ok_or(Refused::Senseless("an agent-scoped binding requires an agent_id"))?;
            index.agent(agent).map(|agent| &agent.project_id)
        }
        _ => {
            let session = binding
                .session_id
                .as_ref()
                .ok_or(Refused::Senseless("a session-scoped binding requires a session_id"))?;
            match &binding.project_id {
                Some(project) => index.session(project, session),
                None => index.only_session(session),
            }
            .map(|session| &session.project_id)
        }
    };
    let project = project.ok_or(OUTSIDE)?;
    if binding.project_id.as_ref().is_some_and(|named| named != project) {
        return Err(OUTSIDE);
    }
    let reach = Reach {
        project: Some(project),
        ..Reach::default()
    };
    if level == Level::ADMIN || index.has_role(user, Scope::Project, reach, &[PROJECT_OWNER]) {
        Ok(())
    } else {
        Err(OUTSIDE)
    }
}

fn may_bind_credential(
    index: &Index,
    caller: &Caller,
    user: &Username,
    level: Level,
    binding: &Binding,
    role: &KnownRole,
) -> Result<(), Refused> {
    const NOT_OWNER: Refused = Refused::Forbidden("caller must be credential owner to grant credential-scoped bindings");
    let credential = binding
        .credential_id
        .as_ref()
        .ok_or(Refused::Senseless("a credential-scoped binding requires a credential_id"))?;
    if let Some(agent) = &binding.agent_id {
        let project = binding
            .project_id
            .as_ref()
            .ok_or(Refused::Senseless("agent-scoped credential bindings require a project_id"))?;
        let agent = index.agent(agent).ok_or(Refused::Senseless("agent not found"))?;
        if agent.project_id != *project {
            return Err(Refused::Senseless("agent does not belong to the specified project"));
        }
    }
    let known = index.credential(credential).ok_or(NOT_OWNER)?;
    if known.connected_to.is_some() {
        return Err(NOT_OWNER);
    }
    let reach = Reach {
        credential: Some(credential),
        ..Reach::default()
    };
    let owns = index.has_role(user, Scope::Credential, reach, &[CREDENTIAL_OWNER]);
    if !owns {
        // A control plane grants a session what resolves for it, and nothing else: "admin" is no way to anybody's token.
        let grants_what_resolves = level == Level::ADMIN && role.name == TOKEN_READER && resolves_for_session(index, binding, known);
        return if grants_what_resolves { Ok(()) } else { Err(NOT_OWNER) };
    }
    if level == Level::ADMIN || caller.is_service() {
        return Ok(());
    }
    match &binding.project_id {
        Some(project) => {
            let reach = Reach {
                project: Some(project),
                ..Reach::default()
            };
            let edits = index.has_role(user, Scope::Project, reach, &[PROJECT_OWNER, PROJECT_EDITOR]);
            if edits {
                Ok(())
            } else {
                Err(Refused::Forbidden(
                    "caller must be project editor or higher to bind credentials to a project",
                ))
            }
        }
        None => Err(Refused::Forbidden("only platform admins can create global credential bindings")),
    }
}

fn resolves_for_session(index: &Index, binding: &Binding, credential: &Credential) -> bool {
    let Some(session) = &binding.session_id else { return false };
    let session = match &binding.project_id {
        Some(project) => index.session(project, session),
        None => index.only_session(session),
    };
    session.is_some_and(|session| {
        let won = winner(index, &session.project_id, session.agent_id.as_ref(), &credential.provider);
        won.is_some_and(|(won, _)| won == credential.id)
    })
}

/// Whether this is the only binding by which a person owns its project or credential. The records look again, in the transaction.
fn is_last_owner(index: &Index, binding: &Binding) -> bool {
    // An owner's role on something else, an agent say, owns nothing: the scopes are compared too.
    let owns = |other: &Binding| {
        (other.role_id == binding.role_id && other.scope == binding.scope) && other.user_id.is_some() && other.session_id.is_none()
    };
    let role = index.role(&binding.role_id).map(|role| role.name.as_str());
    let owners = match (binding.scope, role, &binding.project_id, &binding.credential_id) {
        _ if !owns(binding) => return false,
        (Scope::Project, Some(PROJECT_OWNER), Some(project), _) => {
            index.bindings_of_project(project).filter(|other| owns(other)).take(2).count()
        }
        (Scope::Credential, Some(CREDENTIAL_OWNER), _, Some(credential)) => {
            index.bindings_of_credential(credential).filter(|other| owns(other)).take(2).count()
        }
        _ => return false,
    };
    owners <= 1
}

/// Whether the caller may remove this binding.
///
/// # Errors
/// 403 if not; 404 only for someone who may remove all of them.
pub fn may_unbind(index: &Index, caller: &Caller, binding: Option<&Binding>) -> Result<(), Refused> {
    const REFUSED: Refused = Refused::Forbidden("insufficient privileges to delete this binding");
    let user = caller.principal().ok_or(FORBIDDEN)?;
    if !caller.scopes().allow("role_binding", "delete") {
        return Err(FORBIDDEN);
    }
    let everywhere = caller.is_service() || index.allowing_binding(user, "role_binding", "delete", Reach::default()).is_some();
    let Some(binding) = binding else {
        return Err(if everywhere { Refused::NotFound } else { FORBIDDEN });
    };
    let reach = index.reach_of(binding);
    if !everywhere && index.allowing_binding(user, "role_binding", "delete", reach).is_none() {
        return Err(FORBIDDEN);
    }
    // Whoever has the permission learns why it cannot go, before it matters whether they stand high enough.
    if is_last_owner(index, binding) {
        return Err(Refused::LastOwner);
    }
    if everywhere {
        return Ok(());
    }
    if binding.scope == Scope::Credential {
        let own = Reach {
            credential: binding.credential_id.as_ref(),
            ..Reach::default()
        };
        let project = Reach {
            project: binding.project_id.as_ref(),
            ..Reach::default()
        };
        // An owner takes their credential back from any project (the platform lets only the project's editors).
        let may = index.has_role(user, Scope::Credential, own, &[CREDENTIAL_OWNER])
            || (binding.project_id.is_some() && index.has_role(user, Scope::Project, project, &[PROJECT_OWNER, PROJECT_EDITOR]));
        return if may { Ok(()) } else { Err(REFUSED) };
    }
    let level = level_for(index, user, binding);
    let role = index.role(&binding.role_id).map_or(Level::NONE, |role| role.level);
    if level <= Level::OWNER && level.may_grant(role) {
        Ok(())
    } else {
        Err(REFUSED)
    }
}

/// The caller's level as far as this binding is concerned: roles on its own subject and global ones, never roles held elsewhere.
fn level_for(index: &Index, user: &Username, binding: &Binding) -> Level {
    let reach = match binding.scope {
        Scope::Global => Reach::default(),
        Scope::Project | Scope::Agent | Scope::Session => Reach {
            project: index.project_of(binding),
            ..Reach::default()
        },
        Scope::Credential => Reach {
            credential: binding.credential_id.as_ref(),
            ..Reach::default()
        },
    };
    index.level(user, reach)
}

/// Whether a trusted proxy may open turns: only services may say whose message is being answered.
#[must_use]
pub fn may_open_turns(caller: &Caller) -> bool {
    caller.is_service() && caller.scopes().allow(OPEN_TURN.0, OPEN_TURN.1)
}
