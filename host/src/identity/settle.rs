//! The rule of shared sessions, caller by caller: a person or their key, a session's token, a turn's token, a service.
//!
//! Each kind of caller has one function, from what the records say to what is [`Settled`]. None of it is an effective user yet: only
//! [`effective_user`](super::effective_user) makes one, after it has held the header against what was settled.
//!
//! What cannot be settled is a [`Refusal`]; who cannot be told is nobody, never somebody by default.

use super::effective::{Granted, Ground};
use super::facts::{Facts, OpenTurn, Place, SessionFacts};
use super::refusal::Refusal;
use crate::config;
use crate::ids::{ProjectId, RunId, SessionId, TurnId, Username};
use crate::records::model::{CredentialPolicy, Trigger};

/// What the rules say of one read, before it is an [`EffectiveUser`](super::EffectiveUser).
pub(super) struct Settled<'a> {
    pub(super) person: Option<&'a Username>,
    pub(super) session: Option<&'a SessionFacts>,
    pub(super) run: Option<&'a RunId>,
    pub(super) connected: Result<(), &'static str>,
    pub(super) granted: Granted,
    pub(super) ground: Ground,
    /// Whom the header may name without contradicting: the person settled on; the sender, where the owner policy replaced them;
    /// and, while turns of several people run, each of those. Naming one of several selects nobody.
    pub(super) may_be_named: Vec<&'a Username>,
}

/// A person's own bearer or key: it reads for that person.
pub(super) fn person<'a>(
    user: &'a Username,
    ground: Ground,
    place: &Place,
    facts: &'a Facts,
    operator: &config::Sessions,
) -> Result<Settled<'a>, Refusal> {
    if !facts.caller_active {
        return Err(Refusal::PersonDeactivated);
    }
    let mut settled = Settled {
        person: Some(user),
        session: None,
        run: None,
        connected: connected_here(place, true),
        granted: Granted::OfOpenTurns,
        ground,
        may_be_named: vec![user],
    };
    let Place::Session { project, session } = place else {
        return Ok(settled);
    };
    let facts = named_session(project, session, facts)?;
    let in_turn = facts.is_running() && facts.open_turns.iter().any(|open| open.turn.user == *user);
    settled.session = Some(facts);
    settled.run = if in_turn {
        only_run(facts.open_turns.iter().filter(|open| open.turn.user == *user))
    } else {
        None
    };
    settled.granted = match policy(facts, operator) {
        CredentialPolicy::SenderOnly => Granted::No("sender-only"),
        _ if !facts.is_running() => Granted::No("session-over"),
        _ if in_turn => Granted::OfSession,
        _ => Granted::WithOwnBinding,
    };
    // Merely seeing a session gives nothing of its owner's: only whoever runs there runs as the owner.
    if policy(facts, operator) == CredentialPolicy::Owner && in_turn {
        run_as_owner(&mut settled, facts)?;
    }
    Ok(settled)
}

/// The session's own token: known to everybody who types to the agent, so the open turns say who is behind it.
pub(super) fn session_token<'a>(facts: &'a SessionFacts, place: &Place, operator: &config::Sessions) -> Result<Settled<'a>, Refusal> {
    let creator = &facts.session.created_by;
    let automatic = matches!(facts.session.trigger, Trigger::Schedule | Trigger::ApiKey);
    let mut settled = Settled {
        person: None,
        session: Some(facts),
        run: only_run(facts.open_turns.iter()),
        connected: connected_here(place, false),
        granted: of_session(facts, operator),
        ground: Ground::NoTurn,
        may_be_named: Vec::new(),
    };
    match facts.open_turns.split_first() {
        None => {
            if automatic && !facts.creator_active {
                return Err(Refusal::CreatorDeactivated);
            }
            let ground = match facts.session.started_by() {
                Trigger::Schedule => Some(Ground::Scheduled),
                Trigger::ApiKey => Some(Ground::StartedByKey),
                Trigger::Person if !facts.others_may_message && !facts.session.joined => Some(Ground::SoleParticipant),
                Trigger::Person if operator.legacy_creator_fallback => Some(Ground::LegacyFallback),
                Trigger::Person => None,
            };
            if let Some(ground) = ground
                && facts.creator_active
            {
                settled.person = Some(creator);
                settled.ground = ground;
                settled.may_be_named.push(creator);
            }
        }
        Some((first, others)) => {
            if others.iter().all(|open| open.turn.user == first.turn.user) {
                if !first.user_active {
                    return Err(Refusal::PersonDeactivated);
                }
                settled.person = Some(&first.turn.user);
                settled.ground = Ground::OnlyOpenTurn;
            } else {
                settled.ground = Ground::SeveralTurns;
            }
            settled.may_be_named.extend(facts.open_turns.iter().map(|open| &open.turn.user));
        }
    }
    if policy(facts, operator) == CredentialPolicy::Owner {
        run_as_owner(&mut settled, facts)?;
    }
    Ok(settled)
}

/// A turn's token: good for that turn's user, while exactly that turn is open.
pub(super) fn turn_token<'a>(
    turn: &TurnId,
    run: &'a RunId,
    user: &'a Username,
    user_active: bool,
    facts: &'a SessionFacts,
    place: &Place,
    operator: &config::Sessions,
) -> Result<Settled<'a>, Refusal> {
    let open = facts
        .open_turns
        .iter()
        .find(|open| open.turn.id == *turn)
        .ok_or(Refusal::TurnClosed)?;
    if open.turn.user != *user || open.turn.run_id != *run {
        return Err(Refusal::TurnClosed);
    }
    if !user_active || !open.user_active {
        return Err(Refusal::PersonDeactivated);
    }
    let mut settled = Settled {
        person: Some(user),
        session: Some(facts),
        run: Some(run),
        connected: connected_here(place, false),
        granted: of_session(facts, operator),
        ground: Ground::TurnToken,
        may_be_named: vec![user],
    };
    if policy(facts, operator) == CredentialPolicy::Owner {
        run_as_owner(&mut settled, facts)?;
    }
    Ok(settled)
}

/// A service: nobody's accounts, and no more than its bindings name.
pub(super) fn service<'a>(place: &Place, facts: &'a Facts) -> Result<Settled<'a>, Refusal> {
    let mut settled = Settled {
        person: None,
        session: None,
        run: None,
        connected: Err(Ground::Service.code()),
        granted: Granted::No("no-session"),
        ground: Ground::Service,
        may_be_named: Vec::new(),
    };
    if let Place::Session { project, session } = place {
        let facts = named_session(project, session, facts)?;
        settled.session = Some(facts);
        settled.granted = match facts.policy {
            CredentialPolicy::SenderOnly => Granted::No("sender-only"),
            _ if facts.is_running() => Granted::WithOwnBinding,
            _ => Granted::No("session-over"),
        };
    }
    Ok(settled)
}

/// Puts the session's owner in the place of whoever was settled on. Only reached where project and operator both chose it.
fn run_as_owner<'a>(settled: &mut Settled<'a>, facts: &'a SessionFacts) -> Result<(), Refusal> {
    if !facts.creator_active {
        return Err(Refusal::CreatorDeactivated);
    }
    settled.person = Some(&facts.session.created_by);
    settled.ground = Ground::OwnerPolicy;
    settled.may_be_named.push(&facts.session.created_by);
    Ok(())
}

/// What the project chose, as far as the operator allows it: an `owner` that is not allowed is the default rule.
fn policy(facts: &SessionFacts, operator: &config::Sessions) -> CredentialPolicy {
    match facts.policy {
        CredentialPolicy::Owner if !operator.allow_owner_policy => CredentialPolicy::Bindings,
        chosen => chosen,
    }
}

fn of_session(facts: &SessionFacts, operator: &config::Sessions) -> Granted {
    match policy(facts, operator) {
        CredentialPolicy::SenderOnly => Granted::No("sender-only"),
        CredentialPolicy::Bindings | CredentialPolicy::Owner => Granted::OfSession,
    }
}

/// Connected accounts are read by provider in a session, or by their person's own bearer on the flat path. They resolve for no
/// project, so never below one.
const fn connected_here(place: &Place, own_bearer: bool) -> Result<(), &'static str> {
    match place {
        Place::Session { .. } => Ok(()),
        Place::Flat if own_bearer => Ok(()),
        Place::Flat => Err("flat-path"),
        Place::Project(_) => Err("project-path"),
    }
}

/// The session's or turn's own session: the bearer, the place and the facts must all speak of the same one, and it must run.
pub(super) fn own_session<'a>(
    project: &ProjectId,
    session: &SessionId,
    place: &Place,
    facts: &'a Facts,
) -> Result<&'a SessionFacts, Refusal> {
    let fits = match place {
        Place::Flat => true,
        Place::Project(asked) => asked == project,
        Place::Session {
            project: asked_project,
            session: asked,
        } => asked_project == project && asked == session,
    };
    if !fits {
        return Err(Refusal::OtherSession);
    }
    let facts = named_session(project, session, facts)?;
    if facts.is_running() { Ok(facts) } else { Err(Refusal::SessionOver) }
}

fn named_session<'a>(project: &ProjectId, session: &SessionId, facts: &'a Facts) -> Result<&'a SessionFacts, Refusal> {
    facts
        .session
        .as_ref()
        .filter(|facts| facts.session.id == *session && facts.session.project_id == *project)
        .ok_or(Refusal::SessionNotFound)
}

/// The run, if all these turns belong to one.
fn only_run<'a>(mut turns: impl Iterator<Item = &'a OpenTurn>) -> Option<&'a RunId> {
    let first = &turns.next()?.turn.run_id;
    turns.all(|open| open.turn.run_id == *first).then_some(first)
}
