//! GitHub's own client with what Claviger hands out.

use super::world;
use anyhow::Result;
use claviger_tests::api::{create, token};
use claviger_tests::node;
use serde_json::json;

#[tokio::test]
async fn octokit_works_as_the_person_with_every_kind_of_user_token() -> Result<()> {
    let world = world().await?;
    let api = format!("{}/api/v3", world.url);
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
        let token = token(&world.alice, &id).await?;
        let said = node::run("octokit.mjs", &json!({ "api": api, "token": token, "ask": "user" })).await?;
        assert_eq!(
            (&said["status"], &said["data"]["login"]),
            (&json!(200), &json!("alice")),
            "{}: {said}",
            body["kind"]
        );
    }
    let said = node::run("octokit.mjs", &json!({ "api": api, "token": "ghu_wrong", "ask": "user" })).await?;
    assert_eq!(said["status"], 401, "the client would say so if the token were wrong");
    Ok(())
}

#[tokio::test]
async fn octokit_reaches_what_the_installation_reaches() -> Result<()> {
    let world = world().await?;
    let api = format!("{}/api/v3", world.url);
    let id = create(&world.alice, &world.installed(&json!({ "owner": "alice" }))).await?;
    let token = token(&world.alice, &id).await?;
    let ours = node::run("octokit.mjs", &json!({ "api": api, "token": token, "ask": "repositories" })).await?;
    let app = &world.seed.github_app;
    let input = json!({ "api": api, "ask": "app", "app_id": app.app_id, "private_key": app.private_key.expose(), "account": "alice" });
    let theirs = node::run("octokit.mjs", &input).await?;
    assert_eq!(theirs["data"]["installation"], 1001, "{theirs}");
    for pointer in [
        "/status",
        "/data/total_count",
        "/data/repositories/0/full_name",
        "/data/repositories/1/full_name",
    ] {
        assert_eq!(ours.pointer(pointer), theirs.pointer(pointer), "{pointer}");
    }
    assert_eq!(ours["data"]["repositories"][1]["full_name"], "alice/gadgets");
    Ok(())
}
