use crate::fixture::{Db, START};
use claviger::clock::ManualClock;
use claviger::config;
use claviger::ids::CredentialId;
use claviger::records::{Records, RecordsError};
use claviger::secret::Secret;
use std::sync::Arc;

pub async fn opening_again_changes_nothing(db: Db) {
    let credential = db.credential("github").await;
    let roles = db.records.roles().await.unwrap();
    let seq = db.records.snapshot().await.unwrap().seq;
    db.records.close().await;
    assert!(matches!(db.records.check().await, Err(RecordsError::Unreachable(_))));
    let records = db.again().await.unwrap();
    records.check().await.unwrap();
    assert_eq!(records.roles().await.unwrap(), roles);
    assert_eq!(records.credential(&credential.id).await.unwrap(), credential);
    assert_eq!(records.snapshot().await.unwrap().seq, seq, "nothing was written");
    assert_eq!(*records.committed().borrow(), seq);
    records.close().await;

    // A release that gives a role other permissions brings it up to date; a role that somebody put under such a name is refused.
    db.raw("UPDATE roles SET permissions = '[\"a:b\"]' WHERE name = 'agent:editor'")
        .await
        .unwrap();
    let records = db.again().await.unwrap();
    assert_eq!(
        records.role_named("agent:editor").await.unwrap().permissions,
        ["agent:read", "agent:update"]
    );
    records.close().await;
    db.raw("UPDATE roles SET built_in = 0 WHERE name = 'agent:editor'").await.unwrap();
    assert!(matches!(db.again().await, Err(RecordsError::Duplicate { .. })));
}

pub async fn a_database_of_a_later_version_is_refused(db: Db) {
    db.records.close().await;
    let added = db.raw("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) SELECT 8, 'later', success, checksum, 1 FROM _sqlx_migrations WHERE version = 1").await;
    assert_eq!(added, Ok(1));
    let error = db.again().await.unwrap_err();
    assert!(matches!(error, RecordsError::Newer { found: 8, known: 6 }), "{error}");
    assert!(error.to_string().contains("written by a later version"), "{error}");
    db.raw("DELETE FROM _sqlx_migrations WHERE version = 8").await.unwrap();
    db.again().await.unwrap().close().await;
    // A migration that was edited after its release.
    db.raw("DELETE FROM _sqlx_migrations").await.unwrap();
    assert!(matches!(db.again().await, Err(RecordsError::Migration(_))));
}

pub async fn a_row_that_does_not_read_is_an_error_and_not_an_absence(db: Db) {
    let credential = db.credential("github").await;
    db.raw("UPDATE credentials SET fields = 'hunter2'").await.unwrap();
    for error in [
        db.records.credential(&credential.id).await.unwrap_err(),
        db.records.credentials().await.unwrap_err(),
        db.records.snapshot().await.unwrap_err(),
        db.records.updates_since(0).await.unwrap_err(),
        db.records.material(&credential.id).await.unwrap_err(),
    ] {
        assert!(
            matches!(
                error,
                RecordsError::Damaged {
                    table: "credentials",
                    column: "fields",
                    ..
                }
            ),
            "{error}"
        );
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
    db.raw("UPDATE credentials SET fields = '{}', name = 'x', id = 'no id at all!'")
        .await
        .unwrap_err();
    db.raw("UPDATE credentials SET fields = '{}', connected_to = ' '").await.unwrap();
    let error = db.records.credential(&credential.id).await.unwrap_err();
    assert!(
        matches!(
            error,
            RecordsError::Damaged {
                column: "connected_to",
                ..
            }
        ),
        "{error}"
    );
}

/// The fixture has opened it; what it made is taken out again.
pub async fn three_replicas_open_an_empty_database_at_once(db: Db) {
    db.records.close().await;
    for table in [
        "DROP TABLE consent_secrets",
        "DROP TABLE consents",
        "DROP TABLE changes",
        "DROP TABLE change_sequence",
        "DROP TABLE meta",
        "DROP TABLE rotation_journal",
        "DROP TABLE users",
        "DROP TABLE api_keys",
        "DROP TABLE turns",
        "DROP TABLE sessions",
        "DROP TABLE agents",
        "DROP TABLE projects",
        "DROP TABLE injections",
        "DROP TABLE role_bindings",
        "DROP TABLE roles",
        "DROP TABLE credential_tokens",
        "DROP TABLE credential_secrets",
        "DROP TABLE credentials",
        "DROP TABLE _sqlx_migrations",
    ] {
        db.raw(table).await.unwrap();
    }
    let (one, two, three) = tokio::join!(db.again(), db.again(), db.again());
    let roles = one.unwrap().roles().await.unwrap();
    assert_eq!(roles.len(), 14);
    assert_eq!(two.unwrap().roles().await.unwrap(), roles);
    assert_eq!(three.unwrap().roles().await.unwrap(), roles);
}

fn at(url: &str) -> config::Database {
    config::Database {
        url: Some(Secret::new(url.to_owned())),
    }
}

#[tokio::test]
async fn an_address_that_does_not_read_is_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(START));
    for url in [
        "hunter2",
        "mysql://root:hunter2@localhost/x",
        "postgres://hunter2 @@@:::/",
        "sqlite://x?hunter2",
    ] {
        let error = Records::open(folder.path(), &at(url), clock.clone()).await.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(matches!(error, RecordsError::Address), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[tokio::test]
async fn a_database_that_is_not_there_is_told_soon() {
    let folder = tempfile::tempdir().unwrap();
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("postgres://claviger:hunter2@127.0.0.1:{port}/x");
    let error = Records::open(folder.path(), &at(&url), Arc::new(ManualClock::at(START)))
        .await
        .unwrap_err();
    assert!(matches!(error, RecordsError::Unreachable(_)), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_file_that_is_no_database_is_told() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("records.sqlite"),
        "a letter to my mother, longer than the header of a database file, which has one hundred bytes",
    )
    .unwrap();
    let error = Records::open(folder.path(), &config::Database::default(), Arc::new(ManualClock::at(START)))
        .await
        .unwrap_err();
    assert!(matches!(error, RecordsError::Refused(_)), "{error:?}");
    assert!(error.to_string().contains("not a database"), "{error}");
}

#[tokio::test]
async fn a_path_with_strange_letters_is_a_path() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("a b%20?#ü");
    std::fs::create_dir(&folder).unwrap();
    let records = Records::open(&folder, &config::Database::default(), Arc::new(ManualClock::at(START)))
        .await
        .unwrap();
    records.close().await;
    assert!(folder.join("records.sqlite").metadata().unwrap().len() > 0);
    let mut names: Vec<_> = parent.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names.len(), 1, "{names:?}");
    assert!(CredentialId::parse("a b").is_err());
}
