//! A bearer that ends in a long turn: the session's own goes on for the same person, while the turn is open, and for nobody else.

use super::{PROVIDERS, World, named};
use anyhow::{Result, ensure};
use claviger_tests::issuer::{SigningKey, now_s};
use claviger_tests::{Claviger, Client, Issuer, Setup};
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

/// Long enough for the reads before it, in a debug build on a loaded machine; in seconds.
const LIVES: i64 = 8;

/// Reads with Bob's bearer until it is refused; what comes until then is Bob's.
async fn until_it_is_refused(world: &World, bob: &Client) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let answer = world.ask(bob, "github").await?;
        if answer.status == 401 {
            return Ok(());
        }
        let body = answer.expect(200)?.json()?;
        assert_eq!(world.claviger.emulator()?.whose("github", &body).await?, "bob");
        ensure!(Instant::now() < deadline, "the bearer does not end");
    }
}

/// What a runner does when the sender's bearer is refused: the session's, with the sender named beside it.
async fn the_session_goes_on_for_bob(world: &World, bob: &Client, turn: super::Turn) -> Result<()> {
    let fallback = named(&world.runner, "bob");
    world.all_are(&fallback, "bob").await?;
    world.all_are(&turn.client, "bob").await?;
    for other in ["alice", "carol", "nobody-at-all"] {
        for provider in PROVIDERS {
            let refused = world.ask(&named(&world.runner, other), provider).await?.expect(403)?;
            assert_eq!(refused.json()?, json!({ "error": "Access denied" }), "{provider} for {other}");
        }
    }
    // While somebody else is answered as well, the session's bearer is nobody's, whoever is named; the turn's own stays Bob's.
    let alices = world.open("run-of-alice", json!({ "user": "alice" })).await?;
    for name in ["bob", "alice"] {
        world.nobodys(&named(&world.runner, name)).await?;
    }
    world.all_are(&turn.client, "bob").await?;
    world.close(&alices.id).await?;
    world.all_are(&fallback, "bob").await?;

    world.close(&turn.id).await?;
    for client in [&fallback, &named(&world.runner, "alice"), &world.runner, &turn.client] {
        world.nobodys(client).await?;
    }
    for provider in PROVIDERS {
        world.ask(bob, provider).await?.expect(401)?;
        ensure!(world.ask(&fallback, provider).await?.status != 200, "{provider} after the turn");
    }
    Ok(())
}

#[tokio::test]
async fn a_bearer_that_ends_in_a_turn_leaves_the_session_to_the_same_person() -> Result<()> {
    let key = SigningKey::new("k1")?;
    let issuer = Issuer::start(&[&key]).await?;
    let world = World::of(Setup::default().config(&issuer.config("")).start().await?)?;
    let mut claims = issuer.claims("bob");
    claims["exp"] = json!(now_s() + LIVES);
    let bearer = key.sign(&claims)?;
    let turn = world.open("run-1", json!({ "bearer": format!("Bearer {bearer}") })).await?;
    let bob = world.claviger.anybody()?.with_bearer(&bearer);
    world.all_are(&bob, "bob").await?;
    until_it_is_refused(&world, &bob).await?;
    // An ended bearer opens no other turn.
    let another = json!({ "project": world.project, "session": world.session, "run": "run-2", "bearer": bearer });
    world.proxy.post("/api/claviger/v1/turns", &another).await?.expect(403)?;
    the_session_goes_on_for_bob(&world, &bob, turn).await
}

#[tokio::test]
async fn a_key_that_is_revoked_in_a_turn_leaves_the_session_to_its_maker() -> Result<()> {
    let world = World::of(Claviger::start().await?)?;
    let bearer = world.operator(&["api-key", "create", "--for", "bob", "--name", "automation"])?;
    let turn = world.open("run-1", json!({ "bearer": bearer })).await?;
    let key = world.claviger.anybody()?.with_bearer(&bearer);
    world.all_are(&key, "bob").await?;
    let list = world.operator(&["api-key", "list"])?;
    let line = list.lines().find(|line| line.contains("  automation  ")).unwrap_or_default();
    world.operator(&["api-key", "revoke", line.split_whitespace().next().unwrap_or_default()])?;
    until_it_is_refused(&world, &key).await?;
    the_session_goes_on_for_bob(&world, &key, turn).await
}
