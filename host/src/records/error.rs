//! What can go wrong with records, in the kinds that callers tell apart.

use super::model::{CredentialState, Phase};
use crate::ids::{BindingId, CredentialId, Generation};
use std::fmt;

/// A kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Entity {
    /// A credential.
    Credential,
    /// A role.
    Role,
    /// A role binding.
    Binding,
    /// A project.
    Project,
    /// An agent.
    Agent,
    /// A session.
    Session,
    /// A turn.
    Turn,
    /// An API key.
    ApiKey,
    /// A user.
    User,
    /// An entry of the rotation journal.
    Rotation,
    /// A person on the way to connect an account.
    Consent,
}

impl Entity {
    /// As it stands in the database and in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Credential => "credential",
            Self::Role => "role",
            Self::Binding => "role binding",
            Self::Project => "project",
            Self::Agent => "agent",
            Self::Session => "session",
            Self::Turn => "turn",
            Self::ApiKey => "api key",
            Self::User => "user",
            Self::Rotation => "rotation",
            Self::Consent => "consent",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        let all = [
            Self::Credential,
            Self::Role,
            Self::Binding,
            Self::Project,
            Self::Agent,
            Self::Session,
            Self::Turn,
            Self::ApiKey,
            Self::User,
            Self::Rotation,
        ];
        all.into_iter().find(|entity| entity.name() == name)
    }
}

impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why records could not be read or written. Whatever failed, nothing of it was kept.
#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    /// There is none of this id.
    #[error("{entity} `{id}` does not exist")]
    NotFound {
        /// What.
        entity: Entity,
        /// Which.
        id: String,
    },
    /// The same is there already.
    #[error("this {entity} exists already as `{existing}`")]
    Duplicate {
        /// What.
        entity: Entity,
        /// The id of the one that is there.
        existing: String,
    },
    /// The person has an account at this provider already.
    #[error("this person's account is connected already as `{existing}`")]
    AlreadyConnected {
        /// The credential that is there.
        existing: CredentialId,
    },
    /// The project, agent or everything has another credential for that provider.
    #[error("another credential of this provider is bound on this level already: `{existing}`")]
    InjectionConflict {
        /// The credential that is there.
        existing: CredentialId,
    },
    /// It is the last owner binding of a project or credential.
    #[error("cannot delete the last owner binding")]
    LastOwner {
        /// Which binding.
        binding: BindingId,
    },
    /// A connected account is its person's alone.
    #[error("a connected account cannot be bound")]
    ConnectedAccount,
    /// The secrets have changed since they were read.
    #[error("the credential's secrets changed meanwhile: its generation is {current}")]
    GenerationMoved {
        /// The generation that it has now.
        current: Generation,
    },
    /// Another flight has announced that it spends this credential's secrets.
    #[error("a rotation of this credential is under way")]
    RotationOpen {
        /// The journal's entry.
        entry: String,
    },
    /// The entry of the journal has been settled already.
    #[error("this rotation has been settled already")]
    AlreadySettled,
    /// The credential's state forbids that.
    #[error("the credential cannot be tried: {}", describe(*.state))]
    NotUsable {
        /// Its state.
        state: CredentialState,
    },
    /// The session is in another phase.
    #[error("the session is in phase `{current:?}`")]
    WrongPhase {
        /// That phase.
        current: Phase,
    },
    /// Built-in roles are what the server's own rules count on.
    #[error("built-in roles cannot be changed")]
    BuiltIn,
    /// Somebody is bound with the role.
    #[error("the role is in use by {bindings} bindings; delete them first")]
    RoleInUse {
        /// How many.
        bindings: i64,
    },
    /// The agent is of another project.
    #[error("the agent belongs to another project")]
    AgentElsewhere,
    /// What was to be stored contradicts itself.
    #[error("refused to store: {0}")]
    Inconsistent(&'static str),
    /// A row does not read.
    #[error("the database is damaged or was changed by hand: `{table}.{column}` {reason}")]
    Damaged {
        /// Which table.
        table: &'static str,
        /// Which column.
        column: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The database was written by a later version.
    #[error(
        "the database has schema {found}, this program knows {known}: it was written by a later version; start that one, or restore the backup made before it"
    )]
    Newer {
        /// What it has.
        found: i64,
        /// What this program knows.
        known: i64,
    },
    /// The schema could not be brought up to date.
    #[error("the database's schema could not be brought up to date: {0}")]
    Migration(String),
    /// The address of the database does not read.
    #[error("`database.url` does not read: it must be `postgres://user:password@host:port/database`")]
    Address,
    /// A file or folder cannot be used.
    #[error("the database file `{path}` cannot be used: {cause}", path = path.display())]
    File {
        /// Which.
        path: std::path::PathBuf,
        /// The operating system's reason.
        cause: std::io::Error,
    },
    /// No answer from the database.
    #[error("the database cannot be reached: {0}")]
    Unreachable(String),
    /// The database refused.
    #[error("the database refused: {0}")]
    Refused(String),
}

fn describe(state: CredentialState) -> &'static str {
    match state {
        CredentialState::Empty => "nothing is stored in it",
        CredentialState::Usable => "it is usable and not waiting for another attempt",
        CredentialState::NeedsReconnect => "the upstream refused it for good; connect it again",
        CredentialState::Indeterminate => "a rotation was sent and never answered; connect it again",
    }
}

impl From<sqlx::Error> for RecordsError {
    /// Keeps the message alone: PostgreSQL's detail, which `Debug` would show, repeats the row.
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        match error {
            E::Database(refusal) => {
                let code = refusal.code().map(|code| format!(" ({code})")).unwrap_or_default();
                Self::Refused(format!("{}{code}", refusal.message()))
            }
            E::Io(_) | E::Tls(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed | E::BeginFailed => {
                Self::Unreachable(error.to_string())
            }
            other => Self::Refused(other.to_string()),
        }
    }
}

/// The usual result.
pub type Result<T, E = RecordsError> = std::result::Result<T, E>;
