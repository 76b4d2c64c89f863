//! The rules a second time, for the tests alone: written from the words of the rules, over plain rows, without index and without any of the
//! functions that they are compared with. Slow and plain on purpose: every question walks over all bindings.

pub(super) mod bindings;
pub(super) mod resources;
pub(super) mod tokens;

use crate::access::Snapshot;
use crate::records::model::{Agent, Binding, Credential, Project, Role, Scope, Session};

/// The seeded roles: name, level in the hierarchy (`None`: not in the table), permissions.
pub(super) const SEEDED: [(&str, Option<u16>, &str); 14] = [
    ("platform:admin", Some(0), "*:*"),
    (
        "platform:viewer",
        Some(2),
        "project:read project:list session:read session:list agent:read agent:list",
    ),
    (
        "project:owner",
        Some(1),
        "project:read project:update project:delete agent:* session:* session_message:* project_document:* blackboard:* role_binding:*",
    ),
    (
        "project:editor",
        Some(2),
        "project:read agent:create agent:read agent:update agent:list agent:start session:create session:read session:update session:list \
         session_message:* project_document:read project_document:create project_document:update project_document:list blackboard:read \
         blackboard:watch role_binding:delete",
    ),
    (
        "project:viewer",
        Some(3),
        "project:read agent:read agent:list session:read session:list session_message:read session_message:list project_document:read \
         project_document:list blackboard:read",
    ),
    (
        "agent:operator",
        Some(2),
        "agent:read agent:update agent:start agent:list session:read session:list",
    ),
    (
        "agent:observer",
        Some(3),
        "agent:read agent:list session:read session:list blackboard:read blackboard:watch",
    ),
    ("agent:editor", Some(2), "agent:read agent:update"),
    (
        "agent:runner",
        None,
        "session:read session_message:* blackboard:read blackboard:watch",
    ),
    ("credential:viewer", Some(2), "credential:read credential:list"),
    (
        "credential:owner",
        Some(1),
        "credential:create credential:read credential:update credential:delete credential:list credential:fetch_token role_binding:create \
         role_binding:delete",
    ),
    ("credential:token-reader", Some(2), "credential:fetch_token"),
    (
        "gitops:admin",
        Some(1),
        "application:create application:read application:update application:delete application:list",
    ),
    ("gitops:viewer", Some(3), "application:read application:list"),
];

/// Nobody's level, and that of every role which is not in the table.
pub(super) const NO_LEVEL: u16 = 999;

/// Who asks, as the tests name them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Who {
    Person(&'static str),
    Key(&'static str, Option<&'static [&'static str]>),
    Service(&'static str, Option<&'static [&'static str]>),
    Session(&'static str, &'static str),
    Turn(&'static str, &'static str, &'static str, &'static str),
}

impl Who {
    /// Whose role bindings speak for them. A session and a turn have none.
    pub(super) const fn principal(&self) -> Option<&'static str> {
        match self {
            Self::Person(name) | Self::Key(name, _) | Self::Service(name, _) => Some(name),
            Self::Session(..) | Self::Turn(..) => None,
        }
    }

    pub(super) const fn is_service(&self) -> bool {
        matches!(self, Self::Service(..))
    }

    pub(super) const fn session(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Session(project, session) | Self::Turn(_, project, session, _) => Some((project, session)),
            _ => None,
        }
    }

    /// Whether the bearer itself is limited to less.
    pub(super) fn bearer_allows(&self, resource: &str, action: &str) -> bool {
        match self {
            Self::Key(_, Some(scopes)) | Self::Service(_, Some(scopes)) => scopes.iter().any(|scope| permits(scope, resource, action)),
            _ => true,
        }
    }
}

/// `resource:action`, either side may be `*`; but no wildcard reads tokens or opens turns.
pub(super) fn permits(permission: &str, resource: &str, action: &str) -> bool {
    let Some((of, what)) = permission.split_once(':') else {
        return false;
    };
    if of == resource && what == action {
        return true;
    }
    let by_name_alone = action == "fetch_token" || (resource == "turn" && action == "open");
    !by_name_alone && (of == "*" || of == resource) && (what == "*" || what == action)
}

/// What a request is about: the ids in its address.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Asked<'a> {
    pub(super) project: Option<&'a str>,
    pub(super) agent: Option<&'a str>,
    pub(super) session: Option<&'a str>,
    pub(super) credential: Option<&'a str>,
}

impl<'a> Asked<'a> {
    pub(super) fn project(id: &'a str) -> Self {
        Self {
            project: Some(id),
            ..Self::default()
        }
    }

    pub(super) fn credential(id: &'a str) -> Self {
        Self {
            credential: Some(id),
            ..Self::default()
        }
    }
}

/// A global binding covers all; another one the same id, and without an id nothing.
pub(super) fn covers(binding: &Binding, asked: Asked<'_>) -> bool {
    let same = |own: Option<&str>, asked: Option<&str>| own.is_some() && own == asked;
    match binding.scope {
        Scope::Global => true,
        Scope::Project => same(binding.project_id.as_ref().map(|id| id.as_str()), asked.project),
        Scope::Agent => same(binding.agent_id.as_ref().map(|id| id.as_str()), asked.agent),
        Scope::Session => same(binding.session_id.as_ref().map(|id| id.as_str()), asked.session),
        Scope::Credential => same(binding.credential_id.as_ref().map(|id| id.as_str()), asked.credential),
    }
}

/// Made for a session at its start: it speaks for that session, whoever its user is.
pub(super) fn for_a_session(binding: &Binding) -> bool {
    binding.scope == Scope::Credential && binding.session_id.is_some()
}

pub(super) fn role_of<'a>(world: &'a Snapshot, binding: &Binding) -> Option<&'a Role> {
    world.roles.iter().find(|role| role.id == binding.role_id)
}

pub(super) fn role_permits(role: &Role, resource: &str, action: &str) -> bool {
    role.permissions.iter().any(|permission| permits(permission, resource, action))
}

pub(super) fn level_of(role: &Role) -> u16 {
    let seeded = SEEDED.iter().find(|(name, ..)| role.built_in && *name == role.name);
    // Its row was deleted by the platform, its level stays in the table; only what came with the server has one.
    let gone = role.built_in && role.name == "credential:reader";
    seeded.and_then(|(_, level, _)| *level).or(gone.then_some(2)).unwrap_or(NO_LEVEL)
}

/// The bindings that speak for this person, each with its role. A binding of a role that there is not says nothing.
pub(super) fn bindings_of<'a>(world: &'a Snapshot, name: &str) -> Vec<(&'a Binding, &'a Role)> {
    let own = world
        .bindings
        .iter()
        .filter(|binding| !for_a_session(binding) && binding.user_id.as_ref().is_some_and(|user| user.as_str() == name));
    own.filter_map(|binding| Some((binding, role_of(world, binding)?))).collect()
}

/// Whether a binding of the person's own permits this on that.
pub(super) fn holds(world: &Snapshot, name: &str, resource: &str, action: &str, asked: Asked<'_>) -> bool {
    bindings_of(world, name)
        .iter()
        .any(|(binding, role)| role_permits(role, resource, action) && covers(binding, asked))
}

/// Whether the caller may: service callers administer, everybody else needs a binding; and the bearer may be limited to less.
pub(super) fn may(world: &Snapshot, who: &Who, resource: &str, action: &str, asked: Asked<'_>) -> bool {
    let Some(name) = who.principal() else { return false };
    who.bearer_allows(resource, action) && (who.is_service() || holds(world, name, resource, action, asked))
}

/// Whether the person has one of these roles on this project.
pub(super) fn in_project(world: &Snapshot, name: &str, project: &str, roles: &[&str]) -> bool {
    bindings_of(world, name).iter().any(|(binding, role)| {
        binding.scope == Scope::Project && covers(binding, Asked::project(project)) && (roles.is_empty() || roles.contains(&&*role.name))
    })
}

/// Whether the person has one of these roles on this credential.
pub(super) fn on_credential(world: &Snapshot, name: &str, credential: &str, roles: &[&str]) -> bool {
    bindings_of(world, name).iter().any(|(binding, role)| {
        let here = binding.scope == Scope::Credential && covers(binding, Asked::credential(credential));
        here && (roles.is_empty() || roles.contains(&&*role.name))
    })
}

pub(super) fn credential<'a>(world: &'a Snapshot, id: &str) -> Option<&'a Credential> {
    world.credentials.iter().find(|credential| credential.id.as_str() == id)
}

pub(super) fn project<'a>(world: &'a Snapshot, id: &str) -> Option<&'a Project> {
    world.projects.iter().find(|project| project.id.as_str() == id)
}

pub(super) fn agent<'a>(world: &'a Snapshot, id: &str) -> Option<&'a Agent> {
    world.agents.iter().find(|agent| agent.id.as_str() == id)
}

/// The session of this id, in this project or, if none is named, in the only project that has one.
pub(super) fn session<'a>(world: &'a Snapshot, project: Option<&str>, id: &str) -> Option<&'a Session> {
    let mut found = world.sessions.iter().filter(|session| session.id.as_str() == id);
    match project {
        Some(project) => found.find(|session| session.project_id.as_str() == project),
        None => found.next().filter(|_| found.next().is_none()),
    }
}

/// Which credential belongs to a project or agent: agent beats project beats global, then the earliest. Roles that read tokens say who may
/// read and hand nothing to a place; connected accounts belong to nobody else.
pub(super) fn resolves(world: &Snapshot, project: &str, agent: Option<&str>, provider: &str) -> Option<String> {
    let mut candidates = Vec::new();
    for binding in &world.bindings {
        let Some(role) = role_of(world, binding) else { continue };
        let Some(credential) = binding.credential_id.as_ref().and_then(|id| credential(world, id.as_str())) else {
            continue;
        };
        let hands_over = role.name != "credential:owner" && role.name != "credential:token-reader";
        if binding.scope != Scope::Credential
            || binding.session_id.is_some()
            || !hands_over
            || role_permits(role, "credential", "fetch_token")
            || credential.connected_to.is_some()
            || credential.provider.as_str() != provider
        {
            continue;
        }
        let own_project = binding.project_id.as_ref().map(|id| id.as_str());
        let own_agent = binding.agent_id.as_ref().map(|id| id.as_str());
        let tier = match (own_project, own_agent) {
            (Some(own), Some(of)) if own == project && Some(of) == agent => 0,
            (Some(own), None) if own == project => 1,
            (None, None) => 2,
            _ => continue,
        };
        candidates.push((tier, binding.created_at_ms, binding.id.clone(), credential.id.as_str().to_owned()));
    }
    candidates.into_iter().min().map(|(.., credential)| credential)
}

/// What a session was granted, earliest first.
pub(super) fn granted<'a>(world: &'a Snapshot, session: &Session) -> Vec<&'a Credential> {
    let mut rows: Vec<&Binding> = world.bindings.iter().filter(|binding| for_a_session(binding)).collect();
    rows.retain(|row| {
        let fetches = role_of(world, row).is_some_and(|role| role_permits(role, "credential", "fetch_token"));
        let namesakes = world.sessions.iter().filter(|other| other.id == session.id).count();
        let here = row
            .project_id
            .as_ref()
            .map_or(namesakes == 1, |project| *project == session.project_id);
        fetches && here && row.session_id.as_ref() == Some(&session.id)
    });
    rows.sort_by_key(|row| (row.created_at_ms, row.id.clone()));
    rows.into_iter()
        .filter_map(|row| credential(world, row.credential_id.as_ref()?.as_str()))
        .filter(|credential| credential.connected_to.is_none())
        .collect()
}
