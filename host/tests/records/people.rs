use crate::fixture::{Db, START, project, user};
use claviger::ids::ApiKeyId;
use claviger::records::model::{CredentialPolicy, Scope, StandsFor};
use claviger::records::{Details, DetailsPatch, Entity, NewApiKey, NewProject, ProjectPatch, RecordsError, Updates};

pub async fn keys_are_found_by_hash_and_revoked_once(db: Db) {
    let new = |hash: &str, stands_for| NewApiKey {
        name: "ci".into(),
        creator: user("alice"),
        stands_for,
        hash: hash.repeat(32),
        expires_at_ms: Some(START + 5),
        scopes: Some(vec!["credential:read".into()]),
    };
    let key = db.records.create_api_key(new("ab", StandsFor::Key)).await.unwrap();
    assert_eq!(
        (key.created_at_ms, key.expires_at_ms, key.revoked_at_ms),
        (START, Some(START + 5), None)
    );
    assert_eq!(db.records.api_key_by_hash(&"ab".repeat(32)).await.unwrap(), Some(key.clone()));
    assert_eq!(db.records.api_key_by_hash("").await.unwrap(), None);
    assert_eq!(db.records.api_key_by_hash(&"AB".repeat(32)).await.unwrap(), None);
    let twice = db.records.create_api_key(new("ab", StandsFor::Person)).await;
    assert!(matches!(twice, Err(RecordsError::Duplicate { entity: Entity::ApiKey, existing }) if existing == key.id.as_str()));
    let other = db.records.create_api_key(new("cd", StandsFor::Service)).await.unwrap();
    db.clock.advance_ms(1_000);
    let revoked = db.records.revoke_api_key(&key.id).await.unwrap();
    assert_eq!(revoked.revoked_at_ms, Some(START + 1_000));
    db.clock.advance_ms(1_000);
    assert_eq!(db.records.revoke_api_key(&key.id).await.unwrap(), revoked);
    assert!(matches!(
        db.records.revoke_api_key(&ApiKeyId::make(&*db.clock)).await,
        Err(RecordsError::NotFound {
            entity: Entity::ApiKey,
            ..
        })
    ));
    let mut all = db.records.api_keys().await.unwrap();
    all.sort_by_key(|key| key.hash.clone());
    assert_eq!(all, vec![revoked, other]);
}

pub async fn the_last_use_of_a_key_is_noted_and_followed_by_nobody(db: Db) {
    let new = NewApiKey {
        name: "ci".into(),
        creator: user("alice"),
        stands_for: StandsFor::Key,
        hash: "ef".repeat(32),
        expires_at_ms: None,
        scopes: None,
    };
    let key = db.records.create_api_key(new).await.unwrap();
    assert_eq!((key.scopes.clone(), key.last_used_at_ms), (None, None));
    let seq = *db.records.committed().borrow();
    db.records.note_api_key_uses(&[]).await.unwrap();
    for (at_ms, known) in [
        (START + 60_000, START + 60_000),
        (START, START + 60_000),
        (START + 120_000, START + 120_000),
    ] {
        db.records.note_api_key_uses(&[(key.id.clone(), at_ms)]).await.unwrap();
        let all = db.records.api_keys().await.unwrap();
        assert_eq!(all[0].last_used_at_ms, Some(known));
    }
    let updates = db.records.updates_since(seq).await.unwrap();
    assert!(
        matches!(updates, Updates::Upto { updates, .. } if updates.is_empty()),
        "nobody reads the keys again for that"
    );
}

pub async fn many_at_once_note_one_person(db: Db) {
    let alice = user("alice");
    let seen = futures::future::join_all((0..8).map(|_| db.records.upsert_user(&alice, Some("Alice"), Some("a@example.org")))).await;
    for met in seen {
        assert_eq!(met.unwrap().name.as_deref(), Some("Alice"));
    }
    assert_eq!(db.records.users().await.unwrap().len(), 1);
}

pub async fn people_are_noted_once_and_can_be_deactivated(db: Db) {
    let alice = user("alice");
    assert_eq!(db.records.user(&alice).await.unwrap(), None);
    let met = db.records.upsert_user(&alice, Some("Alice"), None).await.unwrap();
    assert_eq!((met.name.as_deref(), met.email.as_deref(), met.active), (Some("Alice"), None, true));
    let seq = *db.records.committed().borrow();
    db.clock.advance_ms(10);
    assert_eq!(db.records.upsert_user(&alice, None, None).await.unwrap(), met);
    assert_eq!(db.records.upsert_user(&alice, Some("Alice"), None).await.unwrap(), met);
    assert_eq!(*db.records.committed().borrow(), seq, "nothing new, nothing written");
    let known = db.records.upsert_user(&alice, None, Some("a@example.org")).await.unwrap();
    assert_eq!(
        (known.name.as_deref(), known.email.as_deref()),
        (Some("Alice"), Some("a@example.org"))
    );
    assert!(!db.records.set_user_active(&alice, false).await.unwrap().active);
    // Coming back does not let them in again.
    assert!(!db.records.upsert_user(&alice, Some("Alicia"), None).await.unwrap().active);
    assert!(db.records.set_user_active(&alice, true).await.unwrap().active);
    assert!(matches!(
        db.records.set_user_active(&user("nobody"), false).await,
        Err(RecordsError::NotFound { entity: Entity::User, .. })
    ));
    assert_eq!(db.records.users().await.unwrap().len(), 1);
}

pub async fn a_value_of_the_deployment_is_set_once(db: Db) {
    assert_eq!(db.records.meta("chain").await.unwrap(), None);
    let replica = db.again().await.unwrap();
    let (one, two) = tokio::join!(db.records.meta_once("chain", "one"), replica.meta_once("chain", "two"));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one, two, "whoever comes second gets the first's");
    assert_eq!(db.records.meta("chain").await.unwrap(), Some(one));
    db.records.set_meta("chain", "three").await.unwrap();
    assert_eq!(db.records.meta_once("chain", "four").await.unwrap(), "three");
}

pub async fn projects_come_with_their_owner(db: Db) {
    // A client bound the owner before the project was made.
    let mut early = db.binding("project:owner", Scope::Project).await;
    early.user_id = Some(user("alice"));
    early.project_id = Some(project("hi"));
    let early = db.records.create_binding(&early).await.unwrap();
    let made = db.project("hi").await;
    assert_eq!(db.records.project(&made.id).await.unwrap(), made);
    assert_eq!(db.records.bindings().await.unwrap(), vec![early]);
    let again = NewProject {
        id: project("hi"),
        description: None,
        credential_policy: CredentialPolicy::Owner,
        owner: user("mallory"),
        details: Details::default(),
    };
    assert!(matches!(
        db.records.create_project(again).await,
        Err(RecordsError::Duplicate {
            entity: Entity::Project,
            ..
        })
    ));
    assert_eq!(db.records.bindings().await.unwrap().len(), 1);
    db.clock.advance_ms(7);
    let patch = ProjectPatch {
        description: Some(Some("x".into())),
        credential_policy: Some(CredentialPolicy::SenderOnly),
        details: DetailsPatch::new(),
    };
    let changed = db.records.update_project(&made.id, patch).await.unwrap().record;
    assert_eq!(
        (changed.credential_policy, changed.description.as_deref(), changed.updated_at_ms),
        (CredentialPolicy::SenderOnly, Some("x"), START + 7)
    );
    assert_eq!(db.records.projects().await.unwrap(), vec![changed.clone()]);
    let same = db.records.update_project(&made.id, ProjectPatch::default()).await.unwrap();
    assert_eq!(same.record, changed);
    db.project("other").await;
    assert_eq!(db.records.bindings().await.unwrap().len(), 2);
}
