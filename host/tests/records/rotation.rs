use crate::fixture::{Db, START};
use claviger::ids::{CredentialId, Generation};
use claviger::records::model::CredentialState;
use claviger::records::{Attempt, CredentialPatch, Outcome, RecordsError, Rotated, RotationEntry};

const ONE: Generation = Generation::FIRST;
const TWO: Generation = Generation(2);

fn rotated(db: &Db, id: &CredentialId, text: &str, generation: Generation) -> Rotated {
    Rotated {
        secrets: vec![db.field(id, "refresh-token", text, generation)],
        token: Some(db.token(id, text, generation)),
    }
}

async fn begin(db: &Db, id: &CredentialId) -> claviger::records::Result<RotationEntry> {
    db.records.begin_rotation(id, ONE, Attempt::First, "replica-1").await
}

pub async fn new_secrets_and_token_appear_together(db: Db) {
    let id = db.credential("gitlab").await.id;
    let entry = begin(&db, &id).await.unwrap();
    assert_eq!(db.records.open_rotations().await.unwrap(), vec![entry.clone()]);
    assert_eq!((entry.generation, entry.attempt, entry.begun_at_ms), (ONE, Attempt::First, START));
    let wrong = rotated(&db, &id, "r2", ONE);
    assert!(matches!(
        db.records.commit_rotation(&entry, &wrong).await,
        Err(RecordsError::Inconsistent(_))
    ));
    assert_eq!(
        db.records.commit_rotation(&entry, &rotated(&db, &id, "r2", TWO)).await.unwrap(),
        TWO
    );
    let credential = db.records.credential(&id).await.unwrap();
    assert_eq!((credential.generation, credential.state), (TWO, CredentialState::Usable));
    let opened = db.opened(&id).await;
    assert_eq!((opened["refresh-token"].as_str(), opened["client-secret"].as_str()), ("r2", "c1"));
    assert_eq!(db.opened_token(&id).await.as_deref(), Some("r2"));
    assert_eq!(db.records.open_rotations().await.unwrap(), vec![]);
    assert!(matches!(begin(&db, &id).await, Err(RecordsError::GenerationMoved { current: TWO })));
    assert!(matches!(
        db.records.settle_rotation(&entry, Outcome::Unanswered).await,
        Err(RecordsError::AlreadySettled)
    ));
    assert_eq!(
        db.records.credential(&id).await.unwrap().state,
        CredentialState::Usable,
        "a settled entry changes nothing any more"
    );
}

pub async fn of_many_flights_one_may_send(db: Db) {
    let id = db.credential("gitlab").await.id;
    let replica = db.again().await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..16 {
        let records = if n % 2 == 0 { db.records.clone() } else { replica.clone() };
        let id = id.clone();
        tasks.spawn(async move { records.begin_rotation(&id, ONE, Attempt::First, &format!("replica-{n}")).await });
    }
    let results = tasks.join_all().await;
    let winners: Vec<_> = results.iter().filter_map(|result| result.as_ref().ok()).collect();
    assert_eq!(winners.len(), 1);
    let lost = results
        .iter()
        .filter(|result| matches!(result, Err(RecordsError::RotationOpen { entry }) if *entry == winners[0].id));
    assert_eq!(lost.count(), 15);
}

pub async fn whoever_put_in_new_secrets_meanwhile_wins(db: Db) {
    let id = db.credential("gitlab").await.id;
    let entry = begin(&db, &id).await.unwrap();
    let patch = CredentialPatch {
        secrets: vec![db.field(&id, "refresh-token", "pasted", TWO)],
        ..Default::default()
    };
    db.records.update_credential(&id, ONE, patch).await.unwrap();
    let late = db.records.commit_rotation(&entry, &rotated(&db, &id, "r2", TWO)).await;
    assert!(matches!(late, Err(RecordsError::GenerationMoved { current: TWO })));
    assert_eq!(db.opened(&id).await["refresh-token"], "pasted");
    assert_eq!(db.opened_token(&id).await, None);
    assert_eq!(db.records.open_rotations().await.unwrap(), vec![], "the entry does not hang on");

    // An answer that never came says nothing about secrets that were put in meanwhile.
    let id = db.credential("gitlab").await.id;
    let entry = begin(&db, &id).await.unwrap();
    let patch = CredentialPatch {
        secrets: vec![db.field(&id, "refresh-token", "pasted", TWO)],
        ..Default::default()
    };
    db.records.update_credential(&id, ONE, patch).await.unwrap();
    db.records.settle_rotation(&entry, Outcome::Unanswered).await.unwrap();
    assert_eq!(db.records.credential(&id).await.unwrap().state, CredentialState::Usable);
}

pub async fn of_two_commits_one_counts(db: Db) {
    let id = db.credential("gitlab").await.id;
    let entry = begin(&db, &id).await.unwrap();
    let replica = db.again().await.unwrap();
    let (left, right) = (rotated(&db, &id, "left", TWO), rotated(&db, &id, "right", TWO));
    let (one, two) = tokio::join!(db.records.commit_rotation(&entry, &left), replica.commit_rotation(&entry, &right));
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    let winner = if one.is_ok() { "left" } else { "right" };
    assert_eq!(db.opened(&id).await["refresh-token"], winner);
    assert_eq!(db.opened_token(&id).await.as_deref(), Some(winner));
    assert_eq!(db.records.credential(&id).await.unwrap().generation, TWO);
}

pub async fn what_was_not_sent_may_be_tried_again(db: Db) {
    let id = db.credential("gitlab").await.id;
    for outcome in [Outcome::NotSent, Outcome::Refused { status: 503 }] {
        let entry = begin(&db, &id).await.unwrap();
        db.records.settle_rotation(&entry, outcome).await.unwrap();
        let credential = db.records.credential(&id).await.unwrap();
        assert_eq!((credential.state, credential.generation), (CredentialState::Usable, ONE));
    }
    assert_eq!(
        db.count("SELECT COUNT(*) FROM rotation_journal WHERE outcome = 'refused' AND status = 503")
            .await,
        1
    );
    begin(&db, &id).await.unwrap();
}

pub async fn what_was_not_answered_is_indeterminate_and_tried_once_more(db: Db) {
    let id = db.credential("jira").await.id;
    let retry = || db.records.begin_rotation(&id, ONE, Attempt::Retry, "replica-1");
    assert!(matches!(
        retry().await,
        Err(RecordsError::NotUsable {
            state: CredentialState::Usable
        })
    ));
    assert_eq!(db.records.last_unanswered(&id, ONE).await.unwrap(), None);
    let entry = begin(&db, &id).await.unwrap();
    db.clock.advance_ms(8_000);
    db.records.settle_rotation(&entry, Outcome::Unanswered).await.unwrap();
    assert_eq!(db.records.credential(&id).await.unwrap().state, CredentialState::Indeterminate);
    let doubtful = db.records.last_unanswered(&id, ONE).await.unwrap().unwrap();
    assert_eq!((doubtful.begun_at_ms, doubtful.settled_at_ms), (START, Some(START + 8_000)));
    assert!(matches!(
        begin(&db, &id).await,
        Err(RecordsError::NotUsable {
            state: CredentialState::Indeterminate
        })
    ));

    // A retry that never left may be had again; one that was sent and not answered was the last.
    let unsent = retry().await.unwrap();
    db.records.settle_rotation(&unsent, Outcome::NotSent).await.unwrap();
    assert_eq!(db.records.credential(&id).await.unwrap().state, CredentialState::Indeterminate);
    let sent = retry().await.unwrap();
    db.records.settle_rotation(&sent, Outcome::Unanswered).await.unwrap();
    assert!(matches!(
        retry().await,
        Err(RecordsError::NotUsable {
            state: CredentialState::Indeterminate
        })
    ));

    // A retry that succeeds makes it usable.
    let other = db.credential("jira").await.id;
    let entry = begin(&db, &other).await.unwrap();
    db.records.settle_rotation(&entry, Outcome::Unanswered).await.unwrap();
    let again = db.records.begin_rotation(&other, ONE, Attempt::Retry, "replica-1").await.unwrap();
    db.records.commit_rotation(&again, &rotated(&db, &other, "r2", TWO)).await.unwrap();
    assert_eq!(db.records.credential(&other).await.unwrap().state, CredentialState::Usable);
    // And so do new secrets.
    let patch = CredentialPatch {
        secrets: vec![db.field(&id, "refresh-token", "pasted", TWO)],
        ..Default::default()
    };
    assert_eq!(
        db.records.update_credential(&id, ONE, patch).await.unwrap().state,
        CredentialState::Usable
    );
}

pub async fn a_crash_between_intent_and_outcome_is_indeterminate(db: Db) {
    let (mine, old, others) = (
        db.credential("gitlab").await.id,
        db.credential("gitlab").await.id,
        db.credential("gitlab").await.id,
    );
    let old_entry = db.records.begin_rotation(&old, ONE, Attempt::First, "replica-2").await.unwrap();
    db.clock.advance_ms(120_000);
    let my_entry = begin(&db, &mine).await.unwrap();
    let others_entry = db.records.begin_rotation(&others, ONE, Attempt::First, "replica-2").await.unwrap();

    // The process dies here; another one opens the database.
    let records = db.again().await.unwrap();
    let mut resumed = records.resume_rotations("replica-1", START + 60_000).await.unwrap();
    resumed.sort_by_key(|entry| entry.begun_at_ms);
    assert_eq!(resumed, vec![old_entry.clone(), my_entry.clone()]);
    let state = async |id: &CredentialId| records.credential(id).await.unwrap().state;
    assert_eq!(state(&mine).await, CredentialState::Indeterminate);
    assert_eq!(state(&old).await, CredentialState::Indeterminate);
    assert_eq!(
        state(&others).await,
        CredentialState::Usable,
        "a living replica's flight is left alone"
    );
    assert_eq!(records.open_rotations().await.unwrap(), vec![others_entry]);
    assert!(matches!(
        records.commit_rotation(&my_entry, &rotated(&db, &mine, "r2", TWO)).await,
        Err(RecordsError::AlreadySettled)
    ));
    assert_eq!(db.opened(&mine).await["refresh-token"], "r1", "a refused commit keeps nothing");
    assert_eq!(records.resume_rotations("replica-1", START).await.unwrap(), vec![]);
}

pub async fn a_dead_grant_is_marked_only_if_it_is_still_the_one(db: Db) {
    let id = db.credential("gitlab").await.id;
    let entry = begin(&db, &id).await.unwrap();
    db.records.commit_rotation(&entry, &rotated(&db, &id, "r2", TWO)).await.unwrap();
    assert!(!db.records.mark_needs_reconnect(&id, ONE).await.unwrap());
    assert_eq!(db.records.credential(&id).await.unwrap().state, CredentialState::Usable);
    assert!(db.records.mark_needs_reconnect(&id, TWO).await.unwrap());
    assert_eq!(db.records.credential(&id).await.unwrap().state, CredentialState::NeedsReconnect);
    let refused = db.records.begin_rotation(&id, TWO, Attempt::First, "replica-1").await;
    assert!(matches!(
        refused,
        Err(RecordsError::NotUsable {
            state: CredentialState::NeedsReconnect
        })
    ));
}
