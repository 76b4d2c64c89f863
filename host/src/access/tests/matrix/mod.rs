//! Every role × every relation of its binding to what is asked for × every action, against the rules written a second time ([`super::naive`]).
//! Each test says how many combinations it compared, so that none of them can become empty unnoticed.

mod bindings;
mod resources;
mod several;
mod tokens;

use super::naive::{SEEDED, Who};
use super::world::*;
use crate::access::manage::Refused;
use crate::access::{Index, Snapshot};
use crate::identity::{Caller, KeyScopes, Permission};
use crate::records::model::{Binding, Phase, Role, Scope};

/// Roles that did not come with the server: one under a name that the hierarchy once had, one with a bit of everything, one with wildcards.
const CUSTOM: [(&str, &str); 3] = [
    ("credential:reader", "credential:read credential:list"),
    (
        "custom",
        "project:update role_binding:* credential:fetch_token session_message:create user:update session:read",
    ),
    ("wild", "*:* credential:* *:fetch_token turn:* credential:fetch_token_"),
];

/// The id of no role.
const UNKNOWN: &str = "never-made";

fn all_roles() -> Vec<Role> {
    let role = |name: &str, permissions: &str, built_in| Role {
        id: role_id(name),
        name: name.to_owned(),
        display_name: None,
        description: None,
        permissions: permissions.split_whitespace().map(str::to_owned).collect(),
        built_in,
        created_at_ms: 0,
        updated_at_ms: 0,
    };
    let seeded = SEEDED.iter().map(|(name, _, permissions)| role(name, permissions, true));
    seeded
        .chain(CUSTOM.iter().map(|(name, permissions)| role(name, permissions, false)))
        .collect()
}

fn role_names() -> Vec<&'static str> {
    let seeded = SEEDED.iter().map(|(name, ..)| *name);
    seeded.chain(CUSTOM.iter().map(|(name, _)| *name)).chain([UNKNOWN]).collect()
}

/// A binding in short: scope, user, project, agent, session, credential.
type Shape = (
    Scope,
    Option<&'static str>,
    Option<&'static str>,
    Option<&'static str>,
    Option<&'static str>,
    Option<&'static str>,
);

fn row(id: &str, role: &str, (scope, name, project, agent, session, credential): Shape) -> Binding {
    Binding {
        scope,
        user_id: name.map(user),
        project_id: project.map(project_id),
        agent_id: agent.map(agent_id),
        session_id: session.map(session_id),
        credential_id: credential.map(credential_id),
        ..bind(id, role, "c")
    }
}

const ME: Option<&str> = Some("me");

/// How a binding of the caller's can relate to what is asked for; the last ones are not theirs at all.
const RELATIONS: [Shape; 22] = [
    (Scope::Global, ME, None, None, None, None),
    (Scope::Project, ME, Some("p"), None, None, None),
    (Scope::Project, ME, Some("q"), None, None, None),
    (Scope::Project, ME, None, None, None, None),
    (Scope::Agent, ME, None, Some("a"), None, None),
    (Scope::Agent, ME, Some("q"), Some("b"), None, None),
    (Scope::Agent, ME, None, None, None, None),
    (Scope::Session, ME, Some("p"), None, Some("s"), None),
    (Scope::Session, ME, None, None, Some("t"), None),
    (Scope::Session, ME, None, None, None, None),
    (Scope::Credential, ME, None, None, None, Some("c")),
    (Scope::Credential, ME, None, None, None, Some("d")),
    (Scope::Credential, ME, None, None, None, None),
    (Scope::Credential, ME, Some("p"), None, None, Some("c")),
    (Scope::Credential, ME, Some("q"), None, None, Some("c")),
    (Scope::Credential, ME, Some("p"), Some("a"), None, Some("c")),
    (Scope::Credential, ME, Some("p"), None, Some("s"), Some("c")),
    (Scope::Credential, ME, None, None, None, Some("mine-gh")),
    (Scope::Global, Some("other"), None, None, None, None),
    (Scope::Project, Some("other"), Some("p"), None, None, None),
    (Scope::Credential, Some("other"), None, None, None, Some("c")),
    (Scope::Credential, None, None, None, None, Some("c")),
];

/// Every relation with every role, and none at all.
fn held() -> Vec<Option<Binding>> {
    let every = role_names()
        .into_iter()
        .flat_map(|role| RELATIONS.iter().map(move |shape| Some(row("held", role, *shape))));
    std::iter::once(None).chain(every).collect()
}

const HELD: usize = 1 + (SEEDED.len() + CUSTOM.len() + 1) * RELATIONS.len();

/// Two projects, each with an agent; sessions of other people and one of the caller's; credentials with and without an owner; accounts.
fn base() -> Snapshot {
    let mut working = session("s", "p", "maker");
    working.agent_id = Some(agent_id("a"));
    let mut over = session("over", "p", "maker");
    over.phase = Phase::Completed;
    Snapshot {
        roles: all_roles(),
        credentials: vec![
            credential("c", "github"),
            credential("d", "github"),
            credential("e", "gitlab"),
            account("mine-gh", "github", "me"),
            account("others-gh", "github", "other"),
        ],
        projects: vec![project("p"), project("q")],
        agents: vec![agent("a", "p"), agent("b", "q")],
        sessions: vec![working, over, session("t", "q", "maker"), session("mine", "q", "me")],
        turns: vec![],
        bindings: vec![
            row(
                "o-c",
                "credential:owner",
                (Scope::Credential, Some("maker"), None, None, None, Some("c")),
            ),
            row("o-p", "project:owner", (Scope::Project, Some("maker"), Some("p"), None, None, None)),
            row(
                "b-c",
                "credential:viewer",
                (Scope::Credential, None, Some("p"), None, None, Some("c")),
            ),
            row(
                "b-e",
                "credential:viewer",
                (Scope::Credential, None, Some("p"), Some("a"), None, Some("e")),
            ),
            row(
                "g-e",
                "credential:token-reader",
                (Scope::Credential, Some("plane"), Some("p"), None, Some("s"), Some("e")),
            ),
        ],
        deactivated: vec![],
    }
}

fn world_with(held: Option<&Binding>) -> (Snapshot, Index) {
    let mut world = base();
    world.bindings.extend(held.cloned());
    let index = Index::build(world.clone(), NOW);
    (world, index)
}

impl Who {
    fn caller(&self) -> Caller {
        let scopes = |only: Option<&[&str]>| match only {
            None => KeyScopes::All,
            Some(only) => KeyScopes::Only(only.iter().map(|scope| Permission::parse(scope).unwrap()).collect()),
        };
        match self {
            Self::Person(name) => person(name),
            Self::Key(creator, only) => key(creator, scopes(*only)),
            Self::Service(name, only) => service_within(name, scopes(*only)),
            Self::Session(project, session) => session_token(project, session),
            Self::Turn(id, project, session, name) => turn_token(id, project, session, name),
        }
    }
}

fn service_within(name: &str, scopes: KeyScopes) -> Caller {
    Caller::authenticated(crate::identity::CallerKind::Service { name: user(name), scopes })
}

/// With the caller's bindings, and bearers that are limited to less.
const CALLERS: [Who; 7] = [
    Who::Person("me"),
    Who::Key("me", None),
    Who::Key("me", Some(&["credential:*", "role_binding:delete", "project:update"])),
    Who::Service("me", None),
    Who::Service("me", Some(&["role_binding:*", "session:read"])),
    Who::Session("p", "s"),
    Who::Turn("t0", "p", "s", "me"),
];

/// The code's answer in the words of the naive rules.
fn answer<T>(code: Result<T, Refused>) -> super::naive::bindings::Answer {
    match code {
        Ok(_) => Ok(()),
        Err(Refused::NotFound) => Err((404, "")),
        Err(Refused::LastOwner) => Err((409, "cannot delete the last owner binding")),
        Err(Refused::Forbidden(why)) => Err((403, why)),
        Err(Refused::Senseless(why)) => Err((400, why)),
    }
}
