//! Which running session a Kubernetes service account belongs to.
//!
//! Kept in memory and current by the follower, like the stored bearers: what is found here is asked anew with every request, so a session that
//! ends takes its pod's identity along.

use crate::identity::{Caller, CallerKind};
use crate::ids::{ProjectId, SessionId};
use crate::records::model::{Phase, Session, Workload};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

type Name = (ProjectId, SessionId);

/// The service accounts of running sessions. Cloning shares them.
#[derive(Clone, Default)]
pub struct Workloads(Arc<RwLock<Table>>);

#[derive(Default)]
struct Table {
    sessions: HashMap<Workload, HashSet<Name>>,
    of: HashMap<Name, Workload>,
}

impl Workloads {
    /// Takes over what the records say now.
    pub fn replace(&self, sessions: &[Session]) {
        let mut table = Table::default();
        for session in sessions {
            table.put((session.project_id.clone(), session.id.clone()), workload(session));
        }
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = table;
    }

    /// Takes over what the records say of one session now; `None` if it is gone.
    pub fn update(&self, project: &ProjectId, id: &SessionId, session: Option<&Session>) {
        let workload = session.and_then(workload);
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        table.put((project.clone(), id.clone()), workload);
    }

    /// The session of this service account: the only one that runs as it.
    pub(super) fn find(&self, workload: &Workload) -> Option<Caller> {
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut sessions = table.sessions.get(workload)?.iter();
        let (project, session) = sessions.next()?;
        if sessions.next().is_some() {
            return None;
        }
        Some(Caller::authenticated(CallerKind::Session {
            session: session.clone(),
            project: project.clone(),
            start: None,
        }))
    }
}

impl Table {
    fn put(&mut self, name: Name, workload: Option<&Workload>) {
        if let Some(before) = self.of.remove(&name)
            && let Some(sessions) = self.sessions.get_mut(&before)
        {
            sessions.remove(&name);
            if sessions.is_empty() {
                self.sessions.remove(&before);
            }
        }
        if let Some(workload) = workload {
            self.sessions.entry(workload.clone()).or_default().insert(name.clone());
            self.of.insert(name, workload.clone());
        }
    }
}

/// Only while it runs: before its start and after its end nobody calls for it.
fn workload(session: &Session) -> Option<&Workload> {
    let runs = matches!(session.phase, Phase::Creating | Phase::Running);
    session.workload.as_ref().filter(|_| runs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Username;
    use crate::records::model::Trigger;

    fn workload_of(name: &str) -> Workload {
        Workload {
            issuer: "https://k".to_owned(),
            subject: format!("system:serviceaccount:ns:{name}"),
        }
    }

    fn session(id: &str, phase: Phase, account: &str) -> Session {
        Session {
            id: SessionId::parse(id).unwrap(),
            project_id: ProjectId::parse("p").unwrap(),
            agent_id: None,
            name: id.to_owned(),
            created_by: Username::parse("alice").unwrap(),
            trigger: Trigger::Person,
            phase,
            workload: Some(workload_of(account)),
            starts: 1,
            attended: false,
            joined: false,
            created_at_ms: 0,
            updated_at_ms: 0,
        }
    }

    fn found(workloads: &Workloads, account: &str) -> Option<String> {
        let caller = workloads.find(&workload_of(account))?;
        caller.bound_session().map(|(_, session)| session.to_string())
    }

    #[test]
    fn a_service_account_is_one_running_session_s() {
        let workloads = Workloads::default();
        workloads.replace(&[session("s1", Phase::Running, "a"), session("s2", Phase::Pending, "b")]);
        assert_eq!(found(&workloads, "a").as_deref(), Some("s1"));
        assert_eq!(found(&workloads, "b"), None, "not started");
        let update = |session: &Session| workloads.update(&session.project_id, &session.id, Some(session));
        update(&session("s2", Phase::Creating, "b"));
        assert_eq!(found(&workloads, "b").as_deref(), Some("s2"));
        update(&session("s2", Phase::Running, "a"));
        assert_eq!(
            (found(&workloads, "a"), found(&workloads, "b")),
            (None, None),
            "two of them: neither"
        );
        update(&session("s1", Phase::Completed, "a"));
        assert_eq!(found(&workloads, "a").as_deref(), Some("s2"));
        let gone = session("s2", Phase::Running, "a");
        workloads.update(&gone.project_id, &gone.id, None);
        assert_eq!(found(&workloads, "a"), None);
        assert!(workloads.0.read().unwrap().sessions.is_empty() && workloads.0.read().unwrap().of.is_empty());
    }
}
