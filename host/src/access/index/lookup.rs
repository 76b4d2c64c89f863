//! The questions the index answers, each by key.

use super::super::roles::{KnownRole, Level as Rank};
use super::ordered::Ordered;
use super::{Index, Injection, Level, Subject};
use crate::clock::Millis;
use crate::identity::{Caller, CallerKind};
use crate::ids::{AgentId, BindingId, CredentialId, ProjectId, ProviderName, RoleId, SessionHandle, SessionId, TurnId, Username};
use crate::records::model::{Agent, Binding, Credential, Project, Scope, Session, Turn};
use std::collections::HashMap;
use std::sync::Arc;

/// What a request is about, for asking whether a binding covers it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reach<'a> {
    /// The project.
    pub project: Option<&'a ProjectId>,
    /// The agent.
    pub agent: Option<&'a AgentId>,
    /// The session.
    pub session: Option<&'a SessionId>,
    /// The credential.
    pub credential: Option<&'a CredentialId>,
}

impl Reach<'_> {
    fn subjects(self) -> impl Iterator<Item = Subject> {
        [
            Some(Subject::Global),
            self.project.cloned().map(Subject::Project),
            self.agent.cloned().map(Subject::Agent),
            self.session.cloned().map(Subject::Session),
            self.credential.cloned().map(Subject::Credential),
        ]
        .into_iter()
        .flatten()
    }
}

impl Index {
    /// A credential. Its metadata only: no secret is ever in the index.
    #[must_use]
    pub fn credential(&self, id: &CredentialId) -> Option<&Arc<Credential>> {
        self.credentials.get(id)
    }

    /// A role, by id.
    #[must_use]
    pub fn role(&self, id: &RoleId) -> Option<&Arc<KnownRole>> {
        self.roles.get(id)
    }

    /// A role, by name. There are dozens, so this walks.
    #[must_use]
    pub fn role_named(&self, name: &str) -> Option<&Arc<KnownRole>> {
        self.roles.values().find(|role| role.name == name)
    }

    /// A project.
    #[must_use]
    pub fn project(&self, id: &ProjectId) -> Option<&Arc<Project>> {
        self.projects.get(id)
    }

    /// An agent.
    #[must_use]
    pub fn agent(&self, id: &AgentId) -> Option<&Arc<Agent>> {
        self.agents.get(id)
    }

    /// A session of a project.
    #[must_use]
    pub fn session(&self, project: &ProjectId, session: &SessionId) -> Option<&Arc<Session>> {
        self.sessions.get(&(project.clone(), session.clone()))
    }

    /// The session of this id, if only one project has it.
    #[must_use]
    pub fn only_session(&self, session: &SessionId) -> Option<&Arc<Session>> {
        let mut projects = self.session_names.get(session)?.iter();
        let project = projects.next()?;
        if projects.next().is_some() {
            None
        } else {
            self.session(project, session)
        }
    }

    /// The session whose ids for credentials begin so.
    #[must_use]
    pub fn session_with(&self, handle: SessionHandle) -> Option<&Arc<Session>> {
        self.sessions.get(self.session_handles.get(&handle)?)
    }

    /// The providers of what a session was granted.
    pub fn granted_providers<'a>(&'a self, project: &ProjectId, session: &SessionId) -> impl Iterator<Item = &'a ProviderName> {
        self.grants(project, session).map(|(_, credential)| &credential.provider)
    }

    /// A binding.
    #[must_use]
    pub fn binding(&self, id: &BindingId) -> Option<&Arc<Binding>> {
        self.bindings.get(id)
    }

    /// All bindings, for an administrator's list.
    pub fn bindings(&self) -> impl Iterator<Item = &Arc<Binding>> {
        self.bindings.values()
    }

    /// The bindings of a person, without those that were made for sessions.
    pub fn bindings_of_user(&self, user: &Username) -> impl Iterator<Item = &Arc<Binding>> {
        self.by_user.get(user).into_iter().flat_map(HashMap::values).flatten()
    }

    /// The bindings that name a credential.
    pub fn bindings_of_credential(&self, credential: &CredentialId) -> impl Iterator<Item = &Arc<Binding>> {
        self.bindings_of(credential)
    }

    /// The bindings that name a project.
    pub fn bindings_of_project(&self, project: &ProjectId) -> impl Iterator<Item = &Arc<Binding>> {
        self.by_project
            .get(project)
            .into_iter()
            .flatten()
            .filter_map(|id| self.bindings.get(id))
    }

    /// The project that a binding is about: the one it names, else that of its agent or session.
    #[must_use]
    pub fn project_of<'a>(&'a self, binding: &'a Binding) -> Option<&'a ProjectId> {
        match binding.scope {
            _ if binding.project_id.is_some() => binding.project_id.as_ref(),
            Scope::Agent => self.agent(binding.agent_id.as_ref()?).map(|agent| &agent.project_id),
            Scope::Session => self.only_session(binding.session_id.as_ref()?).map(|session| &session.project_id),
            _ => None,
        }
    }

    /// By which bindings a stored one is covered. Whoever could bind an agent or a session must be able to find that and undo it, so one that
    /// names no project lies in its target's.
    #[must_use]
    pub fn reach_of<'a>(&'a self, binding: &'a Binding) -> Reach<'a> {
        Reach {
            project: self.project_of(binding),
            credential: binding.credential_id.as_ref(),
            ..Reach::default()
        }
    }

    fn of_user_on(&self, user: &Username, subject: &Subject) -> impl Iterator<Item = (&Arc<Binding>, &Arc<KnownRole>)> {
        self.by_user
            .get(user)
            .and_then(|subjects| subjects.get(subject))
            .into_iter()
            .flatten()
            .filter_map(|binding| Some((binding, self.roles.get(&binding.role_id)?)))
    }

    /// The first binding of this person that allows this on what is reached: a global binding covers everything, another one the
    /// same id. Not for reading tokens: that is [`Index::reader_binding`].
    #[must_use]
    pub fn allowing_binding(&self, user: &Username, resource: &str, action: &str, reach: Reach<'_>) -> Option<&Arc<Binding>> {
        reach
            .subjects()
            .find_map(|subject| self.allowing_on(user, resource, action, &subject))
    }

    fn allowing_on(&self, user: &Username, resource: &str, action: &str, subject: &Subject) -> Option<&Arc<Binding>> {
        let subjects = self.by_user.get(user)?.get(subject)?;
        subjects
            .iter()
            .find(|binding| self.roles.get(&binding.role_id).is_some_and(|role| role.allows(resource, action)))
    }

    /// The binding by which this person reads this credential's token: scope credential, this credential, a role that names
    /// `credential:fetch_token`. A global or project binding never does: it would be a wildcard by another name.
    #[must_use]
    pub fn reader_binding(&self, user: &Username, credential: &CredentialId) -> Option<&Arc<Binding>> {
        self.of_user_on(user, &Subject::Credential(credential.clone()))
            .filter(|(_, role)| role.fetches_tokens())
            .map(|(binding, _)| binding)
            .min_by_key(|binding| (binding.created_at_ms, &binding.id))
    }

    /// Who owns a bound credential: the user of its earliest `credential:owner` binding.
    #[must_use]
    pub fn credential_owner(&self, credential: &CredentialId) -> Option<&Username> {
        self.owners
            .get(credential)?
            .first()
            .and_then(|(_, id)| self.bindings.get(id)?.user_id.as_ref())
    }

    /// The best level this person has through bindings on what is reached.
    #[must_use]
    pub fn level(&self, user: &Username, reach: Reach<'_>) -> Rank {
        reach
            .subjects()
            .flat_map(|subject| self.of_user_on(user, &subject).map(|(_, role)| role.level).min())
            .min()
            .unwrap_or(Rank::NONE)
    }

    /// The best level this person has anywhere.
    #[must_use]
    pub fn level_anywhere(&self, user: &Username) -> Rank {
        self.bindings_of_user(user)
            .filter_map(|binding| self.roles.get(&binding.role_id))
            .map(|role| role.level)
            .min()
            .unwrap_or(Rank::NONE)
    }

    /// Whether this person has any binding of this scope on this, with one of these roles (any role if none is given).
    #[must_use]
    pub fn has_role(&self, user: &Username, scope: Scope, reach: Reach<'_>, names: &[&str]) -> bool {
        reach.subjects().any(|subject| {
            self.of_user_on(user, &subject)
                .any(|(binding, role)| binding.scope == scope && (names.is_empty() || names.contains(&role.name.as_str())))
        })
    }

    /// A person's connected account at a provider. There should be one; of several, which only an import can bring, the earliest.
    #[must_use]
    pub fn connected_account(&self, user: &Username, provider: &ProviderName) -> Option<&Arc<Credential>> {
        let (_, id) = self.connected.get(&(user.clone(), provider.clone()))?.first()?;
        self.credentials.get(id)
    }

    /// All credentials, for an administrator's list.
    pub fn credentials(&self) -> impl Iterator<Item = &Arc<Credential>> {
        self.credentials.values()
    }

    /// How many owners a credential has.
    #[must_use]
    pub fn owner_count(&self, credential: &CredentialId) -> usize {
        self.owners.get(credential).map_or(0, Ordered::len)
    }

    /// What a session was granted, earliest first. A grant that does not name the project counts only while one project alone has
    /// a session of that id.
    pub(crate) fn grants<'a>(
        &'a self,
        project: &ProjectId,
        session: &SessionId,
    ) -> impl Iterator<Item = (&'a Injection, &'a Arc<Credential>)> {
        let only_one = self.session_names.get(session).is_some_and(|projects| projects.len() == 1);
        self.grants
            .get(session)
            .into_iter()
            .flatten()
            .filter(move |grant| {
                self.bindings.get(&grant.binding).is_some_and(|row| match &row.project_id {
                    Some(named) => named == project,
                    None => only_one,
                })
            })
            .filter_map(|grant| Some((grant, self.credentials.get(&grant.credential)?)))
            // A connected account cannot be granted; a row that says so is forged or imported.
            .filter(|(_, credential)| credential.connected_to.is_none())
    }

    pub(crate) fn injections(&self, level: &Level, provider: &ProviderName) -> Option<&Ordered<Injection>> {
        self.injections.get(level)?.get(provider)
    }

    pub(crate) fn providers_at(&self, level: &Level) -> impl Iterator<Item = &ProviderName> {
        self.injections.get(level).into_iter().flat_map(HashMap::keys)
    }

    /// Whether the person is active: everybody is, who was not deactivated.
    #[must_use]
    pub fn is_active(&self, user: &Username) -> bool {
        !self.deactivated.contains(user)
    }

    /// The turns that are open in a session now.
    pub fn open_turns(&self, project: &ProjectId, session: &SessionId, now_ms: Millis) -> impl Iterator<Item = &Arc<Turn>> {
        self.open(
            self.turns_of_session.get(&(project.clone(), session.clone())).into_iter().flatten(),
            now_ms,
        )
    }

    /// A turn, if it is open now.
    #[must_use]
    pub fn open_turn(&self, id: &TurnId, now_ms: Millis) -> Option<&Arc<Turn>> {
        self.turns.get(id).filter(|turn| turn.expires_at_ms > now_ms)
    }

    /// Whether a session's or a turn's bearer still speaks: of the start that runs, of a turn that was not closed. Any other bearer's word is its own.
    #[must_use]
    pub fn still_speaks(&self, caller: &Caller) -> bool {
        let runs = |project, session| self.session(project, session).filter(|session| session.phase.has_credentials());
        match caller.kind() {
            CallerKind::Session { session, project, start } => {
                runs(project, session).is_some_and(|session| start.is_none_or(|start| start == session.starts))
            }
            CallerKind::Turn {
                turn, session, project, ..
            } => runs(project, session).is_some() && self.turns.contains_key(turn),
            CallerKind::Person { .. } | CallerKind::ApiKey { .. } | CallerKind::Service { .. } => true,
        }
    }

    /// The turns of a person that are open now, anywhere.
    pub fn open_turns_of(&self, user: &Username, now_ms: Millis) -> impl Iterator<Item = &Arc<Turn>> {
        self.open(self.turns_of_user.get(user).into_iter().flatten(), now_ms)
    }

    fn open<'a>(&'a self, ids: impl Iterator<Item = &'a TurnId>, now_ms: Millis) -> impl Iterator<Item = &'a Arc<Turn>> {
        ids.filter_map(|id| self.turns.get(id))
            .filter(move |turn| turn.expires_at_ms > now_ms)
    }

    /// Whether somebody may send messages to a session: its creator, and those whom a binding lets, be it a global one.
    #[must_use]
    pub fn may_message(&self, session: &Session, user: &Username) -> bool {
        session.created_by == *user
            || self
                .allowing_binding(user, "session_message", "create", reach_of(session))
                .is_some()
    }

    /// Whether a project, agent or session binding lets anyone but the creator send messages to a session. Global bindings are
    /// the platform's staff and do not make a session a shared one.
    #[must_use]
    pub fn others_may_message(&self, session: &Session) -> bool {
        reach_of(session)
            .subjects()
            .filter_map(|subject| self.messengers.get(&subject))
            .any(|users| users.len() > 1 || !users.contains_key(&session.created_by))
    }
}

const fn reach_of(session: &Session) -> Reach<'_> {
    Reach {
        project: Some(&session.project_id),
        agent: session.agent_id.as_ref(),
        session: Some(&session.id),
        credential: None,
    }
}
