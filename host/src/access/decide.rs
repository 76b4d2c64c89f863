//! The decision: may this effective user read this token, here, now?
//!
//! Pure: effective user, request, index and time in; a [`Permit`] or a [`Denial`] out, with the steps. There is no default: a
//! read is allowed only by one of the four [`Reason`]s, each found by name.

use super::index::{Index, Reach};
use super::permit::{Denial, Permit, Reason};
use super::resolve::winner;
use super::{Step, Verdict};
use crate::clock::Millis;
use crate::identity::{EffectiveUser, FETCH_TOKEN, Granted, Place};
use crate::ids::{BindingId, CredentialId, ProjectId, ProviderName, SessionId, Username};
use crate::records::model::{Credential, CredentialPolicy, Session};
use std::sync::Arc;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// `/credentials/{id}/token`
    Flat(CredentialId),
    /// `/projects/{project}/credentials/{id}/token`
    InProject(ProjectId, CredentialId),
    /// `/projects/{project}/agentic-sessions/{session}/credentials/{provider}`
    InSession(ProjectId, SessionId, ProviderName),
}

/// A token read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRequest {
    /// What is asked for.
    pub target: Target,
    /// The session's own id for it, if that was how it was asked for.
    pub named: Option<CredentialId>,
}

impl TokenRequest {
    /// A read of this.
    #[must_use]
    pub const fn of(target: Target) -> Self {
        Self { target, named: None }
    }

    /// A read in a session by one of the session's own ids.
    #[must_use]
    pub fn named(self, id: CredentialId) -> Self {
        Self {
            target: self.target,
            named: Some(id),
        }
    }

    /// The place, for settling the effective user.
    #[must_use]
    pub fn place(&self) -> Place {
        match &self.target {
            Target::Flat(_) => Place::Flat,
            Target::InProject(project, _) => Place::Project(project.clone()),
            Target::InSession(project, session, _) => Place::Session {
                project: project.clone(),
                session: session.clone(),
            },
        }
    }
}

/// What was decided, and how.
#[derive(Debug)]
#[must_use]
pub struct Decision {
    /// The permit, or why there is none.
    pub outcome: Result<Permit, Denial>,
    /// What was looked at, in order. The last step that won decided.
    pub trace: Vec<Step>,
}

/// Decides one token read, and tells how.
pub fn decide(effective: EffectiveUser, request: &TokenRequest, index: &Index, now_ms: Millis) -> Decision {
    let mut trace = Vec::new();
    let outcome = outcome(effective, request, index, now_ms, Some(&mut trace));
    Decision { outcome, trace }
}

/// Decides one token read: the outcome alone, for the hot path. A trace copies the ids of every step, and a read throws them away.
///
/// # Errors
/// Why there is no permit.
pub fn permit(effective: EffectiveUser, request: &TokenRequest, index: &Index, now_ms: Millis) -> Result<Permit, Denial> {
    outcome(effective, request, index, now_ms, None)
}

fn outcome(
    effective: EffectiveUser,
    request: &TokenRequest,
    index: &Index,
    now_ms: Millis,
    trace: Option<&mut Vec<Step>>,
) -> Result<Permit, Denial> {
    let mut deciding = Deciding {
        effective: &effective,
        index,
        now_ms,
        trace,
    };
    let (credential, reason) = deciding.outcome(request)?;
    let owner = deciding.owner(&credential);
    Ok(Permit::new(credential, reason, owner, effective))
}

type Found = (Arc<Credential>, Reason);

struct Deciding<'a> {
    effective: &'a EffectiveUser,
    index: &'a Index,
    now_ms: Millis,
    trace: Option<&'a mut Vec<Step>>,
}

impl<'a> Deciding<'a> {
    fn outcome(&mut self, request: &TokenRequest) -> Result<Found, Denial> {
        if !self.index.is_fresh(self.now_ms) {
            return Err(Denial::IndexBehind);
        }
        if *self.effective.place() != request.place() {
            return Err(Denial::OtherPlace);
        }
        if !self.effective.caller().scopes().allow(FETCH_TOKEN.0, FETCH_TOKEN.1) {
            return Err(Denial::KeyScope);
        }
        match &request.target {
            Target::Flat(credential) => self.by_id(credential, None),
            Target::InProject(project, credential) => self.by_id(credential, Some(project)),
            Target::InSession(project, session, provider) => self.by_provider(project, session, provider),
        }
    }

    /// By id, flat or below a project.
    fn by_id(&mut self, id: &CredentialId, project: Option<&ProjectId>) -> Result<Found, Denial> {
        let credential = Arc::clone(self.index.credential(id).ok_or(Denial::NoSuchCredential)?);
        if let Some(person) = &credential.connected_to {
            return match self.effective.connected_person() {
                // The `owner` policy lends accounts inside its sessions only, and those are read by provider.
                Ok(own) if own == person && project.is_none() => {
                    self.note("connected-account", Verdict::Won, Some(id), None, "own");
                    Ok((credential, Reason::ConnectedAccount))
                }
                Ok(_) => self.skip("connected-account", id, "somebody-elses", Denial::NotYourAccount),
                Err(why) => self.skip("connected-account", id, why, Denial::NotYourAccount),
            };
        }
        if let Some(found) = self.granted_by_id(&credential, project) {
            return Ok(found);
        }
        let Some(binding) = self.own_binding(&credential.id) else {
            return self.skip("own-binding", id, "none", Denial::NotPermitted);
        };
        if let Some(project) = project {
            let agent = self.effective.session().and_then(|session| session.agent_id.as_ref());
            if winner(self.index, project, agent, &credential.provider).is_none_or(|(won, _)| won != *id) {
                return self.skip("project", id, "another-or-none-resolves", Denial::NotResolved);
            }
        }
        self.note("own-binding", Verdict::Won, Some(id), Some(binding), "fetch-token");
        Ok((credential, Reason::OwnBinding))
    }

    /// By a grant: of the session whose token this is, or of a session in which the reader has an open turn. What was granted had
    /// resolved for that project and agent when the session started, and unbinding it later does not take it from a running
    /// session; so below a project only the project itself is compared.
    fn granted_by_id(&mut self, credential: &Arc<Credential>, project: Option<&ProjectId>) -> Option<Found> {
        match self.effective.granted() {
            Granted::OfSession => {
                let session = Arc::clone(self.effective.session()?);
                if project.is_some_and(|project| *project != session.project_id) {
                    return None;
                }
                let found = self.grant_of(&session, |granted| granted.id == credential.id);
                let Some((binding, _)) = found else {
                    self.note("session-grant", Verdict::Skipped, Some(&credential.id), None, "not-granted");
                    return None;
                };
                self.note(
                    "session-grant",
                    Verdict::Won,
                    Some(&credential.id),
                    Some(binding),
                    "granted-at-start",
                );
                Some((Arc::clone(credential), Reason::SessionGrant))
            }
            Granted::OfOpenTurns => {
                let reader = self.effective.reader()?;
                let binding = self.open_turn_grant(reader, credential, project)?;
                self.note(
                    "open-turn",
                    Verdict::Won,
                    Some(&credential.id),
                    Some(binding),
                    "granted-to-the-turns-session",
                );
                Some((Arc::clone(credential), Reason::OpenTurn))
            }
            Granted::WithOwnBinding | Granted::No(_) => None,
        }
    }

    fn open_turn_grant(&self, reader: &Username, credential: &Credential, project: Option<&ProjectId>) -> Option<&'a BindingId> {
        self.index
            .open_turns_of(reader, self.now_ms)
            .filter(|turn| project.is_none_or(|project| turn.project_id == *project))
            .filter_map(|turn| self.index.session_facts(&turn.project_id, &turn.session_id, self.now_ms))
            .filter(|facts| facts.is_running() && facts.policy != CredentialPolicy::SenderOnly)
            .find_map(|facts| self.grant_of(&facts.session, |granted| granted.id == credential.id))
            .map(|(binding, _)| binding)
    }

    /// By provider, in a session: the person's connected account, else what the session was granted.
    fn by_provider(&mut self, project: &ProjectId, session: &SessionId, provider: &ProviderName) -> Result<Found, Denial> {
        let session = self
            .effective
            .session()
            .filter(|own| own.id == *session && own.project_id == *project);
        let session = Arc::clone(session.ok_or(Denial::SessionNotVisible)?);
        if !self.may_see(&session) {
            self.note("session", Verdict::Skipped, None, None, "not-visible");
            return Err(Denial::SessionNotVisible);
        }
        match self.effective.connected_person() {
            Ok(person) => match self.index.connected_account(person, provider).cloned() {
                Some(account) => {
                    self.note(
                        "connected-account",
                        Verdict::Won,
                        Some(&account.id),
                        None,
                        self.effective.ground().code(),
                    );
                    return Ok((account, Reason::ConnectedAccount));
                }
                None => self.note("connected-account", Verdict::Skipped, None, None, "not-connected"),
            },
            Err(why) => self.note("connected-account", Verdict::Skipped, None, None, why),
        }
        let granted = self.effective.granted();
        if let Granted::No(why) = granted {
            self.note("session-grant", Verdict::Skipped, None, None, why);
            return Err(Denial::NotConfigured);
        }
        let Some((binding, credential)) = self.grant_of(&session, |credential| credential.provider == *provider) else {
            self.note("session-grant", Verdict::Skipped, None, None, "nothing-granted");
            return Err(Denial::NotConfigured);
        };
        if granted == Granted::OfSession {
            self.note(
                "session-grant",
                Verdict::Won,
                Some(&credential.id),
                Some(binding),
                "granted-at-start",
            );
            return Ok((credential, Reason::SessionGrant));
        }
        match self.own_binding(&credential.id) {
            Some(own) => {
                self.note("own-binding", Verdict::Won, Some(&credential.id), Some(own), "fetch-token");
                Ok((credential, Reason::OwnBinding))
            }
            None => {
                self.note(
                    "session-grant",
                    Verdict::Skipped,
                    Some(&credential.id),
                    Some(binding),
                    "no-open-turn-and-no-own-binding",
                );
                Err(Denial::NotConfigured)
            }
        }
    }

    /// Sessions and turns see their own; people and services what they made, take part in, or may read.
    fn may_see(&self, session: &Session) -> bool {
        let Some(reader) = self.effective.reader() else { return true };
        let is_person = !self.effective.caller().is_service();
        let reach = Reach {
            project: Some(&session.project_id),
            agent: session.agent_id.as_ref(),
            session: Some(&session.id),
            credential: None,
        };
        (is_person && session.created_by == *reader)
            || self
                .index
                .open_turns(&session.project_id, &session.id, self.now_ms)
                .any(|turn| is_person && turn.user == *reader)
            || self.index.allowing_binding(reader, "session", "read", reach).is_some()
    }

    fn grant_of(&self, session: &Session, wanted: impl Fn(&Credential) -> bool) -> Option<(&'a BindingId, Arc<Credential>)> {
        self.index
            .grants(&session.project_id, &session.id)
            .find(|(_, credential)| wanted(credential))
            .map(|(grant, credential)| (&grant.binding, Arc::clone(credential)))
    }

    fn own_binding(&self, credential: &CredentialId) -> Option<&'a BindingId> {
        let reader = self.effective.reader()?;
        self.index.reader_binding(reader, credential).map(|binding| &binding.id)
    }

    fn owner(&self, credential: &Credential) -> Option<Username> {
        match self.effective.session() {
            Some(session) => Some(session.created_by.clone()),
            None => credential
                .connected_to
                .clone()
                .or_else(|| self.index.credential_owner(&credential.id).cloned()),
        }
    }

    fn note(
        &mut self,
        rule: &'static str,
        verdict: Verdict,
        credential: Option<&CredentialId>,
        binding: Option<&BindingId>,
        why: &'static str,
    ) {
        if let Some(trace) = &mut self.trace {
            trace.push(Step {
                rule,
                verdict,
                credential: credential.cloned(),
                binding: binding.cloned(),
                why,
            });
        }
    }

    fn skip(&mut self, rule: &'static str, credential: &CredentialId, why: &'static str, denial: Denial) -> Result<Found, Denial> {
        self.note(rule, Verdict::Skipped, Some(credential), None, why);
        Err(denial)
    }
}
