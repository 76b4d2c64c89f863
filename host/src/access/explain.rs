//! What resolves, which binding won, and what each bearer would get: the decision of a token read, without the read.
//!
//! The rules are the ones that decide, run for callers who presented nothing; what comes out are codes and ids, never a permit, and only the ids
//! of what the viewer sees anyway. Who does not lead the project learns of their own reads alone: a session's would tell whose turns are open.

use super::decide::{Target, TokenRequest, decide};
use super::index::{Index, Reach};
use super::manage::{Refused, sees_binding, sees_credential};
use super::permit::Reason;
use super::resolve::{Tier, resolve};
use super::roles::{PROJECT_EDITOR, PROJECT_OWNER};
use super::{Step, Verdict};
use crate::clock::Millis;
use crate::config;
use crate::identity::{Caller, CallerKind, CurrentUserHeader, PersonBearer, effective_user};
use crate::ids::{AgentId, CredentialId, ProjectId, ProviderName, SessionId, Username};
use crate::records::model::Scope;

/// What is asked.
#[derive(Debug, Clone)]
pub struct Question {
    /// Where.
    pub project: ProjectId,
    /// For which provider.
    pub provider: ProviderName,
    /// For which agent; a session's own, where a session is named.
    pub agent: Option<AgentId>,
    /// In which session.
    pub session: Option<SessionId>,
    /// Whose reads.
    pub user: Username,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The agent it was resolved for.
    pub agent: Option<AgentId>,
    /// Which level decided, if anything is bound, and its credential, if the viewer sees it.
    pub winner: Option<(Option<CredentialId>, Tier)>,
    /// The candidates in order.
    pub candidates: Vec<Step>,
    /// What each bearer would get.
    pub reads: Vec<Supposed>,
}

/// One read that nobody made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Supposed {
    /// `own-bearer`, `session-token`, `turn-token`.
    pub bearer: &'static str,
    /// On whose behalf it would be, and why theirs.
    pub on_behalf_of: Option<(Username, &'static str)>,
    /// By which rule it would be granted, and what; or the code and the words of the refusal.
    pub outcome: Result<(Option<CredentialId>, Reason), (&'static str, String)>,
    /// What was looked at, in order.
    pub trace: Vec<Step>,
}

/// How much may be explained to somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum View {
    /// Everybody's reads, and the sessions'.
    All,
    /// Their own reads.
    Own,
}

/// Whoever has a role in the project, for their own reads; for anybody's, the project's owners and editors, and those who may see all
/// bindings. Else it is as if the project were not there: asking is reading.
fn view(index: &Index, caller: &Caller, question: &Question) -> Result<View, Refused> {
    let scopes = caller.scopes();
    let may = scopes.allow("project", "read") && scopes.allow("role_binding", "read");
    let (project, user) = (&question.project, &question.user);
    let (principal, _) = caller
        .principal()
        .filter(|_| may)
        .zip(index.project(project))
        .ok_or(Refused::NotFound)?;
    let reach = Reach {
        project: Some(project),
        ..Reach::default()
    };
    let everywhere = index
        .allowing_binding(principal, "role_binding", "read", Reach::default())
        .is_some();
    let is_inside = index.has_role(principal, Scope::Project, reach, &[]);
    let leads = index.has_role(principal, Scope::Project, reach, &[PROJECT_OWNER, PROJECT_EDITOR]);
    let is_own = principal == user && !caller.is_service();
    match (everywhere || leads, is_inside && is_own) {
        (true, _) => Ok(View::All),
        (false, true) => Ok(View::Own),
        (false, false) => Err(Refused::NotFound),
    }
}

/// Explains, for this caller's eyes.
///
/// # Errors
/// The caller has no part in the project; there is no such session in it, or its agent is another one; no such agent.
pub fn explain(
    index: &Index,
    caller: &Caller,
    question: &Question,
    operator: &config::Sessions,
    now_ms: Millis,
) -> Result<Explanation, Refused> {
    let view = view(index, caller, question)?;
    let agent = agent_of(index, question)?;
    let resolution = resolve(index, &question.project, agent.as_ref(), &question.provider);
    let suppose = |bearer, kind, target| suppose(index, caller, bearer, kind, target, operator, now_ms);
    let own_bearer = CallerKind::Person {
        user: question.user.clone(),
        via: PersonBearer::Issuer,
    };
    let mut reads = Vec::new();
    match (&question.session, &resolution.winner) {
        (Some(session), _) => {
            let project = &question.project;
            let target = Target::InSession(project.clone(), session.clone(), question.provider.clone());
            let session_token = CallerKind::Session {
                session: session.clone(),
                project: project.clone(),
                start: None,
            };
            if view == View::All {
                reads.push(suppose("session-token", session_token, &target));
            }
            reads.push(suppose("own-bearer", own_bearer, &target));
            let theirs = index.open_turns(project, session, now_ms).filter(|turn| turn.user == question.user);
            for turn in theirs {
                let turn_token = CallerKind::Turn {
                    turn: turn.id.clone(),
                    session: session.clone(),
                    project: project.clone(),
                    run: turn.run_id.clone(),
                    user: turn.user.clone(),
                };
                reads.push(suppose("turn-token", turn_token, &target));
            }
        }
        (None, Some((credential, _))) => {
            let target = Target::InProject(question.project.clone(), credential.clone());
            reads.push(suppose("own-bearer", own_bearer, &target));
        }
        (None, None) => {}
    }
    let mut candidates = resolution.trace;
    for step in &mut candidates {
        blank(index, caller, step);
    }
    let won = candidates.iter().find(|step| step.verdict == Verdict::Won);
    let seen = won.and_then(|step| step.credential.clone());
    Ok(Explanation {
        agent,
        winner: resolution.winner.map(|(_, tier)| (seen, tier)),
        candidates,
        reads,
    })
}

/// Takes out the ids of what the viewer does not see. That something was there, they may know.
fn blank(index: &Index, caller: &Caller, step: &mut Step) {
    let binding = step.binding.as_ref().and_then(|id| index.binding(id));
    let sees_row = binding.is_some_and(|binding| sees_binding(index, caller, binding));
    if !sees_row {
        step.binding = None;
    }
    let credential = step.credential.as_ref().and_then(|id| index.credential(id));
    if !sees_row && !credential.is_some_and(|credential| sees_credential(index, caller, credential)) {
        step.credential = None;
    }
}

fn agent_of(index: &Index, question: &Question) -> Result<Option<AgentId>, Refused> {
    if let Some(agent) = &question.agent {
        let known = index.agent(agent).filter(|agent| agent.project_id == question.project);
        known.ok_or(Refused::Senseless("agent does not belong to this project"))?;
    }
    let Some(session) = &question.session else {
        return Ok(question.agent.clone());
    };
    let session = index.session(&question.project, session).ok_or(Refused::NotFound)?;
    if question.agent.is_some() && question.agent != session.agent_id {
        return Err(Refused::Senseless("the session has another agent; leave `agent` out"));
    }
    Ok(session.agent_id.clone())
}

fn suppose(
    index: &Index,
    viewer: &Caller,
    bearer: &'static str,
    kind: CallerKind,
    target: &Target,
    operator: &config::Sessions,
    now_ms: Millis,
) -> Supposed {
    let caller = Caller::supposed(kind);
    let request = TokenRequest::of(target.clone());
    let place = request.place();
    let facts = index.facts(&caller, &place, now_ms);
    let effective = match effective_user(&caller, &place, &facts, &CurrentUserHeader::ABSENT, operator) {
        Ok(effective) => effective,
        Err(refusal) => {
            return Supposed {
                bearer,
                on_behalf_of: None,
                outcome: Err((refusal.code(), refusal.to_string())),
                trace: Vec::new(),
            };
        }
    };
    let on_behalf_of = effective.person().map(|person| (person.clone(), effective.ground().code()));
    let decision = decide(effective, &request, index, now_ms);
    let mut trace = decision.trace;
    for step in &mut trace {
        blank(index, viewer, step);
    }
    let outcome = match decision.outcome {
        Ok(permit) => {
            let won = trace.iter().rev().find(|step| step.verdict == Verdict::Won);
            Ok((won.and_then(|step| step.credential.clone()), permit.reason()))
        }
        Err(denial) => Err((denial.code(), denial.to_string())),
    };
    Supposed {
        bearer,
        on_behalf_of,
        outcome,
        trace,
    }
}

impl Verdict {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Won => "won",
            Self::Lost => "lost",
            Self::Skipped => "skipped",
        }
    }
}
