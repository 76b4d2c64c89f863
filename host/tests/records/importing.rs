//! Records of another database: taken over whole, once, or not at all; and never mistaken for something that is here.

use crate::fixture::{Db, START, project, user};
use claviger::ids::{AgentId, BindingId, CredentialId, Generation, ProviderName, RoleId, UserId};
use claviger::records::model::{Agent, Binding, Credential, CredentialPolicy, CredentialState, Project, Role, Scope, SealedField, User};
use claviger::records::{Detailed, Details, Import, Imported, RecordsError, Taken};
use serde_json::json;
use std::collections::BTreeMap;

/// Older than anything that is made here.
const THEN: i64 = START - 86_400_000;

const STRANGE: &str = "Ünïcödé ✓ 'quoted' \"double\" $1 \\ \n; --";

fn details(name: &str, value: &str) -> Details {
    Details::default().changed(BTreeMap::from([(name.to_owned(), Some(json!(value)))]))
}

fn project_of(name: &str, created_at_ms: i64) -> Detailed<Project> {
    Detailed {
        record: Project {
            id: project(name),
            description: Some(STRANGE.to_owned()),
            credential_policy: CredentialPolicy::SenderOnly,
            created_at_ms,
            updated_at_ms: created_at_ms + 1,
        },
        details: details("prompt", STRANGE),
    }
}

fn credential(db: &Db, id: &str, provider: &str, secret: &str) -> (Credential, Vec<SealedField>) {
    let id = CredentialId::parse(id).unwrap();
    let fields = vec![db.field(&id, "token", secret, Generation::FIRST)];
    let credential = Credential {
        id,
        name: STRANGE.to_owned(),
        description: None,
        provider: ProviderName::parse(provider).unwrap(),
        kind: "static".to_owned(),
        url: Some("https://git.example.org".to_owned()),
        email: Some("alice@example.org".to_owned()),
        labels: Some("{\"team\":\"atlas\"}".to_owned()),
        annotations: None,
        fields: BTreeMap::from([("user-name".to_owned(), "Alice".to_owned())]),
        connected_to: None,
        generation: Generation::FIRST,
        state: CredentialState::Usable,
        created_at_ms: THEN,
        updated_at_ms: THEN + 2,
    };
    (credential, fields)
}

fn binding(id: &str, role_id: RoleId, scope: Scope) -> Binding {
    Binding {
        id: BindingId::parse(id).unwrap(),
        role_id,
        scope,
        user_id: None,
        project_id: None,
        agent_id: None,
        session_id: None,
        credential_id: None,
        created_at_ms: THEN + 3,
        updated_at_ms: THEN + 3,
    }
}

/// A project with its agent, two credentials, their owners, and where the first of them belongs.
async fn whole(db: &Db) -> Import {
    let role = async |name: &str| db.records.role_named(name).await.unwrap().id;
    let own_role = Role {
        id: RoleId::parse("2acprole").unwrap(),
        name: "credential:lender".to_owned(),
        display_name: None,
        description: Some(STRANGE.to_owned()),
        permissions: vec!["credential:read".to_owned()],
        built_in: false,
        created_at_ms: THEN,
        updated_at_ms: THEN,
    };
    let agent = Agent {
        id: AgentId::parse("2acpagent").unwrap(),
        project_id: project("old"),
        name: "pilot".to_owned(),
        created_at_ms: THEN,
        updated_at_ms: THEN,
    };
    let credentials = vec![
        credential(db, "2acpone", "linear", "lin_one"),
        credential(db, "2acptwo", "linear", "lin_two"),
    ];
    let of = |id: &str| Some(CredentialId::parse(id).unwrap());
    let mut bindings = Vec::new();
    for (id, credential) in [("2acpb1", "2acpone"), ("2acpb2", "2acptwo")] {
        let mut owner = binding(id, role("credential:owner").await, Scope::Credential);
        (owner.user_id, owner.credential_id) = (Some(user("alice")), of(credential));
        bindings.push(owner);
        // Both are bound to one place: the earlier one has it.
        let mut lent = binding(&format!("{id}x"), role("credential:viewer").await, Scope::Credential);
        (lent.project_id, lent.credential_id) = (Some(project("old")), of(credential));
        bindings.push(lent);
    }
    let mut owner = binding("2acpb3", role("project:owner").await, Scope::Project);
    (owner.user_id, owner.project_id) = (Some(user("alice")), Some(project("old")));
    bindings.push(owner);
    let mut lender = binding("2acpb4", own_role.id.clone(), Scope::Agent);
    (lender.user_id, lender.project_id, lender.agent_id) = (Some(user("bob")), Some(project("old")), Some(agent.id.clone()));
    bindings.push(lender);
    let person = |id: &str, name: &str, active: bool| User {
        id: UserId::parse(id).unwrap(),
        username: user(name),
        name: Some(STRANGE.to_owned()),
        email: None,
        active,
        created_at_ms: THEN,
        updated_at_ms: THEN,
    };
    Import {
        users: vec![person("2acpu1", "alice", true), person("2acpu2", "bob", false)],
        roles: vec![own_role],
        projects: vec![project_of("old", THEN)],
        agents: vec![Detailed {
            record: agent,
            details: details("llm_model", "x"),
        }],
        credentials,
        bindings,
    }
}

fn all(imported: &Imported) -> Vec<&Taken> {
    let Imported {
        users,
        roles,
        projects,
        agents,
        credentials,
        bindings,
    } = imported;
    [users, roles, projects, agents, credentials, bindings]
        .into_iter()
        .flatten()
        .collect()
}

pub async fn an_import_is_taken_over_whole_with_its_ids_and_ages(db: Db) {
    let import = whole(&db).await;
    let roles_before = db.records.roles().await.unwrap().len();
    let last = db.records.snapshot().await.unwrap().seq;
    let told = db.records.import(&import, false).await.unwrap();
    assert!(db.records.users().await.unwrap().is_empty() && db.records.projects().await.unwrap().is_empty());
    assert_eq!(db.records.roles().await.unwrap().len(), roles_before);
    assert!(db.records.credentials().await.unwrap().is_empty() && db.records.bindings().await.unwrap().is_empty());
    assert_eq!(db.records.snapshot().await.unwrap().seq, last, "nothing to follow");

    let done = db.records.import(&import, true).await.unwrap();
    assert_eq!(all(&told), all(&done), "what would be is what is");
    let refused: Vec<&Taken> = all(&done).into_iter().filter(|taken| **taken != Taken::Added).collect();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(
        matches!(&done.bindings[3], Taken::Refused(why) if why.contains("2acpone")),
        "two for one place: {:?}",
        done.bindings
    );

    assert_eq!(db.records.users().await.unwrap(), import.users);
    let role = &import.roles[0];
    assert_eq!(&db.records.role(&role.id).await.unwrap(), role);
    assert_eq!(db.records.detailed_project(&project("old")).await.unwrap(), import.projects[0]);
    let agent = &import.agents[0];
    assert_eq!(&db.records.detailed_agent(&agent.record.id).await.unwrap(), agent);
    for ((credential, _), secret) in import.credentials.iter().zip(["lin_one", "lin_two"]) {
        assert_eq!(&db.records.credential(&credential.id).await.unwrap(), credential);
        let expected = BTreeMap::from([("token".to_owned(), secret.to_owned())]);
        assert_eq!(db.opened(&credential.id).await, expected);
    }
    let mut there = db.records.bindings().await.unwrap();
    there.sort_by(|a, b| a.id.as_str().cmp(b.id.as_str()));
    let mut expected: Vec<Binding> = import
        .bindings
        .iter()
        .filter(|binding| binding.id.as_str() != "2acpb2x")
        .cloned()
        .collect();
    expected.sort_by(|a, b| a.id.as_str().cmp(b.id.as_str()));
    for binding in &mut expected {
        // When it came here is told apart from when it was made there.
        binding.updated_at_ms = there.iter().find(|known| known.id == binding.id).unwrap().updated_at_ms;
    }
    assert_eq!(there, expected);
    // Whoever follows is told of all of it.
    let after = db.records.snapshot().await.unwrap();
    assert!(after.seq > last);
    assert_eq!((after.projects.len(), after.credentials.len(), after.bindings.len()), (1, 2, 5));

    let again = db.records.import(&import, true).await.unwrap();
    let new: Vec<&Taken> = all(&again).into_iter().filter(|taken| **taken == Taken::Added).collect();
    assert!(new.is_empty(), "a second time changes nothing: {again:?}");
    assert_eq!(db.records.bindings().await.unwrap().len(), 5);
}

pub async fn what_only_shares_an_id_is_left_alone(db: Db) {
    let here = db.project("old").await;
    let lent = db.credential("linear").await;
    let import = whole(&db).await;
    let done = db.records.import(&import, true).await.unwrap();
    assert!(matches!(&done.projects[0], Taken::Refused(_)), "{done:?}");
    assert!(
        matches!(&done.agents[0], Taken::Refused(_)),
        "what is in it stays out as well: {done:?}"
    );
    assert_eq!(db.records.project(&here.id).await.unwrap(), here);
    assert!(db.records.agents().await.unwrap().is_empty());
    // Nobody of there has a right to the project of here.
    let of_project = |binding: &&Binding| binding.project_id.as_ref() == Some(&here.id);
    let bindings = db.records.bindings().await.unwrap();
    let there: Vec<&Binding> = bindings.iter().filter(of_project).collect();
    assert_eq!(there.len(), 1, "its owner's own: {there:?}");
    // What is about neither came.
    assert_eq!(done.credentials, [Taken::Added, Taken::Added]);
    assert_eq!(db.opened(&lent.id).await["refresh-token"], "r1");
}

pub async fn an_import_that_cannot_be_leaves_nothing(db: Db) {
    let mut import = whole(&db).await;
    let last = import.credentials.len() - 1;
    import.credentials[last].0.connected_to = Some(user("alice"));
    let refused = db.records.import(&import, true).await;
    assert!(matches!(refused, Err(RecordsError::Inconsistent(_))), "{refused:?}");
    assert!(
        db.records.users().await.unwrap().is_empty(),
        "of what came before it, nothing stays"
    );
    assert!(db.records.projects().await.unwrap().is_empty() && db.records.credentials().await.unwrap().is_empty());
    // What was sealed for another generation is no secret of the first.
    let mut import = whole(&db).await;
    let id = import.credentials[0].0.id.clone();
    import.credentials[0].1 = vec![db.field(&id, "token", "lin_one", Generation::FIRST.next())];
    assert!(db.records.import(&import, true).await.is_err());
    assert!(db.records.users().await.unwrap().is_empty());
}
