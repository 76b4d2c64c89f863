//! Every combination of what decides, some 700,000, against a second implementation that was written as questions and answers
//! instead of by kind of caller.

use super::world::*;
use crate::config;
use crate::identity::{Caller, CallerKind, CurrentUserHeader, Facts, Granted, OpenTurn, Place, SessionFacts, effective_user};
use crate::records::model::{CredentialPolicy, Phase, Session, Trigger};
use std::sync::Arc;

struct Case<'a> {
    caller: &'a Caller,
    place: &'a Place,
    facts: &'a SessionFacts,
    caller_active: bool,
    header: Option<&'a str>,
    operator: &'a config::Sessions,
}

/// Whose connected accounts, which granted set; or the code of the refusal.
type Answer = Result<(Option<String>, &'static str), &'static str>;

fn naive(case: &Case<'_>) -> Answer {
    let facts = case.facts;
    let own_bearer = match case.caller.kind() {
        CallerKind::Person { user, .. } => Some(user.as_str()),
        CallerKind::ApiKey { creator, .. } => Some(creator.as_str()),
        _ => None,
    };
    let of_session = matches!(case.caller.kind(), CallerKind::Session { .. } | CallerKind::Turn { .. });
    let is_service = own_bearer.is_none() && !of_session;
    let here = *case.place == in_session();
    let running = facts.session.phase == Phase::Running;
    let owner_policy = facts.policy == CredentialPolicy::Owner && case.operator.allow_owner_policy;
    let turns: Vec<&str> = facts.open_turns.iter().map(|open| open.turn.user.as_str()).collect();
    let in_a_session = matches!(case.place, Place::Session { .. });

    // Does the bearer belong here?
    if of_session && !(here || *case.place == Place::Flat || *case.place == Place::Project(project("p"))) {
        return Err("other-session");
    }
    if own_bearer.is_some() && !case.caller_active {
        return Err("person-deactivated");
    }
    if in_a_session && !here {
        return Err("session-not-found");
    }
    if of_session && !running {
        return Err("session-over");
    }
    // Which turn is it?
    let mut sender: Option<&str> = None;
    if let CallerKind::Turn { turn, user, .. } = case.caller.kind() {
        let open = facts
            .open_turns
            .iter()
            .find(|open| open.turn.id == *turn && open.turn.user == *user);
        let Some(open) = open else { return Err("turn-closed") };
        if !case.caller_active || !open.user_active {
            return Err("person-deactivated");
        }
        sender = Some(user.as_str());
    }
    let by_session = matches!(case.caller.kind(), CallerKind::Session { .. });
    let one_person = turns.iter().all(|name| *name == turns[0]);
    if by_session && !turns.is_empty() && one_person {
        if facts.open_turns[0].user_active {
            sender = Some(turns[0]);
        } else {
            return Err("person-deactivated");
        }
    }
    if let Some(user) = own_bearer {
        sender = Some(user);
    }
    // Nobody is there: may the creator stand in?
    let made_to_run = facts.session.trigger != Trigger::Person;
    let automatic = made_to_run && !facts.session.attended && !facts.session.joined;
    if by_session && turns.is_empty() {
        if made_to_run && !facts.creator_active {
            return Err("creator-deactivated");
        }
        let alone = !facts.others_may_message && !facts.session.joined;
        let may = automatic || alone || case.operator.legacy_creator_fallback;
        if may && facts.creator_active {
            sender = Some("alice");
        }
    }
    // Does the project lend the owner's?
    let runs_there = of_session || (own_bearer.is_some() && here && running && turns.contains(&own_bearer.unwrap()));
    let mut person = sender;
    if owner_policy && runs_there {
        if !facts.creator_active {
            return Err("creator-deactivated");
        }
        person = Some("alice");
    }
    // Does the header contradict?
    if let Some(named) = case.header {
        let known = sender == Some(named) || person == Some(named) || (by_session && turns.contains(&named));
        if !known {
            return Err("current-user-mismatch");
        }
    }
    let connected = match case.place {
        Place::Session { .. } => person,
        Place::Flat if own_bearer.is_some() => person,
        _ => None,
    };
    let granted = if !in_a_session && !of_session {
        if is_service { "none" } else { "open-turns" }
    } else if facts.policy == CredentialPolicy::SenderOnly || !running {
        "none"
    } else if runs_there {
        "session"
    } else {
        "own-binding"
    };
    Ok((connected.map(str::to_owned), granted))
}

fn real(case: &Case<'_>) -> Answer {
    let facts = Facts {
        session: Some(case.facts.clone()),
        caller_active: case.caller_active,
    };
    let header = CurrentUserHeader::read(case.header, Some("Somebody"));
    let settled = effective_user(case.caller, case.place, &facts, &header, case.operator).map_err(|refusal| refusal.code())?;
    let granted = match settled.granted() {
        Granted::OfSession => "session",
        Granted::OfOpenTurns => "open-turns",
        Granted::WithOwnBinding => "own-binding",
        Granted::No(_) => "none",
    };
    Ok((settled.connected_person().ok().map(|user| user.as_str().to_owned()), granted))
}

fn inactive(mut open: OpenTurn) -> OpenTurn {
    open.user_active = false;
    open
}

#[test]
fn both_implementations_agree_on_every_case() {
    let callers = [
        person("alice"),
        person("bob"),
        api_key("bob"),
        session_token(),
        turn_token("t1", "bob"),
        turn_token("t9", "bob"),
        service(),
    ];
    let places = [
        Place::Flat,
        Place::Project(project("p")),
        Place::Project(project("q")),
        in_session(),
        Place::Session {
            project: project("q"),
            session: session_id("s"),
        },
    ];
    let turns: [Vec<OpenTurn>; 6] = [
        vec![],
        vec![turn("t1", "bob")],
        vec![turn("t1", "alice")],
        vec![turn("t1", "bob"), turn("t2", "bob")],
        vec![turn("t1", "bob"), turn("t2", "alice")],
        vec![inactive(turn("t1", "bob"))],
    ];
    let mut cases = 0;
    let mut answers = std::collections::BTreeSet::new();
    let triggers = [Trigger::Person, Trigger::ApiKey, Trigger::Schedule];
    let starts = [(false, false), (true, false), (false, true)];
    for (trigger, (attended, joined)) in triggers.into_iter().flat_map(|trigger| starts.map(|start| (trigger, start))) {
        for phase in [Phase::Running, Phase::Stopping, Phase::Pending] {
            for policy in [CredentialPolicy::Bindings, CredentialPolicy::SenderOnly, CredentialPolicy::Owner] {
                for bits in 0..32 {
                    let bit = |n: u32| bits >> n & 1 == 1;
                    let operator = config::Sessions {
                        legacy_creator_fallback: bit(0),
                        allow_owner_policy: bit(1),
                        ..config::Sessions::default()
                    };
                    for open_turns in &turns {
                        let facts = SessionFacts {
                            session: Arc::new(Session {
                                attended,
                                joined,
                                ..session(trigger, phase)
                            }),
                            policy,
                            creator_active: bit(2),
                            others_may_message: bit(3),
                            open_turns: open_turns.clone(),
                        };
                        for caller in &callers {
                            for place in &places {
                                for header in [None, Some("alice"), Some("bob"), Some("carol")] {
                                    let operator = &operator;
                                    let case = Case {
                                        caller,
                                        place,
                                        facts: &facts,
                                        caller_active: bit(4),
                                        header,
                                        operator,
                                    };
                                    let answer = real(&case);
                                    assert_eq!(
                                        answer,
                                        naive(&case),
                                        "{caller:?} at {place:?} with {header:?}, active {}, {facts:?}, {operator:?}",
                                        bit(4)
                                    );
                                    answers.insert(format!("{answer:?}"));
                                    cases += 1;
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    assert_eq!(cases, 3 * 3 * 3 * 3 * 32 * 6 * 7 * 5 * 4);
    // The combinations reach every kind of answer, so agreement says something.
    assert!(answers.len() >= 15, "{answers:#?}");
}
