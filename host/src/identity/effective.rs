//! Whose accounts a read may use: the effective user, and the one function that makes it (`docs/ARCHITECTURE.md`, whose credentials).
//!
//! The fields are private to this file, so that no other way leads to an [`EffectiveUser`] than the rules of [`settle`] and the check of the
//! header. A [`Refusal`] of either ends the read.

use super::caller::{Caller, CallerKind};
use super::facts::{Facts, Place};
use super::header::CurrentUserHeader;
use super::refusal::Refusal;
use super::settle;
use crate::config;
use crate::ids::{RunId, Username};
use crate::records::model::Session;
use std::sync::Arc;

/// On whose behalf, and what that person and that session may use here. Built by [`effective_user`] alone.
#[derive(Debug, Clone)]
pub struct EffectiveUser {
    caller: Caller,
    place: Place,
    person: Option<Username>,
    session: Option<Arc<Session>>,
    run: Option<RunId>,
    connected: Result<(), &'static str>,
    granted: Granted,
    owner_policy: bool,
    ground: Ground,
}

/// Which granted credentials a read may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granted {
    /// The session's own set.
    OfSession,
    /// No session is named: the sets of the sessions in which the caller has an open turn.
    OfOpenTurns,
    /// The session's set, as far as the caller holds fetch_token on its members by a binding of their own.
    WithOwnBinding,
    /// None; the code says why.
    No(&'static str),
}

/// Why this person (or nobody) is the effective user. For the audit trail and `explain`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ground {
    /// Their own bearer.
    OwnBearer,
    /// A key that they made.
    OwnKey,
    /// The token of a turn of theirs.
    TurnToken,
    /// All turns open in the session are theirs.
    OnlyOpenTurn,
    /// They scheduled the session.
    Scheduled,
    /// The session was started with a key of theirs.
    StartedByKey,
    /// Nobody else may message the session.
    SoleParticipant,
    /// The operator turned the old fallback on.
    LegacyFallback,
    /// Their project's policy makes everybody run as the owner.
    OwnerPolicy,
    /// Nobody: turns of several people run.
    SeveralTurns,
    /// Nobody: no turn is open, and the session is shared.
    NoTurn,
    /// Nobody: a service asks.
    Service,
}

impl Ground {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::OwnBearer => "own-bearer",
            Self::OwnKey => "own-key",
            Self::TurnToken => "turn-token",
            Self::OnlyOpenTurn => "only-open-turn",
            Self::Scheduled => "scheduled",
            Self::StartedByKey => "started-by-key",
            Self::SoleParticipant => "sole-participant",
            Self::LegacyFallback => "legacy-fallback",
            Self::OwnerPolicy => "owner-policy",
            Self::SeveralTurns => "several-turns",
            Self::NoTurn => "no-turn",
            Self::Service => "service",
        }
    }
}

impl EffectiveUser {
    /// Who asked.
    #[must_use]
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Where.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// The person, if there is one.
    #[must_use]
    pub const fn person(&self) -> Option<&Username> {
        self.person.as_ref()
    }

    /// The principal whose role bindings count: the caller's own, never those of the person a policy put in their place.
    #[must_use]
    pub const fn reader(&self) -> Option<&Username> {
        self.caller.principal()
    }

    /// The session in which the read takes place.
    #[must_use]
    pub const fn session(&self) -> Option<&Arc<Session>> {
        self.session.as_ref()
    }

    /// The run, where one is known.
    #[must_use]
    pub const fn run(&self) -> Option<&RunId> {
        self.run.as_ref()
    }

    /// Whose connected accounts may be used here.
    ///
    /// # Errors
    /// The code that says why nobody's may.
    pub fn connected_person(&self) -> Result<&Username, &'static str> {
        self.connected?;
        self.person.as_ref().ok_or(self.ground.code())
    }

    /// Which granted credentials may be used here.
    #[must_use]
    pub const fn granted(&self) -> Granted {
        self.granted
    }

    /// Whether the project's `owner` policy chose the person. Audit marks each such read.
    #[must_use]
    pub const fn owner_policy(&self) -> bool {
        self.owner_policy
    }

    /// Why this person.
    #[must_use]
    pub const fn ground(&self) -> Ground {
        self.ground
    }
}

/// Settles for whom a token is read. Pure: all it knows is in its arguments.
///
/// # Errors
/// If the bearer does not fit the place, the session does not run, somebody was deactivated, or the header names somebody else.
pub fn effective_user(
    caller: &Caller,
    place: &Place,
    facts: &Facts,
    header: &CurrentUserHeader,
    operator: &config::Sessions,
) -> Result<EffectiveUser, Refusal> {
    let settled = match caller.kind() {
        CallerKind::Person { user, .. } => settle::person(user, Ground::OwnBearer, place, facts, operator)?,
        CallerKind::ApiKey { creator, .. } => settle::person(creator, Ground::OwnKey, place, facts, operator)?,
        CallerKind::Session { session, project, start } => {
            let facts = settle::own_session(project, session, place, facts)?;
            if start.is_some_and(|start| start != facts.session.starts) {
                return Err(Refusal::SessionOver);
            }
            settle::session_token(facts, place, operator)?
        }
        CallerKind::Turn {
            turn,
            session,
            project,
            run,
            user,
        } => {
            let active = facts.caller_active;
            let facts = settle::own_session(project, session, place, facts)?;
            settle::turn_token(turn, run, user, active, facts, place, operator)?
        }
        CallerKind::Service { .. } => settle::service(place, facts)?,
    };
    if header.names_somebody_else(settled.may_be_named.iter().copied()) {
        return Err(Refusal::HeaderMismatch);
    }
    Ok(EffectiveUser {
        caller: caller.clone(),
        place: place.clone(),
        person: settled.person.cloned(),
        session: settled.session.map(|facts| Arc::clone(&facts.session)),
        run: settled.run.cloned(),
        connected: settled.connected,
        granted: settled.granted,
        owner_policy: settled.ground == Ground::OwnerPolicy,
        ground: settled.ground,
    })
}
