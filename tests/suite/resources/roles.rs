use super::{ids, refused, text, world};
use anyhow::{Result, ensure};
use claviger_tests::api::{V1, create, role};
use serde_json::json;

/// 1, 2, 8.
#[tokio::test]
async fn everybody_reads_the_roles() -> Result<()> {
    let world = world().await?;
    let list = world.carol.get(&format!("{V1}/roles?page=1&size=100")).await?.expect(200)?.json()?;
    let roles = list["items"].as_array().cloned().unwrap_or_default();
    for name in [
        "platform:admin",
        "project:owner",
        "credential:viewer",
        "credential:token-reader",
        "agent:runner",
    ] {
        let found = roles.iter().find(|role| role["name"] == name);
        ensure!(found.is_some_and(|role| role["built_in"] == true), "{name} in {list}");
    }
    let id = role(&world.carol, "project:owner").await?;
    let one = world.carol.get(&format!("{V1}/roles/{id}")).await?.expect(200)?.json()?;
    let permissions: Vec<String> = serde_json::from_str(text(&one, "permissions"))?;
    ensure!(permissions.contains(&"role_binding:*".to_owned()), "{permissions:?}");
    world.service.get(&format!("{V1}/roles?page=1&size=1")).await?.expect(200)?;
    Ok(())
}

#[tokio::test]
async fn only_administrators_make_roles_and_nobody_grants_them() -> Result<()> {
    let world = world().await?;
    let roles = format!("{V1}/roles");
    let body = json!({ "name": "team:everything", "permissions": "[\"*:*\", \"credential:fetch_token\"]" });
    refused(world.alice.post(&roles, &body).await?, 403, "Forbidden")?;
    let admin = world.admin().await?;
    for bad in [
        json!({}),
        json!({ "name": "" }),
        json!({ "name": "x", "permissions": ["a:b"] }),
        json!({ "name": "x", "permissions": "a:b" }),
        json!({ "name": "x", "permissions": "[\"nonsense\"]" }),
        json!({ "name": "x", "unknown": "y" }),
    ] {
        admin.post(&roles, &bad).await?.expect(400)?;
    }
    let made = admin.post(&roles, &body).await?.expect(201)?.json()?;
    let id = text(&made, "id");
    assert_eq!(
        (&made["built_in"], text(&made, "permissions")),
        (&json!(false), "[\"*:*\",\"credential:fetch_token\"]")
    );
    admin.post(&roles, &body).await?.expect(409)?;
    // 59: what is not in the table is granted by nobody, whatever it is called.
    admin
        .post(
            &roles,
            &json!({ "name": "credential:reader", "permissions": "[\"credential:fetch_token\"]" }),
        )
        .await?
        .expect(201)?;
    let secret = create(&world.alice, &json!({ "name": "x", "provider": "linear", "token": "lin_x" })).await?;
    for name in ["team:everything", "credential:reader"] {
        let role = role(admin, name).await?;
        for binding in [
            json!({ "role_id": role, "scope": "global", "user_id": "carol" }),
            json!({ "role_id": role, "scope": "credential", "credential_id": secret, "user_id": "carol" }),
        ] {
            let answer = admin.post(&format!("{V1}/role_bindings"), &binding).await?;
            refused(answer, 403, "insufficient privileges to grant this role")?;
        }
    }
    admin.get(&format!("{V1}/credentials/{secret}/token")).await?.expect(404)?;

    let path = format!("{roles}/{id}");
    let changed = admin
        .patch(&path, &json!({ "description": "d", "permissions": "[]" }))
        .await?
        .expect(200)?
        .json()?;
    assert_eq!((text(&changed, "description"), text(&changed, "permissions")), ("d", "[]"));
    refused(world.alice.patch(&path, &json!({})).await?, 403, "Forbidden")?;
    refused(world.alice.delete(&path).await?, 403, "Forbidden")?;
    let owner = format!("{roles}/{}", role(admin, "project:owner").await?);
    refused(
        admin.patch(&owner, &json!({ "permissions": "[\"*:*\"]" })).await?,
        403,
        "built-in roles cannot be changed",
    )?;
    refused(admin.delete(&owner).await?, 403, "built-in roles cannot be changed")?;
    admin.delete(&path).await?.expect(204)?;
    admin.delete(&path).await?.expect(404)?;
    assert_eq!(ids(admin, "roles?search=built_in = false").await?.len(), 1);
    Ok(())
}
