//! The authorisation data in memory.
//!
//! The hot path asks this and never the database, so that a read costs the same with ten bindings and with a million: every
//! question is a look-up by key. A [`Snapshot`] fills it at start, [`Change`]s keep it current, and each time the follower has
//! seen the end of the change sequence it says so ([`Index::synced`]). An index that is more than [`MAX_BEHIND_MS`] behind
//! answers nothing: a revocation might be among what it has not seen.

mod change;
mod facts;
mod link;
mod live;
mod lookup;
mod ordered;

pub use change::{Change, Snapshot};
pub use live::{IndexError, LiveIndex};
pub use lookup::Reach;

use ordered::Ordered;

use super::roles::KnownRole;
use crate::clock::Millis;
use crate::ids::{AgentId, BindingId, CredentialId, ProjectId, ProviderName, RoleId, SessionHandle, SessionId, TurnId, Username};
use crate::records::model::{Agent, Binding, Credential, Project, Session, Turn};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// How far behind the records the index may be, in milliseconds (law 2).
pub const MAX_BEHIND_MS: Millis = 5_000;

/// What a binding reaches, by its scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    Global,
    Project(ProjectId),
    Agent(AgentId),
    Session(SessionId),
    Credential(CredentialId),
}

/// One level of scope resolution.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Level {
    Agent(ProjectId, AgentId),
    Project(ProjectId),
    Global,
}

/// A binding that hands a credential to a level. Ordered as ties are broken: by age, then by id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Injection {
    pub(crate) created_at_ms: Millis,
    pub(crate) binding: BindingId,
    pub(crate) credential: CredentialId,
}

/// The index. See the module.
#[derive(Debug, Default)]
pub struct Index {
    synced_at_ms: Option<Millis>,
    credentials: HashMap<CredentialId, Arc<Credential>>,
    roles: HashMap<RoleId, Arc<KnownRole>>,
    projects: HashMap<ProjectId, Arc<Project>>,
    agents: HashMap<AgentId, Arc<Agent>>,
    sessions: HashMap<(ProjectId, SessionId), Arc<Session>>,
    session_names: HashMap<SessionId, HashSet<ProjectId>>,
    session_handles: HashMap<SessionHandle, (ProjectId, SessionId)>,
    turns: HashMap<TurnId, Arc<Turn>>,
    deactivated: HashSet<Username>,
    bindings: HashMap<BindingId, Arc<Binding>>,

    // Derived, kept by `link`:
    by_user: HashMap<Username, HashMap<Subject, Vec<Arc<Binding>>>>,
    by_credential: HashMap<CredentialId, HashSet<BindingId>>,
    by_project: HashMap<ProjectId, HashSet<BindingId>>,
    messengers: HashMap<Subject, HashMap<Username, u32>>,
    injections: HashMap<Level, HashMap<ProviderName, Ordered<Injection>>>,
    owners: HashMap<CredentialId, Ordered<(Millis, BindingId)>>,
    grants: HashMap<SessionId, Ordered<Injection>>,
    connected: HashMap<(Username, ProviderName), Ordered<(Millis, CredentialId)>>,
    turns_of_session: HashMap<(ProjectId, SessionId), HashSet<TurnId>>,
    turns_of_user: HashMap<Username, HashSet<TurnId>>,
}

impl Index {
    /// The follower has seen every change up to this moment.
    pub fn synced(&mut self, at_ms: Millis) {
        self.synced_at_ms = Some(at_ms);
    }

    /// Whether a decision may rest on it. A clock that stands before the last synchronisation by more than the same bound is one
    /// that misbehaves, and counts as behind.
    #[must_use]
    pub fn is_fresh(&self, now_ms: Millis) -> bool {
        self.synced_at_ms
            .is_some_and(|at| now_ms.abs_diff(at) <= MAX_BEHIND_MS.unsigned_abs())
    }
}
