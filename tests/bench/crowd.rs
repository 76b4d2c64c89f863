//! A platform's worth of people: role bindings by the million, written into a stopped server's records as one statement each.

use anyhow::{Context, Result};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use std::path::Path;

/// Of each ten bindings one makes a person the owner of a credential, and nine make them the editor of a project.
const PER_PERSON: u32 = 10;

/// People, and their credentials and projects. `$1` is how many of what the statement makes, and `$2` how many projects there are.
const STATEMENTS: [&str; 5] = [
    "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $1)
     INSERT INTO users (username, id, name, email, active, created_at_ms, updated_at_ms)
     SELECT printf('person-%07d@example.com', i), printf('U%026d', i), printf('Person %d', i), printf('person-%07d@example.com', i), 1, 1, 1 FROM n",
    "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $2)
     INSERT INTO projects (id, credential_policy, created_at_ms, updated_at_ms) SELECT printf('project-%06d', i), 'bindings', 1, 1 FROM n",
    "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $1)
     INSERT INTO credentials (id, name, provider, kind, fields, generation, state, created_at_ms, updated_at_ms)
     SELECT printf('C%026d', i), printf('token %d', i), 'github', 'personal-access-token', '{}', 1, 'usable', 1, 1 FROM n",
    "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $1)
     INSERT INTO role_bindings (id, role_id, scope, user_id, credential_id, created_at_ms, updated_at_ms)
     SELECT printf('A%026d', i), (SELECT id FROM roles WHERE name = 'credential:owner'), 'credential', printf('person-%07d@example.com', i),
            printf('C%026d', i), 1, 1 FROM n",
    // 7919 is prime, so a person's projects differ.
    "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < 9 * $1)
     INSERT INTO role_bindings (id, role_id, scope, user_id, project_id, created_at_ms, updated_at_ms)
     SELECT printf('B%026d', i), (SELECT id FROM roles WHERE name = 'project:editor'), 'project', printf('person-%07d@example.com', i / 9),
            printf('project-%06d', (i * 7919 + i / 9) % $2), 1, 1 FROM n",
];

/// Adds that many bindings to the records in a folder that no server has open.
///
/// # Errors
/// The database is not there, or takes no writes.
pub async fn enter(data: &Path, bindings: u32) -> Result<()> {
    let people = bindings / PER_PERSON;
    let file = data.join("records.sqlite");
    let mut database: SqliteConnection = SqliteConnectOptions::new()
        .filename(&file)
        .connect()
        .await
        .with_context(|| format!("cannot open `{}`", file.display()))?;
    for statement in STATEMENTS {
        let query = sqlx::query(statement).bind(people).bind((people / 10).max(10));
        query.execute(&mut database).await.context("cannot fill the records")?;
    }
    database.close().await.context("cannot close the records")
}
