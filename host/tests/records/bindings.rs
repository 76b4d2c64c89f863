use crate::fixture::{Db, by_itself, project, user};
use claviger::ids::{Generation, ProviderName, RoleId, SessionId};
use claviger::records::model::{Binding, Credential, Scope};
use claviger::records::{CredentialPatch, Entity, NewBinding, RecordsError};

pub async fn the_built_in_roles_are_there_once(db: Db) {
    let roles = db.records.roles().await.unwrap();
    assert_eq!(roles.len(), 14);
    assert!(roles.iter().all(|role| role.built_in));
    let reader = db.records.role_named("credential:token-reader").await.unwrap();
    assert_eq!(
        (reader.permissions.as_slice(), reader.display_name.as_deref()),
        (&["credential:fetch_token".to_owned()][..], Some("Credential Token Reader"))
    );
    assert_eq!(db.records.role(&reader.id).await.unwrap(), reader);
    let editor = db.records.role_named("project:editor").await.unwrap();
    assert_eq!(editor.permissions.len(), 18);
    // Nobody but these two reads tokens.
    let mut readers: Vec<_> = roles
        .iter()
        .filter(|role| role.permissions.iter().any(|text| text.ends_with("fetch_token")))
        .map(|role| role.name.as_str())
        .collect();
    readers.sort_unstable();
    assert_eq!(readers, ["credential:owner", "credential:token-reader"]);
    assert!(matches!(
        db.records.role_named("credential:reader").await,
        Err(RecordsError::NotFound { entity: Entity::Role, .. })
    ));
}

pub async fn a_binding_of_the_same_tuple_is_told_with_its_id(db: Db) {
    let mut new = db.binding("project:viewer", Scope::Project).await;
    new.user_id = Some(user("bob"));
    new.project_id = Some(project("hi"));
    let first = db.records.create_binding(&new).await.unwrap();
    assert_eq!(db.records.binding(&first.id).await.unwrap(), first);
    // The scope is not part of the tuple.
    let again = NewBinding {
        scope: Scope::Global,
        ..new.clone()
    };
    let refused = db.records.create_binding(&again).await;
    assert!(matches!(refused, Err(RecordsError::Duplicate { entity: Entity::Binding, existing }) if existing == first.id.as_str()));
    let other = NewBinding {
        user_id: Some(user("carol")),
        ..new.clone()
    };
    db.records.create_binding(&other).await.unwrap();
    let bare = db.binding("platform:viewer", Scope::Global).await;
    db.records.create_binding(&bare).await.unwrap();
    assert!(matches!(
        db.records.create_binding(&bare).await,
        Err(RecordsError::Duplicate { .. })
    ));
    let unknown = NewBinding {
        role_id: RoleId::parse("nosuch").unwrap(),
        ..new
    };
    assert!(matches!(
        db.records.create_binding(&unknown).await,
        Err(RecordsError::NotFound { entity: Entity::Role, .. })
    ));
    assert_eq!(db.records.bindings().await.unwrap().len(), 3);
}

fn existing(result: Result<Binding, RecordsError>) -> Option<String> {
    match result {
        Err(RecordsError::InjectionConflict { existing }) => Some(existing.into()),
        _ => None,
    }
}

pub async fn a_level_has_one_credential_per_provider(db: Db) {
    let (one, two, gitlab) = (
        db.credential("github").await,
        db.credential("github").await,
        db.credential("gitlab").await,
    );
    let taken = Some(one.id.to_string());
    for (to, agent) in [(Some("hi"), Some("a1")), (Some("hi"), None), (None, None)] {
        let first = db.inject(&one, to, agent).await.unwrap();
        assert_eq!(existing(db.inject(&two, to, agent).await), taken, "{to:?} {agent:?}");
        db.inject(&gitlab, to, agent).await.unwrap();
        // Another binding of the same credential holds the level as well.
        let mut another = db.binding("credential:viewer", Scope::Credential).await;
        another.credential_id = Some(one.id.clone());
        another.project_id = first.project_id.clone();
        another.agent_id = first.agent_id.clone();
        another.user_id = Some(user("bob"));
        let another = db.records.create_binding(&another).await.unwrap();
        db.records.delete_binding(&first.id).await.unwrap();
        assert_eq!(existing(db.inject(&two, to, agent).await), taken, "{to:?} {agent:?}");
        db.records.delete_binding(&another.id).await.unwrap();
        db.inject(&two, to, agent).await.unwrap();
    }
    db.inject(&one, Some("other"), Some("a1")).await.unwrap();
    assert_eq!(db.count("SELECT COUNT(*) FROM injections").await, 7);
}

pub async fn what_says_who_may_read_takes_no_level(db: Db) {
    let (one, two) = (db.credential("github").await, db.credential("github").await);
    for credential in [&one, &two] {
        let mut reader = db.binding("credential:token-reader", Scope::Credential).await;
        reader.credential_id = Some(credential.id.clone());
        reader.user_id = Some(user("ci"));
        db.records.create_binding(&reader).await.unwrap();
        let mut grant = db.binding("credential:viewer", Scope::Credential).await;
        grant.credential_id = Some(credential.id.clone());
        grant.session_id = Some(SessionId::parse("s1").unwrap());
        db.records.create_binding(&grant).await.unwrap();
    }
    assert_eq!(db.count("SELECT COUNT(*) FROM injections").await, 0);
    db.inject(&two, None, None).await.unwrap();
}

pub async fn a_new_provider_moves_the_levels_or_is_refused(db: Db) {
    let (one, two) = (db.credential("github").await, db.credential("gitlab").await);
    db.inject(&one, Some("hi"), None).await.unwrap();
    db.inject(&two, Some("hi"), None).await.unwrap();
    let to = |provider: &str| CredentialPatch {
        provider: Some(ProviderName::parse(provider).unwrap()),
        ..Default::default()
    };
    let refused = db.records.update_credential(&one.id, Generation::FIRST, to("gitlab")).await;
    assert!(matches!(refused, Err(RecordsError::InjectionConflict { existing }) if existing == two.id));
    assert_eq!(db.records.credential(&one.id).await.unwrap(), one);
    assert_eq!(db.opened(&one.id).await.len(), 2, "a refused change clears nothing");
    db.records.update_credential(&one.id, Generation::FIRST, to("gitea")).await.unwrap();
    let three = db.credential("github").await;
    db.inject(&three, Some("hi"), None).await.unwrap();
    assert_eq!(
        existing(db.inject(&db.credential("gitea").await, Some("hi"), None).await),
        Some(one.id.to_string())
    );
}

pub async fn a_connected_account_cannot_be_bound(db: Db) {
    let account = db.connected("github", "alice").await;
    assert!(matches!(
        db.inject(&account, Some("hi"), None).await,
        Err(RecordsError::ConnectedAccount)
    ));
    let mut owner = db.binding("credential:owner", Scope::Credential).await;
    owner.user_id = Some(user("alice"));
    owner.credential_id = Some(account.id.clone());
    assert!(matches!(
        db.records.create_binding(&owner).await,
        Err(RecordsError::ConnectedAccount)
    ));
    db.project("hi").await;
    let session = db.session("s1", "hi").await;
    assert!(matches!(
        db.records.start_session(&session.id, by_itself(&[account.id])).await,
        Err(RecordsError::ConnectedAccount)
    ));
}

async fn owner_of(db: &Db, credential: &Credential, name: &str) -> Binding {
    let mut owner = db.binding("credential:owner", Scope::Credential).await;
    owner.user_id = Some(user(name));
    owner.credential_id = Some(credential.id.clone());
    db.records.create_binding(&owner).await.unwrap()
}

pub async fn the_last_owner_stays(db: Db) {
    let credential = db.credential("github").await;
    let first = db.records.bindings().await.unwrap().remove(0);
    assert!(matches!(db.records.delete_binding(&first.id).await, Err(RecordsError::LastOwner { binding }) if binding == first.id));
    // An owner of another credential does not count.
    db.credential("github").await;
    assert!(matches!(
        db.records.delete_binding(&first.id).await,
        Err(RecordsError::LastOwner { .. })
    ));
    let second = owner_of(&db, &credential, "bob").await;
    db.records.delete_binding(&first.id).await.unwrap();
    assert!(matches!(
        db.records.delete_binding(&second.id).await,
        Err(RecordsError::LastOwner { .. })
    ));
    assert!(matches!(
        db.records.delete_binding(&first.id).await,
        Err(RecordsError::NotFound {
            entity: Entity::Binding,
            ..
        })
    ));

    db.project("hi").await;
    let role = db.records.role_named("project:owner").await.unwrap().id;
    let mine = db
        .records
        .bindings()
        .await
        .unwrap()
        .into_iter()
        .find(|binding| binding.role_id == role)
        .unwrap();
    // Nor does an owner's role on something in the project.
    let agent = claviger::ids::AgentId::parse("pilot").unwrap();
    let mut of_agent = db.binding("project:owner", Scope::Agent).await;
    (of_agent.user_id, of_agent.project_id, of_agent.agent_id) = (Some(user("bob")), Some(project("hi")), Some(agent));
    let of_agent = db.records.create_binding(&of_agent).await.unwrap();
    assert!(matches!(
        db.records.delete_binding(&mine.id).await,
        Err(RecordsError::LastOwner { .. })
    ));
    db.records.delete_binding(&of_agent.id).await.unwrap();
    let mut viewer = db.binding("project:viewer", Scope::Project).await;
    viewer.user_id = Some(user("bob"));
    viewer.project_id = Some(project("hi"));
    let viewer = db.records.create_binding(&viewer).await.unwrap();
    db.records.delete_binding(&viewer.id).await.unwrap();
}

pub async fn of_two_owners_who_delete_each_other_one_stays(db: Db) {
    for _ in 0..5 {
        let credential = db.credential("github").await;
        let first = db
            .records
            .bindings()
            .await
            .unwrap()
            .into_iter()
            .find(|binding| binding.credential_id.as_ref() == Some(&credential.id))
            .unwrap();
        let second = owner_of(&db, &credential, "bob").await;
        let replica = db.again().await.unwrap();
        let (one, two) = tokio::join!(db.records.delete_binding(&first.id), replica.delete_binding(&second.id));
        assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
        let refused = one.and(two).unwrap_err();
        assert!(matches!(refused, RecordsError::LastOwner { .. }), "{refused}");
        replica.close().await;
    }
}

pub async fn of_many_who_take_a_level_one_wins(db: Db) {
    let mut credentials = Vec::new();
    for _ in 0..8 {
        credentials.push(db.credential("github").await);
    }
    let replica = db.again().await.unwrap();
    let viewer = db.binding("credential:viewer", Scope::Credential).await;
    let mut tasks = tokio::task::JoinSet::new();
    for (n, credential) in credentials.iter().enumerate() {
        let records = if n % 2 == 0 { db.records.clone() } else { replica.clone() };
        let new = NewBinding {
            credential_id: Some(credential.id.clone()),
            project_id: Some(project("hi")),
            ..viewer.clone()
        };
        tasks.spawn(async move { records.create_binding(&new).await });
    }
    let results = tasks.join_all().await;
    let winners: Vec<_> = results.iter().filter_map(|result| result.as_ref().ok()).collect();
    assert_eq!(winners.len(), 1);
    let winner = winners[0].credential_id.as_ref().unwrap();
    let lost = results
        .iter()
        .filter(|result| matches!(result, Err(RecordsError::InjectionConflict { existing }) if existing == winner));
    assert_eq!(lost.count(), 7);
}
