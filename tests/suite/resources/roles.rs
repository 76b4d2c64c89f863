use super::{ids, refused, text, world};
use anyhow::{Context, Result, ensure};
use claviger_tests::api::{V1, create, role};
use serde_json::json;

/// The roles that the platform's clients know: name, name for people, permissions in order.
const SEEDED: [(&str, &str, &str); 14] = [
    ("platform:admin", "Platform Admin", "*:*"),
    (
        "platform:viewer",
        "Platform Viewer",
        "project:read project:list session:read session:list agent:read agent:list",
    ),
    (
        "project:owner",
        "Project Owner",
        "project:read project:update project:delete agent:* session:* session_message:* project_document:* blackboard:* role_binding:*",
    ),
    (
        "project:editor",
        "Project Editor",
        "project:read agent:create agent:read agent:update agent:list agent:start session:create session:read session:update session:list \
         session_message:* project_document:read project_document:create project_document:update project_document:list blackboard:read \
         blackboard:watch role_binding:delete",
    ),
    (
        "project:viewer",
        "Project Viewer",
        "project:read agent:read agent:list session:read session:list session_message:read session_message:list project_document:read \
         project_document:list blackboard:read",
    ),
    (
        "agent:operator",
        "Agent Operator",
        "agent:read agent:update agent:start agent:list session:read session:list",
    ),
    (
        "agent:observer",
        "Agent Observer",
        "agent:read agent:list session:read session:list blackboard:read blackboard:watch",
    ),
    ("agent:editor", "Agent Editor", "agent:read agent:update"),
    (
        "agent:runner",
        "Agent Runner",
        "session:read session_message:* blackboard:read blackboard:watch",
    ),
    ("credential:viewer", "Credential Viewer", "credential:read credential:list"),
    (
        "credential:owner",
        "Credential Owner",
        "credential:create credential:read credential:update credential:delete credential:list credential:fetch_token role_binding:create \
         role_binding:delete",
    ),
    ("credential:token-reader", "Credential Token Reader", "credential:fetch_token"),
    (
        "gitops:admin",
        "GitOps Admin",
        "application:create application:read application:update application:delete application:list",
    ),
    ("gitops:viewer", "GitOps Viewer", "application:read application:list"),
];

/// 1, 2, 8.
#[tokio::test]
async fn everybody_reads_the_roles() -> Result<()> {
    let world = world().await?;
    let list = world.carol.get(&format!("{V1}/roles?page=1&size=100")).await?.expect(200)?.json()?;
    let roles = list["items"].as_array().cloned().unwrap_or_default();
    // All that clients know by name are in one page, as they know them.
    for (name, display_name, permissions) in SEEDED {
        let found = roles
            .iter()
            .find(|role| role["name"] == name)
            .with_context(|| format!("no {name}"))?;
        assert_eq!(
            (text(found, "display_name"), &found["built_in"]),
            (display_name, &json!(true)),
            "{found}"
        );
        let held: Vec<String> = serde_json::from_str(text(found, "permissions"))?;
        assert_eq!(held.join(" "), permissions, "{name}");
        let id = text(found, "id");
        let one = world.carol.get(&format!("{V1}/roles/{id}")).await?.expect(200)?.json()?;
        assert_eq!(&one, found);
    }
    assert_eq!(roles.len(), SEEDED.len(), "{list}");
    let id = role(&world.carol, "project:owner").await?;
    let one = world.carol.get(&format!("{V1}/roles/{id}")).await?.expect(200)?.json()?;
    assert_eq!((text(&one, "id"), text(&one, "name")), (id.as_str(), "project:owner"));
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

/// 59: what each level may grant.
#[tokio::test]
async fn who_grants_which_role() -> Result<()> {
    let world = world().await?;
    world.project(&world.alice, "alpha").await?;
    super::member(&world.alice, "alpha", "project:editor", "bob").await?.expect(201)?;
    world.admin().await?;
    let none = "insufficient privileges to grant this role";
    let internal = "cannot assign internal role";
    for (number, (name, ..)) in SEEDED.into_iter().enumerate() {
        let level = match name {
            "platform:admin" => 0,
            "project:owner" | "credential:owner" | "gitops:admin" => 1,
            "project:viewer" | "agent:observer" | "gitops:viewer" => 3,
            "agent:runner" => 999,
            _ => 2,
        };
        let is_internal = ["agent:runner", "credential:token-reader"].contains(&name);
        // The administrator (0), the owner (1), the editor (2), and somebody without a role there (999).
        for (client, own) in [(&world.carol, 0), (&world.alice, 1), (&world.bob, 2), (&world.service, 0)] {
            let answer = super::member(client, "alpha", name, &format!("somebody-{number}-{own}")).await?;
            let granted = level != 999 && (own == 0 || (own < level && !is_internal));
            if granted {
                ensure!([201, 409].contains(&answer.status), "{own} grants {name}: {}", answer.text);
                continue;
            }
            let why = if is_internal && own != 0 { internal } else { none };
            refused(answer, 403, why).with_context(|| format!("{own} grants {name}"))?;
        }
    }
    Ok(())
}
