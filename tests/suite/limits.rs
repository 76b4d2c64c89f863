//! An upstream that says when to come again is left alone until then, by every reader and for every narrowing.

use anyhow::{Context, Result, ensure};
use claviger_tests::api::{V1, read};
use claviger_tests::{Answer, Claviger, Client, Emulator};
use serde_json::json;

struct World {
    claviger: Claviger,
    emulator: Emulator,
    alice: Client,
    app: String,
}

async fn world() -> Result<World> {
    let claviger = Claviger::start().await?;
    let (emulator, alice) = (claviger.emulator()?, claviger.person("alice")?);
    let app = claviger.credential("team-github-app")?.to_owned();
    Ok(World {
        claviger,
        emulator,
        alice,
        app,
    })
}

impl World {
    /// How often a token was asked for.
    async fn asked(&self) -> Result<usize> {
        let log = self.emulator.requests().await?;
        Ok(log.iter().filter(|entry| entry["operation"] == "installation-token").count())
    }

    async fn limit(&self, limit: serde_json::Value) -> Result<()> {
        let order = json!({ "provider": "github", "operation": "installation-token", "rate_limit": limit });
        self.emulator.fault(&order).await.map(drop)
    }

    async fn read(&self, query: &str) -> Result<Answer> {
        read(&self.alice, &self.app, query).await
    }
}

fn seconds(answer: &Answer) -> Result<u64> {
    let header = answer.header("retry-after");
    header.parse().with_context(|| format!("`{header}` in {}", answer.text))
}

#[tokio::test]
async fn a_limited_credential_is_left_alone_in_every_narrowing_until_it_changes() -> Result<()> {
    let world = world().await?;
    world.limit(json!({ "retry_after_s": 1800 })).await?;
    let first = world.read("").await?.expect(503)?;
    assert_eq!(seconds(&first)?, 1800, "the upstream's own time");
    ensure!(first.text_at("/reason_code")? == "transient", "{}", first.text);
    assert_eq!(world.asked().await?, 1);

    // The order struck once: whoever asked now would get a token.
    for query in ["", "?repository=widgets", "?permission=contents:read", "?min_ttl=600"] {
        for _ in 0..3 {
            let left = seconds(&world.read(query).await?.expect(503)?)?;
            ensure!((1700..=1800).contains(&left), "{left} s are left");
        }
    }
    assert_eq!(world.asked().await?, 1, "the upstream was asked although it had said when");

    let path = format!("{V1}/credentials/{}", world.app);
    world
        .alice
        .patch(&path, &json!({ "description": "looked at" }))
        .await?
        .expect(200)?;
    world.read("").await?.expect(200)?;
    assert_eq!(world.asked().await?, 2);
    Ok(())
}

#[tokio::test]
async fn what_is_cached_is_answered_while_nobody_may_be_asked() -> Result<()> {
    let world = world().await?;
    let before = world.read("").await?.expect(200)?;
    world.limit(json!({ "retry_after_s": 600 })).await?;
    world.read("?repository=widgets").await?.expect(503)?;
    assert_eq!(world.asked().await?, 2);

    let again = world.read("").await?.expect(200)?;
    assert_eq!(again.text_at("/token")?, before.text_at("/token")?);
    // A token that its reader found rejected is no answer, and another one may not be had now.
    let rejected = format!("?rejected={}", claviger_tests::api::generation(&before)?);
    let left = seconds(&world.read(&rejected).await?.expect(503)?)?;
    ensure!((500..=600).contains(&left), "{left} s are left");
    assert_eq!(world.asked().await?, 2);
    Ok(())
}

#[tokio::test]
async fn a_spent_quota_without_retry_after_is_waited_for_until_its_reset() -> Result<()> {
    let world = world().await?;
    world.limit(json!({})).await?;
    let left = seconds(&world.read("").await?.expect(503)?)?;
    ensure!(
        (50..=61).contains(&left),
        "GitHub said that the quota is reset in a minute; {left} s"
    );
    world.read("?repository=gadgets").await?.expect(503)?;
    assert_eq!(world.asked().await?, 1);
    // Another credential of the same provider has its own quota.
    let other = world.claviger.credential("alice-github")?.to_owned();
    read(&world.alice, &other, "").await?.expect(200)?;
    Ok(())
}
