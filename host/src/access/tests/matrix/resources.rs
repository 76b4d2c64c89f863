//! Reads, writes and lists of everything but role bindings.

use super::super::naive::resources::{self as naive, Change, Thing};
use super::*;
use crate::access::manage::{may_change_credential, may_create_credential, sees_credential};
use crate::access::resources::{
    Platform, belongs, may_change, may_change_user, may_create_credential_in, may_create_in, may_create_project, sees, sees_project,
    sees_user,
};

const RESOURCES: [&str; 12] = [
    "project",
    "agent",
    "session",
    "session_message",
    "project_document",
    "blackboard",
    "role_binding",
    "role",
    "user",
    "credential",
    "application",
    "turn",
];
const ACTIONS: [&str; 11] = [
    "create",
    "read",
    "update",
    "delete",
    "list",
    "start",
    "stop",
    "watch",
    "fetch_token",
    "open",
    "*",
];
const THINGS: [Thing; 10] = [
    Thing::Project("p"),
    Thing::Project("q"),
    Thing::Agent("a"),
    Thing::Agent("b"),
    Thing::Session("p", "s"),
    Thing::Session("q", "t"),
    Thing::Session("q", "mine"),
    Thing::Session("p", "over"),
    Thing::Platform,
    Thing::Nothing,
];
const CREDENTIALS: [&str; 6] = ["c", "d", "e", "mine-gh", "others-gh", "nothing"];
const PROJECTS: [&str; 3] = ["p", "q", "nowhere"];
const PEOPLE: [&str; 2] = ["me", "other"];

fn change<T>(code: Result<T, Refused>) -> Change {
    match code {
        Ok(_) => Change::Allowed,
        Err(Refused::NotFound) => Change::NotFound,
        Err(Refused::Forbidden("Forbidden")) => Change::Forbidden,
        Err(other) => panic!("no answer for these: {other}"),
    }
}

fn code_changes(index: &Index, caller: &Caller, resource: &str, action: &str, thing: Thing) -> Change {
    let actions = [action];
    change(match thing {
        Thing::Project(id) => may_change(index, caller, resource, &actions, index.project(&project_id(id)).map(|row| &**row)),
        Thing::Agent(id) => may_change(index, caller, resource, &actions, index.agent(&agent_id(id)).map(|row| &**row)),
        Thing::Session(project, id) => {
            let row = index.session(&project_id(project), &session_id(id));
            may_change(index, caller, resource, &actions, row.map(|row| &**row))
        }
        Thing::Platform => may_change(index, caller, resource, &actions, Some(&Platform)),
        Thing::Nothing => may_change::<Platform>(index, caller, resource, &actions, None),
    })
}

fn code_sees(index: &Index, caller: &Caller, resource: &str, thing: Thing) -> bool {
    match thing {
        Thing::Project(id) => sees(index, caller, resource, &**index.project(&project_id(id)).unwrap()),
        Thing::Agent(id) => sees(index, caller, resource, &**index.agent(&agent_id(id)).unwrap()),
        Thing::Session(project, id) => sees(
            index,
            caller,
            resource,
            &**index.session(&project_id(project), &session_id(id)).unwrap(),
        ),
        Thing::Platform | Thing::Nothing => sees(index, caller, resource, &Platform),
    }
}

#[test]
fn every_role_relation_and_action() {
    let mut compared = 0_usize;
    for held in held() {
        let (world, index) = world_with(held.as_ref());
        for who in &CALLERS {
            let caller = who.caller();
            for resource in RESOURCES {
                for thing in THINGS {
                    for action in ACTIONS {
                        let rule = naive::changes(&world, who, resource, action, thing);
                        let code = code_changes(&index, &caller, resource, action, thing);
                        assert_eq!(code, rule, "{who:?} {resource}:{action} on {thing:?} with {held:?}");
                        compared += 1;
                    }
                    let rule = naive::sees(&world, who, resource, thing);
                    assert_eq!(
                        code_sees(&index, &caller, resource, thing),
                        rule,
                        "{who:?} reads {resource} {thing:?} with {held:?}"
                    );
                    compared += 1;
                }
            }
        }
    }
    assert_eq!(
        compared,
        HELD * CALLERS.len() * RESOURCES.len() * THINGS.len() * (ACTIONS.len() + 1),
        "combinations"
    );
    assert_eq!(compared, 4_001_760, "combinations");
}

#[test]
fn every_role_relation_and_place_to_make_or_find_something() {
    let mut compared = 0_usize;
    for held in held() {
        let (world, index) = world_with(held.as_ref());
        for who in &CALLERS {
            let caller = who.caller();
            let mut same = |code: bool, rule: bool, what: &str| {
                assert_eq!(code, rule, "{who:?} {what} with {held:?}");
                compared += 1;
            };
            same(may_create_project(&caller).is_ok(), naive::makes(who, "project"), "makes a project");
            same(
                may_create_credential(&caller).is_ok(),
                naive::makes(who, "credential"),
                "makes a credential",
            );
            for project in PROJECTS {
                let id = project_id(project);
                same(
                    sees_project(&index, &caller, &id),
                    naive::sees_project(&world, who, project),
                    project,
                );
                let in_it = naive::makes_credential_in(&world, who, project);
                let code = change(may_create_credential_in(&index, &caller, &id));
                same(
                    code == in_it,
                    true,
                    &format!("makes a credential in {project}: {code:?}, not {in_it:?}"),
                );
                for resource in ["agent", "session"] {
                    let thing = match project {
                        "p" => Thing::Project("p"),
                        "q" => Thing::Project("q"),
                        _ => Thing::Nothing,
                    };
                    let code = change(may_create_in(&index, &caller, resource, &id));
                    let rule = naive::changes(&world, who, resource, "create", thing);
                    same(
                        code == rule,
                        true,
                        &format!("makes {resource} in {project}: {code:?}, not {rule:?}"),
                    );
                }
            }
            for name in PEOPLE {
                same(
                    sees_user(&index, &caller, &user(name)),
                    naive::sees_user(&world, who, name),
                    &format!("sees {name}"),
                );
            }
            for name in [Some("me"), Some("other"), None] {
                for own in [true, false] {
                    let code = change(may_change_user(&index, &caller, name.map(user).as_ref(), own));
                    let rule = naive::changes_user(&world, who, name, own);
                    same(code == rule, true, &format!("changes {name:?}: {code:?}, not {rule:?}"));
                }
            }
            for id in CREDENTIALS {
                let row = index.credential(&credential_id(id)).cloned();
                if let Some(row) = &row {
                    same(
                        sees_credential(&index, &caller, row),
                        naive::sees_credential(&world, who, id),
                        &format!("sees {id}"),
                    );
                    for project in PROJECTS {
                        same(
                            belongs(&index, &caller, &project_id(project), row),
                            naive::belongs(&world, who, project, id),
                            &format!("{id} belongs to {project}"),
                        );
                    }
                }
                for action in ["update", "delete"] {
                    let code = change(may_change_credential(&index, &caller, row.as_deref(), action));
                    let rule = naive::changes_credential(&world, who, Some(id), action);
                    same(code == rule, true, &format!("{action} of {id}: {code:?}, not {rule:?}"));
                }
            }
        }
    }
    let each = 2 + PROJECTS.len() * 4 + PEOPLE.len() + 6 + (CREDENTIALS.len() - 1) * (1 + PROJECTS.len()) + CREDENTIALS.len() * 2;
    assert_eq!(compared, HELD * CALLERS.len() * each, "combinations");
    assert_eq!(compared, 150_066, "combinations");
}
