//! Each kind: what is stored, what is handed out, whose it is.

use super::{World, world};
use anyhow::{Result, ensure};
use claviger_tests::api::{create, generation, read, token};
use serde_json::{Value, json};

#[tokio::test]
async fn static_kinds_hand_out_what_was_stored() -> Result<()> {
    let world = world().await?;
    let pat = world.seed.people[0].github_pat.expose();
    let (oauth, access) = world.oauth_user(false).await?;
    for (body, stored) in [
        (
            world.credential("personal-access-token", &json!({ "token": format!(" {pat}\n") })),
            pat,
        ),
        (oauth, &access),
    ] {
        let id = create(&world.alice, &body).await?;
        assert_eq!(token(&world.alice, &id).await?, stored, "{}", body["kind"]);
        assert_eq!(world.user(stored).await?.expect(200)?.text_at("/login")?, "alice");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_written_is_checked_field_by_field() -> Result<()> {
    let world = world().await?;
    for (kind, fields, says) in [
        ("personal-access-token", json!({ "token": "ghp_a b" }), "fields.token"),
        ("personal-access-token", json!({ "token": "ghp_x", "tokem": "y" }), "fields.tokem"),
        ("oauth-user-token", json!({ "client-id": "Ov23" }), "fields.token"),
        ("oauth-app-user", json!({ "refresh-token": " " }), "fields.refresh-token"),
        ("github-app-user", json!({ "client-id": "Iv23" }), "fields.refresh-token"),
        ("app-installation", json!({ "app-id": "1" }), "fields.private-key"),
        (
            "app-installation",
            json!({ "app-id": "1", "private-key": "no key" }),
            "fields.private-key",
        ),
        ("oauth", json!({}), "app-installation"),
    ] {
        let answer = world
            .alice
            .post("/api/ambient/v1/credentials", &world.credential(kind, &fields))
            .await?
            .expect(400)?;
        ensure!(
            answer.text.contains(says) && !answer.text.contains("ghp_"),
            "{kind} {fields}: {}",
            answer.text
        );
    }
    Ok(())
}

/// GitHub gives such a document when an App is made of a manifest (`POST /app-manifests/{code}/conversions`).
#[tokio::test]
async fn the_document_of_an_app_is_split_and_not_kept() -> Result<()> {
    let world = world().await?;
    let app = &world.seed.github_app;
    let document = json!({ "id": 104_200, "slug": "x", "client_id": app.client_id, "client_secret": "never-stored-1234",
        "webhook_secret": "never-stored-5678", "pem": app.private_key.expose() });
    let mut body = world.credential("app-installation", &json!({ "owner": "alice" }));
    body["token"] = json!(document.to_string());
    let id = create(&world.alice, &body).await?;
    ensure!(
        token(&world.alice, &id).await?.starts_with("ghs_"),
        "no token from a pasted document"
    );
    Ok(())
}

async fn refreshed(world: &World, body: &Value, prefix: &str, secrets: &[&str]) -> Result<()> {
    let id = create(&world.alice, body).await?;
    let first = read(&world.alice, &id, "").await?.expect(200)?;
    let before = first.text_at("/token")?;
    ensure!(before.starts_with(prefix), "{before}");
    first.text_at("/expires_at")?;
    assert_eq!(world.user(&before).await?.expect(200)?.text_at("/login")?, "alice");
    assert_eq!(token(&world.alice, &id).await?, before, "a token that is good is handed out again");

    let renewed = read(&world.alice, &id, &format!("?rejected={}", generation(&first)?))
        .await?
        .expect(200)?;
    let after = renewed.text_at("/token")?;
    ensure!(
        after != before && generation(&renewed)? > generation(&first)?,
        "a rejected token came again"
    );
    world.user(&before).await?.expect(401)?;
    assert_eq!(world.user(&after).await?.expect(200)?.text_at("/login")?, "alice");
    for answer in [&first, &renewed] {
        ensure!(
            !answer.text.contains("ghr_") && !secrets.iter().any(|secret| answer.text.contains(secret)),
            "a secret left: {}",
            answer.text
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_github_apps_user_is_refreshed_with_the_operators_client() -> Result<()> {
    let world = world().await?;
    let (body, old, refresh) = world.app_user().await?;
    refreshed(
        &world,
        &body,
        "ghu_alice",
        &[&refresh, world.seed.github_app.client_secret.expose()],
    )
    .await?;
    world.user(&old).await?.expect(401)?;
    Ok(())
}

#[tokio::test]
async fn an_oauth_apps_user_is_refreshed_with_the_credentials_own_client() -> Result<()> {
    let world = world().await?;
    let (body, refresh) = world.oauth_user(true).await?;
    refreshed(
        &world,
        &body,
        "gho_alice",
        &[&refresh, world.seed.github_oauth_app.client_secret.expose()],
    )
    .await
}

#[tokio::test]
async fn an_installation_is_named_by_number_account_or_repository() -> Result<()> {
    let world = world().await?;
    for named in [
        json!({ "installation-id": "1001" }),
        json!({ "owner": "alice" }),
        json!({ "owner": "alice/widgets" }),
    ] {
        let id = create(&world.alice, &world.installed(&named)).await?;
        let minted = token(&world.alice, &id).await?;
        let github = claviger_tests::Client::new(&world.url)?.with_bearer(&minted);
        let reached = github.get("/api/v3/installation/repositories").await?.expect(200)?;
        assert_eq!(reached.text_at("/repositories/0/full_name")?, "alice/widgets", "{named}");
    }
    let operations = world.operations().await?;
    let lookups = ["organisation-installation", "user-installation", "repository-installation"];
    for lookup in lookups {
        assert_eq!(
            operations.iter().filter(|operation| *operation == lookup).count(),
            1,
            "{lookup}: {operations:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_narrowed_installation_reaches_what_was_asked_for_and_others_say_that_they_cannot() -> Result<()> {
    let world = world().await?;
    let id = create(&world.alice, &world.installation()).await?;
    let narrow = read(&world.alice, &id, "?repository=gadgets&permission=contents:read")
        .await?
        .expect(200)?;
    let github = claviger_tests::Client::new(&world.url)?.with_bearer(&narrow.text_at("/token")?);
    let reached = github.get("/api/v3/installation/repositories").await?.expect(200)?.json()?;
    assert_eq!(
        (&reached["total_count"], &reached["repositories"][0]["name"]),
        (&json!(1), &json!("gadgets"))
    );
    let last = world.emulator.requests().await?;
    let asked = last
        .iter()
        .rfind(|entry| entry["operation"] == "installation-token")
        .map(|entry| entry["asked"].clone());
    assert_eq!(
        asked,
        Some(json!({ "repositories": ["gadgets"], "permissions": { "contents": "read" } }))
    );

    let pat = world.credential(
        "personal-access-token",
        &json!({ "token": world.seed.people[0].github_pat.expose() }),
    );
    for body in [
        pat,
        world.oauth_user(false).await?.0,
        world.oauth_user(true).await?.0,
        world.app_user().await?.0,
    ] {
        let id = create(&world.alice, &body).await?;
        let answer = read(&world.alice, &id, "?repository=gadgets").await?.expect(400)?;
        ensure!(answer.json()?.get("token").is_none(), "{}", answer.text);
    }
    Ok(())
}
