//! Token reads: every role × every relation × every way to read, in quiet and in shared sessions.

use super::super::naive::tokens::{Read, token};
use super::*;
use crate::access::TokenRequest;
use crate::records::model::CredentialPolicy;

const READERS: [Who; 12] = [
    Who::Person("me"),
    Who::Key("me", None),
    Who::Key("me", Some(&["credential:fetch_token"])),
    Who::Key("me", Some(&["*:*", "credential:*", "*:fetch_token"])),
    Who::Service("me", None),
    Who::Service("me", Some(&["*:*"])),
    Who::Session("p", "s"),
    Who::Session("q", "t"),
    Who::Session("p", "over"),
    Who::Turn("t0", "p", "s", "me"),
    Who::Turn("t0", "p", "s", "other"),
    Who::Turn("t1", "q", "t", "me"),
];

const CREDENTIALS: [&str; 6] = ["c", "d", "e", "mine-gh", "others-gh", "nothing"];

fn reads() -> Vec<Read> {
    let mut reads = Vec::new();
    for id in CREDENTIALS {
        reads.push(Read::Flat(id));
        reads.extend(["p", "q", "nowhere"].map(|project| Read::InProject(project, id)));
    }
    for (project, session) in [("p", "s"), ("q", "t"), ("q", "mine"), ("p", "over"), ("q", "s"), ("p", "nothing")] {
        reads.extend(["github", "gitlab", "jira"].map(|provider| Read::InSession(project, session, provider)));
    }
    reads
}

pub(super) fn request(read: Read) -> TokenRequest {
    match read {
        Read::Flat(id) => flat(id),
        Read::InProject(project, id) => nested(project, id),
        Read::InSession(project, session, provider) => in_session(project, session, provider),
    }
}

type Moment = (&'static str, fn(&mut Snapshot));

/// What else may be so while somebody reads.
const MOMENTS: [Moment; 7] = [
    ("nothing runs", |_| {}),
    ("my turn is open", |world| world.turns.push(turn("t0", "p", "s", "me"))),
    ("my turn has expired", |world| {
        let mut mine = turn("t0", "p", "s", "me");
        mine.expires_at_ms = NOW;
        world.turns.push(mine);
    }),
    ("turns of two people are open", |world| {
        world.turns.extend([turn("t0", "p", "s", "me"), turn("t2", "p", "s", "other")]);
    }),
    ("I was deactivated", |world| {
        world.turns.push(turn("t0", "p", "s", "me"));
        world.deactivated.push(user("me"));
    }),
    ("the project lends nothing", |world| {
        world.turns.push(turn("t0", "p", "s", "me"));
        world.projects[0].credential_policy = CredentialPolicy::SenderOnly;
    }),
    ("the session is stopping", |world| {
        world.turns.push(turn("t0", "p", "s", "me"));
        world.sessions[0].phase = Phase::Stopping;
    }),
];

#[test]
fn every_read() {
    let (reads, mut compared, mut read) = (reads(), 0_usize, 0_usize);
    for held in held() {
        for (moment, arrange) in MOMENTS {
            let mut world = base();
            world.bindings.extend(held.clone());
            arrange(&mut world);
            let index = Index::build(world.clone(), NOW);
            for who in &READERS {
                let caller = who.caller();
                for wanted in &reads {
                    let rule = token(&world, who, *wanted, NOW);
                    let code = super::super::world::read(&index, &caller, &request(*wanted));
                    assert_eq!(
                        code.ok().map(|(credential, _)| credential),
                        rule,
                        "{who:?} reads {wanted:?} while {moment}, with {held:?}"
                    );
                    compared += 1;
                    read += usize::from(rule.is_some());
                }
            }
        }
    }
    assert_eq!(compared, HELD * MOMENTS.len() * READERS.len() * reads.len(), "combinations");
    assert_eq!((compared, read), (1_400_616, 37_229), "combinations, and those that yield a token");
}
