//! A small world: Alice made the session, Bob takes part, Carol is somebody else.

use crate::config;
use crate::identity::{
    Caller, CallerKind, CurrentUserHeader, EffectiveUser, Facts, KeyScopes, OpenTurn, PersonBearer, Place, Refusal, SessionFacts,
    effective_user,
};
use crate::ids::{ApiKeyId, ProjectId, RunId, SessionId, TurnId, Username};
use crate::records::model::{CredentialPolicy, Phase, Session, Trigger, Turn};
use std::sync::Arc;

pub(super) fn user(name: &str) -> Username {
    Username::parse(name).unwrap()
}

pub(super) fn project(name: &str) -> ProjectId {
    ProjectId::parse(name).unwrap()
}

pub(super) fn session_id(name: &str) -> SessionId {
    SessionId::parse(name).unwrap()
}

pub(super) fn person(name: &str) -> Caller {
    Caller::authenticated(CallerKind::Person {
        user: user(name),
        via: PersonBearer::Issuer,
    })
}

pub(super) fn api_key(creator: &str) -> Caller {
    let id = ApiKeyId::parse("key").unwrap();
    Caller::authenticated(CallerKind::ApiKey {
        id,
        creator: user(creator),
        scopes: KeyScopes::All,
    })
}

pub(super) fn session_token() -> Caller {
    Caller::authenticated(CallerKind::Session {
        session: session_id("s"),
        project: project("p"),
        start: Some(1),
    })
}

pub(super) fn turn_token(id: &str, name: &str) -> Caller {
    Caller::authenticated(CallerKind::Turn {
        turn: TurnId::parse(id).unwrap(),
        session: session_id("s"),
        project: project("p"),
        run: RunId::parse(format!("run-{id}")).unwrap(),
        user: user(name),
    })
}

pub(super) fn service() -> Caller {
    Caller::authenticated(CallerKind::Service {
        name: user("control-plane"),
        scopes: KeyScopes::All,
    })
}

pub(super) fn in_session() -> Place {
    Place::Session {
        project: project("p"),
        session: session_id("s"),
    }
}

pub(super) fn turn(id: &str, name: &str) -> OpenTurn {
    OpenTurn {
        turn: Arc::new(Turn {
            id: TurnId::parse(id).unwrap(),
            project_id: project("p"),
            session_id: session_id("s"),
            run_id: RunId::parse(format!("run-{id}")).unwrap(),
            user: user(name),
            opened_at_ms: 0,
            expires_at_ms: 1,
        }),
        user_active: true,
    }
}

pub(super) fn session(trigger: Trigger, phase: Phase) -> Session {
    Session {
        id: session_id("s"),
        project_id: project("p"),
        agent_id: None,
        name: "s".to_owned(),
        created_by: user("alice"),
        trigger,
        phase,
        workload: None,
        starts: 1,
        attended: false,
        joined: false,
        created_at_ms: 0,
        updated_at_ms: 0,
    }
}

/// A running session that Alice started and others may message.
pub(super) fn shared(turns: Vec<OpenTurn>) -> SessionFacts {
    SessionFacts {
        session: Arc::new(session(Trigger::Person, Phase::Running)),
        policy: CredentialPolicy::Bindings,
        creator_active: true,
        others_may_message: true,
        open_turns: turns,
    }
}

pub(super) fn header(id: &str) -> CurrentUserHeader {
    CurrentUserHeader::read(Some(id), None)
}

pub(super) fn settle(caller: &Caller, place: &Place, facts: SessionFacts, header: &CurrentUserHeader) -> Result<EffectiveUser, Refusal> {
    let facts = Facts {
        session: Some(facts),
        caller_active: true,
    };
    effective_user(caller, place, &facts, header, &config::Sessions::default())
}
