//! Two servers that start at the same time on one empty PostgreSQL: one exchange key, and what one hands out the other takes.

#[expect(clippy::unwrap_used, reason = "what it belongs to is tests all over")]
#[path = "../../host/tests/records/postgres.rs"]
mod postgres;

use crate::exchange::by_openssl;
use anyhow::{Context, Result, ensure};
use claviger_tests::api::V1;
use claviger_tests::serve::{Server, free};
use claviger_tests::{Answer, Client};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// What one server did, the other knows within a second; twenty times that under load.
const FOLLOWED_WITHIN: Duration = Duration::from_secs(20);

struct Replica {
    server: Server,
    client: Client,
    exchange: String,
}

impl Replica {
    /// Starts it, and does not wait.
    fn start(database: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let (api, metrics, exchange) = (free()?, free()?, free()?);
        let exchange_url = format!("http://{exchange}");
        let text = format!(
            "data_dir = 'data'\n[api]\nlisten = '{api}'\n[metrics]\nlisten = '{metrics}'\n[keyring]\nfile = 'keyring.json'\n\
             [database]\nurl = '{database}'\n[exchange]\nlisten = '{exchange}'\nurl = '{exchange_url}'\n\
             [[service]]\nname = 'control-plane'\npermissions = ['*:*', 'turn:open']\n"
        );
        std::fs::write(folder.path().join("claviger.toml"), text)?;
        Ok(Self {
            server: Server::start(folder)?,
            client: Client::new(&format!("http://{api}"))?,
            exchange: exchange_url,
        })
    }

    /// Makes a session and starts it: its id, its runner's environment.
    async fn session(&self, bearer: &str) -> Result<(String, Value)> {
        let client = self.client.with_bearer(bearer);
        let made = json!({ "name": "talk", "project_id": "harbour" });
        let made = until(201, async || client.post(&format!("{V1}/sessions"), &made).await).await?;
        let id = made.text_at("/id")?;
        let start = format!("{V1}/sessions/{id}/start");
        // While the key is being made it says to come back.
        let started = until(200, async || client.post(&start, &json!({})).await).await?;
        Ok((id, started.json()?["environment"].clone()))
    }

    /// As a runner trades, at this replica, whoever's address it is.
    async fn trade(&self, session: &str, environment: &Value) -> Result<Answer> {
        let text = |name: &str| environment[name].as_str().with_context(|| format!("no `{name}` in {environment}"));
        let address = text("AMBIENT_CP_TOKEN_URL")?;
        let path = address.find("/token/").and_then(|at| address.get(at..)).context("no address")?;
        let bearer = format!("Bearer {}", by_openssl(text("AMBIENT_CP_TOKEN_PUBLIC_KEY")?, session)?);
        let client = Client::new(&self.exchange)?.with_header("authorization", &bearer);
        until(200, async || client.get(path).await).await
    }
}

/// Asks until it is answered so: the other one may not have followed yet.
async fn until(status: u16, ask: impl AsyncFn() -> Result<Answer>) -> Result<Answer> {
    let deadline = Instant::now() + FOLLOWED_WITHIN;
    loop {
        let answer = ask().await?;
        if answer.status == status || Instant::now() > deadline {
            return answer.expect(status);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn two_that_start_at_once_on_an_empty_database_have_one_exchange_key() -> Result<()> {
    // In this very thread: the cluster ends with the thread that started it.
    let cluster = postgres::Cluster::start();
    let database = cluster.database("replicas");
    let (mut one, mut two) = (Replica::start(&database)?, Replica::start(&database)?);
    one.server.ready(&one.client).await?;
    two.server.ready(&two.client).await?;

    let service = one
        .server
        .operator(&["api-key", "create", "--service", "control-plane", "--name", "control-plane"])?;
    let alice = one.server.operator(&["api-key", "create", "--for", "alice", "--name", "laptop"])?;
    let alices = one.client.with_bearer(&alice);
    alices
        .post(&format!("{V1}/projects"), &json!({ "name": "harbour" }))
        .await?
        .expect(201)?;
    let team = json!({ "name": "team", "provider": "linear", "token": "lin_of_the_team" });
    let below = format!("{V1}/projects/harbour/credentials");
    alices.post(&below, &team).await?.expect(201)?;
    let (first, of_one) = one.session(&service).await?;
    // A key that the other replica made, and a project: followed within a second.
    let (second, of_two) = two.session(&service).await?;
    let key = of_one["AMBIENT_CP_TOKEN_PUBLIC_KEY"].as_str().context("no key")?;
    ensure!(key.starts_with("-----BEGIN PUBLIC KEY-----\n"), "{key}");
    assert_eq!(of_two["AMBIENT_CP_TOKEN_PUBLIC_KEY"], json!(key), "two keys in one deployment");

    // Traded at either, read at either: by value.
    for (session, environment) in [(&first, &of_one), (&second, &of_two)] {
        let ids: Value = serde_json::from_str(environment["CREDENTIAL_IDS"].as_str().context("no ids")?)?;
        let path = format!("{V1}/credentials/{}/token", ids["linear"].as_str().context("no id for linear")?);
        for exchange in [&one, &two] {
            let bearer = exchange.trade(session, environment).await?.text_at("/token")?;
            for api in [&one, &two] {
                let client = api.client.with_bearer(&bearer);
                let answer = until(200, async || client.get(&path).await).await?;
                assert_eq!(answer.text_at("/token")?, "lin_of_the_team");
            }
        }
    }

    // A third that comes later has it as well.
    let mut late = Replica::start(&database)?;
    late.server.ready(&late.client).await?;
    let (_, of_late) = late.session(&service).await?;
    assert_eq!(of_late["AMBIENT_CP_TOKEN_PUBLIC_KEY"], json!(key));
    Ok(())
}
