//! What the records say, as far as it decides for whom a token is read.

use crate::ids::{ProjectId, SessionId};
use crate::records::model::{CredentialPolicy, Session, Turn};
use std::sync::Arc;

/// Where a token is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// By the credential's id alone.
    Flat,
    /// By the credential's id, below a project.
    Project(ProjectId),
    /// By provider, in a session.
    Session {
        /// The session's project.
        project: ProjectId,
        /// The session.
        session: SessionId,
    },
}

/// All that [`super::effective_user`] needs to know about the world.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The session that the place or the bearer names; `None` if there is none of that name in that project.
    pub session: Option<SessionFacts>,
    /// Whether the person behind the caller (the person, the key's creator, the turn's user) is still active.
    pub caller_active: bool,
}

/// One session, now.
#[derive(Debug, Clone)]
pub struct SessionFacts {
    /// The session.
    pub session: Arc<Session>,
    /// What its project chose.
    pub policy: CredentialPolicy,
    /// Whether its creator is still active.
    pub creator_active: bool,
    /// Whether a project, agent or session binding lets anyone but the creator send it messages.
    pub others_may_message: bool,
    /// The turns that are open now.
    pub open_turns: Vec<OpenTurn>,
}

/// A message being answered now.
#[derive(Debug, Clone)]
pub struct OpenTurn {
    /// The turn.
    pub turn: Arc<Turn>,
    /// Whether its user is still active.
    pub user_active: bool,
}

impl SessionFacts {
    /// Whether the session has credentials ([`Phase::has_credentials`](crate::records::model::Phase::has_credentials)).
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.session.phase.has_credentials()
    }
}
