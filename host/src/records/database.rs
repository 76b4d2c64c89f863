//! The connections, and the three ways to use them: one statement, a consistent view, a write.
//!
//! **Every write takes the next change number first.** In SQLite a write has the only writing connection anyway; in PostgreSQL the row of
//! the number is locked until the commit, which puts the writers of all replicas in one line. So a rule like "not the last owner" can be
//! checked by reading before writing, and changes become visible in the order of their numbers, without holes that fill later.
//! Writes are administration, sessions and rotations: tens a second at most, far from what one line carries.
//!
//! Every wait is bounded: for a connection, for a statement, for the line.

use super::error::{Entity, RecordsError, Result};
use super::row::{Fields, int};
use futures::{Stream, StreamExt, TryStreamExt};
use sqlx::any::{Any, AnyArguments, AnyConnectOptions, AnyPoolOptions, AnyRow};
use sqlx::{AnyConnection, AnyPool, Connection, Executor, Transaction};
use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;
use tokio::sync::watch;

/// The longest wait for a connection or for the line of writers.
const WAIT: Duration = Duration::from_secs(5);
/// The longest a statement may take; a little above `WAIT`, so that the database's own, clearer error comes first.
const STATEMENT: Duration = Duration::from_secs(6);

/// WAL lets readers go on while one writes. FULL makes a commit durable before it is answered: a rotated secret depends on it.
const SQLITE_SETUP: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;";

/// A replica that dies in a write must not hold up the others, and a commit must be durable even where the server's default is not.
const POSTGRES_SETUP: &str = "SET statement_timeout = '5s'; SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = '10s';
    SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false);";

/// A statement with its arguments.
pub(super) type Query = sqlx::query::Query<'static, Any, AnyArguments>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Sqlite,
    Postgres,
}

impl Kind {
    const fn begin_write(self) -> &'static str {
        match self {
            // A deferred transaction would fail with SQLITE_BUSY where it turns from reading to writing.
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
        }
    }

    const fn begin_view(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN DEFERRED",
            Self::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }

    const fn setup(self) -> &'static str {
        match self {
            Self::Sqlite => SQLITE_SETUP,
            Self::Postgres => POSTGRES_SETUP,
        }
    }
}

pub(super) struct Database {
    reads: AnyPool,
    writes: AnyPool,
    kind: Kind,
    committed: watch::Sender<i64>,
}

impl Database {
    /// Connects and brings the schema up to date.
    pub(super) async fn open(kind: Kind, options: AnyConnectOptions) -> Result<Self> {
        let mut first = bounded(Duration::from_secs(10), AnyConnection::connect_with(&options)).await?;
        bounded(STATEMENT, first.execute(kind.setup())).await?;
        super::migrate::run(&mut first).await?;
        // Closed rather than kept: whatever lock a failed migration might hold goes with its connection.
        bounded(STATEMENT, first.close()).await?;

        let pool = |connections| {
            AnyPoolOptions::new()
                .max_connections(connections)
                .min_connections(0)
                .acquire_timeout(WAIT)
                .after_connect(move |connection, _| Box::pin(async move { connection.execute(kind.setup()).await.map(|_| ()) }))
        };
        let (reads, writes) = match kind {
            Kind::Sqlite => (pool(4).connect_lazy_with(options.clone()), pool(1).connect_lazy_with(options)),
            Kind::Postgres => {
                let shared = pool(8).connect_lazy_with(options);
                (shared.clone(), shared)
            }
        };
        let database = Self {
            reads,
            writes,
            kind,
            committed: watch::Sender::new(0),
        };
        let seq = database.seq().await?;
        database.committed.send_replace(seq);
        Ok(database)
    }

    /// Whether other processes may write to it.
    pub(super) const fn is_shared(&self) -> bool {
        matches!(self.kind, Kind::Postgres)
    }

    /// The number of the last change.
    pub(super) async fn seq(&self) -> Result<i64> {
        int(
            &self
                .one(
                    sqlx::query("SELECT seq FROM change_sequence WHERE one = 1"),
                    Entity::Rotation,
                    "change_sequence",
                )
                .await?,
            "change_sequence",
            "seq",
        )
    }

    pub(super) fn committed(&self) -> watch::Receiver<i64> {
        self.committed.subscribe()
    }

    pub(super) async fn all(&self, query: Query) -> Result<Vec<AnyRow>> {
        rows(query.fetch(&self.reads), Ok).await
    }

    pub(super) async fn optional(&self, query: Query) -> Result<Option<AnyRow>> {
        bounded(STATEMENT, query.fetch_optional(&self.reads)).await
    }

    pub(super) async fn one(&self, query: Query, entity: Entity, id: &str) -> Result<AnyRow> {
        self.optional(query)
            .await?
            .ok_or_else(|| RecordsError::NotFound { entity, id: id.to_owned() })
    }

    /// Several statements that see one state.
    pub(super) async fn view(&self) -> Result<Transactional> {
        let tx = bounded(STATEMENT, self.reads.begin_with(self.kind.begin_view())).await?;
        Ok(Transactional { tx })
    }

    /// Begins a write, in line behind all others.
    pub(super) async fn write(&self) -> Result<Write> {
        let tx = bounded(STATEMENT, self.writes.begin_with(self.kind.begin_write())).await?;
        let mut inner = Transactional { tx };
        let row = inner
            .optional(sqlx::query("UPDATE change_sequence SET seq = seq + 1 WHERE one = 1 RETURNING seq"))
            .await?;
        let damaged = || RecordsError::Damaged {
            table: "change_sequence",
            column: "one",
            reason: "has no row".to_owned(),
        };
        let seq = int(&row.ok_or_else(damaged)?, "change_sequence", "seq")?;
        Ok(Write {
            inner,
            seq,
            touched: BTreeSet::new(),
            committed: self.committed.clone(),
        })
    }

    pub(super) async fn close(&self) {
        // Closing SQLite's last connection folds the write-ahead log back in.
        self.reads.close().await;
        self.writes.close().await;
    }
}

/// A transaction. Dropped without commit, it is rolled back.
pub(super) struct Transactional {
    tx: Transaction<'static, Any>,
}

impl Transactional {
    pub(super) async fn run(&mut self, query: Query) -> Result<u64> {
        Ok(bounded(STATEMENT, query.execute(&mut *self.tx)).await?.rows_affected())
    }

    pub(super) async fn all(&mut self, query: Query) -> Result<Vec<AnyRow>> {
        rows(query.fetch(&mut *self.tx), Ok).await
    }

    /// Reads each row with `read` as it comes, so that a long answer is not in memory twice.
    pub(super) async fn each<T>(&mut self, query: Query, table: &'static str, read: impl Fn(&Fields<'_>) -> Result<T>) -> Result<Vec<T>> {
        rows(query.fetch(&mut *self.tx), |row| read(&Fields { row: &row, table })).await
    }

    pub(super) async fn optional(&mut self, query: Query) -> Result<Option<AnyRow>> {
        bounded(STATEMENT, query.fetch_optional(&mut *self.tx)).await
    }

    pub(super) async fn one(&mut self, query: Query, entity: Entity, id: &str) -> Result<AnyRow> {
        self.optional(query)
            .await?
            .ok_or_else(|| RecordsError::NotFound { entity, id: id.to_owned() })
    }

    pub(super) async fn count(&mut self, query: Query) -> Result<i64> {
        let row = self.optional(query).await?;
        row.map_or(Ok(0), |row| int(&row, "count", "n"))
    }
}

/// A write in progress.
pub(super) struct Write {
    inner: Transactional,
    seq: i64,
    touched: BTreeSet<(Entity, String)>,
    committed: watch::Sender<i64>,
}

impl std::ops::Deref for Write {
    type Target = Transactional;
    fn deref(&self) -> &Transactional {
        &self.inner
    }
}

impl std::ops::DerefMut for Write {
    fn deref_mut(&mut self) -> &mut Transactional {
        &mut self.inner
    }
}

impl Write {
    /// Notes that this record was made, changed or deleted.
    pub(super) fn touch(&mut self, entity: Entity, id: impl AsRef<str>) {
        self.touched.insert((entity, id.as_ref().to_owned()));
    }

    /// Makes it durable, then tells those who follow.
    pub(super) async fn commit(mut self) -> Result<()> {
        for (entity, id) in std::mem::take(&mut self.touched) {
            let query = sqlx::query("INSERT INTO changes (seq, entity, id) VALUES ($1, $2, $3)");
            self.inner.run(query.bind(self.seq).bind(entity.name()).bind(id)).await?;
        }
        super::changes::prune(&mut self.inner, self.seq).await?;
        bounded(STATEMENT, self.inner.tx.commit()).await?;
        self.committed.send_if_modified(|seq| {
            let newer = *seq < self.seq;
            *seq = (*seq).max(self.seq);
            newer
        });
        Ok(())
    }
}

pub(super) async fn bounded<T>(limit: Duration, work: impl Future<Output = sqlx::Result<T>>) -> Result<T> {
    match tokio::time::timeout(limit, work).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(RecordsError::Unreachable(format!("no answer within {} s", limit.as_secs()))),
    }
}

/// So many rows have to come within the bound: a million take longer than that, and are not an outage. Each row for itself would cost a timer.
const AT_A_TIME: usize = 1_000;

/// What comes, as long as it comes.
async fn rows<T>(rows: impl Stream<Item = sqlx::Result<AnyRow>>, read: impl Fn(AnyRow) -> Result<T>) -> Result<Vec<T>> {
    let mut rows = std::pin::pin!(rows);
    let mut all = Vec::new();
    loop {
        let chunk = (&mut rows).take(AT_A_TIME).try_collect::<Vec<_>>();
        let chunk = bounded(STATEMENT, chunk).await?;
        let is_last = chunk.len() < AT_A_TIME;
        for row in chunk {
            all.push(read(row)?);
        }
        if is_last {
            return Ok(all);
        }
    }
}

/// The first column of the row as an id-like text; for lookups of one column.
pub(super) fn text(row: &AnyRow, table: &'static str, column: &'static str) -> Result<String> {
    Fields { row, table }.text(column)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::config;
    use crate::records::Records;
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Arc;

    #[tokio::test]
    async fn sqlite_is_set_up_to_be_durable_on_every_connection() {
        let folder = tempfile::tempdir().unwrap();
        let records = Records::open(folder.path(), &config::Database::default(), Arc::new(SystemClock))
            .await
            .unwrap();
        for pool in [&records.db.reads, &records.db.writes] {
            for (pragma, wanted) in [("PRAGMA synchronous", 2), ("PRAGMA foreign_keys", 1), ("PRAGMA busy_timeout", 5000)] {
                let row = sqlx::query(pragma).fetch_one(pool).await.unwrap();
                assert_eq!(sqlx::Row::get::<i64, _>(&row, 0), wanted, "{pragma}");
            }
            let row = sqlx::query("PRAGMA journal_mode").fetch_one(pool).await.unwrap();
            assert_eq!(sqlx::Row::get::<String, _>(&row, 0), "wal");
        }
        for entry in folder.path().read_dir().unwrap() {
            let entry = entry.unwrap();
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
        }
    }

    #[tokio::test]
    async fn a_dropped_write_leaves_nothing_and_blocks_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let records = Records::open(folder.path(), &config::Database::default(), Arc::new(SystemClock))
            .await
            .unwrap();
        let before = records.db.seq().await.unwrap();
        let mut write = records.db.write().await.unwrap();
        write
            .run(sqlx::query("INSERT INTO meta (name, value) VALUES ('a', 'b')"))
            .await
            .unwrap();
        drop(write);
        records.set_meta("c", "d").await.unwrap();
        assert_eq!(records.meta("a").await.unwrap(), None);
        assert_eq!(records.db.seq().await.unwrap(), before + 1);
    }

    #[tokio::test]
    async fn old_changes_are_forgotten_and_followers_told() {
        let folder = tempfile::tempdir().unwrap();
        let records = Records::open(folder.path(), &config::Database::default(), Arc::new(SystemClock))
            .await
            .unwrap();
        let start = records.db.seq().await.unwrap();
        let mut write = records.db.write().await.unwrap();
        write.run(sqlx::query("UPDATE change_sequence SET seq = 200998")).await.unwrap();
        write.seq = 200_998;
        write.touch(Entity::User, "alice");
        write.commit().await.unwrap();
        records.set_meta("a", "b").await.unwrap();
        let mut write = records.db.write().await.unwrap();
        assert_eq!(write.seq, 201_000, "the number at which old changes are forgotten");
        write.touch(Entity::User, "bob");
        write.commit().await.unwrap();
        assert_eq!(records.updates_since(start).await.unwrap(), super::super::Updates::TooFarBehind);
        assert_eq!(records.updates_since(100_999).await.unwrap(), super::super::Updates::TooFarBehind);
        let super::super::Updates::Upto { seq, updates } = records.updates_since(101_000).await.unwrap() else {
            panic!("it is near enough")
        };
        assert_eq!((seq, updates.len()), (201_000, 2));
        assert_eq!(
            records.updates_since(300_000).await.unwrap(),
            super::super::Updates::TooFarBehind,
            "a number from the future"
        );
    }
}
