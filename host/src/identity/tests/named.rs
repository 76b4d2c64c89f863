//! What people were promised and what reviewers caught, one test each.

use super::world::*;
use crate::config;
use crate::identity::{Class, CurrentUserHeader, EffectiveUser, Facts, Granted, Ground, Place, Refusal, effective_user};
use crate::records::model::{CredentialPolicy, Phase, Trigger};
use std::sync::Arc;

const NO_HEADER: CurrentUserHeader = CurrentUserHeader::ABSENT;

fn whose(settled: &EffectiveUser) -> Option<&str> {
    settled.connected_person().ok().map(AsRef::as_ref)
}

#[test]
fn the_table_that_people_were_promised() {
    // One person's session.
    let mut alone = shared(vec![]);
    alone.others_may_message = false;
    assert_eq!(
        whose(&settle(&session_token(), &in_session(), alone, &NO_HEADER).unwrap()),
        Some("alice")
    );
    // Shared, and Bob sends.
    let bobs = shared(vec![turn("t1", "bob")]);
    assert_eq!(
        whose(&settle(&session_token(), &in_session(), bobs, &NO_HEADER).unwrap()),
        Some("bob")
    );
    // Through a key that Carol made, in Alice's session.
    let settled = settle(&api_key("carol"), &in_session(), shared(vec![]), &NO_HEADER).unwrap();
    assert_eq!(whose(&settled), Some("carol"));
    // Scheduled by Alice, nobody there.
    let mut scheduled = shared(vec![]);
    scheduled.session = Arc::new(session(Trigger::Schedule, Phase::Running));
    let settled = settle(&session_token(), &in_session(), scheduled, &NO_HEADER).unwrap();
    assert_eq!((whose(&settled), settled.ground()), (Some("alice"), Ground::Scheduled));
}

#[test]
fn an_owner_cannot_read_a_participants_credentials_by_naming_them() {
    let facts = shared(vec![turn("t1", "bob")]);
    let refused = settle(&person("alice"), &in_session(), facts, &header("bob")).unwrap_err();
    assert_eq!(refused, Refusal::HeaderMismatch);
    assert_eq!(refused.class(), Class::Forbidden);
}

#[test]
fn the_sessions_token_cannot_ask_for_just_anyone() {
    let facts = || shared(vec![turn("t1", "bob")]);
    assert_eq!(
        settle(&session_token(), &in_session(), facts(), &header("alice")).unwrap_err(),
        Refusal::HeaderMismatch
    );
    assert_eq!(
        settle(&session_token(), &in_session(), facts(), &header("carol")).unwrap_err(),
        Refusal::HeaderMismatch
    );
    assert_eq!(
        whose(&settle(&session_token(), &in_session(), facts(), &header("bob")).unwrap()),
        Some("bob")
    );
}

#[test]
fn without_a_turn_a_shared_session_is_nobody() {
    let settled = settle(&session_token(), &in_session(), shared(vec![]), &NO_HEADER).unwrap();
    assert_eq!(
        (whose(&settled), settled.ground(), settled.granted()),
        (None, Ground::NoTurn, Granted::OfSession)
    );
    // And naming the owner does not make it the owner.
    assert_eq!(
        settle(&session_token(), &in_session(), shared(vec![]), &header("alice")).unwrap_err(),
        Refusal::HeaderMismatch
    );
}

#[test]
fn overlapping_turns_of_two_people_need_the_turns_token() {
    let facts = || shared(vec![turn("t1", "alice"), turn("t2", "bob")]);
    for header in [NO_HEADER, header("alice"), header("bob")] {
        let settled = settle(&session_token(), &in_session(), facts(), &header).unwrap();
        assert_eq!(
            (whose(&settled), settled.ground()),
            (None, Ground::SeveralTurns),
            "a header selects nobody"
        );
        assert_eq!(settled.run(), None);
    }
    assert_eq!(
        whose(&settle(&turn_token("t1", "alice"), &in_session(), facts(), &NO_HEADER).unwrap()),
        Some("alice")
    );
    let bob = settle(&turn_token("t2", "bob"), &in_session(), facts(), &NO_HEADER).unwrap();
    assert_eq!((whose(&bob), bob.run().map(AsRef::as_ref)), (Some("bob"), Some("run-t2")));
}

#[test]
fn two_turns_of_one_person_are_one_person() {
    let facts = shared(vec![turn("t1", "bob"), turn("t2", "bob")]);
    assert_eq!(
        whose(&settle(&session_token(), &in_session(), facts, &NO_HEADER).unwrap()),
        Some("bob")
    );
}

#[test]
fn a_turns_token_dies_with_its_turn() {
    let refused = |facts| settle(&turn_token("t1", "bob"), &in_session(), facts, &NO_HEADER).unwrap_err();
    assert_eq!(refused(shared(vec![])), Refusal::TurnClosed);
    // Clearing one turn does not open another, not even the same person's.
    assert_eq!(refused(shared(vec![turn("t2", "bob")])), Refusal::TurnClosed);
    // The same id with another person or run is another turn.
    assert_eq!(refused(shared(vec![turn("t1", "alice")])), Refusal::TurnClosed);
}

#[test]
fn sessions_of_one_name_in_two_projects_are_two_sessions() {
    let elsewhere = Place::Session {
        project: project("q"),
        session: session_id("s"),
    };
    let facts = || shared(vec![turn("t1", "bob")]);
    assert_eq!(
        settle(&session_token(), &elsewhere, facts(), &NO_HEADER).unwrap_err(),
        Refusal::OtherSession
    );
    assert_eq!(
        settle(&turn_token("t1", "bob"), &elsewhere, facts(), &NO_HEADER).unwrap_err(),
        Refusal::OtherSession
    );
    assert_eq!(
        settle(&session_token(), &Place::Project(project("q")), facts(), &NO_HEADER).unwrap_err(),
        Refusal::OtherSession
    );
    // Facts of another session than the one asked for never decide.
    assert_eq!(
        settle(&person("bob"), &elsewhere, facts(), &NO_HEADER).unwrap_err(),
        Refusal::SessionNotFound
    );
}

#[test]
fn a_name_without_an_id_is_no_identity() {
    let facts = shared(vec![turn("t1", "bob")]);
    let named = CurrentUserHeader::read(None, Some("Alice"));
    assert_eq!(whose(&settle(&session_token(), &in_session(), facts, &named).unwrap()), Some("bob"));
}

#[test]
fn seeing_a_session_gives_nothing_of_it() {
    let settled = settle(&person("carol"), &in_session(), shared(vec![turn("t1", "bob")]), &NO_HEADER).unwrap();
    assert_eq!((whose(&settled), settled.granted()), (Some("carol"), Granted::WithOwnBinding));
    let settled = settle(&person("bob"), &in_session(), shared(vec![turn("t1", "bob")]), &NO_HEADER).unwrap();
    assert_eq!((whose(&settled), settled.granted()), (Some("bob"), Granted::OfSession));
}

#[test]
fn a_service_is_nobody() {
    let settled = settle(&service(), &in_session(), shared(vec![turn("t1", "bob")]), &NO_HEADER).unwrap();
    assert_eq!(
        (whose(&settled), settled.person(), settled.granted()),
        (None, None, Granted::WithOwnBinding)
    );
    assert_eq!(
        settle(&service(), &in_session(), shared(vec![]), &header("alice")).unwrap_err(),
        Refusal::HeaderMismatch
    );
}

#[test]
fn connected_accounts_are_never_on_the_flat_path_for_a_session() {
    for caller in [session_token(), turn_token("t1", "bob")] {
        for place in [Place::Flat, Place::Project(project("p"))] {
            let settled = settle(&caller, &place, shared(vec![turn("t1", "bob")]), &NO_HEADER).unwrap();
            assert_eq!((whose(&settled), settled.granted()), (None, Granted::OfSession));
        }
    }
}

#[test]
fn an_ended_session_has_nothing() {
    for phase in [Phase::Pending, Phase::Stopping, Phase::Stopped, Phase::Completed, Phase::Failed] {
        let ended = || {
            let mut facts = shared(vec![turn("t1", "bob")]);
            facts.session = Arc::new(session(Trigger::Person, phase));
            facts
        };
        assert_eq!(
            settle(&session_token(), &in_session(), ended(), &NO_HEADER).unwrap_err(),
            Refusal::SessionOver
        );
        assert_eq!(
            settle(&turn_token("t1", "bob"), &in_session(), ended(), &NO_HEADER).unwrap_err(),
            Refusal::SessionOver
        );
        // A person's own account is still their own; the session's set is gone.
        let settled = settle(&person("bob"), &in_session(), ended(), &NO_HEADER).unwrap();
        assert_eq!((whose(&settled), settled.granted()), (Some("bob"), Granted::No("session-over")));
    }
}

#[test]
fn automation_of_a_deactivated_creator_is_refused() {
    let mut scheduled = shared(vec![]);
    scheduled.session = Arc::new(session(Trigger::Schedule, Phase::Running));
    scheduled.creator_active = false;
    assert_eq!(
        settle(&session_token(), &in_session(), scheduled.clone(), &NO_HEADER).unwrap_err(),
        Refusal::CreatorDeactivated
    );
    // A message of somebody else is that person's.
    scheduled.open_turns = vec![turn("t1", "bob")];
    assert_eq!(
        whose(&settle(&session_token(), &in_session(), scheduled, &NO_HEADER).unwrap()),
        Some("bob")
    );

    let facts = Facts {
        session: None,
        caller_active: false,
    };
    let refused = effective_user(&api_key("carol"), &Place::Flat, &facts, &NO_HEADER, &config::Sessions::default());
    assert_eq!(refused.unwrap_err(), Refusal::PersonDeactivated);
}

#[test]
fn a_schedule_that_somebody_starts_by_hand_does_not_speak_for_its_creator() {
    for trigger in [Trigger::Schedule, Trigger::ApiKey] {
        let mut facts = shared(vec![]);
        let mut by_hand = session(trigger, Phase::Running);
        by_hand.attended = true;
        facts.session = Arc::new(by_hand);
        let settled = settle(&session_token(), &in_session(), facts.clone(), &NO_HEADER).unwrap();
        assert_eq!((whose(&settled), settled.ground()), (None, Ground::NoTurn), "{trigger:?}");
        // Where nobody else may message it, it is its creator who did.
        facts.others_may_message = false;
        let settled = settle(&session_token(), &in_session(), facts, &NO_HEADER).unwrap();
        assert_eq!((whose(&settled), settled.ground()), (Some("alice"), Ground::SoleParticipant));
    }
}

#[test]
fn where_somebody_else_has_joined_nobody_stands_in_for_them() {
    for trigger in [Trigger::Schedule, Trigger::ApiKey, Trigger::Person] {
        // Whoever joined may have kept the bearer: it is worth no more when they may not even send messages any more.
        for others_may_message in [true, false] {
            let mut facts = shared(vec![]);
            facts.others_may_message = others_may_message;
            let mut joined = session(trigger, Phase::Running);
            joined.joined = true;
            facts.session = Arc::new(joined);
            let settled = settle(&session_token(), &in_session(), facts, &NO_HEADER).unwrap();
            assert_eq!((whose(&settled), settled.ground()), (None, Ground::NoTurn), "{trigger:?}");
        }
    }
}

#[test]
fn a_bearer_of_an_earlier_start_is_over() {
    let mut facts = shared(vec![turn("t1", "bob")]);
    let mut again = session(Trigger::Person, Phase::Running);
    again.starts = 2;
    facts.session = Arc::new(again);
    for place in [in_session(), Place::Flat] {
        let refused = settle(&session_token(), &place, facts.clone(), &NO_HEADER).unwrap_err();
        assert_eq!(refused, Refusal::SessionOver);
    }
}

#[test]
fn the_owner_policy_needs_both_project_and_operator() {
    let operator = config::Sessions {
        allow_owner_policy: true,
        ..config::Sessions::default()
    };
    let owners = || {
        let mut facts = shared(vec![turn("t1", "bob")]);
        facts.policy = CredentialPolicy::Owner;
        Facts {
            session: Some(facts),
            caller_active: true,
        }
    };
    let settled = effective_user(&session_token(), &in_session(), &owners(), &header("bob"), &operator).unwrap();
    assert_eq!((whose(&settled), settled.owner_policy()), (Some("alice"), true));
    let settled = effective_user(
        &session_token(),
        &in_session(),
        &owners(),
        &header("bob"),
        &config::Sessions::default(),
    )
    .unwrap();
    assert_eq!((whose(&settled), settled.owner_policy()), (Some("bob"), false));
    // It lends to those who run there, not to whoever may look.
    let settled = effective_user(&person("carol"), &in_session(), &owners(), &NO_HEADER, &operator).unwrap();
    assert_eq!((whose(&settled), settled.owner_policy()), (Some("carol"), false));
    let settled = effective_user(&person("bob"), &in_session(), &owners(), &header("bob"), &operator).unwrap();
    assert_eq!((whose(&settled), settled.reader().map(AsRef::as_ref)), (Some("alice"), Some("bob")));
}

#[test]
fn the_old_fallback_is_the_operators_choice() {
    let operator = config::Sessions {
        legacy_creator_fallback: true,
        ..config::Sessions::default()
    };
    let facts = Facts {
        session: Some(shared(vec![])),
        caller_active: true,
    };
    let settled = effective_user(&session_token(), &in_session(), &facts, &NO_HEADER, &operator).unwrap();
    assert_eq!((whose(&settled), settled.ground()), (Some("alice"), Ground::LegacyFallback));
}
