//! Who may bind, unbind, see and change: acceptance cases 16 to 60 as far as they are rules, by table.

use super::world::*;
use crate::access::manage::{Refused, may_bind, may_change_credential, may_create_credential, may_unbind, sees_binding, sees_credential};
use crate::access::{Index, Snapshot};
use crate::identity::{Caller, CallerKind, KeyScopes, Permission};
use crate::records::model::{Agent, Binding, Scope};

/// Alice owns project p and the credentials `own` (alone) and `shared` (with Ed, who edits p, and Vi, who only looks).
fn world_of_bindings() -> Snapshot {
    let mut world = world();
    world.credentials.push(credential("shared", "github"));
    world.agents.push(Agent {
        project_id: project_id("q"),
        ..agent("elsewhere", "q")
    });
    world.bindings = vec![
        member("admin", "platform:admin", Scope::Global, "root", ""),
        member("staff", "platform:viewer", Scope::Global, "staff", ""),
        member("m-alice", "project:owner", Scope::Project, "alice", "p"),
        member("m-ed", "project:editor", Scope::Project, "ed", "p"),
        member("m-vi", "project:viewer", Scope::Project, "vi", "p"),
        member("m-carol", "project:owner", Scope::Project, "carol", "q"),
        reader("o-own", "credential:owner", "own", "alice"),
        reader("o-a", "credential:owner", "shared", "alice"),
        reader("o-ed", "credential:owner", "shared", "ed"),
        reader("o-vi", "credential:owner", "shared", "vi"),
        reader("o-root", "credential:owner", "gh", "root"),
        Binding {
            project_id: Some(project_id("p")),
            ..bind("b-gl", "credential:viewer", "gl")
        },
    ];
    world
}

fn index() -> Index {
    Index::build(world_of_bindings(), NOW)
}

fn binds(index: &Index, caller: &Caller, binding: &Binding) -> Result<(), String> {
    let role = index.role(&binding.role_id).cloned();
    may_bind(index, caller, binding, role.as_deref()).map_err(|refused| match refused {
        Refused::NotFound => "404".to_owned(),
        Refused::LastOwner => "409".to_owned(),
        Refused::Forbidden(why) => format!("403 {why}"),
        Refused::Senseless(why) => format!("400 {why}"),
    })
}

fn in_project(binding: Binding, project: &str) -> Binding {
    Binding {
        project_id: Some(project_id(project)),
        ..binding
    }
}

fn for_agent(binding: Binding, agent: &str) -> Binding {
    Binding {
        agent_id: Some(agent_id(agent)),
        ..binding
    }
}

#[test]
fn what_may_be_granted_in_a_project() {
    let index = index();
    let granted = |by: &str, role: &str| binds(&index, &person(by), &member("n", role, Scope::Project, "bob", "p")).is_ok();
    // Case 48, plus what the grant table says of every other seeded role.
    let owner_may = [
        "project:editor",
        "project:viewer",
        "agent:operator",
        "credential:viewer",
        "platform:viewer",
    ];
    for (role, _) in ROLES {
        assert_eq!(granted("alice", role), owner_may.contains(&role), "owner grants {role}");
        assert_eq!(granted("ed", role), role == "project:viewer", "editor grants {role}");
        assert!(!granted("vi", role), "viewer grants {role}");
        assert!(!granted("carol", role), "the owner of another project grants {role}");
        // Nobody grants what is not in the table, the internal runner's role included.
        let in_table = !matches!(role, "agent:runner" | "wild" | "custom-reader");
        assert_eq!(granted("root", role), in_table, "admin grants {role}");
    }
}

#[test]
fn the_reason_is_the_first_rule_that_is_broken() {
    let index = index();
    let shared = || bind("n", "credential:viewer", "shared");
    let cases = [
        (
            person("alice"),
            member("n", "unheard-of", Scope::Project, "bob", "p"),
            "403 target role not found",
        ),
        (
            person("alice"),
            member("n", "credential:token-reader", Scope::Project, "bob", "p"),
            "403 cannot assign internal role",
        ),
        (
            person("alice"),
            member("n", "agent:runner", Scope::Project, "bob", "p"),
            "403 cannot assign internal role",
        ),
        (
            person("alice"),
            member("n", "project:owner", Scope::Project, "bob", "p"),
            "403 insufficient privileges to grant this role",
        ),
        (
            person("ed"),
            member("n", "project:owner", Scope::Project, "bob", "p"),
            "403 insufficient privileges to grant this role",
        ),
        (
            person("nobody"),
            member("n", "platform:admin", Scope::Global, "nobody", ""),
            "403 insufficient privileges to grant this role",
        ),
        (
            person("alice"),
            reader("n", "credential:token-reader", "own", "bob"),
            "403 cannot assign internal role",
        ),
        // 35: even for an administrator, and before ownership is looked at.
        (
            person("root"),
            for_agent(shared(), "a"),
            "400 agent-scoped credential bindings require a project_id",
        ),
        (person("ed"), for_agent(in_project(shared(), "p"), "none"), "400 agent not found"),
        (
            person("ed"),
            for_agent(in_project(shared(), "p"), "elsewhere"),
            "400 agent does not belong to the specified project",
        ),
        (
            person("root"),
            in_project(shared(), "p"),
            "403 caller must be credential owner to grant credential-scoped bindings",
        ),
        // 32 and 34.
        (
            person("alice"),
            in_project(shared(), "q"),
            "403 caller must be project editor or higher to bind credentials to a project",
        ),
        (
            person("vi"),
            in_project(shared(), "p"),
            "403 caller must be project editor or higher to bind credentials to a project",
        ),
        // 38.
        (
            person("alice"),
            shared(),
            "403 only platform admins can create global credential bindings",
        ),
    ];
    for (caller, binding, says) in cases {
        assert_eq!(binds(&index, &caller, &binding), Err(says.to_owned()), "{caller:?} {binding:?}");
    }
    // 31, 34, 37, 40 and a credential for everybody, by an administrator who owns it.
    for (caller, binding) in [
        (person("alice"), in_project(bind("n", "credential:viewer", "own"), "p")),
        (person("ed"), in_project(shared(), "p")),
        (person("ed"), for_agent(in_project(shared(), "p"), "a")),
        (person("root"), reader("n", "credential:token-reader", "gh", "bob")),
        (person("root"), bind("n", "credential:viewer", "gh")),
    ] {
        assert_eq!(binds(&index, &caller, &binding), Ok(()), "{caller:?} {binding:?}");
    }
}

#[test]
fn unknown_and_invisible_targets_are_refused_alike() {
    let index = index();
    let refused = |binding: Binding| binds(&index, &person("alice"), &binding).unwrap_err();
    assert_eq!(
        refused(in_project(bind("n", "credential:viewer", "gl"), "p")),
        refused(in_project(bind("n", "credential:viewer", "never-stored"), "p"))
    );
    // Agents and sessions of a project that is not theirs, and ones that do not exist.
    for scope in [Scope::Agent, Scope::Session] {
        let foreign = if scope == Scope::Agent { "elsewhere" } else { "s-of-q" };
        let binding = |of: &str| member("n", "agent:operator", scope, "alice", of);
        assert_eq!(refused(binding(foreign)), refused(binding("none")));
        assert!(refused(binding(foreign)).starts_with("403 "));
    }
    // Their own are fine.
    assert_eq!(
        binds(&index, &person("alice"), &member("n", "agent:operator", Scope::Agent, "bob", "a")),
        Ok(())
    );
    let in_t = member("n", "project:viewer", Scope::Session, "bob", "t");
    assert_eq!(binds(&index, &person("alice"), &in_t), Ok(()));
}

#[test]
fn nobody_binds_a_connected_account() {
    let index = index();
    for caller in [person("bob"), person("alice"), person("root"), service("control-plane")] {
        for binding in [
            in_project(bind("n", "credential:viewer", "bobs-gh"), "p"),
            reader("n", "credential:viewer", "bobs-gh", "alice"),
            Binding {
                project_id: Some(project_id("p")),
                ..grant("n", "bobs-gh", "s")
            },
        ] {
            let refused = binds(&index, &caller, &binding).unwrap_err();
            assert!(refused.starts_with("403 "), "{caller:?} {binding:?}: {refused}");
        }
    }
}

#[test]
fn a_service_grants_a_session_what_resolves_for_it_and_nothing_else() {
    let index = index();
    for caller in [service("control-plane"), person("root")] {
        let granted = |binding: Binding| binds(&index, &caller, &binding).is_ok();
        assert!(granted(in_project(grant("n", "gl", "s"), "p")), "bound to the session's project");
        assert!(granted(grant("n", "gl", "t")), "one session alone has this name");
        assert!(!granted(grant("n", "gl", "s")), "sessions of two projects have this name");
        assert!(
            !granted(in_project(grant("n", "gl", "s"), "q")),
            "not bound to that session's project"
        );
        assert!(!granted(grant("n", "own", "t")), "bound nowhere");
        assert!(!granted(grant("n", "gl", "none")), "no such session");
        assert!(!granted(reader("n", "credential:token-reader", "gl", "eve")), "to a person");
        assert!(
            !granted(Binding {
                user_id: None,
                ..bind("n", "credential:token-reader", "gl")
            }),
            "to nobody in particular"
        );
        assert!(!granted(in_project(bind("n", "credential:viewer", "own"), "p")), "another role");
    }
}

#[test]
fn unbinding() {
    let index = index();
    let unbinds = |caller: &Caller, id: &str| {
        let binding = index.binding(&crate::ids::BindingId::parse(id).unwrap()).cloned();
        may_unbind(&index, caller, binding.as_deref()).is_ok()
    };
    let cases = [
        ("alice", "m-ed", true),
        ("alice", "m-vi", true),
        ("alice", "m-alice", false),
        ("alice", "m-carol", false),
        ("ed", "m-vi", false),
        ("carol", "m-vi", false),
        // An editor of the project takes its credentials out; whoever only looks does not.
        ("ed", "b-gl", true),
        ("vi", "b-gl", false),
        ("carol", "b-gl", false),
        ("root", "m-carol", false),
        ("root", "m-ed", true),
        ("root", "b-gl", true),
        ("staff", "m-vi", false),
        ("nobody", "m-vi", false),
    ];
    for (name, id, may) in cases {
        assert_eq!(unbinds(&person(name), id), may, "{name} removes {id}");
    }
    // The last owner stays; only those who have the permission at all are told so.
    let last = |name: &str, id: &str| {
        let binding = index.binding(&crate::ids::BindingId::parse(id).unwrap()).cloned();
        may_unbind(&index, &person(name), binding.as_deref()) == Err(Refused::LastOwner)
    };
    assert!(last("alice", "m-alice") && last("root", "m-carol") && last("root", "o-own"));
    assert!(!last("carol", "m-alice") && !last("ed", "o-own") && !last("root", "o-a"));
    // What does not exist is 403 to those who could not remove it anyway, and 404 to those who could.
    assert_eq!(may_unbind(&index, &person("alice"), None), Err(Refused::Forbidden("Forbidden")));
    assert_eq!(may_unbind(&index, &person("root"), None), Err(Refused::NotFound));
}

#[test]
fn seeing_and_changing_credentials() {
    let index = index();
    let id = |name: &str| index.credential(&credential_id(name)).cloned().unwrap();
    let sees = |caller: &Caller, name: &str| sees_credential(&index, caller, &id(name));
    // (who, what, sees it, may change it)
    let cases = [
        (person("alice"), "own", true, true),
        (person("alice"), "gl", false, false),
        (person("bob"), "own", false, false),
        (person("root"), "own", true, true),
        // A global role that says nothing of credentials shows none.
        (person("staff"), "own", false, false),
        // A member of the project does not see what is bound to it.
        (person("ed"), "gl", false, false),
        // Connected accounts: their person alone, administrators included.
        (person("bob"), "bobs-gh", true, true),
        (person("alice"), "bobs-gh", false, false),
        (person("root"), "bobs-gh", false, false),
        (service("bob"), "bobs-gh", false, false),
    ];
    for (caller, name, may_see, may_change) in cases {
        assert_eq!(sees(&caller, name), may_see, "{caller:?} sees {name}");
        for action in ["update", "delete"] {
            let changes = may_change_credential(&index, &caller, Some(&id(name)), action).is_ok();
            assert_eq!(changes, may_change, "{caller:?} may {action} {name}");
        }
    }
    // Out of reach and not there answer alike, except to those who may change everything.
    let forbidden = may_change_credential(&index, &person("bob"), Some(&id("own")), "update");
    assert_eq!(may_change_credential(&index, &person("bob"), None, "update"), forbidden);
    assert_eq!(
        may_change_credential(&index, &person("root"), None, "update"),
        Err(Refused::NotFound)
    );
}

/// What a bearer of a session shows ends with the turn, or the start, that it is of.
#[test]
fn a_bearer_that_is_over_sees_nothing() {
    let mut world = world_of_bindings();
    world.bindings.push(in_project(grant("g", "gl", "s"), "p"));
    let index = Index::build(world, NOW);
    let granted = index.credential(&credential_id("gl")).cloned().unwrap();
    let of_start = |start| {
        Caller::authenticated(CallerKind::Session {
            session: session_id("s"),
            project: project_id("p"),
            start: Some(start),
        })
    };
    assert!(sees_credential(&index, &of_start(1), &granted));
    for over in [of_start(0), of_start(2), turn_token("t9", "p", "s", "alice")] {
        assert!(!sees_credential(&index, &over, &granted), "{over:?}");
    }
}

#[test]
fn a_session_reads_and_does_nothing_else() {
    let mut world = world_of_bindings();
    world.bindings.push(in_project(grant("g", "gl", "s"), "p"));
    let index = Index::build(world, NOW);
    for caller in [session_token("p", "s"), turn_token("t1", "p", "s", "alice")] {
        let credential = |name: &str| index.credential(&credential_id(name)).cloned().unwrap();
        assert!(sees_credential(&index, &caller, &credential("gl")));
        for hidden in ["own", "alices-gh", "gh"] {
            assert!(!sees_credential(&index, &caller, &credential(hidden)), "{hidden}");
        }
        assert!(may_create_credential(&caller).is_err());
        assert!(may_change_credential(&index, &caller, Some(&credential("gl")), "update").is_err());
        assert!(binds(&index, &caller, &member("n", "project:viewer", Scope::Project, "bob", "p")).is_err());
        for binding in index.bindings() {
            assert!(!sees_binding(&index, &caller, binding));
            assert!(may_unbind(&index, &caller, Some(binding)).is_err());
        }
    }
}

#[test]
fn a_keys_scopes_narrow_what_its_creator_may_change() {
    let index = index();
    let only = |text: &str| key("alice", KeyScopes::Only(vec![Permission::parse(text).unwrap()]));
    let own = index.credential(&credential_id("own")).cloned().unwrap();
    assert!(may_change_credential(&index, &only("credential:update"), Some(&own), "update").is_ok());
    assert!(may_change_credential(&index, &only("credential:update"), Some(&own), "delete").is_err());
    assert!(may_create_credential(&only("credential:fetch_token")).is_err());
    let viewer = member("n", "project:viewer", Scope::Project, "bob", "p");
    assert!(binds(&index, &only("role_binding:create"), &viewer).is_ok());
    assert!(binds(&index, &only("credential:*"), &viewer).is_err());
}

#[test]
fn who_sees_a_binding() {
    let index = index();
    let sees = |name: &str| {
        let mut seen: Vec<&str> = index
            .bindings()
            .filter(|binding| sees_binding(&index, &person(name), binding))
            .map(|binding| binding.id.as_str())
            .collect();
        seen.sort_unstable();
        seen
    };
    assert_eq!(sees("carol"), ["m-carol"]);
    assert_eq!(sees("nobody"), [] as [&str; 0]);
    // Their own, and those of their project and of credentials they hold something on.
    assert_eq!(sees("vi"), ["b-gl", "m-alice", "m-ed", "m-vi", "o-a", "o-ed", "o-vi"]);
    assert_eq!(sees("staff"), ["staff"]);
    assert_eq!(sees("root").len(), index.bindings().count());
}
