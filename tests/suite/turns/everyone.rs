//! Everyone who may ask in one session, in every state of its turns, for each of the four: two people, a key, bots, the session itself. What
//! comes is told by whose account it opens, the team's App by what it is.

use super::{PROVIDERS, World, named};
use anyhow::{Context, Result, ensure};
use claviger_tests::{Client, Setup};
use serde_json::json;
use std::collections::BTreeMap;

/// A service that may do everything that can be written with `*`, and open turns: a bot of the platform's.
const BOT: &str = "[[service]]\nname = 'bot'\npermissions = ['*:*', 'turn:open']\n";

pub(super) const TEAM: &str = "the team's";
pub(super) const NOTHING: &str = "nothing";
pub(super) const REFUSED: &str = "refused";

/// What everyone gets in one state of the session: for GitHub, of which the session was granted the team's App, and for the other three.
pub(super) type Row = (&'static str, &'static str, &'static str);

impl World {
    /// Whose the answer is, in a word.
    pub(super) async fn told(&self, client: &Client, provider: &str) -> Result<String> {
        let answer = self.ask(client, provider).await?;
        let body = answer.json()?;
        match answer.status {
            200 if body["token"].as_str().is_some_and(|token| token.starts_with("ghs_")) => Ok(TEAM.to_owned()),
            200 => self.claviger.emulator()?.whose(provider, &body).await,
            403 => Ok(REFUSED.to_owned()),
            404 => Ok(NOTHING.to_owned()),
            _ => anyhow::bail!("{provider}: {} {}", answer.status, answer.text),
        }
    }

    pub(super) async fn holds(&self, state: &str, everyone: &BTreeMap<&str, Client>, rows: &[Row]) -> Result<()> {
        let mut wrong = Vec::new();
        for (who, github, others) in rows {
            let client = everyone.get(who).with_context(|| format!("nobody is `{who}`"))?;
            for provider in PROVIDERS {
                let expected = if provider == "github" { github } else { others };
                let came = self.told(client, provider).await?;
                if came != *expected {
                    wrong.push(format!("{who} got {came} for {provider}, not {expected}"));
                }
            }
        }
        ensure!(wrong.is_empty(), "{state}: {wrong:#?}");
        Ok(())
    }
}

#[tokio::test]
async fn two_people_a_key_a_bot_and_the_session_each_get_what_is_theirs() -> Result<()> {
    let world = World::of(Setup::default().config(BOT).start().await?)?;
    let anybody = world.claviger.anybody()?;
    let key = world.operator(&["api-key", "create", "--for", "bob", "--name", "automation"])?;
    let bot = world.operator(&["api-key", "create", "--service", "bot", "--name", "bot"])?;
    let bot = anybody.with_bearer(&bot);
    let mut everyone = BTreeMap::from([
        ("alice", world.claviger.person("alice")?),
        ("bob", world.claviger.person("bob")?),
        ("carol", world.claviger.person("carol")?),
        ("bob's key", anybody.with_bearer(&key)),
        ("the bot", bot.clone()),
        ("the bot for alice", named(&bot, "alice")),
        ("the proxy", world.proxy.clone()),
        ("the proxy for bob", named(&world.proxy, "bob")),
        ("alice for bob", named(&world.claviger.person("alice")?, "bob")),
        ("bob for alice", named(&world.claviger.person("bob")?, "alice")),
        ("bob's key for alice", named(&anybody.with_bearer(&key), "alice")),
        ("the session", world.runner.clone()),
        ("the session for alice", named(&world.runner, "alice")),
        ("the session for bob", named(&world.runner, "bob")),
    ]);
    // Who has a bearer of their own gets the same whatever turns are open.
    let always = [
        ("alice", "alice", "alice"),
        ("bob", "bob", "bob"),
        ("bob's key", "bob", "bob"),
        ("carol", NOTHING, NOTHING),
        ("the bot", NOTHING, NOTHING),
        ("the bot for alice", REFUSED, REFUSED),
        ("the proxy", NOTHING, NOTHING),
        ("the proxy for bob", REFUSED, REFUSED),
        ("alice for bob", REFUSED, REFUSED),
        ("bob for alice", REFUSED, REFUSED),
        ("bob's key for alice", REFUSED, REFUSED),
    ];
    let alone = [
        ("the session", TEAM, NOTHING),
        ("the session for alice", REFUSED, REFUSED),
        ("the session for bob", REFUSED, REFUSED),
    ];
    world.holds("no turn", &everyone, &[&always[..], &alone].concat()).await?;

    let in_alices = [
        ("the session", "alice", "alice"),
        ("the session for alice", "alice", "alice"),
        ("the session for bob", REFUSED, REFUSED),
        ("alice's turn", "alice", "alice"),
    ];
    let alices = world.open("run-1", json!({ "user": "alice" })).await?;
    everyone.insert("alice's turn", alices.client.clone());
    world.holds("alice's turn", &everyone, &[&always[..], &in_alices].concat()).await?;

    // Opened by the bot, with Bob's key as the word for whose it is.
    let body = json!({ "project": world.project, "session": world.session, "run": "run-2", "bearer": format!("Bearer {key}") });
    let opened = bot.post("/api/claviger/v1/turns", &body).await?.expect(201)?;
    everyone.insert("bob's turn", anybody.with_bearer(&opened.text_at("/token")?));
    everyone.insert("bob's turn for alice", named(&everyone["bob's turn"], "alice"));
    let in_both = [
        ("the session", TEAM, NOTHING),
        ("alice's turn", "alice", "alice"),
        ("bob's turn", "bob", "bob"),
        ("bob's turn for alice", REFUSED, REFUSED),
    ];
    world.holds("both turns", &everyone, &[&always[..], &in_both].concat()).await?;

    world.close(&alices.id).await?;
    let in_bobs = [
        ("the session", "bob", "bob"),
        ("the session for bob", "bob", "bob"),
        ("the session for alice", REFUSED, REFUSED),
        ("bob's turn", "bob", "bob"),
        ("bob's turn for alice", REFUSED, REFUSED),
        ("alice's turn", NOTHING, NOTHING),
    ];
    world
        .holds("bob's turn, opened with his key", &everyone, &[&always[..], &in_bobs].concat())
        .await?;

    world.close(&opened.text_at("/id")?).await?;
    let over = [("alice's turn", NOTHING, NOTHING), ("bob's turn", NOTHING, NOTHING)];
    world
        .holds("no turn any more", &everyone, &[&always[..], &alone, &over].concat())
        .await
}
