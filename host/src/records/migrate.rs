//! The schema's history. A database that a later version has written is refused, never guessed at.

use super::error::{RecordsError, Result};
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, SqlSafeStr};
use std::time::Duration;

const HISTORY: [(i64, &str, &str); 6] = [
    (1, "records", include_str!("migrations/0001_records.sql")),
    (2, "consents", include_str!("migrations/0002_consents.sql")),
    (3, "details", include_str!("migrations/0003_details.sql")),
    (4, "identities", include_str!("migrations/0004_identities.sql")),
    (5, "starts", include_str!("migrations/0005_starts.sql")),
    (6, "attended", include_str!("migrations/0006_attended.sql")),
];

/// Another replica may be migrating just now; its lock is waited for this long.
const LONGEST: Duration = Duration::from_secs(60);

fn known() -> i64 {
    HISTORY.iter().map(|(version, ..)| *version).max().unwrap_or(0)
}

/// Applies what is missing, each migration in a transaction of its own.
pub(super) async fn run(connection: &mut AnyConnection) -> Result<()> {
    let migrations = HISTORY
        .into_iter()
        .map(|(version, name, sql)| Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false))
        .collect();
    let migrator = Migrator::with_migrations(migrations);
    let done = tokio::time::timeout(LONGEST, migrator.run_direct(None, connection, false)).await;
    match done {
        Ok(Ok(())) => Ok(()),
        Ok(Err(MigrateError::VersionMissing(found))) => Err(RecordsError::Newer { found, known: known() }),
        Ok(Err(MigrateError::VersionMismatch(version))) => Err(RecordsError::Migration(format!(
            "migration {version} was applied in another form; the database is not one of ours"
        ))),
        Ok(Err(error)) => Err(RecordsError::Migration(error.to_string())),
        Err(_) => Err(RecordsError::Migration(format!("it took longer than {} s", LONGEST.as_secs()))),
    }
}
