//! The records: what is true, in SQL. SQLite in the data folder, or PostgreSQL where `database.url` says so; one schema, one code path.
//!
//! The one folder that names sqlx. Statements use `$1` placeholders and TEXT and BIGINT columns, which mean the same in both. Every function is one
//! transaction: what it answers is durable, and of what it refuses nothing is kept. Callers read [`RecordsError`] for the kinds they
//! tell apart; whatever is unreachable or damaged is an error, never an empty answer.
//!
//! Secrets pass through here sealed. Whoever can write the database can forge bindings, though: it is as trusted as the server.

mod agents;
mod api_keys;
mod binding_pages;
mod bindings;
mod built_in_roles;
mod changes;
mod consents;
mod credential_rows;
mod credentials;
mod custom_roles;
mod database;
mod details;
mod error;
pub mod folder;
mod import;
mod injections;
mod meta;
mod migrate;
pub mod model;
mod projects;
mod roles;
mod rotation;
mod row;
pub mod sealing;
mod secrets;
mod session_life;
mod sessions;
mod turns;
mod users;

pub use agents::{AgentPatch, NewAgent};
pub use api_keys::NewApiKey;
pub use bindings::NewBinding;
pub use changes::{Snapshot, Update, Updates};
pub use consents::{NewConsent, Step};
pub use credentials::{CredentialPatch, NewCredential, Ownership};
pub use custom_roles::{NewRole, RolePatch};
pub use details::{Detailed, Details, DetailsPatch};
pub use error::{Entity, RecordsError, Result};
pub use folder::{DataFolder, FolderError};
pub use import::{AGELESS_MS, Import, Imported, Taken};
pub use projects::{NewProject, ProjectPatch};
pub use roles::{CREDENTIAL_OWNER, PROJECT_OWNER, TOKEN_READER};
pub use rotation::{Attempt, Outcome, Rotated, RotationEntry};
pub use secrets::Material;
pub use session_life::Start;
pub use sessions::{NewSession, SessionPatch};
pub use turns::NewTurn;
pub use users::UserPatch;

use crate::clock::{Millis, SharedClock};
use crate::config;
use database::{Database, Kind};
use sqlx::ConnectOptions;
use sqlx::any::AnyConnectOptions;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;
use tracing::log::LevelFilter;

/// The file in the data folder, where no other database is configured.
pub(crate) const FILE: &str = "records.sqlite";

/// The records. Cloning shares the connections.
#[derive(Clone)]
pub struct Records {
    db: Arc<Database>,
    clock: SharedClock,
}

impl std::fmt::Debug for Records {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Records").finish_non_exhaustive()
    }
}

impl Records {
    /// Opens the database that the configuration names, else the one in `folder`; brings its schema up to date and puts in the built-in
    /// roles.
    ///
    /// # Errors
    /// If it cannot be reached, was written by a later version, or does not accept the schema.
    pub async fn open(folder: &Path, database: &config::Database, clock: SharedClock) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let (kind, options) = match &database.url {
            Some(url) => (Kind::Postgres, postgres(url.expose())?),
            None => (Kind::Sqlite, sqlite(&folder.join(FILE))?),
        };
        // Values never stand in a statement's text; still, at `debug` each statement would be a line.
        let options = options
            .log_statements(LevelFilter::Trace)
            .log_slow_statements(LevelFilter::Warn, std::time::Duration::from_secs(1));
        let records = Self {
            db: Arc::new(Database::open(kind, options).await?),
            clock,
        };
        records.seed_roles().await?;
        records.number_users().await?;
        Ok(records)
    }

    /// Whether the database answers: for the readiness check.
    ///
    /// # Errors
    /// If it does not.
    pub async fn check(&self) -> Result<()> {
        self.db.seq().await.map(|_| ())
    }

    /// The number of the last change that this process committed. Other replicas' changes are found by [`Records::updates_since`].
    #[must_use]
    pub fn committed(&self) -> watch::Receiver<i64> {
        self.db.committed()
    }

    /// Whether other replicas may write to the database: then what they wrote a moment ago is not in this one's memory yet.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.db.is_shared()
    }

    /// Closes every connection, after what is under way.
    pub async fn close(&self) {
        self.db.close().await;
    }

    fn now_ms(&self) -> Millis {
        self.clock.now_ms()
    }
}

fn postgres(address: &str) -> Result<AnyConnectOptions> {
    let url: url::Url = address.trim().parse().map_err(|_| RecordsError::Address)?;
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return Err(RecordsError::Address);
    }
    AnyConnectOptions::from_url(&url).map_err(|_| RecordsError::Address)
}

fn sqlite(path: &Path) -> Result<AnyConnectOptions> {
    let file = |cause| RecordsError::File {
        path: path.to_owned(),
        cause,
    };
    // Made here, since SQLite would let others read it; its log and shared memory take over the mode.
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(file)?;
    let url = url::Url::from_file_path(path).map_err(|()| file(std::io::Error::other("the path must be absolute")))?;
    // `file:///a%20b` → `sqlite:///a%20b`: the percent signs are undone by the driver.
    let address = url.as_str().replacen("file:", "sqlite:", 1);
    address.parse().map_err(|_| file(std::io::Error::other("the path does not read")))
}
