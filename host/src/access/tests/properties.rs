//! Properties over random worlds, against a reading of the raw rows that knows no index.

use super::world::*;
use crate::access::{Change, Index, Reason, Snapshot, TokenRequest, resolve};
use crate::identity::Caller;
use crate::ids::{CredentialId, ProviderName};
use crate::records::model::{Binding, CredentialPolicy, Phase, Scope, Trigger};
use proptest::prelude::*;

pub(super) const PEOPLE: [&str; 3] = ["alice", "bob", "eve"];
pub(super) const PROJECTS: [&str; 2] = ["p", "q"];
pub(super) const CREDENTIALS: [(&str, &str, Option<&str>); 6] = [
    ("c0", "github", None),
    ("c1", "github", None),
    ("c2", "gitlab", None),
    ("c3", "github", Some("alice")),
    ("c4", "github", Some("bob")),
    ("c5", "gitlab", Some("eve")),
];

pub(super) fn some_binding() -> impl Strategy<Value = Binding> {
    let scope = prop_oneof![
        6 => Just(Scope::Credential),
        1 => Just(Scope::Global),
        2 => Just(Scope::Project),
        1 => Just(Scope::Agent),
        1 => Just(Scope::Session),
    ];
    (
        0..1000_u32,
        0..ROLES.len(),
        scope,
        proptest::option::of(0..PEOPLE.len()),
        proptest::option::weighted(0.5, 0..PROJECTS.len()),
        proptest::option::weighted(0.3, Just("a")),
        proptest::option::weighted(0.3, prop_oneof![Just("s"), Just("t")]),
        proptest::option::weighted(0.8, 0..CREDENTIALS.len()),
        0..4_i64,
    )
        .prop_map(
            |(id, role, scope, person, project, agent, session, credential, created_at_ms)| Binding {
                id: crate::ids::BindingId::parse(format!("b{id}")).unwrap(),
                role_id: role_id(ROLES[role].0),
                scope,
                user_id: person.map(|n| user(PEOPLE[n])),
                project_id: project.map(|n| project_id(PROJECTS[n])),
                agent_id: agent.map(agent_id),
                session_id: session.map(session_id),
                credential_id: credential.map(|n| credential_id(CREDENTIALS[n].0)),
                created_at_ms,
                updated_at_ms: 0,
            },
        )
}

pub(super) fn some_world() -> impl Strategy<Value = Snapshot> {
    let turns = proptest::collection::vec((0..PEOPLE.len(), 0..PROJECTS.len(), any::<bool>()), 0..3);
    let policy = prop_oneof![
        Just(CredentialPolicy::Bindings),
        Just(CredentialPolicy::SenderOnly),
        Just(CredentialPolicy::Owner)
    ];
    let trigger = prop_oneof![Just(Trigger::Person), Just(Trigger::Schedule)];
    let phase = prop_oneof![4 => Just(Phase::Running), 1 => Just(Phase::Completed)];
    (
        proptest::collection::btree_map(0..1000_u32, some_binding(), 0..14),
        turns,
        policy,
        trigger,
        phase,
    )
        .prop_map(|(bindings, turns, policy, trigger, phase)| {
            let mut seen = std::collections::BTreeSet::new();
            let bindings = bindings.into_values().filter(|binding| seen.insert(binding.id.clone())).collect();
            let mut first = session("s", "p", "alice");
            first.agent_id = Some(agent_id("a"));
            first.trigger = trigger;
            first.phase = phase;
            let mut chosen = project("p");
            chosen.credential_policy = policy;
            Snapshot {
                roles: roles(),
                credentials: CREDENTIALS
                    .iter()
                    .map(|(id, provider, person)| match person {
                        Some(person) => account(id, provider, person),
                        None => credential(id, provider),
                    })
                    .collect(),
                projects: vec![chosen, project("q")],
                agents: vec![agent("a", "p")],
                sessions: vec![first, session("s", "q", "bob"), session("t", "q", "eve")],
                turns: turns
                    .iter()
                    .enumerate()
                    .map(|(n, (person, project, _))| turn(&format!("t{n}"), PROJECTS[*project], "s", PEOPLE[*person]))
                    .collect(),
                bindings,
                deactivated: vec![],
            }
        })
}

fn every_read() -> Vec<(Caller, TokenRequest)> {
    let mut callers: Vec<Caller> = PEOPLE.iter().map(|name| person(name)).collect();
    callers.extend([
        session_token("p", "s"),
        session_token("q", "s"),
        session_token("q", "t"),
        service("eve"),
    ]);
    callers.extend(PEOPLE.iter().map(|name| turn_token("t0", "p", "s", name)));
    let mut requests = Vec::new();
    for (id, _, _) in CREDENTIALS {
        requests.push(flat(id));
        requests.extend(PROJECTS.iter().map(|project| nested(project, id)));
    }
    for provider in ["github", "gitlab"] {
        requests.extend([
            in_session("p", "s", provider),
            in_session("q", "s", provider),
            in_session("q", "t", provider),
        ]);
    }
    callers
        .iter()
        .flat_map(|caller| requests.iter().map(|request| (caller.clone(), request.clone())))
        .collect()
}

/// The row that justifies a permit, looked for in the plain rows.
fn is_justified(world: &Snapshot, caller: &Caller, credential: &str, reason: Reason) -> bool {
    let fetches = |binding: &Binding| {
        let role = ROLES.iter().find(|(name, _)| role_id(name) == binding.role_id);
        role.is_some_and(|(_, permissions)| permissions.contains(&"credential:fetch_token"))
    };
    let of_credential = |binding: &&Binding| {
        binding.scope == Scope::Credential && binding.credential_id == Some(credential_id(credential)) && fetches(binding)
    };
    let connected_to = CREDENTIALS
        .iter()
        .find(|(id, _, _)| *id == credential)
        .and_then(|(_, _, person)| *person);
    match reason {
        // Whose account it is was settled by `identity`, which has its own tests; here: a person's, and never a service's.
        Reason::ConnectedAccount => connected_to.is_some() && !caller.is_service(),
        Reason::OwnBinding => {
            connected_to.is_none()
                && world
                    .bindings
                    .iter()
                    .filter(of_credential)
                    .any(|b| b.session_id.is_none() && b.user_id.as_ref() == caller.principal())
        }
        Reason::SessionGrant | Reason::OpenTurn => {
            connected_to.is_none() && world.bindings.iter().filter(of_credential).any(|b| b.session_id.is_some())
        }
    }
}

fn naive_winner(world: &Snapshot, with_agent: bool, project: &str, provider_name: &ProviderName) -> Option<CredentialId> {
    let provider_of = |id: &CredentialId| {
        world
            .credentials
            .iter()
            .find(|c| c.id == *id && c.connected_to.is_none())
            .map(|c| c.provider.clone())
    };
    let injects = |binding: &Binding| {
        let role = ROLES.iter().find(|(name, _)| role_id(name) == binding.role_id).unwrap();
        binding.scope == Scope::Credential && binding.session_id.is_none() && !role.1.contains(&"credential:fetch_token")
    };
    let rank = |binding: &Binding| match (&binding.project_id, &binding.agent_id) {
        (Some(p), Some(a)) if p.as_str() == project && with_agent && a.as_str() == "a" => Some(0),
        (Some(p), None) if p.as_str() == project => Some(1),
        (None, None) => Some(2),
        _ => None,
    };
    world
        .bindings
        .iter()
        .filter(|binding| injects(binding))
        .filter(|binding| binding.credential_id.as_ref().and_then(provider_of).as_ref() == Some(provider_name))
        .filter_map(|binding| {
            Some((
                rank(binding)?,
                binding.created_at_ms,
                binding.id.clone(),
                binding.credential_id.clone()?,
            ))
        })
        .min()
        .map(|(_, _, _, credential)| credential)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn resolution_is_what_the_rows_say(world in some_world()) {
        let index = Index::build(world.clone(), NOW);
        for project in PROJECTS {
            for agent in [None, Some(agent_id("a"))] {
                for name in ["github", "gitlab"] {
                    let found = resolve(&index, &project_id(project), agent.as_ref(), &provider(name)).winner.map(|(id, _)| id);
                    prop_assert_eq!(found, naive_winner(&world, agent.is_some(), project, &provider(name)));
                }
            }
        }
    }

    #[test]
    fn no_permit_without_the_row_that_justifies_it(world in some_world()) {
        let index = Index::build(world.clone(), NOW);
        for (caller, request) in every_read() {
            if let Ok((credential, reason)) = read(&index, &caller, &request) {
                prop_assert!(is_justified(&world, &caller, &credential, reason), "{:?} {:?} {} {:?}", caller, request, credential, reason);
            }
        }
    }

    #[test]
    fn an_unrelated_binding_changes_nothing(world in some_world(), extra in some_binding()) {
        // About a credential, a person, a project and a session that nobody here has anything to do with.
        let unrelated = Binding {
            id: crate::ids::BindingId::parse("unrelated").unwrap(),
            user_id: Some(user("zoe")),
            project_id: Some(project_id("z")),
            session_id: extra.session_id.as_ref().map(|_| session_id("z")),
            agent_id: extra.agent_id.as_ref().map(|_| agent_id("z")),
            ..extra
        };
        let before = Index::build(world.clone(), NOW);
        let mut after = Index::build(world, NOW);
        after.apply(Change::PutBinding(unrelated));
        for (caller, request) in every_read() {
            prop_assert_eq!(read(&before, &caller, &request), read(&after, &caller, &request), "{:?} {:?}", caller, request);
        }
    }

    #[test]
    fn without_the_deciding_binding_the_decision_is_another(world in some_world()) {
        for (caller, request) in every_read() {
            let mut index = Index::build(world.clone(), NOW);
            let Ok(decision) = decided(&index, &caller, &request) else { continue };
            if decision.outcome.is_err() { continue }
            let Some(deciding) = decision.trace.last().and_then(|step| step.binding.clone()) else { continue };
            index.apply(Change::RemoveBinding(deciding.clone()));
            let Ok(decision) = decided(&index, &caller, &request) else { continue };
            if decision.outcome.is_ok() {
                prop_assert_ne!(decision.trace.last().and_then(|step| step.binding.clone()), Some(deciding));
            }
        }
    }

    #[test]
    fn an_index_kept_current_equals_one_built_anew(world in some_world(), other in some_world(), late_roles in any::<bool>()) {
        // Starts in one world, is changed row by row into the other, in an order in which meanings arrive late.
        let mut kept = Index::build(world.clone(), NOW);
        for binding in &world.bindings { kept.apply(Change::RemoveBinding(binding.id.clone())); }
        for turn in &world.turns { kept.apply(Change::RemoveTurn(turn.id.clone())); }
        if late_roles { for role in &world.roles { kept.apply(Change::RemoveRole(role.id.clone())); } }
        for credential in &world.credentials { kept.apply(Change::RemoveCredential(credential.id.clone())); }
        for binding in &other.bindings { kept.apply(Change::PutBinding(binding.clone())); }
        for binding in &other.bindings { kept.apply(Change::PutBinding(binding.clone())); }
        for credential in &other.credentials { kept.apply(Change::PutCredential(credential.clone())); }
        for role in &other.roles { kept.apply(Change::PutRole(role.clone())); }
        for project in &other.projects { kept.apply(Change::PutProject(project.clone())); }
        for session in &other.sessions { kept.apply(Change::PutSession(session.clone())); }
        for turn in &other.turns { kept.apply(Change::PutTurn(turn.clone())); }
        let anew = Index::build(other, NOW);
        for (caller, request) in every_read() {
            prop_assert_eq!(read(&kept, &caller, &request), read(&anew, &caller, &request), "{:?} {:?}", caller, request);
        }
    }
}
