use crate::fixture::{Db, START, user};
use claviger::ids::{CredentialId, Generation, ProviderName};
use claviger::records::model::{CredentialState, Scope};
use claviger::records::{CredentialPatch, Entity, Ownership, RecordsError};
use std::collections::BTreeMap;

const TWO: Generation = Generation(2);

pub async fn it_comes_with_its_secrets_and_its_owner(db: Db) {
    let credential = db.credential("github").await;
    assert_eq!(
        (credential.generation, credential.state),
        (Generation::FIRST, CredentialState::Usable)
    );
    assert_eq!((credential.created_at_ms, credential.connected_to.clone()), (START, None));
    assert_eq!(db.records.credential(&credential.id).await.unwrap(), credential);
    assert_eq!(db.records.credentials().await.unwrap(), vec![credential.clone()]);

    let opened = db.opened(&credential.id).await;
    assert_eq!(
        opened,
        BTreeMap::from([("client-secret".into(), "c1".into()), ("refresh-token".into(), "r1".into())])
    );
    assert_eq!(db.opened_token(&credential.id).await.as_deref(), Some("t1"));

    let bindings = db.records.bindings().await.unwrap();
    let owner = db.records.role_named("credential:owner").await.unwrap().id;
    assert_eq!(bindings.len(), 1);
    assert_eq!(
        (&bindings[0].role_id, bindings[0].scope, &bindings[0].user_id),
        (&owner, Scope::Credential, &Some(user("alice")))
    );
    assert_eq!(
        (&bindings[0].credential_id, &bindings[0].project_id, &bindings[0].session_id),
        (&Some(credential.id.clone()), &None, &None)
    );

    let absent = CredentialId::make(&*db.clock);
    assert!(matches!(
        db.records.credential(&absent).await,
        Err(RecordsError::NotFound {
            entity: Entity::Credential,
            ..
        })
    ));
    let two = db.records.credentials_of(&[absent, credential.id.clone()]).await.unwrap();
    assert_eq!(two, vec![credential]);
}

pub async fn every_text_comes_back_as_it_was(db: Db) {
    let strange = "Ünïcödé ✓ 'quoted' \"double\" $1 ? % _ \\ \n; DROP TABLE credentials; --";
    let mut new = db.new_credential("jira", Ownership::Owner(user("o'brien@example.org")));
    new.name = strange.into();
    new.description = Some(String::new());
    new.url = Some("https://jira.example.org/context".into());
    new.email = Some(strange.into());
    new.labels = Some(r#"{"a":"b"}"#.into());
    new.fields = BTreeMap::from([("site".into(), strange.into()), (strange.into(), String::new())]);
    let made = db.records.create_credential(new).await.unwrap();
    let read = db.records.credential(&made.id).await.unwrap();
    assert_eq!(read, made);
    assert_eq!(
        (read.name.as_str(), read.description.as_deref(), read.annotations),
        (strange, Some(""), None)
    );
    assert_eq!(read.fields["site"], strange);
}

pub async fn a_taken_id_leaves_everything_as_it_was(db: Db) {
    let first = db.credential("github").await;
    let mut second = db.new_credential("gitlab", Ownership::Owner(user("mallory")));
    second.id = first.id.clone();
    let refused = db.records.create_credential(second).await;
    assert!(matches!(refused, Err(RecordsError::Duplicate { entity: Entity::Credential, existing }) if existing == first.id.as_str()));
    assert_eq!(db.records.credential(&first.id).await.unwrap(), first);
    assert_eq!(db.opened(&first.id).await["refresh-token"], "r1");
    assert_eq!(db.records.bindings().await.unwrap().len(), 1);
}

pub async fn a_person_connects_one_account_per_provider(db: Db) {
    let first = db.connected("github", "alice").await;
    assert_eq!(first.connected_to, Some(user("alice")));
    assert_eq!(db.records.bindings().await.unwrap(), vec![]);
    let again = db
        .records
        .create_credential(db.new_credential("github", Ownership::ConnectedTo(user("alice"))))
        .await;
    assert!(matches!(again, Err(RecordsError::AlreadyConnected { existing }) if existing == first.id));
    db.connected("gitlab", "alice").await;
    db.connected("github", "bob").await;
    // Credentials that are no connected account are as many as one likes.
    db.credential("github").await;
    db.credential("github").await;
    assert_eq!(db.records.credentials().await.unwrap().len(), 5);
}

pub async fn new_secrets_raise_the_generation_and_end_the_old_token(db: Db) {
    let credential = db.credential("gitlab").await;
    assert!(db.records.mark_needs_reconnect(&credential.id, Generation::FIRST).await.unwrap());
    db.clock.advance_ms(5_000);
    let patch = CredentialPatch {
        secrets: vec![db.field(&credential.id, "refresh-token", "r2", TWO)],
        ..Default::default()
    };
    let updated = db
        .records
        .update_credential(&credential.id, Generation::FIRST, patch)
        .await
        .unwrap();
    assert_eq!((updated.generation, updated.state), (TWO, CredentialState::Usable));
    assert_eq!((updated.created_at_ms, updated.updated_at_ms), (START, START + 5_000));
    assert_eq!(db.records.credential(&credential.id).await.unwrap(), updated);
    // The field that was not replaced still opens, under the generation that it was sealed with.
    let opened = db.opened(&credential.id).await;
    assert_eq!(
        opened,
        BTreeMap::from([("client-secret".into(), "c1".into()), ("refresh-token".into(), "r2".into())])
    );
    assert_eq!(db.opened_token(&credential.id).await, None);

    let three = Generation(3);
    let patch = CredentialPatch {
        secrets: vec![db.field(&credential.id, "refresh-token", "r3", three)],
        token: Some(db.token(&credential.id, "t3", three)),
        ..Default::default()
    };
    db.records.update_credential(&credential.id, TWO, patch).await.unwrap();
    assert_eq!(db.opened_token(&credential.id).await.as_deref(), Some("t3"));
}

pub async fn without_secrets_it_is_empty(db: Db) {
    let mut new = db.new_credential("github", Ownership::Owner(user("alice")));
    (new.secrets, new.token) = (Vec::new(), None);
    let mut credential = db.records.create_credential(new).await.unwrap();
    let id = credential.id.clone();
    let patches = [
        (None, "first", CredentialState::Empty),
        (Some("r2"), "first", CredentialState::Usable),
        (None, "first", CredentialState::Usable),
        (None, "second", CredentialState::Empty),
        (Some("r3"), "third", CredentialState::Usable),
    ];
    assert_eq!(credential.state, CredentialState::Empty);
    for (secret, site, state) in patches {
        assert_eq!(db.records.credential(&id).await.unwrap(), credential);
        let next = credential.generation.next();
        let patch = CredentialPatch {
            description: Some(Some(format!("{state:?}"))),
            url: Some(Some(format!("https://{site}.example"))),
            secrets: secret.map(|text| db.field(&id, "refresh-token", text, next)).into_iter().collect(),
            ..Default::default()
        };
        credential = db.records.update_credential(&id, credential.generation, patch).await.unwrap();
        assert_eq!(credential.state, state, "{secret:?} at {site}");
    }
    assert_eq!(db.records.credential(&id).await.unwrap(), credential);
    assert_eq!(db.records.snapshot().await.unwrap().credentials, [credential]);
}

pub async fn another_place_clears_the_secrets(db: Db) {
    let elsewhere = [
        CredentialPatch {
            provider: Some(ProviderName::parse("gitea").unwrap()),
            ..Default::default()
        },
        CredentialPatch {
            kind: Some("personal-access-token".into()),
            ..Default::default()
        },
        CredentialPatch {
            url: Some(Some("https://evil.example".into())),
            ..Default::default()
        },
    ];
    for patch in elsewhere {
        let credential = db.credential("gitlab").await;
        let updated = db
            .records
            .update_credential(&credential.id, Generation::FIRST, patch.clone())
            .await
            .unwrap();
        assert_eq!(updated.generation, TWO, "{patch:?}");
        assert_eq!(db.opened(&credential.id).await, BTreeMap::new(), "{patch:?}");
        assert_eq!(db.opened_token(&credential.id).await, None, "{patch:?}");

        // With new secrets, those alone remain.
        let credential = db.credential("gitlab").await;
        let secrets = vec![db.field(&credential.id, "token", "new", TWO)];
        let patch = CredentialPatch { secrets, ..patch };
        db.records
            .update_credential(&credential.id, Generation::FIRST, patch)
            .await
            .unwrap();
        assert_eq!(db.opened(&credential.id).await, BTreeMap::from([("token".into(), "new".into())]));
    }
}

pub async fn what_decides_nothing_keeps_the_generation(db: Db) {
    let mut new = db.new_credential("github", Ownership::Owner(user("alice")));
    new.description = Some("old".into());
    let credential = db.records.create_credential(new).await.unwrap();
    let patch = CredentialPatch {
        name: Some("new name".into()),
        description: Some(None),
        labels: Some(Some("{}".into())),
        // The same again is no change.
        kind: Some("oauth".into()),
        url: Some(None),
        ..Default::default()
    };
    let updated = db
        .records
        .update_credential(&credential.id, Generation::FIRST, patch)
        .await
        .unwrap();
    assert_eq!(
        (updated.generation, updated.name.as_str(), updated.description.clone()),
        (Generation::FIRST, "new name", None)
    );
    assert_eq!(db.records.credential(&credential.id).await.unwrap(), updated);
    assert_eq!(db.opened_token(&credential.id).await.as_deref(), Some("t1"));
    assert_eq!(db.opened(&credential.id).await.len(), 2);

    // A public field decides which token comes out, so what was minted before is not answered any more. The secrets stay.
    let patch = CredentialPatch {
        fields: Some(BTreeMap::from([("installation-id".into(), "7".into())])),
        ..Default::default()
    };
    let updated = db
        .records
        .update_credential(&credential.id, Generation::FIRST, patch)
        .await
        .unwrap();
    assert_eq!(updated.generation, TWO);
    assert_eq!(db.opened_token(&credential.id).await, None);
    assert_eq!(db.opened(&credential.id).await.len(), 2);
}

pub async fn a_change_based_on_old_secrets_is_refused(db: Db) {
    let credential = db.credential("gitlab").await;
    let patch = |text: &str| CredentialPatch {
        secrets: vec![db.field(&credential.id, "refresh-token", text, TWO)],
        ..Default::default()
    };
    db.records
        .update_credential(&credential.id, Generation::FIRST, patch("winner"))
        .await
        .unwrap();
    let late = db.records.update_credential(&credential.id, Generation::FIRST, patch("late")).await;
    assert!(matches!(late, Err(RecordsError::GenerationMoved { current: TWO })));
    assert_eq!(db.opened(&credential.id).await["refresh-token"], "winner");
}

pub async fn secrets_sealed_for_another_generation_are_refused(db: Db) {
    let credential = db.credential("gitlab").await;
    let wrong = CredentialPatch {
        secrets: vec![db.field(&credential.id, "token", "x", Generation(3))],
        ..Default::default()
    };
    assert!(matches!(
        db.records.update_credential(&credential.id, Generation::FIRST, wrong).await,
        Err(RecordsError::Inconsistent(_))
    ));
    let mut new = db.new_credential("gitlab", Ownership::Owner(user("alice")));
    new.token = Some(db.token(&new.id, "x", TWO));
    assert!(matches!(
        db.records.create_credential(new).await,
        Err(RecordsError::Inconsistent(_))
    ));
    let mut twice = db.new_credential("gitlab", Ownership::Owner(user("alice")));
    twice.secrets.push(twice.secrets[0].clone());
    assert!(matches!(
        db.records.create_credential(twice).await,
        Err(RecordsError::Inconsistent(_))
    ));
}

pub async fn deleting_takes_everything_along(db: Db) {
    let kept = db.credential("gitlab").await;
    db.inject(&kept, Some("other"), None).await.unwrap();
    let credential = db.credential("github").await;
    db.inject(&credential, Some("hi"), None).await.unwrap();
    db.inject(&credential, None, None).await.unwrap();
    let entry = db
        .records
        .begin_rotation(&credential.id, Generation::FIRST, claviger::records::Attempt::First, "r")
        .await
        .unwrap();
    db.records
        .settle_rotation(&entry, claviger::records::Outcome::NotSent)
        .await
        .unwrap();

    db.records.delete_credential(&credential.id).await.unwrap();
    assert!(matches!(
        db.records.credential(&credential.id).await,
        Err(RecordsError::NotFound { .. })
    ));
    assert!(matches!(
        db.records.delete_credential(&credential.id).await,
        Err(RecordsError::NotFound { .. })
    ));
    assert_eq!(db.records.credentials().await.unwrap(), vec![kept.clone()]);
    assert_eq!(db.count("SELECT COUNT(*) FROM credential_secrets").await, 2);
    assert_eq!(db.count("SELECT COUNT(*) FROM credential_tokens").await, 1);
    assert_eq!(db.count("SELECT COUNT(*) FROM role_bindings").await, 2);
    assert_eq!(db.count("SELECT COUNT(*) FROM injections").await, 1);
    assert_eq!(db.count("SELECT COUNT(*) FROM rotation_journal").await, 0);
    // The levels are free again.
    let next = db.credential("github").await;
    db.inject(&next, Some("hi"), None).await.unwrap();
}
