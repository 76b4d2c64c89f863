//! Whatever happens, in whatever order, nobody's account is read for somebody else: turns that overlap, close and expire, sessions that end and
//! start, people who are deactivated, policies that change, restarts, headers. What may be read is told from the steps alone.
//!
//! The same steps also run with turns that are kept by session alone, as the platform kept them: that has to fail.

use super::world::*;
use crate::access::{Change, Index, Reason, Snapshot, permit};
use crate::clock::Millis;
use crate::config;
use crate::identity::{Caller, CurrentUserHeader, Facts, effective_user};
use crate::records::model::{CredentialPolicy, Phase, Scope, Trigger, Turn};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseResult, TestRunner};
use std::collections::BTreeSet;

const PEOPLE: [&str; 3] = ["alice", "bob", "eve"];
/// Both have a session `s`: Alice's, which Bob may message, and Eve's, which nobody else may.
const PROJECTS: [(&str, &str); 2] = [("p", "alice"), ("q", "eve")];
/// How long a turn may stay open, here.
const LONGEST_MS: Millis = 100;

#[derive(Debug, Clone)]
enum Step {
    Open(usize, usize),
    Close(usize),
    Pass(Millis),
    End(usize),
    Start(usize),
    Active(usize, bool),
    Policy(usize, CredentialPolicy),
    Restart,
    Read(Reader, usize, &'static str, Option<usize>),
}

#[derive(Debug, Clone, Copy)]
enum Reader {
    Person(usize),
    Session(usize),
    /// The token of the turn that was opened as the so manieth, whatever has become of it.
    Turn(usize),
}

/// How turns are found.
#[derive(Debug, Clone, Copy)]
enum Keyed {
    /// Each for itself, by project, session and run.
    Run,
    /// One for each session: the last one wins.
    Session,
    /// The same, and sessions of one name share it.
    Name,
}

fn some_step() -> impl Strategy<Value = Step> {
    let (person, place) = (0..PEOPLE.len(), 0..PROJECTS.len());
    let reader = prop_oneof![
        1 => person.clone().prop_map(Reader::Person),
        2 => place.clone().prop_map(Reader::Session),
        2 => (0..8_usize).prop_map(Reader::Turn),
    ];
    let policy = prop_oneof![
        2 => Just(CredentialPolicy::Bindings),
        1 => Just(CredentialPolicy::SenderOnly),
        1 => Just(CredentialPolicy::Owner)
    ];
    let header = proptest::option::weighted(0.2, person.clone());
    prop_oneof![
        5 => (place.clone(), person.clone()).prop_map(|(place, person)| Step::Open(place, person)),
        2 => (0..8_usize).prop_map(Step::Close),
        2 => (1..150_i64).prop_map(Step::Pass),
        1 => place.clone().prop_map(Step::End),
        1 => place.clone().prop_map(Step::Start),
        1 => (person, any::<bool>()).prop_map(|(person, active)| Step::Active(person, active)),
        1 => (place.clone(), policy).prop_map(|(place, policy)| Step::Policy(place, policy)),
        1 => Just(Step::Restart),
        12 => (reader, place, prop_oneof![Just("github"), Just("gitlab"), Just("jira")], header)
            .prop_map(|(reader, place, provider, header)| Step::Read(reader, place, provider, header)),
    ]
}

struct Run {
    rows: Snapshot,
    index: Index,
    opened: Vec<Turn>,
    now: Millis,
    operator: config::Sessions,
}

impl Run {
    fn new(trigger: Trigger, allow_owner_policy: bool) -> Self {
        let mut eves = session("s", "q", "eve");
        eves.trigger = trigger;
        let rows = Snapshot {
            roles: roles(),
            credentials: vec![
                account("of-alice", "github", "alice"),
                account("of-bob", "github", "bob"),
                account("of-eve", "github", "eve"),
                credential("team", "gitlab"),
                credential("elsewhere", "jira"),
            ],
            projects: vec![project("p"), project("q")],
            agents: vec![],
            sessions: vec![session("s", "p", "alice"), eves],
            turns: vec![],
            bindings: vec![
                member("m-bob", "project:editor", Scope::Project, "bob", "p"),
                crate::records::model::Binding {
                    project_id: Some(project_id("p")),
                    ..grant("granted", "team", "s")
                },
            ],
            deactivated: vec![],
        };
        Self {
            index: Index::build(rows.clone(), NOW),
            rows,
            opened: vec![],
            now: NOW,
            operator: config::Sessions {
                allow_owner_policy,
                ..config::Sessions::default()
            },
        }
    }

    /// Does it as the records and the follower would.
    fn step(&mut self, step: &Step) {
        match *step {
            Step::Open(place, person) => {
                if !self.rows.sessions[place].phase.has_credentials() {
                    return;
                }
                let id = format!("t{}", self.opened.len());
                let mut opened = turn(&id, PROJECTS[place].0, "s", PEOPLE[person]);
                opened.expires_at_ms = self.now + LONGEST_MS;
                self.opened.push(opened.clone());
                self.rows.turns.push(opened.clone());
                self.index.apply(Change::PutTurn(opened));
            }
            Step::Close(nth) => {
                if let Some(closed) = self.opened.get(nth).cloned() {
                    self.close(|turn| turn.id == closed.id);
                }
            }
            Step::Pass(ms) => self.now += ms,
            Step::End(place) => {
                self.phase(place, Phase::Completed);
                self.close(|turn| turn.project_id.as_str() == PROJECTS[place].0);
            }
            Step::Start(place) => self.phase(place, Phase::Running),
            Step::Active(person, active) => {
                let name = user(PEOPLE[person]);
                self.rows.deactivated.retain(|other| *other != name);
                if !active {
                    self.rows.deactivated.push(name.clone());
                }
                self.index.apply(Change::PersonActive(name, active));
            }
            Step::Policy(place, policy) => {
                self.rows.projects[place].credential_policy = policy;
                self.index.apply(Change::PutProject(self.rows.projects[place].clone()));
            }
            Step::Restart => self.index = Index::build(self.rows.clone(), self.now),
            Step::Read(..) => {}
        }
    }

    fn phase(&mut self, place: usize, phase: Phase) {
        self.rows.sessions[place].phase = phase;
        self.index.apply(Change::PutSession(self.rows.sessions[place].clone()));
    }

    fn close(&mut self, which: impl Fn(&Turn) -> bool) {
        for turn in self.rows.turns.iter().filter(|turn| which(turn)) {
            self.index.apply(Change::RemoveTurn(turn.id.clone()));
        }
        self.rows.turns.retain(|turn| !which(turn));
    }

    fn caller(&self, reader: Reader) -> Option<Caller> {
        Some(match reader {
            Reader::Person(n) => person(PEOPLE[n]),
            Reader::Session(place) => session_token(PROJECTS[place].0, "s"),
            Reader::Turn(nth) => {
                let turn = self.opened.get(nth)?;
                turn_token(turn.id.as_str(), turn.project_id.as_str(), "s", turn.user.as_str())
            }
        })
    }

    /// What comes back, and whether it is marked as the owner policy's.
    fn read(
        &mut self,
        caller: &Caller,
        place: usize,
        provider: &str,
        header: Option<usize>,
        keyed: Keyed,
    ) -> Option<(String, Reason, bool)> {
        self.index.synced(self.now);
        let request = in_session(PROJECTS[place].0, "s", provider);
        let mut facts = self.index.facts(caller, &request.place(), self.now);
        self.mistake(&mut facts, keyed);
        let header = header.map_or(CurrentUserHeader::ABSENT, |n| CurrentUserHeader::read(Some(PEOPLE[n]), None));
        let effective = effective_user(caller, &request.place(), &facts, &header, &self.operator).ok()?;
        let by_policy = effective.owner_policy();
        let permit = permit(effective, &request, &self.index, self.now).ok()?;
        Some((permit.credential().id.to_string(), permit.reason(), by_policy))
    }

    /// Keeps of the open turns what a server with that mistake would know.
    fn mistake(&self, facts: &mut Facts, keyed: Keyed) {
        let Some(session) = &mut facts.session else { return };
        let elsewhere = PROJECTS.iter().find(|(project, _)| *project != session.session.project_id.as_str());
        match keyed {
            Keyed::Run => return,
            Keyed::Session => {}
            Keyed::Name => {
                let (project, _) = elsewhere.unwrap();
                let others = self.index.session_facts(&project_id(project), &session_id("s"), self.now).unwrap();
                session.open_turns.extend(others.open_turns);
            }
        }
        let order = |open: &crate::identity::OpenTurn| self.opened.iter().position(|turn| turn.id == open.turn.id);
        session.open_turns.sort_by_key(order);
        session.open_turns = session.open_turns.split_off(session.open_turns.len().saturating_sub(1));
    }

    /// The people whose turns are open in a session, told from the steps.
    fn senders(&self, place: usize) -> BTreeSet<&str> {
        let here = |turn: &&Turn| turn.project_id.as_str() == PROJECTS[place].0 && turn.expires_at_ms > self.now;
        self.rows.turns.iter().filter(here).map(|turn| turn.user.as_str()).collect()
    }

    /// Whether this may have come back.
    fn is_right(&self, reader: Reader, place: usize, header: Option<usize>, came: &(String, Reason, bool)) -> bool {
        let (id, reason, by_policy) = came;
        let runs = self.rows.sessions[place].phase.has_credentials();
        let policy = self.rows.projects[place].credential_policy;
        let own_place = match reader {
            Reader::Person(_) => true,
            Reader::Session(of) => of == place && runs,
            Reader::Turn(nth) => self.rows.turns.iter().any(|turn| {
                turn.id == self.opened[nth].id && turn.expires_at_ms > self.now && turn.project_id.as_str() == PROJECTS[place].0
            }),
        };
        let Some(whose) = id.strip_prefix("of-") else {
            // The one bound credential that was granted, to the one session that it was granted to.
            let granted = id == "team" && place == 0 && runs && policy != CredentialPolicy::SenderOnly;
            return granted && own_place && matches!(reason, Reason::SessionGrant | Reason::OpenTurn);
        };
        let creator = PROJECTS[place].1;
        let active = !self.rows.deactivated.contains(&user(whose));
        let senders = self.senders(place);
        if *by_policy {
            let works_here = match reader {
                Reader::Person(n) => senders.contains(PEOPLE[n]),
                Reader::Session(_) | Reader::Turn(_) => own_place,
            };
            return self.operator.allow_owner_policy
                && policy == CredentialPolicy::Owner
                && whose == creator
                && runs
                && works_here
                && active;
        }
        let theirs = match reader {
            Reader::Person(n) => whose == PEOPLE[n],
            Reader::Turn(nth) => own_place && whose == self.opened[nth].user.as_str(),
            Reader::Session(_) if senders.is_empty() => {
                // Alice's session is shared with Bob; Eve's is hers alone.
                own_place && place == 1 && whose == creator
            }
            Reader::Session(_) => own_place && senders.len() == 1 && senders.contains(whose),
        };
        theirs && active && header.is_none_or(|named| PEOPLE[named] == whose)
    }
}

fn follow(steps: &[Step], trigger: Trigger, allow_owner_policy: bool, keyed: Keyed) -> TestCaseResult {
    let mut run = Run::new(trigger, allow_owner_policy);
    for step in steps {
        run.step(step);
        let Step::Read(reader, place, provider, header) = *step else {
            continue;
        };
        let Some(caller) = run.caller(reader) else { continue };
        if let Some(came) = run.read(&caller, place, provider, header, keyed) {
            prop_assert!(run.is_right(reader, place, header, &came), "{:?} came back for {:?}", came, step);
        }
    }
    Ok(())
}

fn some_steps() -> impl Strategy<Value = (Vec<Step>, Trigger, bool)> {
    let trigger = prop_oneof![Just(Trigger::Person), Just(Trigger::Schedule), Just(Trigger::ApiKey)];
    (proptest::collection::vec(some_step(), 1..60), trigger, any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn nobodys_account_is_read_for_somebody_else((steps, trigger, owner) in some_steps()) {
        follow(&steps, trigger, owner, Keyed::Run)?;
    }
}

#[test]
fn turns_that_are_kept_by_session_alone_are_found_out() {
    for keyed in [Keyed::Session, Keyed::Name] {
        let mut runner = TestRunner::new(ProptestConfig {
            cases: 2_000,
            failure_persistence: None,
            ..ProptestConfig::default()
        });
        let outcome = runner.run(&some_steps(), |(steps, trigger, owner)| follow(&steps, trigger, owner, keyed));
        assert!(outcome.is_err(), "{keyed:?} went unnoticed");
    }
}

/// The steps do read: without that the property would hold of a server that refuses everything.
#[test]
fn each_of_them_is_read_where_it_may_be() {
    let mut run = Run::new(Trigger::Person, false);
    let read = |run: &mut Run, reader, place, provider| {
        let caller = run.caller(reader).unwrap();
        run.read(&caller, place, provider, None, Keyed::Run).map(|(id, ..)| id)
    };
    assert_eq!(read(&mut run, Reader::Session(1), 1, "github").as_deref(), Some("of-eve"));
    assert_eq!(read(&mut run, Reader::Session(0), 0, "github"), None);
    assert_eq!(read(&mut run, Reader::Session(0), 0, "gitlab").as_deref(), Some("team"));
    run.step(&Step::Open(0, 1));
    assert_eq!(read(&mut run, Reader::Session(0), 0, "github").as_deref(), Some("of-bob"));
    run.step(&Step::Open(0, 0));
    assert_eq!(read(&mut run, Reader::Session(0), 0, "github"), None);
    assert_eq!(read(&mut run, Reader::Turn(0), 0, "github").as_deref(), Some("of-bob"));
    assert_eq!(read(&mut run, Reader::Turn(1), 0, "github").as_deref(), Some("of-alice"));
    run.step(&Step::Pass(LONGEST_MS));
    assert_eq!(read(&mut run, Reader::Turn(1), 0, "github"), None);
}
