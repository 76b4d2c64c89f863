//! Drop-ins of other languages in the real server: shown, compiled in a process of their own, approved, read.

use super::component::Component;
use super::provider;
use super::tidemark::{CLIENT_SECRET, KEY, REFRESH, Tidemark};
use anyhow::{Context, Result, ensure};
use claviger_tests::api::{create, generation, read};
use claviger_tests::process::target_dir;
use serde_json::Value;

async fn serves(name: &str) -> Result<()> {
    let path = target_dir()?.join("providers-test").join(format!("{name}.wasm"));
    let bytes = std::fs::read(&path).with_context(|| format!("no `{}`; `cargo xtask test` builds it", path.display()))?;
    let component = Component::of(&bytes)?;
    let tidemark = Tidemark::start().await?;
    let claviger = tidemark.setup().start().await?;
    let (data, file) = (claviger.data(), component.argument());
    // Compiling takes longer than a test's runtime should stand still: Tidemark lives in it.
    let said = tokio::task::spawn_blocking(move || provider(&data, "add", &[&file, "--yes"])?.done()).await??;
    for line in [
        "tidemark 0.1.0 (Tidemark)",
        "  stores for `station-key`: `station`, `key` (secret), `url`",
        "provider tidemark 0.1.0 is approved",
    ] {
        ensure!(said.out.lines().any(|shown| shown == line), "no line `{line}` in\n{}", said.out);
    }
    // Compiled by a child of the server, whose own memory stays small, and kept.
    let compiled = std::fs::read_dir(claviger.data().join("compiled"))?;
    let digest = component.digest()?;
    let is_kept = compiled
        .flatten()
        .any(|file| file.file_name().to_string_lossy().starts_with(&digest));
    ensure!(is_kept, "the compiled component is not kept");

    let alice = claviger.person("alice")?;
    let id = create(&alice, &tidemark.station()).await?;
    let answer = read(&alice, &id, "").await?.expect(200)?;
    assert_eq!(answer.text_at("/token")?, "tmt-station-0123456789");
    assert_eq!(answer.text_at("/url")?, tidemark.url);
    assert_eq!(answer.text_at("/expires_at")?, "2099-01-01T00:00:00.000000Z");

    let id = create(&alice, &tidemark.account()).await?;
    let first = read(&alice, &id, "").await?.expect(200)?;
    assert_eq!(first.text_at("/token")?, "tmt-access-1-0123456789");
    assert_eq!(first.text_at("/harbour")?, "Whitby");
    let identity = alice
        .get(&format!("/api/claviger/v1/credentials/{id}/identity"))
        .await?
        .expect(200)?;
    assert_eq!(identity.text_at("/login")?, "ada");
    // Only who stored the successor of the first refresh token gets a second token.
    let rejected = format!("?rejected={}", generation(&first)?);
    let second = read(&alice, &id, &rejected).await?.expect(200)?;
    assert_eq!(second.text_at("/token")?, "tmt-access-2-0123456789");

    let log = claviger.log();
    for text in [&first.text, &second.text, &answer.text, &log] {
        for secret in [KEY, REFRESH, CLIENT_SECRET, "tmr-1", "tmr-2"] {
            ensure!(!text.contains(secret), "`{secret}` is in {text}");
        }
    }
    ensure!(!log.contains("tmt-"), "a token is in the log: {log}");
    let ready = alice.get("/readyz").await?.json()?;
    let loaded = ready["providers"].as_array().into_iter().flatten();
    let of_ours: Vec<&Value> = loaded.filter(|provider| provider["name"] == "tidemark").collect();
    ensure!(of_ours.len() == 1 && of_ours[0]["loaded"] == true, "{ready}");
    Ok(())
}

#[tokio::test]
async fn a_provider_in_javascript_serves() -> Result<()> {
    serves("drop-in-javascript").await
}

#[tokio::test]
async fn a_provider_in_python_serves() -> Result<()> {
    serves("drop-in-python").await
}
