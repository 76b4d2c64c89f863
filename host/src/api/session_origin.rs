//! Whose a new session is, and what made it: settled before there is one.
//!
//! A person's, or a key's, is theirs. A schedule is a session that its person made to be one: whatever starts or copies it later takes its word from
//! that, and needs nobody's. A session that an agent asks for is of whoever's message it was answering: a trusted program says which turn that was. Where
//! turns of several people are open, it has to.

use super::caller::Known;
use super::input::Input;
use super::problem::{Answer, Problem};
use super::state::App;
use crate::access::{Index, manage, resources};
use crate::clock::Millis;
use crate::identity::{Caller, CallerKind};
use crate::ids::{ProjectId, SessionId, TurnId, Username};
use crate::records::model::{Session, Trigger};

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

/// The caller's own.
///
/// # Errors
/// 403 for a session's or a turn's bearer: it reads tokens, and makes nothing.
pub(super) fn own(caller: &Caller) -> Answer<Origin> {
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
/// project, and a person who may not make sessions there; 404 for a turn that is not open; 409 where it takes a turn to tell.
pub(super) fn asked(app: &App, known: &Known, input: &mut Input, project: &ProjectId, parent: Option<&str>) -> Answer<Origin> {
    let own = own(&known.caller)?;
    let scheduled = match input.optional("trigger")?.as_deref() {
        None => false,
        Some("schedule") => true,
        Some(_) => return Err(Problem::validation("`trigger` is `schedule`, or is not said")),
    };
    let turn = input.optional("turn")?;
    if scheduled && (known.caller.is_service() || turn.is_some()) {
        return Err(Problem::forbidden_because("a schedule is made by the person whose it is"));
    }
    if scheduled {
        let trigger = Trigger::Schedule;
        return Ok(Origin { trigger, ..own });
    }
    if !manage::may_open_turns(&known.caller) {
        return match turn {
            Some(_) => Err(Problem::forbidden_because(
                "only who opens turns says in which one a session was asked for",
            )),
            None => Ok(own),
        };
    }
    let now_ms = app.clock.now_ms();
    super::read_index(app, |index| match turn {
        Some(turn) => of_turn(index, &turn, project, parent, now_ms).map(Some),
        None => of_parent(index, project, parent, now_ms),
    })?
    .map(|origin| origin.unwrap_or(own))
}

/// That of a copy: a schedule's copy by a service is the schedule's next run.
///
/// # Errors
/// As [`own`].
pub(super) fn of_copy(caller: &Caller, copied: &Session) -> Answer<Origin> {
    let own = own(caller)?;
    if !caller.is_service() || copied.trigger != Trigger::Schedule {
        return Ok(own);
    }
    Ok(Origin {
        creator: copied.created_by.clone(),
        trigger: Trigger::Schedule,
        parent: None,
    })
}

/// Whether this start is by hand: by somebody for whom the session's trigger does not speak. Then its creator's accounts are not read without a
/// turn, though a schedule or a key made it.
pub(super) fn is_by_hand(caller: &Caller, session: &Session) -> bool {
    match caller.kind() {
        CallerKind::Service { .. } => false,
        CallerKind::ApiKey { creator, .. } => *creator != session.created_by,
        CallerKind::Person { .. } | CallerKind::Session { .. } | CallerKind::Turn { .. } => true,
    }
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
    child_of(index, project, &turn.session_id, &turn.user, Trigger::Person)
}

/// Without a turn that is named: of whoever is alone in the parent, or of whose schedule or key it is.
fn of_parent(index: &Index, project: &ProjectId, parent: Option<&str>, now_ms: Millis) -> Answer<Option<Origin>> {
    let parent = parent.and_then(|parent| SessionId::parse(parent).ok());
    let Some(parent) = parent.and_then(|parent| index.session(project, &parent)) else {
        return Ok(None);
    };
    let mut turns = index.open_turns(project, &parent.id, now_ms);
    let Some(first) = turns.next() else {
        let trigger = parent.started_by();
        return match trigger {
            Trigger::Schedule | Trigger::ApiKey if parent.phase.has_credentials() => {
                child_of(index, project, &parent.id, &parent.created_by, trigger).map(Some)
            }
            _ => Ok(None),
        };
    };
    if turns.any(|turn| turn.user != first.user) {
        return Err(Problem::conflict(
            "turns of several people are open in `parent_session_id`; say in which `turn` the session was asked for",
        ));
    }
    child_of(index, project, &parent.id, &first.user, Trigger::Person).map(Some)
}

fn child_of(index: &Index, project: &ProjectId, parent: &SessionId, creator: &Username, trigger: Trigger) -> Answer<Origin> {
    if !index.is_active(creator) || !resources::person_may_create_in(index, creator, "session", project) {
        return Err(Problem::forbidden_because(
            "whose session it would be may not make sessions in this project",
        ));
    }
    Ok(Origin {
        creator: creator.clone(),
        trigger,
        parent: Some(parent.clone()),
    })
}
