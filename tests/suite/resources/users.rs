use super::{ids, refused, text, world};
use anyhow::Result;
use claviger_tests::api::V1;
use serde_json::json;

#[tokio::test]
async fn everybody_sees_themselves_and_administrators_all() -> Result<()> {
    let world = world().await?;
    let users = format!("{V1}/users");
    let body = json!({ "username": "dora", "name": "Dora", "email": "dora@example.org" });
    refused(world.alice.post(&users, &body).await?, 403, "Forbidden")?;
    let admin = world.admin().await?;
    let dora = admin.post(&users, &body).await?.expect(201)?.json()?;
    let path = format!("{users}/{}", text(&dora, "id"));
    assert_eq!(
        (text(&dora, "username"), text(&dora, "kind"), &dora["active"]),
        ("dora", "User", &json!(true))
    );
    refused(admin.post(&users, &body).await?, 409, "This User already exists")?;
    assert_eq!(ids(admin, "users?search=username = 'dora'").await?, [text(&dora, "id")]);

    // Alice is noted as well, and sees nobody else.
    let alice = admin.post(&users, &json!({ "username": "alice", "name": "Alice" })).await?;
    let alice = match alice.status {
        201 => alice.text_at("/id")?,
        _ => ids(admin, "users?search=username = 'alice'").await?.concat(),
    };
    assert_eq!(ids(&world.alice, "users").await?, [alice.as_str()]);
    world.alice.get(&path).await?.expect(404)?;
    refused(world.alice.patch(&path, &json!({ "name": "x" })).await?, 403, "Forbidden")?;
    refused(world.alice.delete(&path).await?, 403, "Forbidden")?;
    let own = format!("{users}/{alice}");
    let renamed = world
        .alice
        .patch(&own, &json!({ "email": "a@example.org" }))
        .await?
        .expect(200)?
        .json()?;
    assert_eq!(text(&renamed, "email"), "a@example.org");
    refused(world.alice.patch(&own, &json!({ "active": true })).await?, 403, "Forbidden")?;

    // A deactivated person's bearer is refused at once, and an administrator lets them back in.
    admin.delete(&own).await?.expect(204)?;
    world.alice.get(&format!("{V1}/projects")).await?.expect(401)?;
    assert_eq!(admin.get(&own).await?.expect(200)?.json()?["active"], json!(false));
    admin.patch(&own, &json!({ "active": true })).await?.expect(200)?;
    world.alice.get(&format!("{V1}/projects")).await?.expect(200)?;
    Ok(())
}
