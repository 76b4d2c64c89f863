use crate::fixture::{Db, START, by_itself, project, user};
use claviger::ids::{AgentId, CredentialId, RunId, SessionId, TurnId};
use claviger::records::model::{Phase, Scope, Trigger, Turn};
use claviger::records::{Details, Entity, NewAgent, NewSession, NewTurn, RecordsError, Result, Start};

async fn grants(db: &Db, session: &SessionId) -> Vec<CredentialId> {
    let role = db.records.role_named("credential:token-reader").await.unwrap().id;
    let bindings = db.records.bindings().await.unwrap().into_iter();
    let mut grants: Vec<_> = bindings
        .filter(|binding| binding.session_id.as_ref() == Some(session) && binding.role_id == role)
        .map(|binding| binding.credential_id.unwrap())
        .collect();
    grants.sort();
    grants
}

pub async fn grants_come_with_the_start_and_go_with_the_end(db: Db) {
    db.project("hi").await;
    let session = db.session("s1", "hi").await;
    assert_eq!(session.phase, Phase::Pending);
    let (one, two) = (db.credential("github").await.id, db.credential("gitlab").await.id);
    let mut both = vec![one.clone(), two.clone()];
    both.sort();
    assert_eq!(session.starts, 0);
    for (number, end) in (1..).zip([Phase::Stopping, Phase::Completed, Phase::Failed, Phase::Stopped]) {
        let (started, made) = db
            .records
            .start_session(&session.id, by_itself(&[one.clone(), two.clone()]))
            .await
            .unwrap();
        assert_eq!((started.phase, started.starts, made.len()), (Phase::Creating, number, 2));
        assert!(made.iter().all(|grant| grant.user_id.is_none() && grant.scope == Scope::Credential));
        assert_eq!(grants(&db, &session.id).await, both);
        let running = db.records.set_session_phase(&session.id, Phase::Running).await.unwrap();
        assert_eq!(db.records.session(&session.id).await.unwrap(), running);
        assert_eq!(grants(&db, &session.id).await, both);
        db.records.set_session_phase(&session.id, end).await.unwrap();
        assert_eq!(grants(&db, &session.id).await, vec![], "{end:?}");
        if end == Phase::Stopping {
            db.records.set_session_phase(&session.id, Phase::Stopped).await.unwrap();
        }
    }
    // Another start grants what it is given, and nothing of before; whether it is by hand is said of each anew.
    for attended in [true, false] {
        let credentials = std::slice::from_ref(&two);
        let start = Start { credentials, attended };
        let (started, _) = db.records.start_session(&session.id, start).await.unwrap();
        assert_eq!(
            (started.attended, db.records.session(&session.id).await.unwrap()),
            (attended, started)
        );
        assert_eq!(grants(&db, &session.id).await, vec![two.clone()]);
        db.records.set_session_phase(&session.id, Phase::Stopped).await.unwrap();
    }
}

pub async fn a_start_that_fails_grants_nothing(db: Db) {
    db.project("hi").await;
    let session = db.session("s1", "hi").await;
    let credential = db.credential("github").await.id;
    let absent = CredentialId::make(&*db.clock);
    let failed = db.records.start_session(&session.id, by_itself(&[credential, absent])).await;
    assert!(matches!(
        failed,
        Err(RecordsError::NotFound {
            entity: Entity::Credential,
            ..
        })
    ));
    assert_eq!(grants(&db, &session.id).await, vec![]);
    assert_eq!(db.records.session(&session.id).await.unwrap().phase, Phase::Pending);
}

pub async fn phases_change_in_order(db: Db) {
    db.project("hi").await;
    let id = db.session("s1", "hi").await.id;
    let wrong = |result: Result<claviger::records::model::Session>| match result {
        Err(RecordsError::WrongPhase { current }) => Some(current),
        _ => None,
    };
    // Nothing becomes live but by a start.
    assert_eq!(wrong(db.records.set_session_phase(&id, Phase::Running).await), Some(Phase::Pending));
    db.records.start_session(&id, by_itself(&[])).await.unwrap();
    let twice = db.records.start_session(&id, by_itself(&[])).await;
    assert!(matches!(twice, Err(RecordsError::WrongPhase { current: Phase::Creating })));
    assert_eq!(
        wrong(db.records.set_session_phase(&id, Phase::Pending).await),
        Some(Phase::Creating)
    );
    db.records.set_session_phase(&id, Phase::Stopping).await.unwrap();
    assert!(matches!(
        db.records.start_session(&id, by_itself(&[])).await,
        Err(RecordsError::WrongPhase { current: Phase::Stopping })
    ));
    db.records.set_session_phase(&id, Phase::Stopped).await.unwrap();
    assert_eq!(wrong(db.records.set_session_phase(&id, Phase::Running).await), Some(Phase::Stopped));
    db.records.start_session(&id, by_itself(&[])).await.unwrap();

    let again = NewSession {
        id: id.clone(),
        project_id: project("hi"),
        agent_id: None,
        name: "x".into(),
        created_by: user("bob"),
        trigger: Trigger::ApiKey,
        details: Details::default(),
    };
    assert!(matches!(
        db.records.create_session(again).await,
        Err(RecordsError::Duplicate {
            entity: Entity::Session,
            ..
        })
    ));
}

fn turn(session: &SessionId, name: &str) -> NewTurn {
    NewTurn {
        session_id: session.clone(),
        run_id: RunId::parse("run-1").unwrap(),
        user: user(name),
        expires_at_ms: START + 60_000,
    }
}

pub async fn turns_need_a_live_session_and_end_with_it(db: Db) {
    db.project("hi").await;
    let id = db.session("s1", "hi").await.id;
    assert!(matches!(
        db.records.open_turn(turn(&id, "bob")).await,
        Err(RecordsError::WrongPhase { current: Phase::Pending })
    ));
    db.records.start_session(&id, by_itself(&[])).await.unwrap();
    let bobs = db.records.open_turn(turn(&id, "bob")).await.unwrap();
    let carols = db.records.open_turn(turn(&id, "carol")).await.unwrap();
    let expected = Turn {
        id: bobs.id.clone(),
        project_id: project("hi"),
        session_id: id.clone(),
        run_id: RunId::parse("run-1").unwrap(),
        user: user("bob"),
        opened_at_ms: START,
        expires_at_ms: START + 60_000,
    };
    assert_eq!(db.records.turn(&bobs.id).await.unwrap(), expected);
    assert_eq!(db.records.open_turns().await.unwrap().len(), 2);
    db.records.close_turn(&bobs.id).await.unwrap();
    assert!(matches!(
        db.records.close_turn(&bobs.id).await,
        Err(RecordsError::NotFound { entity: Entity::Turn, .. })
    ));
    assert_eq!(db.records.open_turns().await.unwrap(), vec![carols]);
    db.records.set_session_phase(&id, Phase::Stopping).await.unwrap();
    assert_eq!(db.records.open_turns().await.unwrap(), vec![]);
    assert!(matches!(
        db.records.open_turn(turn(&id, "bob")).await,
        Err(RecordsError::WrongPhase { current: Phase::Stopping })
    ));
}

pub async fn turns_end_by_themselves(db: Db) {
    db.project("hi").await;
    let id = db.session("s1", "hi").await.id;
    db.records.start_session(&id, by_itself(&[])).await.unwrap();
    let early = db.records.open_turn(turn(&id, "bob")).await.unwrap();
    let late = db
        .records
        .open_turn(NewTurn {
            expires_at_ms: START + 90_000,
            ..turn(&id, "bob")
        })
        .await
        .unwrap();
    let past = db
        .records
        .open_turn(NewTurn {
            expires_at_ms: START,
            ..turn(&id, "bob")
        })
        .await;
    assert!(matches!(past, Err(RecordsError::Inconsistent(_))));
    assert_eq!(db.records.sweep_turns().await.unwrap(), 0);
    db.clock.advance_ms(59_999);
    assert_eq!(db.records.open_turns().await.unwrap().len(), 2);
    db.clock.advance_ms(1);
    assert_eq!(db.records.open_turns().await.unwrap(), vec![late.clone()]);
    assert_eq!(db.records.turn(&early.id).await.unwrap(), early);
    assert_eq!(db.records.sweep_turns().await.unwrap(), 1);
    assert!(db.records.turn(&early.id).await.is_err());
    assert_eq!(db.records.turn(&late.id).await.unwrap(), late);
}

pub async fn deleting_takes_everything_along_with_a_session(db: Db) {
    db.project("hi").await;
    let id = db.session("s1", "hi").await.id;
    let credential = db.credential("github").await.id;
    db.records.start_session(&id, by_itself(&[credential])).await.unwrap();
    db.records.open_turn(turn(&id, "bob")).await.unwrap();
    let mut runner = db.binding("agent:runner", Scope::Session).await;
    runner.session_id = Some(id.clone());
    db.records.create_binding(&runner).await.unwrap();
    // An end removes grants alone; the deletion also whatever else names the session.
    db.records.set_session_phase(&id, Phase::Completed).await.unwrap();
    assert_eq!(db.count("SELECT COUNT(*) FROM role_bindings WHERE session_id IS NOT NULL").await, 1);
    db.records.delete_session(&id).await.unwrap();
    assert_eq!(db.count("SELECT COUNT(*) FROM role_bindings WHERE session_id IS NOT NULL").await, 0);
    assert_eq!(db.count("SELECT COUNT(*) FROM turns").await, 0);
    assert!(matches!(
        db.records.session(&id).await,
        Err(RecordsError::NotFound {
            entity: Entity::Session,
            ..
        })
    ));
    assert!(matches!(db.records.delete_session(&id).await, Err(RecordsError::NotFound { .. })));
    assert!(matches!(
        db.records.turn(&TurnId::make(&*db.clock)).await,
        Err(RecordsError::NotFound { .. })
    ));
}

pub async fn an_agent_of_another_project_is_refused(db: Db) {
    db.project("hi").await;
    db.project("other").await;
    let new = NewAgent {
        id: AgentId::make(&*db.clock),
        project_id: project("hi"),
        name: "helper".into(),
        details: Details::default(),
    };
    let agent = db.records.create_agent(new.clone()).await.unwrap();
    assert_eq!(db.records.agent(&agent.id).await.unwrap(), agent);
    assert_eq!(db.records.agents().await.unwrap(), vec![agent.clone()]);
    assert!(matches!(
        db.records.create_agent(new.clone()).await,
        Err(RecordsError::Duplicate { entity: Entity::Agent, .. })
    ));
    let nowhere = NewAgent {
        id: AgentId::make(&*db.clock),
        project_id: project("nowhere"),
        ..new
    };
    assert!(matches!(
        db.records.create_agent(nowhere).await,
        Err(RecordsError::NotFound {
            entity: Entity::Project,
            ..
        })
    ));
    let session = |project_id, agent: &AgentId| NewSession {
        id: SessionId::make(&*db.clock),
        project_id,
        agent_id: Some(agent.clone()),
        name: "x".into(),
        created_by: user("alice"),
        trigger: Trigger::Schedule,
        details: Details::default(),
    };
    assert!(matches!(
        db.records.create_session(session(project("other"), &agent.id)).await,
        Err(RecordsError::AgentElsewhere)
    ));
    let absent = AgentId::make(&*db.clock);
    assert!(matches!(
        db.records.create_session(session(project("hi"), &absent)).await,
        Err(RecordsError::NotFound { entity: Entity::Agent, .. })
    ));
    let made = db.records.create_session(session(project("hi"), &agent.id)).await.unwrap();
    assert_eq!(db.records.sessions().await.unwrap(), vec![made.clone()]);
    assert_eq!((made.trigger, made.agent_id), (Trigger::Schedule, Some(agent.id)));
}
