//! Projects, agents, sessions, roles, people, and changed bindings: who may, by table.

use super::world::*;
use crate::access::manage::Refused;
use crate::access::rebinding::may_rebind;
use crate::access::resources::{
    Platform, belongs, may_change, may_change_user, may_create_credential_in, may_create_in, may_create_project, sees, sees_project,
    sees_user,
};
use crate::access::{Index, Snapshot};
use crate::identity::{Caller, KeyScopes, Permission};
use crate::records::model::{Binding, Scope};

fn index() -> Index {
    let mut world: Snapshot = world();
    world.bindings.extend([
        member("admin", "platform:admin", Scope::Global, "root", ""),
        member("staff", "platform:viewer", Scope::Global, "staff", ""),
        member("m-ada", "project:owner", Scope::Project, "ada", "p"),
        member("m-ed", "project:editor", Scope::Project, "ed", "p"),
        member("m-vi", "project:viewer", Scope::Project, "vi", "p"),
        member("m-cy", "project:owner", Scope::Project, "cy", "q"),
    ]);
    Index::build(world, NOW)
}

fn callers() -> Vec<(Caller, &'static str)> {
    vec![
        (person("root"), "root"),
        (service("plane"), "service"),
        (person("ada"), "owner"),
        (person("ed"), "editor"),
        (person("vi"), "viewer"),
        (person("staff"), "staff"),
        (person("cy"), "elsewhere"),
        (person("nobody"), "nobody"),
        (session_token("p", "s"), "session"),
        (turn_token("t", "p", "s", "ada"), "turn"),
        (
            key("ada", KeyScopes::Only(vec![Permission::parse("credential:*").unwrap()])),
            "narrow key",
        ),
    ]
}

#[test]
fn who_sees_and_changes_a_project() {
    let index = index();
    let project = index.project(&project_id("p")).cloned().unwrap();
    for (caller, who) in callers() {
        let sees_it = ["root", "service", "owner", "editor", "viewer", "staff"].contains(&who);
        assert_eq!(sees_project(&index, &caller, &project.id), sees_it, "{who}");
        let changes = ["root", "service", "owner"].contains(&who);
        assert_eq!(
            may_change(&index, &caller, "project", &["update"], Some(&*project)).is_ok(),
            changes,
            "{who}"
        );
        let makes = !["session", "turn", "narrow key"].contains(&who);
        assert_eq!(may_create_project(&caller).is_ok(), makes, "{who}");
        // Not there: 404 for whoever may do it to all, else 403; and nobody sees it.
        let absent = may_change::<Platform>(&index, &caller, "project", &["update"], None);
        let expected = if ["root", "service"].contains(&who) {
            Refused::NotFound
        } else {
            Refused::Forbidden("Forbidden")
        };
        assert_eq!(absent, Err(expected), "{who}");
        assert!(!sees_project(&index, &caller, &project_id("never-made")), "{who}");
    }
}

#[test]
fn who_works_on_agents_and_sessions() {
    let index = index();
    let agent = index.agent(&agent_id("a")).cloned().unwrap();
    let session = index.session(&project_id("p"), &session_id("s")).cloned().unwrap();
    for (caller, who) in callers() {
        let all = ["root", "service", "owner"].contains(&who);
        assert_eq!(
            may_change(&index, &caller, "agent", &["delete"], Some(&*agent)).is_ok(),
            all,
            "{who}"
        );
        assert_eq!(
            may_change(&index, &caller, "session", &["delete"], Some(&*session)).is_ok(),
            all,
            "{who}"
        );
        let works = all || who == "editor";
        assert_eq!(
            may_change(&index, &caller, "agent", &["update"], Some(&*agent)).is_ok(),
            works,
            "{who}"
        );
        let reads = works || ["viewer", "staff"].contains(&who);
        assert_eq!(sees(&index, &caller, "session", &*session), reads, "{who}");
    }
}

#[test]
fn administration_is_no_members() {
    let index = index();
    for (caller, who) in callers() {
        let administers = ["root", "service"].contains(&who);
        for (resource, action) in [
            ("role", "create"),
            ("role", "update"),
            ("role", "delete"),
            ("user", "create"),
            ("user", "update"),
        ] {
            let may = may_change(&index, &caller, resource, &[action], Some(&Platform)).is_ok();
            assert_eq!(may, administers, "{who} {resource} {action}");
        }
        assert_eq!(sees_user(&index, &caller, &user("ada")), administers || who == "owner", "{who}");
        assert_eq!(
            may_change_user(&index, &caller, Some(&user("ada")), true).is_ok(),
            administers || who == "owner",
            "{who}"
        );
        assert_eq!(
            may_change_user(&index, &caller, Some(&user("ada")), false).is_ok(),
            administers,
            "{who}"
        );
        let creates = may_create_credential_in(&index, &caller, &project_id("p"));
        assert_eq!(creates.is_ok(), administers || ["owner", "editor"].contains(&who), "{who}");
        assert!(
            may_create_credential_in(&index, &caller, &project_id("never-made")).is_err(),
            "{who}"
        );
        assert!(may_create_in(&index, &caller, "agent", &project_id("never-made")).is_err(), "{who}");
    }
}

#[test]
fn a_credential_belongs_where_it_resolves() {
    let mut world: Snapshot = world();
    world.bindings = vec![
        Binding {
            project_id: Some(project_id("p")),
            ..bind("b1", "credential:viewer", "gh")
        },
        Binding {
            project_id: Some(project_id("p")),
            agent_id: Some(agent_id("a")),
            ..bind("b2", "credential:viewer", "gl")
        },
    ];
    let index = Index::build(world, NOW);
    let of = |id: &str| index.credential(&credential_id(id)).cloned().unwrap();
    let here = |project: &str, id: &str| belongs(&index, &person("anybody"), &project_id(project), &of(id));
    assert!(here("p", "gh") && here("p", "gl"));
    assert!(!here("q", "gh") && !here("q", "gl") && !here("never-made", "gh"));
    // A session's own bearer: what it was granted is judged elsewhere, the project here.
    assert!(belongs(&index, &session_token("p", "s"), &project_id("p"), &of("gl")));
    assert!(!belongs(&index, &session_token("q", "s"), &project_id("p"), &of("gh")));
}

#[test]
fn a_changed_binding_is_one_that_could_be_made() {
    let index = index();
    let old = index.bindings().find(|binding| binding.id.as_str() == "m-ed").cloned().unwrap();
    let own = index.bindings().find(|binding| binding.id.as_str() == "m-ada").cloned().unwrap();
    let rebinds = |caller: &Caller, old: &Binding, new: &Binding| {
        let role = index.role(&new.role_id).cloned();
        may_rebind(&index, caller, Some((old, new)), role.as_deref())
    };
    let with_role = |binding: &Binding, name: &str| Binding {
        role_id: role_id(name),
        ..binding.clone()
    };
    let viewer = with_role(&old, "project:viewer");
    for (caller, who) in callers() {
        let may = rebinds(&caller, &old, &viewer);
        assert_eq!(may.is_ok(), ["root", "service"].contains(&who), "{who}: {may:?}");
        let absent = may_rebind(&index, &caller, None, None);
        assert_eq!(absent == Err(Refused::NotFound), ["root", "service"].contains(&who), "{who}");
        for internal in ["agent:runner", "credential:token-reader"] {
            assert!(rebinds(&caller, &old, &with_role(&old, internal)).is_err(), "{who} {internal}");
        }
    }
    let ada = person("ada");
    assert_eq!(rebinds(&ada, &own, &own), Ok(()), "nothing changes");
    assert_eq!(rebinds(&ada, &own, &with_role(&own, "project:editor")), Ok(()));
    let higher = rebinds(&ada, &own, &with_role(&own, "platform:admin"));
    assert_eq!(higher, Err(Refused::Forbidden("insufficient privileges to change role")));
    let unknown = may_rebind(&index, &ada, Some((&own, &viewer)), None);
    assert_eq!(unknown, Err(Refused::Forbidden("Forbidden")), "another one's id");
    let moved = Binding {
        project_id: Some(project_id("q")),
        ..own.as_ref().clone()
    };
    assert_eq!(rebinds(&ada, &own, &moved), Err(Refused::Forbidden("Forbidden")));
}
