//! Filling the index and keeping it current.

use super::super::roles::KnownRole;
use super::Index;
use crate::ids::{AgentId, BindingId, CredentialId, ProjectId, RoleId, SessionHandle, SessionId, TurnId, Username};
use crate::records::model::{Agent, Binding, Credential, Project, Role, Session, Turn};
use std::sync::Arc;

/// Everything that decides, as the records have it at one moment. Live rows only.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// All roles.
    pub roles: Vec<Role>,
    /// All credentials.
    pub credentials: Vec<Credential>,
    /// All projects.
    pub projects: Vec<Project>,
    /// All agents.
    pub agents: Vec<Agent>,
    /// All sessions.
    pub sessions: Vec<Session>,
    /// The turns that are open.
    pub turns: Vec<Turn>,
    /// All bindings.
    pub bindings: Vec<Binding>,
    /// People who were deactivated.
    pub deactivated: Vec<Username>,
}

/// One change of the records. `Put` is both a new row and a changed one.
#[derive(Debug, Clone)]
pub enum Change {
    /// A role.
    PutRole(Role),
    /// A role is gone.
    RemoveRole(RoleId),
    /// A credential.
    PutCredential(Credential),
    /// A credential is gone.
    RemoveCredential(CredentialId),
    /// A project.
    PutProject(Project),
    /// A project is gone.
    RemoveProject(ProjectId),
    /// An agent.
    PutAgent(Agent),
    /// An agent is gone.
    RemoveAgent(AgentId),
    /// A session.
    PutSession(Session),
    /// A session is gone.
    RemoveSession(ProjectId, SessionId),
    /// A turn was opened.
    PutTurn(Turn),
    /// A turn was closed.
    RemoveTurn(TurnId),
    /// A role binding.
    PutBinding(Binding),
    /// A role binding is gone.
    RemoveBinding(BindingId),
    /// A person was deactivated (`false`) or is active again.
    PersonActive(Username, bool),
}

impl Index {
    /// The index of one snapshot, which was taken at `at_ms`.
    #[must_use]
    pub fn build(snapshot: Snapshot, at_ms: crate::clock::Millis) -> Self {
        let mut index = Self::default();
        index.bindings.reserve(snapshot.bindings.len());
        // Roles and credentials first: what a binding means depends on both.
        let changes = (snapshot.roles.into_iter().map(Change::PutRole))
            .chain(snapshot.credentials.into_iter().map(Change::PutCredential))
            .chain(snapshot.projects.into_iter().map(Change::PutProject))
            .chain(snapshot.agents.into_iter().map(Change::PutAgent))
            .chain(snapshot.sessions.into_iter().map(Change::PutSession))
            .chain(snapshot.turns.into_iter().map(Change::PutTurn))
            .chain(snapshot.bindings.into_iter().map(Change::PutBinding))
            .chain(snapshot.deactivated.into_iter().map(|user| Change::PersonActive(user, false)));
        for change in changes {
            index.apply(change);
        }
        index.synced(at_ms);
        index
    }

    /// Takes in one change. Applying a change twice leaves the index as applying it once does.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::PutRole(role) => self.replace_role(&role.id, Some(Arc::new(KnownRole::read(&role)))),
            Change::RemoveRole(id) => self.replace_role(&id, None),
            Change::PutCredential(credential) => self.replace_credential(&credential.id.clone(), Some(Arc::new(credential))),
            Change::RemoveCredential(id) => self.replace_credential(&id, None),
            Change::PutProject(project) => {
                self.projects.insert(project.id.clone(), Arc::new(project));
            }
            Change::RemoveProject(id) => {
                self.projects.remove(&id);
            }
            Change::PutAgent(agent) => {
                self.agents.insert(agent.id.clone(), Arc::new(agent));
            }
            Change::RemoveAgent(id) => {
                self.agents.remove(&id);
            }
            Change::PutSession(session) => {
                self.session_names
                    .entry(session.id.clone())
                    .or_default()
                    .insert(session.project_id.clone());
                let key = (session.project_id.clone(), session.id.clone());
                self.session_handles.insert(SessionHandle::of(&key.0, &key.1), key.clone());
                self.sessions.insert(key, Arc::new(session));
            }
            Change::RemoveSession(project, session) => self.remove_session(project, session),
            Change::PutTurn(turn) => self.replace_turn(&turn.id.clone(), Some(Arc::new(turn))),
            Change::RemoveTurn(id) => self.replace_turn(&id, None),
            Change::PutBinding(binding) => self.replace_binding(&binding.id.clone(), Some(Arc::new(self.shared(binding)))),
            Change::RemoveBinding(id) => self.replace_binding(&id, None),
            Change::PersonActive(user, true) => {
                self.deactivated.remove(&user);
            }
            Change::PersonActive(user, false) => {
                self.deactivated.insert(user);
            }
        }
    }

    fn remove_session(&mut self, project: ProjectId, session: SessionId) {
        if let Some(projects) = self.session_names.get_mut(&session) {
            projects.remove(&project);
            if projects.is_empty() {
                self.session_names.remove(&session);
            }
        }
        self.session_handles.remove(&SessionHandle::of(&project, &session));
        self.sessions.remove(&(project, session));
    }

    fn replace_binding(&mut self, id: &BindingId, new: Option<Arc<Binding>>) {
        if let Some(old) = self.bindings.remove(id) {
            self.unlink(&old);
        }
        if let Some(new) = new {
            self.link(&new);
            self.bindings.insert(id.clone(), new);
        }
    }

    fn replace_credential(&mut self, id: &CredentialId, new: Option<Arc<Credential>>) {
        // Only the provider and whose account it is decide what its bindings mean; a new generation must stay cheap.
        let meaning = |credential: &Arc<Credential>| (credential.provider.clone(), credential.connected_to.clone());
        let relink = self.credentials.get(id).map(meaning) != new.as_ref().map(meaning);
        let bound: Vec<Arc<Binding>> = if relink {
            self.bindings_of(id).cloned().collect()
        } else {
            Vec::new()
        };
        for binding in &bound {
            self.unlink(binding);
        }
        if let Some(old) = self.credentials.remove(id) {
            self.unlink_account(&old);
        }
        if let Some(new) = new {
            self.link_account(&new);
            self.credentials.insert(id.clone(), new);
        }
        for binding in &bound {
            self.link(binding);
        }
    }

    fn replace_role(&mut self, id: &RoleId, new: Option<Arc<KnownRole>>) {
        // Roles change with releases, not with requests, so a walk over the bindings is affordable here.
        let meaning = |role: &Arc<KnownRole>| (role.name.clone(), role.fetches_tokens(), role.messages(), role.injects());
        let relink = self.roles.get(id).map(meaning) != new.as_ref().map(meaning);
        let bound: Vec<Arc<Binding>> = if relink {
            self.bindings.values().filter(|binding| binding.role_id == *id).cloned().collect()
        } else {
            Vec::new()
        };
        for binding in &bound {
            self.unlink(binding);
        }
        self.roles.remove(id);
        if let Some(new) = new {
            self.roles.insert(id.clone(), new);
        }
        for binding in &bound {
            self.link(binding);
        }
    }

    fn replace_turn(&mut self, id: &TurnId, new: Option<Arc<Turn>>) {
        if let Some(old) = self.turns.remove(id) {
            let session = (old.project_id.clone(), old.session_id.clone());
            super::link::forget(&mut self.turns_of_session, &session, id);
            super::link::forget(&mut self.turns_of_user, &old.user, id);
        }
        if let Some(new) = new {
            self.turns_of_session
                .entry((new.project_id.clone(), new.session_id.clone()))
                .or_default()
                .insert(id.clone());
            self.turns_of_user.entry(new.user.clone()).or_default().insert(id.clone());
            self.turns.insert(id.clone(), new);
        }
    }
}
