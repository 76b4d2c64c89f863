//! The server with a drop-in: whose token comes back, and what comes when the drop-in is not what was approved.

use super::component::{Component, changed, digest, example};
use super::newsroom::{CLIENT_ID, CLIENT_SECRET, Newsroom};
use super::{loaded, lock, provider};
use anyhow::{Result, ensure};
use claviger_tests::api::{V1, create, read, token};
use claviger_tests::audit::of_event;
use claviger_tests::{Answer, Claviger};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

const API_KEY: &str = "pbk_0123456789abcdefABCDEF";

fn approve(claviger: &Claviger, component: &Component, more: &[&str]) -> Result<()> {
    let file = component.argument();
    provider(&claviger.data(), "add", &[&[file.as_str(), "--yes"], more].concat())?.done()?;
    Ok(())
}

/// A failure of the provider: never a token, never what is stored.
fn is_broken(answer: &Answer) -> Result<()> {
    ensure!(matches!(answer.status, 502 | 503), "{} {}", answer.status, answer.text);
    for secret in [CLIENT_SECRET, API_KEY, "pb-minted"] {
        ensure!(!answer.text.contains(secret), "{}", answer.text);
    }
    Ok(())
}

/// Waits until `look` finds something.
async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        ensure!(Instant::now() < deadline, "{what}: not within a minute");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_running_server_approves_serves_and_removes() -> Result<()> {
    let newsroom = Newsroom::start().await?;
    let claviger = newsroom.setup().start().await?;
    let alice = claviger.person("alice")?;
    let component = Component::example()?;

    // Before the approval the name is served by `static`, which knows nothing of client credentials.
    alice
        .post(&format!("{V1}/credentials"), &newsroom.client_credentials())
        .await?
        .expect(400)?;
    let refused = provider(&claviger.data(), "add", &[&component.argument()])?.refused()?;
    ensure!(refused.contains("--yes"), "{refused}");
    assert_eq!(loaded(&alice, "paperboy").await?, Value::Null);
    ensure!(
        !claviger.data().join("providers/providers.lock").exists(),
        "a refusal was written down"
    );

    approve(&claviger, &component, &[])?;
    assert_eq!(loaded(&alice, "paperboy").await?, json!({ "name": "paperboy", "loaded": true }));
    let records = of_event(&claviger.data(), "PROVIDER_APPROVED")?;
    ensure!(
        records.len() == 1 && records[0]["sha256"] == json!(component.digest()?),
        "{records:#?}"
    );

    let id = create(&alice, &newsroom.client_credentials()).await?;
    let answer = read(&alice, &id, "").await?.expect(200)?;
    assert_eq!(answer.text_at("/token")?, "pb-minted-1");
    assert_eq!(answer.text_at("/edition")?, "morning");
    ensure!(!answer.text.contains(CLIENT_SECRET), "{}", answer.text);
    assert_eq!(token(&alice, &id).await?, "pb-minted-1", "the second read is the cache's");
    let form = format!("grant_type=client_credentials&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}");
    assert_eq!(newsroom.asked(), [form]);

    // With the provider gone nobody knows what to do with this credential, and what is stored is no token.
    provider(&claviger.data(), "remove", &["paperboy"])?.done()?;
    assert_eq!(loaded(&alice, "paperboy").await?, Value::Null);
    let gone = read(&alice, &id, "").await?;
    is_broken(&gone)?;
    assert_eq!(gone.text_at("/reason_code")?, "provider-not-loaded");
    ensure!(gone.text_at("/reason")?.contains("no provider `paperboy`"), "{}", gone.text);
    let (request, log) = (gone.header("x-operation-id"), claviger.log());
    let line = log.lines().find(|line| line.contains(request)).unwrap_or_default();
    ensure!(line.contains("WARN") && line.contains(&id), "no line for {request} and {id}: {log}");
    assert_eq!(of_event(&claviger.data(), "PROVIDER_REMOVED")?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn what_was_approved_without_a_server_is_served_by_the_next_one() -> Result<()> {
    let newsroom = Newsroom::start().await?;
    let mut claviger = newsroom.setup().start().await?;
    // Killed, it leaves its socket behind, where nobody listens any more.
    claviger.kill();
    approve(&claviger, &Component::example()?, &[])?;
    let claviger = claviger.restart().await?;
    let alice = claviger.person("alice")?;
    let id = create(&alice, &newsroom.client_credentials()).await?;
    assert_eq!(token(&alice, &id).await?, "pb-minted-1");
    let key = create(&alice, &json!({ "name": "key", "provider": "paperboy", "token": API_KEY })).await?;
    assert_eq!(token(&alice, &key).await?, API_KEY);
    Ok(())
}

#[tokio::test]
async fn a_component_that_changed_on_the_disk_serves_nobody() -> Result<()> {
    let newsroom = Newsroom::start().await?;
    let mut claviger = newsroom.setup().start().await?;
    let component = Component::example()?;
    approve(&claviger, &component, &[])?;
    let alice = claviger.person("alice")?;
    let minted = create(&alice, &newsroom.client_credentials()).await?;
    let fixed = create(&alice, &json!({ "name": "key", "provider": "paperboy", "token": API_KEY })).await?;
    assert_eq!(token(&alice, &minted).await?, "pb-minted-1");
    assert_eq!(token(&alice, &fixed).await?, API_KEY);

    claviger.kill();
    let approved = component.digest()?;
    let path = claviger.data().join(format!("providers/{approved}.wasm"));
    let other = changed(|manifest| manifest["consumers"]["token"]["edition"]["literal"] = json!("evening"))?;
    std::fs::write(&path, &other)?;
    let claviger = claviger.restart().await?;
    let alice = claviger.person("alice")?;
    assert_eq!(loaded(&alice, "paperboy").await?["loaded"], json!(false));
    let told = format!("approved sha256 {approved}, found {}", digest(&other));
    ensure!(claviger.log().contains(&told), "the log does not say `{told}`: {}", claviger.log());
    for id in [&minted, &fixed] {
        is_broken(&read(&alice, id, "").await?)?;
    }
    assert_eq!(newsroom.asked().len(), 1);

    // Approving it again mends it, and the cached token of before is still good.
    approve(&claviger, &component, &[])?;
    assert_eq!(token(&alice, &fixed).await?, API_KEY);
    assert_eq!(std::fs::read(&path)?, example()?);
    Ok(())
}

#[tokio::test]
async fn an_unapproved_file_is_not_loaded() -> Result<()> {
    let newsroom = Newsroom::start().await?;
    let mut claviger = newsroom.setup().start().await?;
    claviger.kill();
    let folder = claviger.data().join("providers");
    std::fs::create_dir_all(&folder)?;
    for name in ["paperboy.wasm".to_owned(), format!("{}.wasm", digest(&example()?))] {
        std::fs::write(folder.join(name), example()?)?;
    }
    let claviger = claviger.restart().await?;
    let alice = claviger.person("alice")?;
    assert_eq!(loaded(&alice, "paperboy").await?, Value::Null);
    alice
        .post(&format!("{V1}/credentials"), &newsroom.client_credentials())
        .await?
        .expect(400)?;
    assert_eq!(provider(&claviger.data(), "list", &[])?.done()?.out, "");
    Ok(())
}

#[tokio::test]
async fn a_built_in_provider_is_replaced_only_when_that_is_said() -> Result<()> {
    let claviger = Claviger::start().await?;
    let alice = claviger.person("alice")?;
    let id = claviger.credential("alice-jira")?;
    let own = token(&alice, id).await?;
    let impostor = Component::changed(|manifest| manifest["provider"] = json!("jira"))?;

    let why = provider(&claviger.data(), "add", &[&impostor.argument(), "--yes"])?.refused()?;
    ensure!(why.contains("--replace-built-in"), "{why}");
    assert_eq!(token(&alice, id).await?, own);
    assert_eq!(
        of_event(&claviger.data(), "PROVIDER_APPROVED")?,
        [] as [Value; 0],
        "a refusal was recorded as an approval"
    );

    approve(&claviger, &impostor, &["--replace-built-in"])?;
    let listed = provider(&claviger.data(), "list", &[])?.done()?.out;
    ensure!(listed.contains("in place of the built-in one"), "{listed}");
    let answer = read(&alice, id, "").await?;
    is_broken(&answer)?;
    ensure!(!answer.text.contains(&own), "{}", answer.text);

    provider(&claviger.data(), "remove", &["jira"])?.done()?;
    assert_eq!(token(&alice, id).await?, own);
    Ok(())
}

#[tokio::test]
async fn approvals_at_the_same_time_are_all_kept() -> Result<()> {
    let claviger = Claviger::start().await?;
    let names = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta"];
    let mut adding = tokio::task::JoinSet::new();
    for name in names {
        let component = Component::changed(|manifest| manifest["provider"] = json!(name))?;
        let data = claviger.data();
        adding.spawn_blocking(move || provider(&data, "add", &[&component.argument(), "--yes"])?.done().map(drop));
    }
    while let Some(added) = adding.join_next().await {
        added??;
    }
    let mut kept: Vec<_> = lock(&claviger.data())?.iter().map(|entry| entry["name"].to_string()).collect();
    kept.sort();
    let mut wanted = names.map(|name| format!("\"{name}\""));
    wanted.sort();
    assert_eq!(kept, wanted);
    Ok(())
}

#[tokio::test]
async fn the_development_server_loads_a_plugin_again_whenever_it_changes() -> Result<()> {
    let newsroom = Newsroom::start().await?;
    let component = Component::example()?;
    let setup = newsroom.setup().argument("--plugin").argument(&component.argument());
    let claviger = setup.argument("--watch").start().await?;
    let alice = claviger.person("alice")?;
    let id = create(&alice, &newsroom.client_credentials()).await?;
    let answer = read(&alice, &id, "").await?.expect(200)?;
    assert_eq!(answer.text_at("/edition")?, "morning");

    component.replace(b"half a build")?;
    until("the log tells of the bad build", async || {
        Ok(claviger.log().contains("does not load; the old one stays").then_some(()))
    })
    .await?;
    assert_eq!(token(&alice, &id).await?, answer.text_at("/token")?);

    component.replace(&changed(|manifest| {
        manifest["consumers"]["token"]["edition"]["literal"] = json!("evening");
    })?)?;
    let evening = until("the changed component answers", async || {
        let answer = read(&alice, &id, "").await?.expect(200)?;
        Ok((answer.text_at("/edition")? == "evening").then_some(answer))
    })
    .await?;
    // Another digest is another cache key: what the old component made is not the new one's.
    assert_eq!(evening.text_at("/token")?, "pb-minted-2");
    assert_eq!(newsroom.asked().len(), 2);
    Ok(())
}
