use super::{ids, member, refused, text, world};
use anyhow::{Result, ensure};
use claviger_tests::api::{V1, bind, create};
use serde_json::json;

/// 16 to 20, 22, 26, 28.
#[tokio::test]
async fn a_credential_of_a_project() -> Result<()> {
    let world = world().await?;
    world.project(&world.alice, "alpha").await?;
    let nested = format!("{V1}/projects/alpha/credentials");
    let body = json!({ "name": "in-alpha", "provider": "test-provider", "token": "tp_secret_of_alpha", "labels": "test-labels" });
    let made = world.alice.post(&nested, &body).await?.expect(201)?;
    ensure!(!made.text.contains("tp_secret"), "{}", made.text);
    let made = made.json()?;
    let id = text(&made, "id");
    assert_eq!(text(&made, "href"), format!("/api/ambient/v1/credentials/{id}"));
    assert_eq!(ids(&world.alice, "projects/alpha/credentials").await?, [id]);
    // It is hers, and the project's, from one transaction.
    let search = |more: &str| format!("role_bindings?search=credential_id='{id}' and {more}");
    assert_eq!(ids(&world.alice, &search("user_id='alice'")).await?.len(), 1);
    assert_eq!(ids(&world.alice, &search("project_id='alpha' and user_id is null")).await?.len(), 1);
    let path = format!("{nested}/{id}");
    assert_eq!(world.alice.get(&path).await?.expect(200)?.json()?, made);
    let token = world.alice.get(&format!("{path}/token")).await?.expect(200)?;
    assert_eq!(token.text_at("/token")?, "tp_secret_of_alpha");
    let changed = world
        .alice
        .patch(&path, &json!({ "description": "d" }))
        .await?
        .expect(200)?
        .json()?;
    assert_eq!((text(&changed, "id"), text(&changed, "description")), (id, "d"));
    assert_eq!(changed["created_at"], made["created_at"]);
    world.claviger.anybody()?.delete(&path).await?.expect(401)?;

    // A second one of the same provider has no place there, and nothing of it is kept.
    let before = ids(&world.alice, "credentials").await?;
    world.alice.post(&nested, &body).await?.expect(409)?;
    assert_eq!(ids(&world.alice, "credentials").await?, before);
    world.alice.delete(&path).await?.expect(204)?;
    world.alice.get(&path).await?.expect(404)?;
    world.alice.get(&format!("{V1}/credentials/{id}")).await?.expect(404)?;
    Ok(())
}

#[tokio::test]
async fn hole_9_2_4_another_projects_path_reaches_nothing() -> Result<()> {
    let world = world().await?;
    world.project(&world.alice, "alpha").await?;
    world.project(&world.alice, "empty").await?;
    let id = create(&world.alice, &json!({ "name": "x", "provider": "linear", "token": "lin_x" })).await?;
    bind(&world.alice, &id, "credential:viewer", "alpha", "alice").await?.expect(201)?;
    let admin = world.admin().await?;
    for client in [&world.alice, admin, &world.service] {
        for project in ["empty", "never-made"] {
            let path = format!("{V1}/projects/{project}/credentials/{id}");
            client.get(&path).await?.expect(404)?;
            client.get(&format!("{path}/token")).await?.expect(404)?;
            let patched = client.patch(&path, &json!({ "description": "taken" })).await?.status;
            let deleted = client.delete(&path).await?.status;
            ensure!(
                [403, 404].contains(&patched) && [403, 404].contains(&deleted),
                "{patched} {deleted}"
            );
        }
    }
    assert_eq!(ids(&world.alice, "projects/empty/credentials").await?, Vec::<String>::new());
    let kept = world
        .alice
        .get(&format!("{V1}/projects/alpha/credentials/{id}"))
        .await?
        .expect(200)?
        .json()?;
    ensure!(kept.get("description").is_none(), "{kept}");
    Ok(())
}

/// Where the platform lets administrators alone, those who could bind it afterwards may.
#[tokio::test]
async fn who_makes_a_credential_in_a_project() -> Result<()> {
    let world = world().await?;
    world.project(&world.alice, "alpha").await?;
    let nested = format!("{V1}/projects/alpha/credentials");
    let body = |provider: &str| json!({ "name": "x", "provider": provider, "token": "t" });
    refused(world.bob.post(&nested, &body("one")).await?, 403, "Forbidden")?;
    member(&world.alice, "alpha", "project:viewer", "bob").await?.expect(201)?;
    refused(world.bob.post(&nested, &body("one")).await?, 403, "Forbidden")?;
    member(&world.alice, "alpha", "project:editor", "bob").await?.expect(201)?;
    let made = world.bob.post(&nested, &body("one")).await?.expect(201)?.text_at("/id")?;
    // It is Bob's; the project's owner sees no more of it than before.
    world.alice.get(&format!("{V1}/credentials/{made}/token")).await?.expect(404)?;
    refused(
        world
            .bob
            .post(&format!("{V1}/projects/never-made/credentials"), &body("two"))
            .await?,
        403,
        "Forbidden",
    )?;
    world
        .admin()
        .await?
        .post(&format!("{V1}/projects/never-made/credentials"), &body("two"))
        .await?
        .expect(404)?;
    Ok(())
}
