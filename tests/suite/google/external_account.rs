//! Identities of another issuer: the subject token is the operator's to configure, for this very credential, and read anew each time.

use super::{CLOUD, EMAIL, LOG, MAIL, MISCONFIGURED, World, checked, fingerprint, of, world};
use anyhow::{Context, Result, ensure};
use claviger_tests::Setup;
use serde_json::{Value, json};
use std::path::Path;

fn document(world: &World, file: &str) -> Value {
    json!({
        "type": "external_account",
        "audience": world.client.audience,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": { "file": file, "url": "http://169.254.169.254/token", "executable": { "command": format!("cat {file}") } },
    })
}

async fn subject(world: &World, lives_s: i64) -> Result<String> {
    let grant = world.grant(&json!({ "lives_s": lives_s })).await?;
    Ok(grant["subject_token"].as_str().context("no subject token")?.to_owned())
}

/// The same server, with a file for that credential.
async fn configured(world: World, credential: &str, file: &Path) -> Result<World> {
    let source = format!(
        "{LOG}[[source]]\ncredential = \"{credential}\"\nfield = \"subject-token\"\nfile = \"{}\"",
        file.display()
    );
    let folder = world.claviger.folder();
    drop(world);
    of(Setup::default().config(&source).start_in(folder).await?)
}

#[tokio::test]
async fn the_operators_file_is_read_anew_for_this_credential_alone() -> Result<()> {
    let world = world().await?;
    let folder = tempfile::tempdir()?;
    let (file, bait) = (folder.path().join("token"), folder.path().join("bait"));
    let baited = subject(&world, 600).await?;
    std::fs::write(&bait, &baited)?;
    let pasted = document(&world, &bait.display().to_string());
    let id = world
        .paste("external-account", &pasted, json!({ "scopes": format!("{CLOUD} {MAIL} {EMAIL}") }))
        .await?;
    let other = world.paste("external-account", &pasted, json!({})).await?;
    for id in [&id, &other] {
        world.refused(world.read(id, "").await?, MISCONFIGURED, "[[source]]", &[baited.as_str()])?;
    }

    let first = subject(&world, 600).await?;
    std::fs::write(&file, format!("{first}\n"))?;
    let world = configured(world, &id, &file).await?;
    let answer = world.read(&id, "").await?;
    ensure!(!answer.text.contains(&first), "{}", answer.text);
    let (token, _) = checked(answer)?;
    assert_eq!(world.info(&token).await?["scope"], format!("{CLOUD} {MAIL} {EMAIL}"));
    // Renewed: the next exchange takes the new one.
    let second = subject(&world, 700).await?;
    std::fs::write(&file, &second)?;
    let (narrow, _) = checked(world.read(&id, &format!("?scope={MAIL}")).await?)?;
    assert_eq!(world.info(&narrow).await?["scope"], MAIL);
    let shown: Vec<Value> = world
        .requests("exchange")
        .await?
        .iter()
        .map(|entry| entry["credential"]["fingerprint"].clone())
        .collect();
    assert_eq!(shown, [fingerprint(&first), fingerprint(&second)], "never the document's own");
    let whose = world.requests("exchange").await?;
    assert_eq!(
        whose.last().context("nothing was asked")?.pointer("/credential/account"),
        Some(&json!("alice"))
    );

    world.refused(
        world.read(&other, "").await?,
        MISCONFIGURED,
        "[[source]]",
        &[second.as_str(), first.as_str()],
    )?;
    assert_eq!(world.requests("exchange").await?.len(), 2, "nothing was sent for the other");
    for secret in [&first, &second, &baited] {
        ensure!(
            !world.claviger.log().contains(secret.as_str()),
            "a subject token is in the server's log"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_file_that_gives_nothing_is_named_and_not_quoted() -> Result<()> {
    let world = world().await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("token");
    let scopes = format!("{CLOUD} {MAIL} {EMAIL} openid profile");
    let id = world
        .paste("external-account", &document(&world, "/etc/passwd"), json!({ "scopes": scopes }))
        .await?;
    let world = configured(world, &id, &file).await?;
    // Each with a scope of its own: what failed for one is remembered for that one.
    world.refused(
        world.read(&id, &format!("?scope={CLOUD}")).await?,
        MISCONFIGURED,
        "cannot be read",
        &["root:"],
    )?;
    std::fs::write(&file, "")?;
    world.refused(world.read(&id, &format!("?scope={MAIL}")).await?, MISCONFIGURED, "is empty", &[])?;
    std::fs::write(&file, "hunter2 hunter2")?;
    world.refused(
        world.read(&id, &format!("?scope={EMAIL}")).await?,
        MISCONFIGURED,
        "not one line",
        &["hunter2"],
    )?;
    let stale = subject(&world, 0).await?;
    std::fs::write(&file, &stale)?;
    world.refused(
        world.read(&id, "?scope=openid").await?,
        MISCONFIGURED,
        "has to renew it",
        &[stale.as_str()],
    )?;
    std::fs::write(&file, subject(&world, 600).await?)?;
    checked(world.read(&id, "?scope=profile").await?)?;
    Ok(())
}

#[tokio::test]
async fn a_subject_token_that_a_client_sends_is_refused() -> Result<()> {
    let world = world().await?;
    let subject = subject(&world, 600).await?;
    let body = |more: Value| {
        let mut body = json!({ "name": "x", "provider": "google", "kind": "external-account", "url": world.google });
        for (key, value) in more.as_object().into_iter().flatten() {
            body[key] = value.clone();
        }
        body
    };
    for more in [
        json!({ "fields": { "audience": world.client.audience, "subject-token": subject } }),
        json!({ "fields": { "audience": world.client.audience }, "token": subject }),
        json!({ "token": subject }),
    ] {
        let answer = world.alice.post("/api/ambient/v1/credentials", &body(more)).await?;
        let answer = answer.expect(400)?;
        ensure!(!answer.text.contains(&subject), "{}", answer.text);
    }
    Ok(())
}

#[tokio::test]
async fn an_identity_impersonates_the_account_of_its_document() -> Result<()> {
    let world = world().await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("token");
    std::fs::write(&file, subject(&world, 600).await?)?;
    let mut pasted = document(&world, "/etc/passwd");
    let target = world.person.google_deployer.clone();
    pasted["service_account_impersonation_url"] =
        format!("https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{target}:generateAccessToken").into();
    let id = world.paste("external-account", &pasted, json!({ "scopes": MAIL })).await?;
    let world = configured(world, &id, &file).await?;
    let (token, body) = checked(world.read(&id, "").await?)?;
    let info = world.info(&token).await?;
    assert_eq!((&info["email"], &info["scope"]), (&json!(target), &json!(MAIL)));
    assert_eq!(body["email"], target.as_str());

    let of = |what: &str| format!("/api/claviger/v1/credentials/{id}/{what}");
    let identity = world.alice.get(&of("identity")).await?.expect(200)?;
    assert_eq!(identity.text_at("/email")?, target);
    let ended = world.alice.post(&of("revoke"), &json!({})).await?.expect(409)?;
    ensure!(
        ended.text.contains("disable the workload identity provider") && !ended.text.contains(&token),
        "{}",
        ended.text
    );
    assert_eq!(checked(world.read(&id, "").await?)?.0, token, "it goes on as before");
    Ok(())
}
