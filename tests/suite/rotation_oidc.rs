//! A refresh that rotates, against a certified provider that ends the whole family when a refresh token is used twice.
//!
//! So a single mistake (a second refresh, a rotated token that is lost) does not hide: the account is gone, and the test sees it.

use anyhow::{Result, ensure};
use claviger_tests::api::{create, generation, read, token};
use claviger_tests::{Claviger, Client, Oidc, Setup};
use serde_json::json;

/// Longer than the server's margins, so that a token stays fresh until a test says otherwise.
const TOKEN_SECONDS: u32 = 1800;

struct World {
    oidc: Oidc,
    claviger: Claviger,
    alice: Client,
    credential: String,
    first: String,
}

fn setup(oidc: &Oidc, secret: &str) -> Setup {
    let (url, id) = (&oidc.ready.url, &oidc.ready.client_id);
    let instance = format!(
        "[[instance]]\nprovider = \"gitlab\"\nurl = \"{url}\"\nnetworks = [\"127.0.0.0/8\"]\nclient_id = \"{id}\"\nclient_secret_env = \"OIDC_SECRET\"\n"
    );
    Setup::default().config(&instance).environment("OIDC_SECRET", secret)
}

async fn connected(client: &Client, oidc: &Oidc, refresh_token: &str) -> Result<String> {
    let body = json!({ "name": "lab", "provider": "gitlab", "kind": "oauth", "url": oidc.ready.url, "token": refresh_token });
    create(client, &body).await
}

async fn world() -> Result<World> {
    let oidc = Oidc::start(TOKEN_SECONDS).await?;
    let claviger = setup(&oidc, &oidc.ready.client_secret).start().await?;
    let alice = claviger.person("alice")?;
    let first = oidc.seed("alice").await?;
    let credential = connected(&alice, &oidc, &first).await?;
    Ok(World {
        oidc,
        claviger,
        alice,
        credential,
        first,
    })
}

impl World {
    /// How often a refresh was asked for, and that each was granted.
    async fn refreshes(&self) -> Result<usize> {
        let requests = self.oidc.requests().await?;
        // Another test's server may still look for its issuer at a port that has become this one's.
        let refreshes: Vec<_> = requests.iter().filter(|request| request["path"] == "/oauth/token").collect();
        ensure!(refreshes.iter().all(|request| request["status"] == 200), "{requests:#?}");
        Ok(refreshes.len())
    }
}

#[tokio::test]
async fn a_token_is_the_accounts_own_and_a_refresh_brings_another() -> Result<()> {
    let world = world().await?;
    let answer = read(&world.alice, &world.credential, "").await?.expect(200)?;
    let before = answer.text_at("/token")?;
    assert_eq!(world.oidc.account_of(&before).await?.as_deref(), Some("alice"));
    ensure!(
        world.oidc.is_consumed(&world.first).await?,
        "the stored refresh token was not the one that was used"
    );
    ensure!(before != world.first, "the refresh token itself was handed out");

    let again = format!("?rejected={}", generation(&answer)?);
    let renewed = read(&world.alice, &world.credential, &again).await?.expect(200)?;
    let after = renewed.text_at("/token")?;
    ensure!(after != before, "a rejected token was handed out again");
    assert_eq!(world.oidc.account_of(&after).await?.as_deref(), Some("alice"));
    ensure!(
        generation(&renewed)? > generation(&answer)?,
        "a rotation that no reader could see: {}",
        renewed.text
    );
    assert_eq!(world.refreshes().await?, 2);
    Ok(())
}

#[tokio::test]
async fn a_crowd_makes_one_refresh() -> Result<()> {
    let world = world().await?;
    let readers = if claviger_tests::full() { 400 } else { 40 };
    let mut crowd = tokio::task::JoinSet::new();
    for _ in 0..readers {
        let (alice, credential) = (world.alice.clone(), world.credential.clone());
        crowd.spawn(async move { token(&alice, &credential).await });
    }
    let mut tokens = std::collections::BTreeSet::new();
    while let Some(read) = crowd.join_next().await {
        tokens.insert(read??);
    }
    assert_eq!(tokens.len(), 1, "readers of one credential got different tokens");
    assert_eq!(world.refreshes().await?, 1);
    for token in &tokens {
        assert_eq!(world.oidc.account_of(token).await?.as_deref(), Some("alice"));
    }
    Ok(())
}

#[tokio::test]
async fn the_rotated_secret_survives_kill_9_and_the_loss_of_the_cache() -> Result<()> {
    let mut world = world().await?;
    let answer = read(&world.alice, &world.credential, "").await?.expect(200)?;
    let before = answer.text_at("/token")?;
    world.claviger.kill();
    std::fs::remove_dir_all(world.claviger.data().join("cache"))?;
    world.claviger = world.claviger.restart().await?;
    world.alice = world.claviger.person("alice")?;

    // A refresh would have ended this token, which somebody may be working with: it is a record, not only a cache entry.
    assert_eq!(token(&world.alice, &world.credential).await?, before);
    assert_eq!(world.refreshes().await?, 1);

    let renewed = read(&world.alice, &world.credential, &format!("?rejected={}", generation(&answer)?))
        .await?
        .expect(200)?;
    assert_eq!(world.oidc.account_of(&renewed.text_at("/token")?).await?.as_deref(), Some("alice"));
    assert_eq!(world.refreshes().await?, 2);
    Ok(())
}

#[tokio::test]
async fn a_wrong_client_secret_spends_nothing() -> Result<()> {
    let oidc = Oidc::start(TOKEN_SECONDS).await?;
    let claviger = setup(&oidc, "not-the-secret").start().await?;
    let alice = claviger.person("alice")?;
    let first = oidc.seed("alice").await?;
    let credential = connected(&alice, &oidc, &first).await?;
    let answer = read(&alice, &credential, "").await?.expect(502)?;
    ensure!(
        !answer.text.contains("not-the-secret") && !answer.text.contains(&first),
        "{}",
        answer.text
    );
    ensure!(
        !oidc.is_consumed(&first).await?,
        "the refresh token is gone for a mistake of the operator"
    );
    Ok(())
}

#[tokio::test]
async fn a_dead_grant_needs_reconnecting_and_is_not_tried_again() -> Result<()> {
    let world = world().await?;
    let dead = connected(&world.alice, &world.oidc, "never-issued").await?;
    read(&world.alice, &dead, "").await?.expect(502)?;
    let asked = world.oidc.requests().await?.len();
    let again = read(&world.alice, &dead, "").await?.expect(502)?;
    assert_eq!(world.oidc.requests().await?.len(), asked, "a dead grant was tried again");
    ensure!(!again.text.contains("never-issued"), "{}", again.text);

    // Connecting again is a patch, and then it works.
    let fresh = world.oidc.seed("alice").await?;
    world
        .alice
        .patch(
            &format!("{}/credentials/{dead}", claviger_tests::api::V1),
            &json!({ "token": fresh }),
        )
        .await?
        .expect(200)?;
    assert_eq!(
        world.oidc.account_of(&token(&world.alice, &dead).await?).await?.as_deref(),
        Some("alice")
    );
    Ok(())
}
