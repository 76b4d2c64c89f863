//! What `identity` needs to know, taken from the index.

use super::Index;
use crate::clock::Millis;
use crate::identity::{Caller, CallerKind, Facts, OpenTurn, Place, SessionFacts};
use crate::ids::{ProjectId, SessionId};
use std::sync::Arc;

impl Index {
    /// The facts for [`crate::identity::effective_user`].
    #[must_use]
    pub fn facts(&self, caller: &Caller, place: &Place, now_ms: Millis) -> Facts {
        let named = match (caller.bound_session(), place) {
            (Some(bound), _) => Some(bound),
            (None, Place::Session { project, session }) => Some((project, session)),
            (None, Place::Flat | Place::Project(_)) => None,
        };
        let behind = match caller.kind() {
            CallerKind::Person { user, .. } | CallerKind::Turn { user, .. } => Some(user),
            CallerKind::ApiKey { creator, .. } => Some(creator),
            CallerKind::Session { .. } | CallerKind::Service { .. } => None,
        };
        Facts {
            session: named.and_then(|(project, session)| self.session_facts(project, session, now_ms)),
            caller_active: behind.is_none_or(|user| self.is_active(user)),
        }
    }

    /// One session's facts. A session whose project is unknown is unknown as well: its policy could not be told.
    #[must_use]
    pub fn session_facts(&self, project: &ProjectId, session: &SessionId, now_ms: Millis) -> Option<SessionFacts> {
        let session = self.session(project, session)?;
        let policy = self.project(project)?.credential_policy;
        let open_turns = self
            .open_turns(project, &session.id, now_ms)
            .map(|turn| OpenTurn {
                turn: Arc::clone(turn),
                user_active: self.is_active(&turn.user),
            })
            .collect();
        Some(SessionFacts {
            session: Arc::clone(session),
            policy,
            creator_active: self.is_active(&session.created_by),
            others_may_message: self.others_may_message(session),
            open_turns,
        })
    }
}
