use crate::fixture::{Db, project, user};
use claviger::ids::{Generation, SessionId, Username};
use claviger::records::{CredentialPatch, RecordsError, Update, Updates};
use std::collections::BTreeSet;

async fn since(db: &Db, seq: i64) -> (i64, Vec<Update>) {
    match db.records.updates_since(seq).await.unwrap() {
        Updates::Upto { seq, updates } => (seq, updates),
        Updates::TooFarBehind => panic!("not that far"),
    }
}

pub async fn a_follower_sees_what_changed(db: Db) {
    let snapshot = db.records.snapshot().await.unwrap();
    assert_eq!((snapshot.roles.len(), snapshot.credentials.len()), (14, 0));
    assert_eq!(since(&db, snapshot.seq).await, (snapshot.seq, vec![]));

    let mut committed = db.records.committed();
    let credential = db.credential("github").await;
    assert!(committed.has_changed().unwrap());
    let (seq, updates) = since(&db, snapshot.seq).await;
    assert_eq!((seq, *committed.borrow_and_update()), (snapshot.seq + 1, snapshot.seq + 1));
    let binding = db.records.bindings().await.unwrap().remove(0);
    assert_eq!(
        updates,
        vec![
            Update::Credential(credential.id.clone(), Some(credential.clone())),
            Update::Binding(binding.id.clone(), Some(binding.clone()))
        ]
    );

    // Changed twice, told once, as it is now.
    let patch = |name: &str| CredentialPatch {
        name: Some(name.into()),
        ..Default::default()
    };
    db.records
        .update_credential(&credential.id, Generation::FIRST, patch("a"))
        .await
        .unwrap();
    let now = db
        .records
        .update_credential(&credential.id, Generation::FIRST, patch("b"))
        .await
        .unwrap();
    let (seq, updates) = since(&db, seq).await;
    assert_eq!(updates, vec![Update::Credential(credential.id.clone(), Some(now))]);

    db.records.delete_credential(&credential.id).await.unwrap();
    let (_, updates) = since(&db, seq).await;
    assert_eq!(
        updates,
        vec![Update::Credential(credential.id.clone(), None), Update::Binding(binding.id, None)]
    );

    db.records.upsert_user(&user("alice"), None, None).await.unwrap();
    db.records.upsert_user(&user("bob"), None, None).await.unwrap();
    db.records.set_user_active(&user("bob"), false).await.unwrap();
    let snapshot = db.records.snapshot().await.unwrap();
    assert_eq!(snapshot.deactivated, [user("bob")]);
    assert_eq!((snapshot.credentials.len(), snapshot.bindings.len()), (0, 0));
    assert_eq!(snapshot.seq, *db.records.committed().borrow());
}

pub async fn a_session_that_is_gone_is_told_with_its_project(db: Db) {
    db.project("hi").await;
    db.project("other").await;
    let start = db.records.snapshot().await.unwrap().seq;
    let session = db.session("s1", "hi").await;
    let (seq, updates) = since(&db, start).await;
    assert_eq!(
        updates,
        vec![Update::Session(project("hi"), session.id.clone(), Some(session.clone()))]
    );
    db.records.delete_session(&session.id).await.unwrap();
    let again = db.session("s1", "other").await;
    let (_, updates) = since(&db, seq).await;
    let id = SessionId::parse("s1").unwrap();
    assert_eq!(
        updates,
        vec![
            Update::Session(project("hi"), id.clone(), None),
            Update::Session(project("other"), id, Some(again))
        ]
    );
}

pub async fn thirty_two_writers_all_succeed_and_none_is_missed(db: Db) {
    let replica = db.again().await.unwrap();
    let start = db.records.snapshot().await.unwrap().seq;
    let follower = db.records.clone();
    let (done, mut finished) = tokio::sync::oneshot::channel::<()>();
    // Follows while they write: were a number to become visible after a later one, its change would be missed for ever.
    let following = tokio::spawn(async move {
        let (mut seq, mut seen, mut last) = (start, BTreeSet::<Username>::new(), false);
        loop {
            last |= finished.try_recv().is_ok();
            let Updates::Upto { seq: now, updates } = follower.updates_since(seq).await.unwrap() else {
                panic!("not that far")
            };
            seq = now;
            seen.extend(updates.into_iter().filter_map(|update| match update {
                Update::User(name, Some(_)) => Some(name),
                _ => None,
            }));
            if last {
                return (seq, seen);
            }
            tokio::task::yield_now().await;
        }
    });
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..32 {
        let records = if n % 2 == 0 { db.records.clone() } else { replica.clone() };
        tasks.spawn(async move {
            for turn in 0..4 {
                records.upsert_user(&user(&format!("u{n}-{turn}")), Some("x"), None).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    done.send(()).unwrap();
    let (seq, seen) = following.await.unwrap();
    assert_eq!(seen.len(), 128);
    assert_eq!(seq, start + 128);
    assert_eq!(db.records.users().await.unwrap().len(), 128);
}

pub async fn a_refused_write_leaves_no_number(db: Db) {
    let account = db.connected("github", "alice").await;
    let seq = *db.records.committed().borrow();
    assert!(matches!(db.inject(&account, None, None).await, Err(RecordsError::ConnectedAccount)));
    assert!(db.records.close_turn(&claviger::ids::TurnId::make(&*db.clock)).await.is_err());
    assert_eq!(since(&db, seq).await, (seq, vec![]));
}
