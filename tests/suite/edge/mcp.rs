//! A real MCP server behind `claviger sidecar`, asked over its port by the protocol's own client: what it works with is the token of whoever's turn it is.
//! The sidecar has nothing but the environment that session start answered.

use super::exec::Started;
use super::sidecar::World;
use anyhow::{Context, Result, ensure};
use claviger::dev::upstream::Seed;
use claviger_tests::api::{V1, generation, read};
use claviger_tests::github::consent;
use claviger_tests::{node, upstream};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A look, a mint, and a start of Node.js on a loaded machine.
const WITHIN: Duration = Duration::from_secs(90);
const TOKEN: &str = "GITHUB_PERSONAL_ACCESS_TOKEN";
const NOT_THE_SERVERS: [&str; 4] = ["AMBIENT_CP_TOKEN_URL", "AMBIENT_CP_TOKEN_PUBLIC_KEY", "BOT_TOKEN", "CLAVIGER_TOKEN"];

/// The server, seen through its port.
struct Server {
    url: String,
}

impl Server {
    /// What it has in its environment; nothing if nobody listens.
    async fn ask(&self) -> Result<Option<Value>> {
        let names: Vec<&str> = NOT_THE_SERVERS.into_iter().chain([TOKEN]).collect();
        let said = node::run("mcp_client.mjs", &json!({ "url": self.url, "names": names })).await?;
        Ok(said.get("refused").is_none().then_some(said))
    }

    /// Its token, once it has another one than that.
    async fn token(&self, before: &str) -> Result<String> {
        let until = Instant::now() + WITHIN;
        loop {
            if let Some(said) = self.ask().await? {
                for name in NOT_THE_SERVERS {
                    ensure!(said[name].is_null(), "the server has `{name}`");
                }
                let token = said[TOKEN].as_str().context("no token")?;
                if token != before {
                    return Ok(token.to_owned());
                }
            }
            ensure!(Instant::now() < until, "it has no other token");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn gone(&self) -> Result<()> {
        let until = Instant::now() + WITHIN;
        while self.ask().await?.is_some() {
            ensure!(Instant::now() < until, "it still runs");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_has_the_token_of_whoevers_turn_it_is_and_each_renewal() -> Result<()> {
    let (world, shell, secret) = World::begun().await?;
    let (claviger, emulator) = (&world.claviger, world.claviger.emulator()?);
    let (alice, bob) = (claviger.person("alice")?, claviger.person("bob")?);
    // Without the team's own, it is nobody's where it is nobody's turn.
    let teams = claviger.credential("team-github-app")?;
    alice.delete(&format!("{V1}/credentials/{teams}")).await?.expect(204)?;
    // A token that ends and can be renewed.
    let app = Seed::people(["alice", "bob", "carol"]).github_app;
    let (_, refresh) = consent(&emulator, &app.client_id, "bob", &json!({})).await?;
    let bobs = claviger.credential("bob-github")?;
    let kind = json!({ "kind": "github-app-user", "fields": { "refresh-token": refresh.context("no refresh token")? } });
    bob.patch(&format!("{V1}/credentials/{bobs}"), &kind).await?.expect(200)?;

    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let server = Server {
        url: format!("http://127.0.0.1:{port}/mcp"),
    };
    let shell = shell
        .with("CREDENTIAL_PROVIDER", "github")
        .with("AMBIENT_API_URL", &claviger.dev().url)
        .with("PORT", &port.to_string())
        .with("SERVER", &upstream::script("mcp_server.mjs")?.display().to_string());
    let script = r#"echo started >> "$OUT/starts"; exec node "$SERVER" > "$OUT/said" 2>&1"#;
    let mut sidecar = Started::command(&shell, &["sidecar", "--every", "1"], script)?;

    // Nobody's turn.
    ensure!(sidecar.lines("stderr", 1).await?[0].contains("no `github` token"));
    ensure!(server.ask().await?.is_none(), "it runs, and it is nobody's turn");

    let turn = world.open_turn("bob", "run-1").await?;
    let first = server.token("").await?;
    assert_eq!(emulator.whose("github", &json!({ "token": first })).await?, "bob");

    let held = read(&bob, bobs, "").await?.expect(200)?;
    assert_eq!(held.text_at("/token")?, first);
    let renewed = read(&bob, bobs, &format!("?rejected={}", generation(&held)?)).await?;
    let renewed = renewed.expect(200)?.text_at("/token")?;
    assert_ne!(renewed, first);
    assert_eq!(server.token(&first).await?, renewed);
    assert_eq!(emulator.whose("github", &json!({ "token": renewed })).await?, "bob");

    world.close_turn(&turn).await?;
    server.gone().await?;
    let _turn = world.open_turn("alice", "run-2").await?;
    let alices = server.token(&renewed).await?;
    assert_eq!(emulator.whose("github", &json!({ "token": alices })).await?, "alice");
    assert_eq!(sidecar.lines("starts", 3).await?.len(), 3, "it was started once for each token");

    world.stop().await?;
    server.gone().await?;
    assert_eq!(sidecar.exit_code().await?, 4);
    let said = sidecar.lines("stderr", 1).await?.join("\n");
    ensure!(said.contains("ended") && !said.contains(&secret), "{said}");
    Ok(())
}
