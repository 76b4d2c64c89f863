use super::{ids, member, refused, text, world};
use anyhow::{Result, ensure};
use claviger_tests::api::{V1, role};
use serde_json::json;

/// 4, 5, 6, 7.
#[tokio::test]
async fn a_project_is_its_makers_at_once() -> Result<()> {
    let world = world().await?;
    let made = world.project(&world.alice, "alpha").await?;
    assert_eq!(
        (text(&made, "id"), text(&made, "name"), text(&made, "kind")),
        ("alpha", "alpha", "Project")
    );
    assert_eq!(text(&made, "href"), "/api/ambient/v1/projects/alpha");
    let owner = role(&world.alice, "project:owner").await?;
    let search = format!("role_bindings?search=user_id='alice' and project_id='alpha' and role_id='{owner}'");
    assert_eq!(ids(&world.alice, &search).await?.len(), 1);
    let read = world.alice.get(&format!("{V1}/projects/alpha")).await?.expect(200)?.json()?;
    assert_eq!(read, made);
    // Somebody without any binding: empty lists, never 403.
    for list in ["projects", "sessions"] {
        assert_eq!(ids(&world.carol, list).await?, Vec::<String>::new());
    }
    world.project(&world.carol, "gamma").await?;
    Ok(())
}

/// 9, 10, 11, 12.
#[tokio::test]
async fn projects_are_apart() -> Result<()> {
    let world = world().await?;
    world.project(&world.alice, "alpha").await?;
    world.project(&world.bob, "beta").await?;
    let (alices, bobs) = (ids(&world.alice, "projects").await?, ids(&world.bob, "projects").await?);
    ensure!(
        alices.contains(&"alpha".to_owned()) && !alices.contains(&"beta".to_owned()),
        "{alices:?}"
    );
    ensure!(bobs.contains(&"beta".to_owned()) && !bobs.contains(&"alpha".to_owned()), "{bobs:?}");
    for (client, path) in [
        (&world.alice, "projects/beta"),
        (&world.bob, "projects/alpha"),
        (&world.carol, "projects/alpha"),
        (&world.carol, "projects/never-made"),
    ] {
        let path = format!("{V1}/{path}");
        client.get(&path).await?.expect(404)?;
        client.get(&format!("{path}/agents")).await?.expect(404)?;
        client.get(&format!("{path}/credentials")).await?.expect(404)?;
        refused(client.patch(&path, &json!({ "description": "mine" })).await?, 403, "Forbidden")?;
        refused(client.delete(&path).await?, 403, "Forbidden")?;
        refused(
            client
                .post(&format!("{path}/agents"), &json!({ "project_id": "x", "name": "x" }))
                .await?,
            403,
            "Forbidden",
        )?;
    }
    world.alice.get(&format!("{V1}/sessions?project_id=beta")).await?.expect(404)?;
    refused(
        world.alice.get(&format!("{V1}/sessions?project_id=a%20b")).await?,
        400,
        "invalid project_id format",
    )
}

/// 44: sharing.
#[tokio::test]
async fn an_editor_sees_and_works_in_both_projects() -> Result<()> {
    let world = world().await?;
    world.project(&world.alice, "alpha").await?;
    world.project(&world.bob, "beta").await?;
    member(&world.alice, "alpha", "project:editor", "bob").await?.expect(201)?;
    let bobs = ids(&world.bob, "projects").await?;
    ensure!(bobs.contains(&"alpha".to_owned()) && bobs.contains(&"beta".to_owned()), "{bobs:?}");
    world.bob.get(&format!("{V1}/projects/alpha")).await?.expect(200)?;
    super::agent(&world.bob, "alpha").await?;
    refused(
        world
            .bob
            .patch(&format!("{V1}/projects/alpha"), &json!({ "description": "x" }))
            .await?,
        403,
        "Forbidden",
    )
}

#[tokio::test]
async fn names_patches_policies_and_conflicts() -> Result<()> {
    let world = world().await?;
    let projects = format!("{V1}/projects");
    for name in ["a", "A-b", "1ab", "ab-", "a_b", "", "a.b", &"a".repeat(64)] {
        world.alice.post(&projects, &json!({ "name": name })).await?.expect(400)?;
    }
    for body in [
        json!({}),
        json!({ "name": "ok-name", "display_name": "x" }),
        json!({ "name": "ok-name", "id": "x" }),
    ] {
        world.alice.post(&projects, &body).await?.expect(400)?;
    }
    world.project(&world.alice, "alpha").await?;
    refused(
        world.bob.post(&projects, &json!({ "name": "alpha" })).await?,
        409,
        "This Project already exists",
    )?;
    let alpha = format!("{projects}/alpha");
    let change = json!({ "description": "d", "labels": "{\"a\":1}", "prompt": "p", "unknown": 1 });
    let changed = world.alice.patch(&alpha, &change).await?.expect(200)?.json()?;
    assert_eq!(
        (text(&changed, "description"), text(&changed, "labels"), text(&changed, "prompt")),
        ("d", "{\"a\":1}", "p")
    );
    // Hole 9.5: a patch cannot clear.
    let cleared = world
        .alice
        .patch(&alpha, &json!({ "description": null, "prompt": null }))
        .await?
        .expect(200)?
        .json()?;
    ensure!(cleared.get("description").is_none() && cleared.get("prompt").is_none(), "{cleared}");
    assert_eq!(text(&cleared, "labels"), "{\"a\":1}");
    world.alice.patch(&alpha, &json!({ "name": "beta" })).await?.expect(400)?;
    let policy = world
        .alice
        .patch(&alpha, &json!({ "credential_policy": "sender-only" }))
        .await?
        .expect(200)?
        .json()?;
    assert_eq!(text(&policy, "credential_policy"), "sender-only");
    let owner = world
        .alice
        .patch(&alpha, &json!({ "credential_policy": "owner" }))
        .await?
        .expect(400)?;
    ensure!(owner.text.contains("allow_owner_policy"), "{}", owner.text);
    Ok(())
}

#[tokio::test]
async fn a_deleted_project_is_gone_and_its_name_brings_nothing_back() -> Result<()> {
    let world = world().await?;
    world.project(&world.alice, "alpha").await?;
    member(&world.alice, "alpha", "project:editor", "bob").await?.expect(201)?;
    super::agent(&world.alice, "alpha").await?;
    let path = format!("{V1}/projects/alpha");
    refused(world.bob.delete(&path).await?, 403, "Forbidden")?;
    world.alice.delete(&path).await?.expect(204)?;
    world.alice.get(&path).await?.expect(404)?;
    world.project(&world.carol, "alpha").await?;
    world.alice.get(&path).await?.expect(404)?;
    world.bob.get(&path).await?.expect(404)?;
    assert_eq!(ids(&world.carol, "projects/alpha/agents").await?, Vec::<String>::new());
    Ok(())
}
