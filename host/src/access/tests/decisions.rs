//! Who may read a token: the rulings, one by one, always by which credential came back.

use super::world::*;
use crate::access::{Change, Denial, Index, MAX_BEHIND_MS, Reason, Snapshot};
use crate::identity::{Class, KeyScopes, Permission};
use crate::records::model::{Binding, CredentialPolicy, Phase, Scope};

fn index() -> Index {
    Index::build(world(), NOW)
}

#[test]
fn each_role_and_fetch_token() {
    for (role, _) in ROLES {
        let may = matches!(role, "credential:owner" | "credential:token-reader" | "custom-reader");
        for scope in [Scope::Credential, Scope::Global, Scope::Project, Scope::Agent, Scope::Session] {
            let mut world = world();
            world.bindings.push(Binding {
                credential_id: Some(credential_id("gh")),
                ..member("x", role, scope, "eve", "p")
            });
            let index = Index::build(world, NOW);
            let expected = if may && scope == Scope::Credential {
                won("gh", Reason::OwnBinding)
            } else {
                Err(Denial::NotPermitted)
            };
            assert_eq!(read(&index, &person("eve"), &flat("gh")), expected, "{role} in scope {scope:?}");
            assert_eq!(
                read(&index, &service("eve"), &flat("gh")),
                expected,
                "a service with {role} in scope {scope:?}"
            );
        }
    }
}

#[test]
fn the_owner_reads_and_a_stranger_sees_nothing() {
    assert_eq!(read(&index(), &person("alice"), &flat("own")), won("own", Reason::OwnBinding));
    let denied = read(&index(), &person("bob"), &flat("own")).unwrap_err();
    let unknown = read(&index(), &person("bob"), &flat("nothing")).unwrap_err();
    assert_eq!((denied, unknown), (Denial::NotPermitted, Denial::NoSuchCredential));
    assert_eq!((denied.class(), unknown.class()), (Class::NotFound, Class::NotFound));
}

#[test]
fn in_a_shared_session_everybody_gets_their_own() {
    let index = index();
    let github = in_session("p", "s", "github");
    assert_eq!(
        read(&index, &session_token("p", "s"), &github),
        won("bobs-gh", Reason::ConnectedAccount)
    );
    assert_eq!(
        read(&index, &turn_token("t1", "p", "s", "bob"), &github),
        won("bobs-gh", Reason::ConnectedAccount)
    );
    assert_eq!(read(&index, &person("bob"), &github), won("bobs-gh", Reason::ConnectedAccount));
    assert_eq!(read(&index, &person("alice"), &github), won("alices-gh", Reason::ConnectedAccount));
    // Dave may look at the project's sessions; he has connected nothing and gets nothing.
    assert_eq!(read(&index, &person("dave"), &github), Err(Denial::NotConfigured));
    // Carol may not even look; it answers like a session that does not exist.
    assert_eq!(read(&index, &person("carol"), &github), Err(Denial::SessionNotVisible));
    let unknown = read(&index, &person("carol"), &in_session("p", "nothing", "github")).unwrap_err();
    assert_eq!(unknown.to_string(), Denial::SessionNotVisible.to_string());
    assert_eq!(unknown.class(), Denial::SessionNotVisible.class());
}

#[test]
fn what_the_session_was_granted_is_the_second_choice() {
    let index = index();
    let gitlab = in_session("p", "s", "gitlab");
    assert_eq!(read(&index, &session_token("p", "s"), &gitlab), won("gl", Reason::SessionGrant));
    assert_eq!(read(&index, &person("bob"), &gitlab), won("gl", Reason::SessionGrant));
    // Alice has no turn open there and no binding on it.
    assert_eq!(read(&index, &person("alice"), &gitlab), Err(Denial::NotConfigured));
    assert_eq!(
        read(&index, &session_token("p", "s"), &in_session("p", "s", "jira")),
        Err(Denial::NotConfigured)
    );
}

#[test]
fn a_credential_of_the_project_is_no_silent_fallback() {
    // Bound to the project, but not granted to the session: the session does not have it.
    let mut world = world();
    world.bindings.push(Binding {
        project_id: Some(project_id("p")),
        ..bind("b-gh", "credential:viewer", "gh")
    });
    let index = Index::build(world, NOW);
    let no_account = turn_token("t1", "p", "s", "bob");
    assert_eq!(read(&index, &no_account, &in_session("p", "s", "jira")), Err(Denial::NotConfigured));
    assert_eq!(read(&index, &session_token("p", "s"), &flat("gh")), Err(Denial::NotPermitted));
    assert_eq!(
        read(&index, &session_token("p", "s"), &nested("p", "gh")),
        Err(Denial::NotPermitted)
    );
}

#[test]
fn a_session_reads_its_grants_by_id_and_nothing_else() {
    let index = index();
    for request in [flat("gl"), nested("p", "gl")] {
        assert_eq!(read(&index, &session_token("p", "s"), &request), won("gl", Reason::SessionGrant));
        assert_eq!(
            read(&index, &turn_token("t1", "p", "s", "bob"), &request),
            won("gl", Reason::SessionGrant)
        );
        assert_eq!(read(&index, &person("bob"), &request), won("gl", Reason::OpenTurn));
        assert_eq!(read(&index, &person("alice"), &request), Err(Denial::NotPermitted));
        assert_eq!(read(&index, &session_token("p", "t"), &request), Err(Denial::NotPermitted));
        // The session of the same name in another project.
        let namesake = read(&index, &session_token("q", "s"), &request).unwrap_err();
        assert_eq!(namesake.class(), Class::NotFound);
    }
    // Whoever the row's user is: the control plane itself does not read by it.
    assert_eq!(read(&index, &service("control-plane"), &flat("gl")), Err(Denial::NotPermitted));
    assert_eq!(read(&index, &person("control-plane"), &flat("gl")), Err(Denial::NotPermitted));
    // The owner of a session does not lend their bindings to it.
    assert_eq!(read(&index, &session_token("p", "s"), &flat("own")), Err(Denial::NotPermitted));
    assert_eq!(
        read(&index, &session_token("p", "t"), &flat("own")),
        won("own", Reason::SessionGrant)
    );
}

#[test]
fn a_grant_that_names_no_project_needs_a_session_of_that_id_in_one_project_alone() {
    let mut world = world();
    world.bindings.push(grant("g-gh", "gh", "s"));
    let mut index = Index::build(world, NOW);
    assert_eq!(read(&index, &session_token("p", "s"), &flat("gh")), Err(Denial::NotPermitted));
    assert_eq!(read(&index, &session_token("q", "s"), &flat("gh")), Err(Denial::NotPermitted));
    index.apply(Change::RemoveSession(project_id("q"), session_id("s")));
    assert_eq!(read(&index, &session_token("p", "s"), &flat("gh")), won("gh", Reason::SessionGrant));
}

#[test]
fn what_ends_a_grant_and_what_does_not() {
    let token = session_token("p", "s");
    let mut index = index();
    index.apply(Change::RemoveBinding(crate::ids::BindingId::parse("b-gl").unwrap()));
    assert_eq!(
        read(&index, &token, &flat("gl")),
        won("gl", Reason::SessionGrant),
        "unbinding does not take it away"
    );
    assert_eq!(read(&index, &token, &nested("p", "gl")), won("gl", Reason::SessionGrant));
    let ended: [fn(&mut Index); 3] = [
        |index| index.apply(Change::RemoveBinding(crate::ids::BindingId::parse("g-gl").unwrap())),
        |index| index.apply(Change::RemoveCredential(credential_id("gl"))),
        |index| {
            let mut stopping = session("s", "p", "alice");
            stopping.phase = Phase::Stopping;
            index.apply(Change::PutSession(stopping));
        },
    ];
    for end in ended {
        let mut index = Index::build(world(), NOW);
        end(&mut index);
        for request in [flat("gl"), nested("p", "gl"), in_session("p", "s", "gitlab")] {
            assert!(read(&index, &token, &request).is_err());
            assert!(
                read(&index, &person("bob"), &request).is_err(),
                "nor for the person whose turn it was"
            );
        }
    }
}

#[test]
fn connected_accounts_belong_to_their_person() {
    let mut world = world();
    // Rows that only forgery could make.
    world.bindings.push(reader("f1", "credential:token-reader", "bobs-gh", "eve"));
    world.bindings.push(reader("f2", "credential:owner", "bobs-gh", "eve"));
    world.bindings.push(Binding {
        project_id: Some(project_id("p")),
        ..grant("f3", "bobs-gh", "s")
    });
    world.bindings.push(Binding {
        project_id: Some(project_id("p")),
        ..bind("f4", "credential:viewer", "bobs-gh")
    });
    let index = Index::build(world, NOW);
    assert_eq!(
        read(&index, &person("bob"), &flat("bobs-gh")),
        won("bobs-gh", Reason::ConnectedAccount)
    );
    assert_eq!(
        read(&index, &key("bob", KeyScopes::All), &flat("bobs-gh")),
        won("bobs-gh", Reason::ConnectedAccount)
    );
    for caller in [
        person("eve"),
        person("alice"),
        service("eve"),
        service("bob"),
        session_token("p", "s"),
        turn_token("t1", "p", "s", "bob"),
    ] {
        assert_eq!(read(&index, &caller, &flat("bobs-gh")), Err(Denial::NotYourAccount), "{caller:?}");
        assert_eq!(
            read(&index, &caller, &nested("p", "bobs-gh")),
            Err(Denial::NotYourAccount),
            "{caller:?}"
        );
    }
    assert_eq!(read(&index, &person("bob"), &nested("p", "bobs-gh")), Err(Denial::NotYourAccount));
}

#[test]
fn below_a_project_the_credential_has_to_resolve_there() {
    let mut world = world();
    world.bindings.push(reader("r1", "credential:token-reader", "gh", "eve"));
    world.bindings.push(Binding {
        project_id: Some(project_id("q")),
        ..bind("b1", "credential:viewer", "gh")
    });
    let mut index = Index::build(world, NOW);
    assert_eq!(read(&index, &person("eve"), &nested("q", "gh")), won("gh", Reason::OwnBinding));
    assert_eq!(read(&index, &person("eve"), &nested("p", "gh")), Err(Denial::NotResolved));
    assert_eq!(
        read(&index, &person("alice"), &nested("p", "own")),
        Err(Denial::NotResolved),
        "not even the owner's"
    );
    // A more specific or earlier one takes its place.
    let mut other = credential("gh2", "github");
    other.created_at_ms = -1;
    index.apply(Change::PutCredential(other));
    let earlier = Binding {
        project_id: Some(project_id("q")),
        created_at_ms: -1,
        ..bind("b0", "credential:viewer", "gh2")
    };
    index.apply(Change::PutBinding(earlier));
    assert_eq!(read(&index, &person("eve"), &nested("q", "gh")), Err(Denial::NotResolved));
}

#[test]
fn a_key_reads_for_its_creator_within_its_scopes() {
    let index = index();
    let only = |text: &str| KeyScopes::Only(vec![Permission::parse(text).unwrap()]);
    assert_eq!(
        read(&index, &key("alice", only("credential:fetch_token")), &flat("own")),
        won("own", Reason::OwnBinding)
    );
    for scope in ["credential:read", "*:*", "credential:*", "*:fetch_token"] {
        assert_eq!(
            read(&index, &key("alice", only(scope)), &flat("own")),
            Err(Denial::KeyScope),
            "{scope}"
        );
    }
    assert_eq!(
        read(&index, &key("bob", KeyScopes::All), &in_session("p", "s", "github")),
        won("bobs-gh", Reason::ConnectedAccount)
    );
}

#[test]
fn a_project_that_chose_sender_only_lends_nothing() {
    let mut world = world();
    world.projects[0].credential_policy = CredentialPolicy::SenderOnly;
    let index = Index::build(world, NOW);
    assert_eq!(
        read(&index, &session_token("p", "s"), &in_session("p", "s", "github")),
        won("bobs-gh", Reason::ConnectedAccount)
    );
    for caller in [session_token("p", "s"), turn_token("t1", "p", "s", "bob"), person("bob")] {
        assert_eq!(read(&index, &caller, &in_session("p", "s", "gitlab")), Err(Denial::NotConfigured));
        assert_eq!(read(&index, &caller, &flat("gl")), Err(Denial::NotPermitted));
    }
}

#[test]
fn an_expired_turn_is_no_turn() {
    let mut world = world();
    world.turns[0].expires_at_ms = NOW;
    let index = Index::build(world, NOW);
    assert_eq!(
        read(&index, &session_token("p", "s"), &in_session("p", "s", "github")),
        Err(Denial::NotConfigured)
    );
    assert_eq!(read(&index, &person("bob"), &flat("gl")), Err(Denial::NotPermitted));
    assert!(read(&index, &turn_token("t1", "p", "s", "bob"), &flat("gl")).is_err());
}

#[test]
fn who_may_message_decides_whether_the_creator_stands_in() {
    let alone = |bindings: Vec<Binding>| {
        let mut world = world();
        world.turns.clear();
        world.bindings = bindings;
        Index::build(world, NOW)
    };
    let github = in_session("p", "s", "github");
    let creators = won("alices-gh", Reason::ConnectedAccount);
    let alices = member("m1", "project:owner", Scope::Project, "alice", "p");
    assert_eq!(read(&alone(vec![alices.clone()]), &session_token("p", "s"), &github), creators);
    // Watching is not messaging; the platform's staff do not make it a shared session; another project is another project.
    for harmless in [
        member("m2", "project:viewer", Scope::Project, "dave", "p"),
        member("m2", "platform:admin", Scope::Global, "root", ""),
        member("m2", "project:editor", Scope::Project, "bob", "q"),
        member("m2", "agent:operator", Scope::Agent, "bob", "a"),
    ] {
        let index = alone(vec![alices.clone(), harmless.clone()]);
        assert_eq!(read(&index, &session_token("p", "s"), &github), creators, "{harmless:?}");
    }
    for sharing in [
        member("m2", "project:editor", Scope::Project, "bob", "p"),
        member("m2", "agent:runner", Scope::Agent, "bob", "a"),
        member("m2", "project:editor", Scope::Session, "bob", "s"),
    ] {
        let mut index = alone(vec![alices.clone(), sharing.clone()]);
        assert_eq!(
            read(&index, &session_token("p", "s"), &github),
            Err(Denial::NotConfigured),
            "{sharing:?}"
        );
        index.apply(Change::RemoveBinding(sharing.id));
        assert_eq!(read(&index, &session_token("p", "s"), &github), creators);
    }
}

#[test]
fn an_index_that_is_behind_answers_nothing() {
    let mut index = index();
    let read_at = |index: &Index| read(index, &person("alice"), &flat("own"));
    for (synced, fresh) in [
        (NOW - MAX_BEHIND_MS, true),
        (NOW - MAX_BEHIND_MS - 1, false),
        (NOW + MAX_BEHIND_MS + 1, false),
    ] {
        index.synced(synced);
        assert_eq!(read_at(&index).is_ok(), fresh);
    }
    assert_eq!(read_at(&index).unwrap_err().class(), Class::Unavailable);
    let never = Index::default();
    assert_eq!(read_at(&never), Err(Denial::IndexBehind));
}

#[test]
fn an_effective_user_is_good_for_its_own_request() {
    use crate::access::decide;
    use crate::config;
    use crate::identity::{CurrentUserHeader, effective_user};
    let index = index();
    let caller = person("alice");
    let request = flat("own");
    let facts = index.facts(&caller, &request.place(), NOW);
    let effective = effective_user(
        &caller,
        &request.place(),
        &facts,
        &CurrentUserHeader::ABSENT,
        &config::Sessions::default(),
    )
    .unwrap();
    assert_eq!(
        decide(effective, &nested("p", "own"), &index, NOW).outcome.unwrap_err(),
        Denial::OtherPlace
    );
}

#[test]
fn revoking_is_one_change() {
    let mut index = index();
    assert!(read(&index, &person("alice"), &flat("own")).is_ok());
    index.apply(Change::RemoveBinding(crate::ids::BindingId::parse("o-own").unwrap()));
    assert_eq!(read(&index, &person("alice"), &flat("own")), Err(Denial::NotPermitted));
}

#[test]
fn tens_of_thousands_of_rows_of_one_user_and_project_hide_nothing() {
    // The trace is the measure: it must not grow with what was bound besides.
    let mut world = world();
    for n in 0..20_000 {
        world
            .bindings
            .push(reader(&format!("r{n}"), "credential:token-reader", &format!("c{n}"), "alice"));
        world.bindings.push(grant(&format!("g{n}"), &format!("c{n}"), &format!("s{n}")));
        world.bindings.push(Binding {
            project_id: Some(project_id("p")),
            ..bind(&format!("b{n}"), "credential:viewer", &format!("c{n}"))
        });
    }
    let index = Index::build(world, NOW);
    assert_eq!(read(&index, &person("alice"), &flat("own")), won("own", Reason::OwnBinding));
    let decision = decided(&index, &session_token("p", "s"), &in_session("p", "s", "gitlab")).unwrap();
    assert_eq!(decision.outcome.unwrap().credential().id, credential_id("gl"));
    assert!(decision.trace.len() <= 3);
}

#[test]
fn a_snapshot_without_roles_permits_nothing() {
    let index = Index::build(Snapshot { roles: vec![], ..world() }, NOW);
    assert_eq!(read(&index, &person("alice"), &flat("own")), Err(Denial::NotPermitted));
    assert_eq!(read(&index, &session_token("p", "s"), &flat("gl")), Err(Denial::NotPermitted));
}
