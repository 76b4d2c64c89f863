//! What clients store beside what decides, and what goes when a project or an agent goes.

use crate::fixture::{Db, by_itself, project, user};
use claviger::ids::{AgentId, SessionId};
use claviger::records::model::{Phase, Scope, Trigger};
use claviger::records::{
    AgentPatch, Details, DetailsPatch, Entity, NewAgent, NewRole, NewSession, ProjectPatch, RecordsError, RolePatch, SessionPatch,
    UserPatch,
};
use serde_json::json;

fn patch(entries: &[(&str, Option<serde_json::Value>)]) -> DetailsPatch {
    entries.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

pub async fn details_come_back_as_they_were(db: Db) {
    let made = db.project("hi").await;
    let strange = "Ünïcödé ✓ 'quoted' \"double\" $1 \\ \n; --";
    let change = ProjectPatch {
        details: patch(&[("prompt", Some(json!(strange))), ("temperature", Some(json!(0.0)))]),
        ..ProjectPatch::default()
    };
    let changed = db.records.update_project(&made.id, change).await.unwrap();
    assert_eq!(
        (changed.details.text("prompt"), changed.details.number("temperature")),
        (Some(strange), Some(0.0))
    );
    assert_eq!(db.records.detailed_project(&made.id).await.unwrap(), changed);
    assert_eq!(db.records.detailed_projects().await.unwrap(), vec![changed]);
    let cleared = ProjectPatch {
        details: patch(&[("prompt", None)]),
        ..ProjectPatch::default()
    };
    let cleared = db.records.update_project(&made.id, cleared).await.unwrap();
    assert_eq!(
        (cleared.details.text("prompt"), cleared.details.number("temperature")),
        (None, Some(0.0))
    );

    let agent = db.records.create_agent(agent(&db, "hi", "one")).await.unwrap();
    let change = AgentPatch {
        name: Some("two".into()),
        details: patch(&[("llm_model", Some(json!("x")))]),
    };
    let changed = db.records.update_agent(&agent.id, change).await.unwrap();
    assert_eq!(
        (changed.record.name.as_str(), changed.details.text("llm_model")),
        ("two", Some("x"))
    );
    assert_eq!(db.records.detailed_agents(&project("hi")).await.unwrap(), vec![changed.clone()]);
    assert_eq!(db.records.detailed_agent(&agent.id).await.unwrap(), changed);

    let session = db.session("s", "hi").await;
    let change = SessionPatch {
        name: Some("renamed".into()),
        details: patch(&[("environment_variables", Some(json!("{}")))]),
    };
    let changed = db.records.update_session(&session.id, change).await.unwrap();
    assert_eq!((changed.record.name.as_str(), changed.record.phase), ("renamed", Phase::Pending));
    assert_eq!(
        db.records.detailed_sessions(Some(&project("hi"))).await.unwrap(),
        vec![changed.clone()]
    );
    assert_eq!(db.records.detailed_sessions(None).await.unwrap(), vec![changed]);
    assert_eq!(db.records.detailed_sessions(Some(&project("other"))).await.unwrap(), vec![]);
}

fn agent(db: &Db, in_project: &str, name: &str) -> NewAgent {
    NewAgent {
        id: AgentId::make(&*db.clock),
        project_id: project(in_project),
        name: name.into(),
        details: Details::default(),
    }
}

fn session_of(db: &Db, agent: &AgentId) -> NewSession {
    NewSession {
        id: SessionId::make(&*db.clock),
        project_id: project("hi"),
        agent_id: Some(agent.clone()),
        name: "x".into(),
        created_by: user("alice"),
        trigger: Trigger::Person,
        details: Details::default(),
    }
}

pub async fn an_agent_has_one_session_at_a_time(db: Db) {
    db.project("hi").await;
    let agent = db.records.create_agent(agent(&db, "hi", "one")).await.unwrap();
    let replica = db.again().await.unwrap();
    let (one, two) = tokio::join!(
        db.records.session_of_agent(session_of(&db, &agent.id)),
        replica.session_of_agent(session_of(&db, &agent.id))
    );
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one, two, "whoever comes second gets the first's");
    db.records.start_session(&one.id, by_itself(&[])).await.unwrap();
    assert_eq!(db.records.session_of_agent(session_of(&db, &agent.id)).await.unwrap().id, one.id);
    let current = db.records.current_sessions(&agent.project_id).await.unwrap();
    assert_eq!(current, [(agent.id.clone(), one.id.clone())].into());
    db.records.set_session_phase(&one.id, Phase::Completed).await.unwrap();
    let next = db.records.session_of_agent(session_of(&db, &agent.id)).await.unwrap();
    assert_ne!(next.id, one.id);
    replica.close().await;
}

pub async fn a_deleted_project_leaves_nothing_to_whoever_takes_its_name(db: Db) {
    let made = db.project("hi").await;
    db.project("other").await;
    let (credential, elsewhere) = (db.credential("github").await, db.credential("gitlab").await);
    let agent = db.records.create_agent(agent(&db, "hi", "one")).await.unwrap();
    db.inject(&credential, Some("hi"), None).await.unwrap();
    db.inject(&credential, Some("hi"), Some(agent.id.as_str())).await.unwrap();
    let kept = db.inject(&elsewhere, Some("other"), None).await.unwrap();
    let mut member = db.binding("project:editor", Scope::Project).await;
    (member.project_id, member.user_id) = (Some(project("hi")), Some(user("bob")));
    db.records.create_binding(&member).await.unwrap();
    let session = db.records.create_session(session_of(&db, &agent.id)).await.unwrap();
    db.records
        .start_session(&session.id, by_itself(std::slice::from_ref(&credential.id)))
        .await
        .unwrap();

    db.records.delete_project(&made.id).await.unwrap();
    assert!(matches!(
        db.records.delete_project(&made.id).await,
        Err(RecordsError::NotFound {
            entity: Entity::Project,
            ..
        })
    ));
    assert_eq!(
        (db.records.agents().await.unwrap(), db.records.sessions().await.unwrap()),
        (vec![], vec![])
    );
    let left = db.records.bindings().await.unwrap();
    assert!(
        left.iter()
            .all(|binding| binding.project_id.as_ref() != Some(&made.id) && binding.session_id.is_none())
    );
    assert!(left.contains(&kept));
    // The level is free for another credential, of the same provider.
    db.project("hi").await;
    let another = db.credential("github").await;
    db.inject(&another, Some("hi"), None).await.unwrap();
}

pub async fn a_deleted_agent_is_forgotten_by_its_sessions(db: Db) {
    db.project("hi").await;
    let agent = db.records.create_agent(agent(&db, "hi", "one")).await.unwrap();
    let session = db.records.create_session(session_of(&db, &agent.id)).await.unwrap();
    let credential = db.credential("github").await;
    db.inject(&credential, Some("hi"), Some(agent.id.as_str())).await.unwrap();
    db.records.delete_agent(&agent.id).await.unwrap();
    assert_eq!(db.records.session(&session.id).await.unwrap().agent_id, None);
    assert!(
        db.records
            .bindings()
            .await
            .unwrap()
            .iter()
            .all(|binding| binding.agent_id.is_none())
    );
}

pub async fn a_binding_keeps_its_age_and_its_last_owner(db: Db) {
    db.project("hi").await;
    let owner = db.records.bindings().await.unwrap().remove(0);
    let mut changed = claviger::records::NewBinding::of(&owner);
    assert_eq!(
        db.records.update_binding(&owner.id, &changed).await.unwrap(),
        owner,
        "nothing changes"
    );
    changed.role_id = db.records.role_named("project:viewer").await.unwrap().id;
    assert!(matches!(
        db.records.update_binding(&owner.id, &changed).await,
        Err(RecordsError::LastOwner { .. })
    ));
    let mut second = claviger::records::NewBinding::of(&owner);
    second.user_id = Some(user("bob"));
    db.records.create_binding(&second).await.unwrap();
    db.clock.advance_ms(5);
    let viewer = db.records.update_binding(&owner.id, &changed).await.unwrap();
    assert_eq!((viewer.id.clone(), viewer.created_at_ms), (owner.id, owner.created_at_ms));
    assert_eq!(viewer.updated_at_ms, owner.updated_at_ms + 5);
    assert_eq!(db.records.binding(&viewer.id).await.unwrap(), viewer);
    // Another credential of the same provider cannot slip onto a level that is taken.
    let (one, two) = (db.credential("github").await, db.credential("github").await);
    db.inject(&one, Some("hi"), None).await.unwrap();
    let other = db.inject(&two, None, None).await.unwrap();
    let mut moved = claviger::records::NewBinding::of(&other);
    moved.project_id = Some(project("hi"));
    assert!(matches!(
        db.records.update_binding(&other.id, &moved).await,
        Err(RecordsError::InjectionConflict { .. })
    ));
    assert_eq!(db.records.binding(&other.id).await.unwrap(), other, "nothing of it was kept");
}

pub async fn roles_of_ones_own(db: Db) {
    let new = NewRole {
        name: "team:reader".into(),
        display_name: None,
        description: Some("x".into()),
        permissions: vec!["project:read".into()],
    };
    let role = db.records.create_role(new.clone()).await.unwrap();
    assert_eq!(db.records.role(&role.id).await.unwrap(), role);
    assert!(!role.built_in);
    assert!(matches!(
        db.records.create_role(new).await,
        Err(RecordsError::Duplicate { entity: Entity::Role, .. })
    ));
    let change = RolePatch {
        description: Some(None),
        permissions: Some(vec!["project:*".into()]),
        ..RolePatch::default()
    };
    let changed = db.records.update_role(&role.id, change.clone()).await.unwrap();
    assert_eq!(
        (changed.description.as_deref(), changed.permissions.as_slice()),
        (None, ["project:*".to_owned()].as_slice())
    );
    let built_in = db.records.role_named("project:viewer").await.unwrap();
    assert!(matches!(
        db.records.update_role(&built_in.id, change).await,
        Err(RecordsError::BuiltIn)
    ));
    assert!(matches!(db.records.delete_role(&built_in.id).await, Err(RecordsError::BuiltIn)));
    let mut binding = claviger::records::NewBinding::new(role.id.clone(), Scope::Global);
    binding.user_id = Some(user("bob"));
    let binding = db.records.create_binding(&binding).await.unwrap();
    assert!(matches!(
        db.records.delete_role(&role.id).await,
        Err(RecordsError::RoleInUse { bindings: 1 })
    ));
    db.records.delete_binding(&binding.id).await.unwrap();
    db.records.delete_role(&role.id).await.unwrap();
    assert_eq!(db.records.roles().await.unwrap().len(), 14);
}

pub async fn people_have_an_id_that_stays(db: Db) {
    let met = db.records.upsert_user(&user("alice"), Some("Alice"), None).await.unwrap();
    let again = db.records.upsert_user(&user("alice"), Some("Alicia"), None).await.unwrap();
    assert_eq!(met.id, again.id);
    assert_eq!(db.records.user_by_id(&met.id).await.unwrap(), again);
    let made = db.records.create_user(&user("bob"), None, Some("b@example.org")).await.unwrap();
    assert!(matches!(
        db.records.create_user(&user("bob"), None, None).await,
        Err(RecordsError::Duplicate { entity: Entity::User, .. })
    ));
    let change = UserPatch {
        email: Some(None),
        active: Some(false),
        ..UserPatch::default()
    };
    let changed = db.records.update_user(&made.username, change).await.unwrap();
    assert_eq!((changed.id, changed.email, changed.active), (made.id, None, false));
    // Whoever was met before people had ids gets one at the next start.
    db.raw("UPDATE users SET id = NULL WHERE username = 'alice'").await.unwrap();
    db.records.close().await;
    let records = db.again().await.unwrap();
    let numbered = records.user(&user("alice")).await.unwrap().unwrap();
    assert_ne!(numbered.id, met.id);
    records.close().await;
}
