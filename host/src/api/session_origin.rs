//! Whose a new session is, and what made it: settled before there is one.
//!
//! A person's, or a key's, is theirs. A schedule is a session that its person made to be one: whatever starts or copies it later takes its word from
//! that, and needs nobody's. A session that an agent asks for is of whoever's message it was answering: the program that opens turns says which one that was.

use super::caller::Known;
use super::input::Input;
use super::problem::{Answer, Problem};
use super::state::App;
use crate::access::{Index, manage, resources};
use crate::clock::Millis;
use crate::identity::{Caller, CallerKind, FETCH_TOKEN};
use crate::ids::{ProjectId, SessionId, TurnId, Username};
use crate::records::model::{Session, Trigger};

const HAS_NO_SESSIONS: &str = "whose session it would be may not make sessions in this project";

/// Whose, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    /// Whose accounts it may come to use.
    pub(super) creator: Username,
    /// What made it.
    pub(super) trigger: Trigger,
    /// The session that it was asked for in.
    pub(super) parent: Option<SessionId>,
}

/// Whether the caller may have a session run: it reads tokens for whoever made it, so a key has to be one that reads them.
///
/// # Errors
/// 403
pub(super) fn may_run(caller: &Caller) -> Answer<()> {
    match caller.kind() {
        CallerKind::ApiKey { scopes, .. } if !scopes.allow(FETCH_TOKEN.0, FETCH_TOKEN.1) => Err(Problem::forbidden_because(
            "a key that may not read tokens makes and starts no sessions: they read tokens for its maker",
        )),
        _ => Ok(()),
    }
}

/// The caller's own.
///
/// # Errors
/// 403 for a session's or a turn's bearer, which reads tokens and makes nothing; as [`may_run`].
pub(super) fn own(caller: &Caller) -> Answer<Origin> {
    may_run(caller)?;
    let creator = caller.principal().ok_or_else(Problem::forbidden)?.clone();
    let trigger = match caller.kind() {
        CallerKind::ApiKey { .. } => Trigger::ApiKey,
        _ => Trigger::Person,
    };
    let parent = None;
    Ok(Origin { creator, trigger, parent })
}

/// That of a session that is made: by `trigger` and `turn`, which are taken from the input, and the parent that was named.
///
/// # Errors
/// 400 for another trigger or another turn's parent; 403 for a schedule that is not its maker's, a turn that is not the caller's to name or in another
/// project, and a person who may not make sessions there; 404 for a turn that is not open.
pub(super) fn asked(app: &App, known: &Known, input: &mut Input, project: &ProjectId, parent: Option<&str>) -> Answer<Origin> {
    let own = own(&known.caller)?;
    let scheduled = match input.optional("trigger")?.as_deref() {
        None => false,
        Some("schedule") => true,
        Some(_) => return Err(Problem::validation("`trigger` is `schedule`, or is not said")),
    };
    match input.optional("turn")? {
        None if !scheduled => Ok(own),
        // A key may be somebody else's by now, and a schedule outlives it.
        None if !matches!(known.caller.kind(), CallerKind::Person { .. }) => Err(Problem::forbidden_because(
            "a schedule is made by the person whose it is, with their own bearer",
        )),
        None => Ok(Origin {
            trigger: Trigger::Schedule,
            ..own
        }),
        Some(_) if scheduled => Err(Problem::validation("a session is made by a schedule or in a `turn`, not both")),
        Some(_) if !manage::may_open_turns(&known.caller) => Err(Problem::forbidden_because(
            "only who opens turns says in which one a session was asked for",
        )),
        Some(turn) => {
            let now_ms = app.clock.now_ms();
            super::read_index(app, |index| of_turn(index, &turn, project, parent, now_ms))?
        }
    }
}

/// That of a copy. Where the platform copies a schedule it is that schedule's next run.
///
/// # Errors
/// As [`own`]; 403 if whose the schedule is may not make sessions in its project any more.
pub(super) fn of_copy(app: &App, caller: &Caller, copied: &Session) -> Answer<Origin> {
    if !manage::may_open_turns(caller) || copied.trigger != Trigger::Schedule {
        return own(caller);
    }
    may_have_sessions(app, &copied.created_by, &copied.project_id)?;
    Ok(Origin {
        creator: copied.created_by.clone(),
        trigger: Trigger::Schedule,
        parent: None,
    })
}

/// Whether this start is by hand: by somebody for whom the session's trigger does not speak. Then its creator's accounts are not read without a
/// turn, though a schedule or a key made it. The platform, which opens turns, starts for whoever made it, as long as they may have sessions there.
///
/// # Errors
/// If it cannot be told now.
pub(super) fn is_by_hand(app: &App, caller: &Caller, session: &Session) -> Answer<bool> {
    let speaks = match caller.kind() {
        CallerKind::Service { .. } => manage::may_open_turns(caller),
        CallerKind::ApiKey { creator, .. } => *creator == session.created_by,
        CallerKind::Person { .. } | CallerKind::Session { .. } | CallerKind::Turn { .. } => false,
    };
    Ok(!speaks || !super::read_index(app, |index| has_sessions(index, &session.created_by, &session.project_id))?)
}

/// Whether the caller may change what is in a session. What runs by itself runs with its creator's accounts, so nobody else says what it does.
pub(super) fn may_rewrite(caller: &Caller, session: &Session) -> bool {
    session.trigger == Trigger::Person || caller.principal() == Some(&session.created_by) || manage::may_open_turns(caller)
}

fn of_turn(index: &Index, turn: &str, project: &ProjectId, parent: Option<&str>, now_ms: Millis) -> Answer<Origin> {
    let turn = TurnId::parse(turn).ok().and_then(|id| index.open_turn(&id, now_ms));
    let turn = turn.ok_or_else(|| Problem::not_found("Turn", "that"))?;
    if turn.project_id != *project {
        return Err(Problem::forbidden_because("the turn is one of another project"));
    }
    if parent.is_some_and(|parent| parent != turn.session_id.as_str()) {
        return Err(Problem::validation("`turn` is one of another session than `parent_session_id`"));
    }
    if !has_sessions(index, &turn.user, project) {
        return Err(Problem::forbidden_because(HAS_NO_SESSIONS));
    }
    Ok(Origin {
        creator: turn.user.clone(),
        trigger: Trigger::Person,
        parent: Some(turn.session_id.clone()),
    })
}

fn may_have_sessions(app: &App, user: &Username, project: &ProjectId) -> Answer<()> {
    if super::read_index(app, |index| has_sessions(index, user, project))? {
        Ok(())
    } else {
        Err(Problem::forbidden_because(HAS_NO_SESSIONS))
    }
}

fn has_sessions(index: &Index, user: &Username, project: &ProjectId) -> bool {
    index.is_active(user) && resources::person_may_create_in(index, user, "session", project)
}
