//! Small worlds to decide in.

use crate::access::{Decision, Denial, Index, Permit, Reason, Snapshot, Target, TokenRequest, decide, permit};
use crate::clock::Millis;
use crate::config;
use crate::identity::{Caller, CallerKind, CurrentUserHeader, KeyScopes, PersonBearer, effective_user};
use crate::ids::{
    AgentId, ApiKeyId, BindingId, CredentialId, Generation, ProjectId, ProviderName, RoleId, RunId, SessionId, TurnId, Username,
};
use crate::records::model::{
    Agent, Binding, Credential, CredentialPolicy, CredentialState, Phase, Project, Role, Scope, Session, Trigger, Turn,
};

pub(super) const NOW: Millis = 1_000_000;

/// The seeded roles that matter here, one custom role that messages nothing, and one that tries wildcards.
pub(super) const ROLES: [(&str, &[&str]); 13] = [
    ("platform:admin", &["*:*"]),
    (
        "platform:viewer",
        &[
            "project:read",
            "project:list",
            "session:read",
            "session:list",
            "agent:read",
            "agent:list",
        ],
    ),
    (
        "project:owner",
        &[
            "project:read",
            "project:update",
            "agent:*",
            "session:*",
            "session_message:*",
            "role_binding:*",
        ],
    ),
    (
        "project:editor",
        &[
            "project:read",
            "agent:update",
            "session:read",
            "session_message:*",
            "role_binding:delete",
        ],
    ),
    ("project:viewer", &["project:read", "session:read", "session_message:read"]),
    (
        "agent:operator",
        &[
            "agent:read",
            "agent:update",
            "agent:start",
            "agent:list",
            "session:read",
            "session:list",
        ],
    ),
    ("agent:runner", &["session:read", "session_message:*"]),
    ("credential:viewer", &["credential:read", "credential:list"]),
    (
        "credential:owner",
        &[
            "credential:read",
            "credential:update",
            "credential:delete",
            "credential:list",
            "credential:fetch_token",
            "role_binding:create",
        ],
    ),
    ("credential:token-reader", &["credential:fetch_token"]),
    ("gitops:admin", &["application:create"]),
    ("wild", &["credential:*", "*:fetch_token", "*:*", "credential:fetch_token_"]),
    ("custom-reader", &["credential:fetch_token"]),
];

pub(super) fn user(name: &str) -> Username {
    Username::parse(name).unwrap()
}

pub(super) fn project_id(name: &str) -> ProjectId {
    ProjectId::parse(name).unwrap()
}

pub(super) fn credential_id(name: &str) -> CredentialId {
    CredentialId::parse(name).unwrap()
}

pub(super) fn session_id(name: &str) -> SessionId {
    SessionId::parse(name).unwrap()
}

pub(super) fn agent_id(name: &str) -> AgentId {
    AgentId::parse(name).unwrap()
}

pub(super) fn provider(name: &str) -> ProviderName {
    ProviderName::parse(name).unwrap()
}

pub(super) fn role_id(name: &str) -> RoleId {
    RoleId::parse(name.replace(':', "_")).unwrap()
}

pub(super) fn roles() -> Vec<Role> {
    ROLES
        .iter()
        .map(|(name, permissions)| Role {
            id: role_id(name),
            name: (*name).to_owned(),
            display_name: None,
            description: None,
            permissions: permissions.iter().map(|text| (*text).to_owned()).collect(),
            built_in: true,
            created_at_ms: 0,
            updated_at_ms: 0,
        })
        .collect()
}

pub(super) fn credential(id: &str, provider_name: &str) -> Credential {
    Credential {
        id: credential_id(id),
        name: id.to_owned(),
        description: None,
        provider: provider(provider_name),
        kind: "static".to_owned(),
        url: None,
        email: None,
        labels: None,
        annotations: None,
        fields: Default::default(),
        connected_to: None,
        generation: Generation::FIRST,
        state: CredentialState::Usable,
        created_at_ms: 0,
        updated_at_ms: 0,
    }
}

pub(super) fn account(id: &str, provider_name: &str, person: &str) -> Credential {
    Credential {
        connected_to: Some(user(person)),
        ..credential(id, provider_name)
    }
}

pub(super) fn project(name: &str) -> Project {
    Project {
        id: project_id(name),
        description: None,
        credential_policy: CredentialPolicy::Bindings,
        created_at_ms: 0,
        updated_at_ms: 0,
    }
}

pub(super) fn agent(id: &str, project: &str) -> Agent {
    Agent {
        id: agent_id(id),
        project_id: project_id(project),
        name: id.to_owned(),
        created_at_ms: 0,
        updated_at_ms: 0,
    }
}

pub(super) fn session(id: &str, project: &str, creator: &str) -> Session {
    Session {
        id: session_id(id),
        project_id: project_id(project),
        agent_id: None,
        name: id.to_owned(),
        created_by: user(creator),
        trigger: Trigger::Person,
        phase: Phase::Running,
        workload: None,
        starts: 1,
        attended: false,
        joined: false,
        created_at_ms: 0,
        updated_at_ms: 0,
    }
}

pub(super) fn turn(id: &str, project: &str, session: &str, name: &str) -> Turn {
    Turn {
        id: TurnId::parse(id).unwrap(),
        project_id: project_id(project),
        session_id: session_id(session),
        run_id: RunId::parse(format!("run-{id}")).unwrap(),
        user: user(name),
        opened_at_ms: 0,
        expires_at_ms: NOW + 60_000,
    }
}

/// A binding of scope credential; the rest is set by the caller.
pub(super) fn bind(id: &str, role: &str, credential: &str) -> Binding {
    Binding {
        id: BindingId::parse(id).unwrap(),
        role_id: role_id(role),
        scope: Scope::Credential,
        user_id: None,
        project_id: None,
        agent_id: None,
        session_id: None,
        credential_id: Some(credential_id(credential)),
        created_at_ms: 0,
        updated_at_ms: 0,
    }
}

pub(super) fn reader(id: &str, role: &str, credential: &str, name: &str) -> Binding {
    Binding {
        user_id: Some(user(name)),
        ..bind(id, role, credential)
    }
}

pub(super) fn grant(id: &str, credential: &str, session: &str) -> Binding {
    let session = Some(session_id(session));
    Binding {
        session_id: session,
        user_id: Some(user("control-plane")),
        ..bind(id, "credential:token-reader", credential)
    }
}

pub(super) fn member(id: &str, role: &str, scope: Scope, name: &str, of: &str) -> Binding {
    let mut binding = Binding {
        scope,
        credential_id: None,
        user_id: Some(user(name)),
        ..bind(id, role, "none")
    };
    match scope {
        Scope::Project => binding.project_id = Some(project_id(of)),
        Scope::Agent => binding.agent_id = Some(agent_id(of)),
        Scope::Session => binding.session_id = Some(session_id(of)),
        Scope::Global | Scope::Credential => {}
    }
    binding
}

/// Two projects, an agent, a shared session of Alice in which Bob's turn is open, and what is connected and bound.
pub(super) fn world() -> Snapshot {
    let mut with_agent = session("s", "p", "alice");
    with_agent.agent_id = Some(agent_id("a"));
    Snapshot {
        roles: roles(),
        credentials: vec![
            credential("gh", "github"),
            credential("gl", "gitlab"),
            credential("own", "jira"),
            account("alices-gh", "github", "alice"),
            account("bobs-gh", "github", "bob"),
        ],
        projects: vec![project("p"), project("q")],
        agents: vec![agent("a", "p")],
        sessions: vec![with_agent, session("s", "q", "carol"), session("t", "p", "alice")],
        turns: vec![turn("t1", "p", "s", "bob")],
        bindings: vec![
            member("m-alice", "project:owner", Scope::Project, "alice", "p"),
            member("m-bob", "project:editor", Scope::Project, "bob", "p"),
            member("m-dave", "project:viewer", Scope::Project, "dave", "p"),
            reader("o-own", "credential:owner", "own", "alice"),
            Binding {
                project_id: Some(project_id("p")),
                ..bind("b-gl", "credential:viewer", "gl")
            },
            Binding {
                project_id: Some(project_id("p")),
                ..grant("g-gl", "gl", "s")
            },
            grant("g-own", "own", "t"),
        ],
        deactivated: vec![],
    }
}

pub(super) fn person(name: &str) -> Caller {
    Caller::authenticated(CallerKind::Person {
        user: user(name),
        via: PersonBearer::Issuer,
    })
}

pub(super) fn key(creator: &str, scopes: KeyScopes) -> Caller {
    Caller::authenticated(CallerKind::ApiKey {
        id: ApiKeyId::parse("key").unwrap(),
        creator: user(creator),
        scopes,
    })
}

pub(super) fn session_token(project: &str, session: &str) -> Caller {
    Caller::authenticated(CallerKind::Session {
        session: session_id(session),
        project: project_id(project),
        start: None,
    })
}

pub(super) fn turn_token(id: &str, project: &str, session: &str, name: &str) -> Caller {
    let turn = turn(id, project, session, name);
    Caller::authenticated(CallerKind::Turn {
        turn: turn.id,
        session: turn.session_id,
        project: turn.project_id,
        run: turn.run_id,
        user: turn.user,
    })
}

pub(super) fn service(name: &str) -> Caller {
    Caller::authenticated(CallerKind::Service {
        name: user(name),
        scopes: KeyScopes::All,
    })
}

pub(super) fn flat(credential: &str) -> TokenRequest {
    TokenRequest::of(Target::Flat(credential_id(credential)))
}

pub(super) fn nested(project: &str, credential: &str) -> TokenRequest {
    TokenRequest::of(Target::InProject(project_id(project), credential_id(credential)))
}

pub(super) fn in_session(project: &str, session: &str, provider_name: &str) -> TokenRequest {
    TokenRequest::of(Target::InSession(project_id(project), session_id(session), provider(provider_name)))
}

/// The whole line: facts, effective user, decision.
pub(super) fn read(index: &Index, caller: &Caller, request: &TokenRequest) -> Result<(String, Reason), Denial> {
    let decision = decided(index, caller, request)?;
    decision
        .outcome
        .map(|permit| (permit.credential().id.as_str().to_owned(), permit.reason()))
}

pub(super) fn decided(index: &Index, caller: &Caller, request: &TokenRequest) -> Result<Decision, Denial> {
    let place = request.place();
    let facts = index.facts(caller, &place, NOW);
    let operator = config::Sessions::default();
    let effective = effective_user(caller, &place, &facts, &CurrentUserHeader::ABSENT, &operator).map_err(Denial::from)?;
    let plain = permit(effective.clone(), request, index, NOW);
    let traced = decide(effective, request, index, NOW);
    let said = |outcome: &Result<Permit, Denial>| match outcome {
        Ok(permit) => Ok((permit.credential().id.clone(), permit.reason(), permit.owner().cloned())),
        Err(denial) => Err(*denial),
    };
    assert_eq!(
        said(&plain),
        said(&traced.outcome),
        "with and without a trace the decision is the same"
    );
    Ok(traced)
}

pub(super) fn won(credential: &str, reason: Reason) -> Result<(String, Reason), Denial> {
    Ok((credential.to_owned(), reason))
}
