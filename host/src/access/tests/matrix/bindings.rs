//! The grant matrix: every role that somebody holds × every role that they give, change or take away × every shape of binding.

use super::super::naive::bindings as naive;
use super::*;
use crate::access::Change;
use crate::access::manage::{may_bind, may_unbind, sees_binding};
use crate::access::rebinding::may_rebind;

/// Of [`CALLERS`], those whose answers differ here.
const BINDERS: [Who; 5] = [
    Who::Person("me"),
    Who::Key("me", Some(&["credential:*", "role_binding:delete", "project:update"])),
    Who::Service("me", None),
    Who::Service("me", Some(&["role_binding:*", "session:read"])),
    Who::Session("p", "s"),
];

fn binders() -> Vec<(&'static Who, Caller)> {
    BINDERS.iter().map(|who| (who, who.caller())).collect()
}

const BOB: Option<&str> = Some("bob");

/// What can be bound: each scope with its target in reach, elsewhere, unknown, missing, and with ids that have no place there.
const SHAPES: [Shape; 41] = [
    (Scope::Global, BOB, None, None, None, None),
    (Scope::Global, BOB, Some("p"), None, None, None),
    (Scope::Global, BOB, None, None, None, Some("c")),
    (Scope::Global, BOB, None, Some("a"), None, None),
    (Scope::Project, BOB, Some("p"), None, None, None),
    (Scope::Project, None, Some("p"), None, None, None),
    (Scope::Project, BOB, Some("q"), None, None, None),
    (Scope::Project, BOB, Some("nowhere"), None, None, None),
    (Scope::Project, BOB, None, None, None, None),
    (Scope::Project, BOB, Some("p"), None, Some("s"), None),
    (Scope::Project, BOB, Some("p"), None, None, Some("c")),
    (Scope::Agent, BOB, None, Some("a"), None, None),
    (Scope::Agent, BOB, Some("p"), Some("a"), None, None),
    (Scope::Agent, BOB, Some("q"), Some("a"), None, None),
    (Scope::Agent, BOB, None, Some("b"), None, None),
    (Scope::Agent, BOB, None, Some("nothing"), None, None),
    (Scope::Agent, BOB, None, None, None, None),
    (Scope::Agent, BOB, None, Some("a"), None, Some("c")),
    (Scope::Session, BOB, None, None, Some("s"), None),
    (Scope::Session, BOB, Some("p"), None, Some("s"), None),
    (Scope::Session, BOB, Some("q"), None, Some("s"), None),
    (Scope::Session, BOB, None, None, Some("t"), None),
    (Scope::Session, BOB, None, None, Some("nothing"), None),
    (Scope::Session, BOB, None, None, None, None),
    (Scope::Session, BOB, None, None, Some("s"), Some("c")),
    (Scope::Credential, BOB, None, None, None, Some("c")),
    (Scope::Credential, BOB, None, None, None, Some("d")),
    (Scope::Credential, BOB, None, None, None, Some("mine-gh")),
    (Scope::Credential, BOB, None, None, None, Some("nothing")),
    (Scope::Credential, BOB, None, None, None, None),
    (Scope::Credential, None, Some("p"), None, None, Some("c")),
    (Scope::Credential, None, Some("q"), None, None, Some("c")),
    (Scope::Credential, None, None, None, None, Some("c")),
    (Scope::Credential, None, Some("p"), Some("a"), None, Some("c")),
    (Scope::Credential, None, Some("p"), Some("b"), None, Some("c")),
    (Scope::Credential, None, Some("p"), Some("nothing"), None, Some("c")),
    (Scope::Credential, None, None, Some("a"), None, Some("c")),
    (Scope::Credential, BOB, None, None, Some("s"), Some("c")),
    (Scope::Credential, BOB, Some("p"), None, Some("s"), Some("c")),
    (Scope::Credential, BOB, None, None, Some("t"), Some("c")),
    (Scope::Credential, BOB, None, None, Some("s"), Some("e")),
];

fn targets() -> Vec<Binding> {
    let shapes = |role| SHAPES.iter().map(move |shape| row("target", role, *shape));
    role_names().into_iter().flat_map(shapes).collect()
}

fn code_binds(index: &Index, caller: &Caller, binding: &Binding) -> naive::Answer {
    let role = index.role(&binding.role_id).cloned();
    answer(may_bind(index, caller, binding, role.as_deref()))
}

#[test]
fn every_grant() {
    let binders = binders();
    let (targets, mut compared, mut granted) = (targets(), 0_usize, 0_usize);
    for held in held() {
        let (world, index) = world_with(held.as_ref());
        for (who, caller) in &binders {
            for target in &targets {
                let rule = naive::binds(&world, who, target);
                assert_eq!(code_binds(&index, caller, target), rule, "{who:?} makes {target:?} with {held:?}");
                compared += 1;
                granted += usize::from(rule.is_ok() && !who.is_service());
            }
        }
    }
    assert_eq!(compared, HELD * binders.len() * targets.len(), "combinations");
    assert_eq!(compared, 1_464_930, "combinations");
    assert!(granted > 400, "people may in {granted} of them only");
}

#[test]
fn every_binding_seen_and_taken_away() {
    let binders = binders();
    let (targets, mut compared, mut last) = (targets(), 0_usize, 0_usize);
    for held in held() {
        let (mut world, mut index) = world_with(held.as_ref());
        for target in targets.iter().chain(&held) {
            let is_new = target.id.as_str() == "target";
            if is_new {
                world.bindings.push(target.clone());
                index.apply(Change::PutBinding(target.clone()));
            }
            for (who, caller) in &binders {
                let rule = naive::unbinds(&world, who, Some(target));
                assert_eq!(
                    answer(may_unbind(&index, caller, Some(target))),
                    rule,
                    "{who:?} takes away {target:?} with {held:?}"
                );
                assert_eq!(
                    sees_binding(&index, caller, target),
                    naive::sees(&world, who, target),
                    "{who:?} sees {target:?} with {held:?}"
                );
                compared += 2;
                last += usize::from(rule.is_err_and(|(status, _)| status == 409));
            }
            if is_new {
                world.bindings.pop();
                index.apply(Change::RemoveBinding(target.id.clone()));
            }
        }
        for (who, caller) in &binders {
            assert_eq!(answer(may_unbind(&index, caller, None)), naive::unbinds(&world, who, None));
            compared += 1;
        }
    }
    assert_eq!(
        compared,
        binders.len() * (2 * (HELD * targets.len() + HELD - 1) + HELD),
        "combinations"
    );
    assert_eq!(compared, 2_935_805, "combinations");
    assert!(last > 1_000, "it is the last owner in {last} of them only");
}

/// What a binding is changed into: every role, and every other subject.
fn changed(old: &Binding) -> Vec<Binding> {
    let roles = role_names().into_iter().map(|name| Binding {
        role_id: role_id(name),
        ..old.clone()
    });
    let subjects = SHAPES.iter().step_by(3).map(|shape| Binding {
        id: old.id.clone(),
        role_id: old.role_id.clone(),
        ..row("target", "wild", *shape)
    });
    let both = SHAPES.iter().step_by(4).map(|shape| Binding {
        id: old.id.clone(),
        ..row("target", "project:viewer", *shape)
    });
    roles.chain(subjects).chain(both).collect()
}

#[test]
fn every_change_of_a_binding() {
    let (binders, mut compared) = (binders(), 0_usize);
    let others = [
        row("other", "project:viewer", (Scope::Project, BOB, Some("p"), None, None, None)),
        row(
            "other",
            "credential:viewer",
            (Scope::Credential, BOB, Some("p"), None, None, Some("c")),
        ),
        row("other", "agent:editor", (Scope::Agent, ME, None, Some("a"), None, None)),
        row("other", "project:viewer", (Scope::Project, ME, Some("p"), None, None, None)),
        row("other", "credential:viewer", (Scope::Credential, ME, None, None, None, Some("c"))),
    ];
    for held in held() {
        for old in others.iter().chain(&held) {
            let (mut world, mut index) = world_with(held.as_ref());
            if old.id.as_str() == "other" {
                world.bindings.push(old.clone());
                index.apply(Change::PutBinding(old.clone()));
            }
            for (who, caller) in &binders {
                for new in changed(old) {
                    let role = index.role(&new.role_id).cloned();
                    let rule = naive::rebinds(&world, who, Some((old, &new)));
                    let code = may_rebind(&index, caller, Some((old, &new)), role.as_deref());
                    assert_eq!(answer(code), rule, "{who:?} changes {old:?} into {new:?} with {held:?}");
                    compared += 1;
                }
                assert_eq!(answer(may_rebind(&index, caller, None, None)), naive::rebinds(&world, who, None));
                compared += 1;
            }
        }
    }
    let each = role_names().len() + SHAPES.len().div_ceil(3) + SHAPES.len().div_ceil(4) + 1;
    assert_eq!(compared, (HELD * (others.len() + 1) - 1) * binders.len() * each, "combinations");
    assert_eq!(compared, 523_820, "combinations");
}
