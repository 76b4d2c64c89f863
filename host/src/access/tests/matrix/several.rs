//! The same rules where people hold several bindings at once, in random worlds.

use super::super::naive::resources::Thing;
use super::super::naive::{bindings, resources, tokens};
use super::super::properties::{CREDENTIALS, PEOPLE, PROJECTS, some_binding, some_world};
use super::*;
use crate::access::manage::{may_bind, may_change_credential, may_unbind, sees_binding, sees_credential};
use crate::access::rebinding::may_rebind;
use crate::access::resources::{Platform, belongs, may_change, may_create_credential_in, sees_project};
use proptest::prelude::*;
use tokens::Read;

fn everybody() -> Vec<Who> {
    let mut all: Vec<Who> = PEOPLE.iter().map(|name| Who::Person(name)).collect();
    all.extend([
        Who::Service("eve", None),
        Who::Key("bob", Some(&["credential:read", "role_binding:create"])),
        Who::Session("p", "s"),
        Who::Session("q", "s"),
        Who::Session("q", "t"),
        Who::Turn("t0", "p", "s", "alice"),
    ]);
    all
}

fn every_read() -> Vec<Read> {
    let mut reads = Vec::new();
    for (id, ..) in CREDENTIALS {
        reads.push(Read::Flat(id));
        reads.extend(PROJECTS.iter().map(|project| Read::InProject(project, id)));
    }
    for provider in ["github", "gitlab"] {
        reads.extend([("p", "s"), ("q", "s"), ("q", "t")].map(|(project, session)| Read::InSession(project, session, provider)));
    }
    reads
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn tokens_of_people_with_several_bindings(world in some_world(), gone in proptest::option::of(0..PEOPLE.len())) {
        let mut world = world;
        world.deactivated.extend(gone.map(|n| user(PEOPLE[n])));
        let index = Index::build(world.clone(), NOW);
        for who in everybody() {
            for wanted in every_read() {
                let rule = tokens::token(&world, &who, wanted, NOW);
                let code = read(&index, &who.caller(), &super::tokens::request(wanted)).ok().map(|(credential, _)| credential);
                prop_assert_eq!(code, rule, "{:?} reads {:?}", who, wanted);
            }
        }
    }

    #[test]
    fn bindings_of_people_with_several_bindings(world in some_world(), new in proptest::collection::vec(some_binding(), 6)) {
        let index = Index::build(world.clone(), NOW);
        let role = |binding: &Binding| index.role(&binding.role_id).cloned();
        for who in everybody() {
            let caller = who.caller();
            for new in &new {
                let code = answer(may_bind(&index, &caller, new, role(new).as_deref()));
                prop_assert_eq!(code, bindings::binds(&world, &who, new), "{:?} makes {:?}", who, new);
            }
            for old in &world.bindings {
                prop_assert_eq!(sees_binding(&index, &caller, old), bindings::sees(&world, &who, old), "{:?} sees {:?}", who, old);
                let code = answer(may_unbind(&index, &caller, Some(old)));
                prop_assert_eq!(code, bindings::unbinds(&world, &who, Some(old)), "{:?} takes away {:?}", who, old);
                for new in &new {
                    let new = Binding { id: old.id.clone(), created_at_ms: old.created_at_ms, ..new.clone() };
                    let code = answer(may_rebind(&index, &caller, Some((old, &new)), role(&new).as_deref()));
                    prop_assert_eq!(code, bindings::rebinds(&world, &who, Some((old, &new))), "{:?} changes {:?} into {:?}", who, old, new);
                }
            }
        }
    }

    #[test]
    fn resources_of_people_with_several_bindings(world in some_world()) {
        let index = Index::build(world.clone(), NOW);
        for who in everybody() {
            let caller = who.caller();
            for project in PROJECTS {
                let id = project_id(project);
                prop_assert_eq!(sees_project(&index, &caller, &id), resources::sees_project(&world, &who, project), "{:?}", who);
                let code = may_create_credential_in(&index, &caller, &id).is_ok();
                prop_assert_eq!(code, resources::makes_credential_in(&world, &who, project) == resources::Change::Allowed, "{:?}", who);
                for (resource, action) in [("project", "update"), ("agent", "create"), ("session", "start"), ("session", "read")] {
                    let code = may_change(&index, &caller, resource, &[action], index.project(&id).map(|row| &**row)).is_ok();
                    let rule = resources::changes(&world, &who, resource, action, Thing::Project(project));
                    prop_assert_eq!(code, rule == resources::Change::Allowed, "{:?} {}:{} {}", who, resource, action, project);
                }
            }
            let code = may_change(&index, &caller, "role", &["create"], Some(&Platform)).is_ok();
            prop_assert_eq!(code, resources::changes(&world, &who, "role", "create", Thing::Platform) == resources::Change::Allowed);
            for (id, ..) in CREDENTIALS {
                let row = index.credential(&credential_id(id)).cloned().unwrap();
                prop_assert_eq!(sees_credential(&index, &caller, &row), resources::sees_credential(&world, &who, id), "{:?} sees {}", who, id);
                let code = may_change_credential(&index, &caller, Some(&row), "delete").is_ok();
                prop_assert_eq!(code, resources::changes_credential(&world, &who, Some(id), "delete") == resources::Change::Allowed, "{:?} {}", who, id);
                for project in PROJECTS {
                    let rule = resources::belongs(&world, &who, project, id);
                    prop_assert_eq!(belongs(&index, &caller, &project_id(project), &row), rule, "{:?} {} {}", who, id, project);
                }
            }
        }
    }
}
