//! Scope resolution: acceptance cases 65 to 71, ties, and what is never an injection.

use super::world::*;
use crate::access::resolve::resolve_all;
use crate::access::{Index, Snapshot, Tier, Verdict, resolve};
use crate::records::model::{Binding, Credential};

fn at(level: &str, binding: Binding) -> Binding {
    match level {
        "agent" => Binding {
            project_id: Some(project_id("p")),
            agent_id: Some(agent_id("a")),
            ..binding
        },
        "project" => Binding {
            project_id: Some(project_id("p")),
            ..binding
        },
        "global" => binding,
        other => panic!("{other}"),
    }
}

fn index(bindings: Vec<Binding>) -> Index {
    let names = ["agent", "project", "global", "first", "second"];
    let mut credentials: Vec<Credential> = names.iter().map(|id| credential(id, "github")).collect();
    credentials.push(credential("other", "gitlab"));
    credentials.push(account("alices", "github", "alice"));
    Index::build(
        Snapshot {
            roles: roles(),
            credentials,
            bindings,
            ..Snapshot::default()
        },
        NOW,
    )
}

fn winner(index: &Index) -> Option<(String, Tier)> {
    let resolution = resolve(index, &project_id("p"), Some(&agent_id("a")), &provider("github"));
    let quick = crate::access::resolve::winner(index, &project_id("p"), Some(&agent_id("a")), &provider("github"));
    assert_eq!(resolution.winner, quick, "the hot path and the explained one agree");
    assert!(resolution.trace.iter().filter(|step| step.verdict == Verdict::Won).count() <= 1);
    quick.map(|(id, tier)| (id.as_str().to_owned(), tier))
}

#[test]
fn the_more_specific_level_wins() {
    // (levels bound, the winner): 65, 66, 67, 68, 71.
    type Case = (&'static [&'static str], Option<(&'static str, Tier)>);
    let cases: [Case; 8] = [
        (&["agent", "project"], Some(("agent", Tier::Agent))),
        (&["project"], Some(("project", Tier::Project))),
        (&["global"], Some(("global", Tier::Global))),
        (&[], None),
        (&["agent", "global"], Some(("agent", Tier::Agent))),
        (&["project", "global"], Some(("project", Tier::Project))),
        (&["global", "project", "agent"], Some(("agent", Tier::Agent))),
        (&["agent"], Some(("agent", Tier::Agent))),
    ];
    for (levels, expected) in cases {
        // The more specific one is also the younger one, so age cannot be what decides.
        let bindings = levels.iter().map(|level| {
            let age = ["agent", "project", "global"].iter().position(|name| name == level).unwrap();
            let binding = Binding {
                created_at_ms: -(age as i64),
                ..bind(&format!("b-{level}"), "credential:viewer", level)
            };
            at(level, binding)
        });
        let expected = expected.map(|(id, tier)| (id.to_owned(), tier));
        assert_eq!(winner(&index(bindings.collect())), expected, "{levels:?}");
    }
}

#[test]
fn providers_are_resolved_independently() {
    let index = index(vec![
        at("project", bind("b1", "credential:viewer", "project")),
        at("global", bind("b2", "credential:viewer", "global")),
        at("global", bind("b3", "credential:viewer", "other")),
    ]);
    let all = resolve_all(&index, &project_id("p"), None);
    let all: Vec<_> = all.iter().map(|(provider, id)| (provider.as_str(), id.as_str())).collect();
    assert_eq!(all, [("github", "project"), ("gitlab", "other")]);
    let elsewhere = resolve_all(&index, &project_id("q"), None);
    assert_eq!(elsewhere[&provider("github")].as_str(), "global");
}

#[test]
fn on_one_level_the_earliest_wins_then_the_smaller_id() {
    let two = |first: (&str, i64), second: (&str, i64)| {
        winner(&index(vec![
            at(
                "project",
                Binding {
                    created_at_ms: first.1,
                    ..bind(first.0, "credential:viewer", "first")
                },
            ),
            at(
                "project",
                Binding {
                    created_at_ms: second.1,
                    ..bind(second.0, "credential:viewer", "second")
                },
            ),
        ]))
        .unwrap()
        .0
    };
    assert_eq!(two(("z", 1), ("a", 2)), "first");
    assert_eq!(two(("a", 2), ("z", 1)), "second");
    assert_eq!(two(("a", 1), ("z", 1)), "first");
    assert_eq!(two(("z", 1), ("a", 1)), "second");
}

#[test]
fn who_may_read_says_nothing_about_where_a_credential_belongs() {
    for role in ["credential:owner", "credential:token-reader", "custom-reader"] {
        for level in ["agent", "project", "global"] {
            assert_eq!(
                winner(&index(vec![at(level, reader("b", role, "first", "alice"))])),
                None,
                "{role} at {level}"
            );
        }
    }
    // A grant to one session does not make the credential everybody's default.
    assert_eq!(winner(&index(vec![grant("g", "first", "s")])), None);
    let viewer_row = Binding {
        session_id: Some(session_id("s")),
        ..bind("g", "credential:viewer", "first")
    };
    assert_eq!(winner(&index(vec![at("project", viewer_row)])), None);
    // Neither do rows that forgery or an import may have left: a connected account, an agent without its project, an unknown role.
    assert_eq!(winner(&index(vec![at("project", bind("b", "credential:viewer", "alices"))])), None);
    let no_project = Binding {
        agent_id: Some(agent_id("a")),
        ..bind("b", "credential:viewer", "first")
    };
    assert_eq!(winner(&index(vec![no_project])), None);
    assert_eq!(winner(&index(vec![at("project", bind("b", "unheard-of", "first"))])), None);
    assert_eq!(
        winner(&index(vec![at("project", bind("b", "credential:viewer", "never-stored"))])),
        None
    );
}

#[test]
fn the_trace_says_who_lost_and_why() {
    let index = index(vec![
        at(
            "project",
            Binding {
                created_at_ms: 1,
                ..bind("b1", "credential:viewer", "first")
            },
        ),
        at(
            "project",
            Binding {
                created_at_ms: 2,
                ..bind("b2", "credential:viewer", "second")
            },
        ),
        at("global", bind("b3", "credential:viewer", "global")),
    ]);
    let trace = resolve(&index, &project_id("p"), Some(&agent_id("a")), &provider("github")).trace;
    let said: Vec<_> = trace
        .iter()
        .map(|step| {
            (
                step.rule,
                step.verdict,
                step.binding.as_ref().map_or("", |id| id.as_str()),
                step.why,
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            ("agent", Verdict::Skipped, "", "nothing-bound"),
            ("project", Verdict::Won, "b1", "most-specific-earliest"),
            ("project", Verdict::Lost, "b2", "later-on-the-same-level"),
            ("global", Verdict::Lost, "b3", "less-specific"),
        ]
    );
}
