//! `kill -9` in a turn: what was open is open afterwards, for the same person; what was closed stays closed.

use super::{PROVIDERS, World, named};
use anyhow::{Context, Result, ensure};
use claviger::dev::upstream::Seed;
use claviger_tests::server::run;
use claviger_tests::{Claviger, Client};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tokio::task::JoinSet;

/// What of an answer is the token.
fn secret(provider: &str, body: &Value) -> Result<String> {
    let key = match provider {
        "jira" => "apiToken",
        "google" => "accessToken",
        _ => "token",
    };
    body[key].as_str().map(str::to_owned).with_context(|| format!("no token in {body}"))
}

/// The session's answers to both are the same, letter by letter, and others' than that person's are not.
async fn same_tokens(world: &World, client: &Client, person: &str, other: &str) -> Result<()> {
    for provider in PROVIDERS {
        let read = async |client: &Client| -> Result<String> { secret(provider, &world.ask(client, provider).await?.expect(200)?.json()?) };
        let token = read(client).await?;
        assert_eq!(token, read(&world.claviger.person(person)?).await?, "{provider}");
        ensure!(
            token != read(&world.claviger.person(other)?).await?,
            "{provider}: one token for two people"
        );
    }
    Ok(())
}

/// Reads until the server is gone: the tokens that came.
async fn read_until_gone(client: Client, path: String) -> BTreeSet<String> {
    let mut came = BTreeSet::new();
    while let Ok(answer) = client.get(&path).await {
        // A connection may break off within an answer, too.
        came.extend(answer.expect(200).and_then(|answer| answer.text_at("/token")));
    }
    came
}

#[tokio::test]
async fn a_turn_outlives_a_kill_and_a_closed_one_does_not_come_back() -> Result<()> {
    let seed = Seed::people(["alice", "bob", "carol"]);
    let world = World::of(Claviger::start().await?)?;
    let alices = world.open("run-1", json!({ "user": "alice" })).await?;
    let bobs = world.open("run-2", json!({ "user": "bob" })).await?;
    world.all_are(&alices.client, "alice").await?;
    world.all_are(&bobs.client, "bob").await?;
    world.close(&alices.id).await?;
    world.all_are(&world.runner, "bob").await?;

    // In the middle of reads, not between them.
    let path = format!(
        "/api/projects/{}/agentic-sessions/{}/credentials/github",
        world.project, world.session
    );
    let mut readers = JoinSet::new();
    for client in [&bobs.client, &world.runner, &bobs.client, &world.runner] {
        readers.spawn(read_until_gone(client.clone(), path.clone()));
    }
    for _ in 0..20 {
        world.ask(&world.runner, "github").await?.expect(200)?;
    }
    let session_token = world.claviger.dev().sessions.first().context("no session")?.token.clone();
    let mut claviger = world.claviger;
    claviger.kill();
    while let Some(came) = readers.join_next().await {
        let (came, expected) = (came?, seed.people[1].github_pat.expose().to_owned());
        ensure!(came == BTreeSet::from([expected]), "in Bob's turn came {} tokens", came.len());
    }

    let world = World::of(claviger.restart().await?)?;
    let runner = world.claviger.anybody()?.with_bearer(&session_token);
    let bob = world.claviger.anybody()?.with_bearer(&bobs.token);
    let alice = world.claviger.anybody()?.with_bearer(&alices.token);
    for client in [&bob, &runner, &named(&runner, "bob")] {
        same_tokens(&world, client, "bob", "alice").await?;
        let github = world.ask(client, "github").await?.expect(200)?.text_at("/token")?;
        assert_eq!(github, seed.people[1].github_pat.expose());
        let jira = world.ask(client, "jira").await?.expect(200)?.text_at("/apiToken")?;
        assert_eq!(jira, seed.people[1].jira_token.expose());
    }
    world.ask(&named(&runner, "alice"), "github").await?.expect(403)?;
    world.nobodys(&alice).await?;
    world.ask(&alice, "github").await?.expect(404)?;

    // Its end works as ever, once; closing what is closed is told by the answers of reads.
    world.close(&bobs.id).await?;
    world.nobodys(&bob).await?;
    world.ask(&bob, "github").await?.expect(404)?;
    world.nobodys(&runner).await?;
    let granted = world.ask(&runner, "github").await?.expect(200)?.text_at("/token")?;
    ensure!(granted.starts_with("ghs_"), "not the team's: {granted}");
    let output = run(&["audit", "verify", "--data", &world.claviger.data().display().to_string()], &[])?;
    ensure!(output.status.success(), "the trail does not verify: {output:?}");
    Ok(())
}

#[tokio::test]
async fn turns_that_overlap_at_a_kill_still_do_not_mix() -> Result<()> {
    let world = World::of(Claviger::start().await?)?;
    let alices = world.open("run-1", json!({ "user": "alice" })).await?;
    let bobs = world.open("run-2", json!({ "user": "bob" })).await?;
    let world = World::of(world.claviger.restart().await?)?;
    let again = |token: &str| -> Result<Client> { Ok(world.claviger.anybody()?.with_bearer(token)) };
    same_tokens(&world, &again(&alices.token)?, "alice", "bob").await?;
    same_tokens(&world, &again(&bobs.token)?, "bob", "alice").await?;
    world.nobodys(&world.runner).await?;
    world.nobodys(&named(&world.runner, "bob")).await?;
    world.close(&alices.id).await?;
    same_tokens(&world, &world.runner, "bob", "alice").await?;
    same_tokens(&world, &again(&bobs.token)?, "bob", "alice").await
}
