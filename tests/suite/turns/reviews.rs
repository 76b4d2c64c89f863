//! What reviews of shared sessions caught and no other test shows by the token that comes: each by whose it is.

use super::everyone::{NOTHING, REFUSED, TEAM};
use super::{PROVIDERS, World, named};
use anyhow::{Result, ensure};
use claviger_tests::api::V1;
use claviger_tests::audit::of_event;
use claviger_tests::{Claviger, Client, Setup};
use serde_json::{Value, json};
use std::collections::BTreeMap;

impl World {
    /// Somebody new who may write to the session, and has no account anywhere.
    fn newcomer(&self, name: &str) -> Result<Client> {
        let bearer = self.operator(&["api-key", "create", "--for", name, "--name", "laptop"])?;
        Ok(self.claviger.anybody()?.with_bearer(&bearer))
    }

    async fn policy(&self, policy: &str) -> Result<()> {
        let path = format!("{V1}/projects/{}", self.project);
        let body = json!({ "credential_policy": policy });
        self.claviger.person("alice")?.patch(&path, &body).await?.expect(200).map(drop)
    }
}

/// The owner's accounts stand in where the operator wants that, with no turn and nobody named; never for somebody who is named.
#[tokio::test]
async fn the_old_fallback_is_only_for_where_nobody_is_named() -> Result<()> {
    let setup = Setup::default().config("[sessions]\nlegacy_creator_fallback = true");
    let world = World::of(setup.start().await?)?;
    let everyone = BTreeMap::from([
        ("the session", world.runner.clone()),
        ("the session for alice", named(&world.runner, "alice")),
        ("the session for bob", named(&world.runner, "bob")),
        ("alice for bob", named(&world.claviger.person("alice")?, "bob")),
        ("bob", world.claviger.person("bob")?),
        ("carol", world.claviger.person("carol")?),
    ]);
    let always = [
        ("alice for bob", REFUSED, REFUSED),
        ("bob", "bob", "bob"),
        ("carol", NOTHING, NOTHING),
    ];
    let no_turn = [
        ("the session", "alice", "alice"),
        ("the session for alice", "alice", "alice"),
        ("the session for bob", REFUSED, REFUSED),
    ];
    world.holds("no turn", &everyone, &[&always[..], &no_turn].concat()).await?;
    let turn = world.open("run-1", json!({ "user": "bob" })).await?;
    let in_bobs = [
        ("the session", "bob", "bob"),
        ("the session for bob", "bob", "bob"),
        ("the session for alice", REFUSED, REFUSED),
    ];
    world.holds("bob's turn", &everyone, &[&always[..], &in_bobs].concat()).await?;
    world.close(&turn.id).await
}

/// One person's turns of two runs: each has its own token, ends alone, and stands in the trail with its own run.
#[tokio::test]
async fn a_turn_is_of_one_run_and_ends_alone() -> Result<()> {
    let world = World::of(Claviger::start().await?)?;
    let first = world.open("run-1", json!({ "user": "bob" })).await?;
    let second = world.open("run-2", json!({ "user": "bob" })).await?;
    let third = world.open("run-2", json!({ "user": "alice" })).await?;
    world.all_are(&first.client, "bob").await?;
    world.all_are(&third.client, "alice").await?;
    world.close(&first.id).await?;
    world.nobodys(&first.client).await?;
    world.all_are(&second.client, "bob").await?;
    world.all_are(&third.client, "alice").await?;
    world.close(&third.id).await?;
    world.nobodys(&third.client).await?;
    world.all_are(&second.client, "bob").await?;
    world.all_are(&world.runner, "bob").await?;
    let records = of_event(&world.claviger.data(), "CREDENTIAL_ACCESS")?;
    let runs = |user: &Value| -> Vec<&str> {
        let of_user = records
            .iter()
            .filter(|record| record["user"] == *user && record["outcome"] == "granted");
        of_user.filter_map(|record| record["run"].as_str()).collect()
    };
    let hash = |name: &str| -> Result<Value> {
        let said = world.operator(&["audit", "principal", name])?;
        Ok(json!(said.split_whitespace().last().unwrap_or_default()))
    };
    let four = |run: &'static str| vec![run; PROVIDERS.len()];
    assert_eq!(runs(&hash("alice")?), [four("run-2"), four("run-2")].concat());
    assert_eq!(runs(&hash("bob")?), [four("run-1"), vec!["run-2"; 3 * PROVIDERS.len()]].concat());
    Ok(())
}

#[tokio::test]
async fn two_projects_have_sessions_of_one_name() -> Result<()> {
    let mut world = World::of(Claviger::start().await?)?;
    let (alice, bob) = (world.claviger.person("alice")?, world.claviger.person("bob")?);
    let made = json!({ "name": "cove" });
    let cove = bob.post(&format!("{V1}/projects"), &made).await?.expect(201)?.text_at("/id")?;
    world.enter(&alice, "atlas").await?;
    let (of_atlas, atlas) = (world.runner.clone(), world.session.clone());
    let alices = world.open("run-1", json!({ "user": "alice" })).await?;
    world.enter(&bob, &cove).await?;
    let (of_cove, in_cove) = (world.runner.clone(), world.session.clone());
    let bobs = world.open("run-1", json!({ "user": "bob" })).await?;
    let listed = alice.get(&format!("{V1}/sessions/{atlas}")).await?.expect(200)?.text_at("/name")?;
    assert_eq!(
        bob.get(&format!("{V1}/sessions/{in_cove}")).await?.expect(200)?.text_at("/name")?,
        listed
    );

    let everyone = BTreeMap::from([
        ("atlas", of_atlas),
        ("cove", of_cove),
        ("alice's turn", alices.client.clone()),
        ("bob's turn", bobs.client.clone()),
    ]);
    let here = [
        ("cove", "bob", "bob"),
        ("bob's turn", "bob", "bob"),
        ("atlas", NOTHING, NOTHING),
        ("alice's turn", NOTHING, NOTHING),
    ];
    world.holds("cove", &everyone, &here).await?;
    let nowhere = ["cove", "atlas", "alice's turn", "bob's turn"].map(|who| (who, NOTHING, NOTHING));
    // Neither's id leads anywhere below the other's project.
    for (project, session) in [("atlas", &in_cove), (cove.as_str(), &atlas)] {
        (world.project, world.session) = (project.to_owned(), session.clone());
        world.holds("another's project", &everyone, &nowhere).await?;
    }
    (world.project, world.session) = ("atlas".to_owned(), atlas);
    let there = [
        ("atlas", "alice", "alice"),
        ("alice's turn", "alice", "alice"),
        ("cove", NOTHING, NOTHING),
        ("bob's turn", NOTHING, NOTHING),
    ];
    world.holds("atlas", &everyone, &there).await?;
    // A turn of the one that ends leaves the other's.
    world.close(&bobs.id).await?;
    world.holds("atlas", &everyone, &there).await
}

/// Nobody's account stands in for somebody who has none; what the project's owners bound to it does, in their turn, unless the project is `sender-only`.
#[tokio::test]
async fn who_has_connected_nothing_has_what_the_project_chose_and_no_more() -> Result<()> {
    let world = World::of(Claviger::start().await?)?;
    let dana = world.newcomer("dana")?;
    world.let_in(&world.claviger.person("alice")?, "dana").await?;
    let turn = world.open("run-1", json!({ "user": "dana" })).await?;
    let everyone = BTreeMap::from([
        ("dana", dana.clone()),
        ("the session", world.runner.clone()),
        ("dana's turn", turn.client.clone()),
    ]);
    let of_the_team = ["dana", "the session", "dana's turn"].map(|who| (who, TEAM, NOTHING));
    world.holds("the project's choice", &everyone, &of_the_team).await?;
    let records = of_event(&world.claviger.data(), "CREDENTIAL_ACCESS")?;
    let granted: Vec<&Value> = records.iter().filter(|record| record["outcome"] == "granted").collect();
    let team = json!(world.claviger.credential("team-github-app")?);
    ensure!(
        granted.len() == 3 && granted.iter().all(|record| record["credential"] == team),
        "{granted:#?}"
    );

    world.policy("sender-only").await?;
    let nothing = ["dana", "the session", "dana's turn"].map(|who| (who, NOTHING, NOTHING));
    world.holds("sender-only", &everyone, &nothing).await?;
    for (provider, title) in [("github", "GitHub"), ("gitlab", "GitLab"), ("jira", "Jira"), ("google", "Google")] {
        let told = world.ask(&turn.client, provider).await?.expect(404)?.text_at("/error")?;
        ensure!(told.contains(&format!("{title} credentials not configured")), "{told}");
        ensure!(told.contains("Settings, Integrations"), "where to connect it: {told}");
    }
    world.close(&turn.id).await?;
    let bobs = world.open("run-2", json!({ "user": "bob" })).await?;
    world.all_are(&bobs.client, "bob").await?;
    world.all_are(&world.runner, "bob").await?;

    // What was chosen back is there again; with her turn over, her own bearer lends her nothing of the team's.
    world.policy("bindings").await?;
    world
        .holds(
            "her turn is over",
            &everyone,
            &[("dana", NOTHING, NOTHING), ("dana's turn", NOTHING, NOTHING)],
        )
        .await
}

/// The old behaviour where project and operator both want it: in turns the owner's, each read marked; outside of them everybody their own.
#[tokio::test]
async fn everybody_runs_as_the_owner_only_where_both_want_it_and_each_read_is_marked() -> Result<()> {
    let setup = Setup::default().config("[sessions]\nallow_owner_policy = true");
    let world = World::of(setup.start().await?)?;
    world.policy("owner").await?;
    let turn = world.open("run-1", json!({ "user": "bob" })).await?;
    let everyone = BTreeMap::from([
        ("the session", world.runner.clone()),
        ("bob's turn", turn.client.clone()),
        ("bob", world.claviger.person("bob")?),
        ("carol", world.claviger.person("carol")?),
        ("the session for carol", named(&world.runner, "carol")),
    ]);
    let as_alice = [
        ("the session", "alice", "alice"),
        ("bob's turn", "alice", "alice"),
        ("bob", "alice", "alice"),
        ("carol", NOTHING, NOTHING),
        ("the session for carol", REFUSED, REFUSED),
    ];
    world.holds("bob's turn", &everyone, &as_alice).await?;
    let marked = |records: &[Value]| records.iter().filter(|record| record["owner_policy"] == json!(true)).count();
    let records: Vec<Value> = of_event(&world.claviger.data(), "CREDENTIAL_ACCESS")?;
    let granted: Vec<Value> = records.into_iter().filter(|record| record["outcome"] == "granted").collect();
    assert_eq!(
        (granted.len(), marked(&granted)),
        (3 * PROVIDERS.len(), 3 * PROVIDERS.len()),
        "{granted:#?}"
    );

    world.close(&turn.id).await?;
    world
        .holds("no turn", &everyone, &[("bob", "bob", "bob"), ("carol", NOTHING, NOTHING)])
        .await
}

/// A name is none: with a name's header beside no id, or an empty one, the answer is what it is without.
#[tokio::test]
async fn a_name_header_without_an_id_header_makes_nobody() -> Result<()> {
    let world = World::of(Claviger::start().await?)?;
    let names = |client: &Client, id: &str| {
        let client = client
            .with_header("x-runner-current-user-name", "bob")
            .with_header("x-current-user-name", "bob");
        if id.is_empty() { client } else { named(&client, id) }
    };
    let everyone = BTreeMap::from([
        ("the session", names(&world.runner, "")),
        ("the session, spaces", names(&world.runner, "  ")),
        ("alice", names(&world.claviger.person("alice")?, "")),
        ("carol", names(&world.claviger.person("carol")?, "")),
    ]);
    let rows = [
        ("the session", TEAM, NOTHING),
        ("the session, spaces", TEAM, NOTHING),
        ("alice", "alice", "alice"),
        ("carol", NOTHING, NOTHING),
    ];
    world.holds("no turn", &everyone, &rows).await?;
    world.open("run-1", json!({ "user": "alice" })).await?;
    let in_alices = [("the session", "alice", "alice"), ("the session, spaces", "alice", "alice")];
    world.holds("alice's turn", &everyone, &in_alices).await
}

/// Ordinary log lines, with everything that can be said of people happening: who was refused, who disagrees, who is gone.
#[tokio::test]
async fn no_name_and_no_address_of_anybody_is_in_the_log() -> Result<()> {
    let setup = Setup::default().config("[log]\nfilter = \"info,claviger=debug\"");
    let world = World::of(setup.start().await?)?;
    let told_at_the_start = world.claviger.log().len();
    let zebedee = world.newcomer("zebedee")?;
    let mail = "zebedee@example.test";
    world.let_in(&world.claviger.person("alice")?, "zebedee").await?;
    let account = json!({ "token": "ghp_zebedee0123456789abcdefghijABCDEFGHIJ", "email": mail, "fields": { "user-name": "Zebedee" } });
    zebedee.post("/api/auth/github/connect", &account).await?.expect(200)?;
    let turn = world.open("run-1", json!({ "user": "zebedee" })).await?;
    for client in [&zebedee, &turn.client, &world.runner, &world.claviger.person("carol")?] {
        for provider in PROVIDERS {
            world.ask(client, provider).await?;
            world.ask(&named(client, "zebedee"), provider).await?;
            world.ask(&named(client, mail), provider).await?;
        }
    }
    // Failures, too: an upstream that refuses, a service that opens a turn for nobody, a person who is let in no more.
    let fault = json!({ "provider": "github", "operation": "user", "status": 500 });
    world.claviger.emulator()?.fault(&fault).await?;
    let empty = json!({ "token": "ghp_zebedee9876543210abcdefghijABCDEFGHIJ", "url": format!("{}/github", world.claviger.dev().upstream) });
    zebedee.post("/api/auth/github/connect", &empty).await?.expect(200)?;
    world.ask(&turn.client, "github").await?;
    let wrong = json!({ "project": "atlas", "session": world.session, "run": "r", "user": "zebedee", "bearer": "Bearer zebedee" });
    world.proxy.post("/api/claviger/v1/turns", &wrong).await?.expect(403)?;
    world.operator(&["user", "deactivate", "zebedee"])?;
    world.ask(&turn.client, "github").await?;
    world.ask(&zebedee, "github").await?.expect(401)?;
    world.close(&turn.id).await?;

    let log = world.claviger.log();
    let since = log.get(told_at_the_start..).unwrap_or_default();
    ensure!(since.lines().count() > 10, "the log says nothing, so it proves nothing: {since}");
    let found: Vec<&str> = since
        .lines()
        .filter(|line| {
            ["zebedee", "alice", "carol", "example.test"]
                .iter()
                .any(|name| line.to_lowercase().contains(name))
        })
        .collect();
    ensure!(found.is_empty(), "{found:#?}");
    Ok(())
}
