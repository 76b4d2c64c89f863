//! 4, 7, 60: somebody whom nobody has seen before, with a bearer of the issuer and without any binding.

use super::{ids, refused, text};
use anyhow::{Context, Result, ensure};
use claviger_tests::api::{V1, role, token};
use claviger_tests::issuer::SigningKey;
use claviger_tests::{Claviger, Client, Issuer, Setup};
use serde_json::{Value, json};

struct World {
    claviger: Claviger,
    _issuer: Issuer,
    dora: Client,
}

async fn world() -> Result<World> {
    let key = SigningKey::new("k1")?;
    let issuer = Issuer::start(&[&key]).await?;
    let claviger = Setup::default().config(&issuer.config("")).start().await?;
    let dora = claviger.anybody()?.with_bearer(&key.sign(&issuer.claims("dora"))?);
    Ok(World {
        claviger,
        _issuer: issuer,
        dora,
    })
}

#[tokio::test]
async fn lists_are_empty_and_never_refused() -> Result<()> {
    let world = world().await?;
    for collection in ["projects", "sessions", "credentials", "role_bindings"] {
        let list = world.dora.get(&format!("{V1}/{collection}")).await?.expect(200)?.json()?;
        let counts = ["page", "size", "total"].map(|key| list[key].as_i64());
        assert_eq!(
            (counts, &list["items"]),
            ([Some(1), Some(0), Some(0)], &json!([])),
            "{collection}: {list}"
        );
    }
    // The first request notes who they are, once, under their own name.
    let users = world.dora.get(&format!("{V1}/users")).await?.expect(200)?.json()?;
    assert_eq!(
        (&users["total"], &users["items"][0]["username"]),
        (&json!(1), &json!("dora")),
        "{users}"
    );
    Ok(())
}

#[tokio::test]
async fn whoever_comes_makes_a_project_and_a_credential_and_owns_both() -> Result<()> {
    let world = world().await?;
    let dora = &world.dora;
    dora.post(&format!("{V1}/projects"), &json!({ "name": "doras-own" }))
        .await?
        .expect(201)?;
    let body = json!({ "name": "hers", "provider": "linear", "token": "lin_of_dora" });
    let id = dora.post(&format!("{V1}/credentials"), &body).await?.expect(201)?.text_at("/id")?;
    let mut owned = Vec::new();
    let rows = dora
        .get(&format!("{V1}/role_bindings?orderBy=scope desc"))
        .await?
        .expect(200)?
        .json()?;
    for row in rows["items"].as_array().context("items")? {
        let named = dora
            .get(&format!("{V1}/roles/{}", text(row, "role_id")))
            .await?
            .expect(200)?
            .text_at("/name")?;
        owned.push((text(row, "user_id"), named, row["project_id"].clone(), row["credential_id"].clone()));
    }
    let owner = |role: &str, project: Value, credential: Value| ("dora", role.to_owned(), project, credential);
    let expected = [
        owner("project:owner", json!("doras-own"), Value::Null),
        owner("credential:owner", Value::Null, json!(id)),
    ];
    assert_eq!(owned, expected);
    dora.get(&format!("{V1}/projects/doras-own")).await?.expect(200)?;
    assert_eq!(token(dora, &id).await?, "lin_of_dora");
    assert_eq!(ids(dora, "projects").await?, ["doras-own"]);
    assert_eq!(ids(dora, "credentials").await?, [id]);
    Ok(())
}

/// What a bearer alone suffices for, and that nothing else is so.
#[tokio::test]
async fn a_bearer_alone_suffices_for_five_things() -> Result<()> {
    let world = world().await?;
    let dora = &world.dora;
    let owner = role(dora, "project:owner").await?;
    dora.get(&format!("{V1}/roles/{owner}")).await?.expect(200)?;
    // Creating bindings reaches the rules of bindings, which say what is wrong.
    let reason = "only platform admins can create global bindings";
    let viewer = role(dora, "project:viewer").await?;
    for (body, status, why) in [
        (json!({ "role_id": owner, "scope": "galaxy" }), 400, "invalid scope"),
        (
            json!({ "role_id": "no-such-role", "scope": "global" }),
            403,
            "target role not found",
        ),
        (
            json!({ "role_id": viewer, "scope": "global", "user_id": "dora" }),
            403,
            "insufficient privileges to grant this role",
        ),
    ] {
        refused(dora.post(&format!("{V1}/role_bindings"), &body).await?, status, why)?;
    }
    // An owner of something stands higher, and still not on the platform.
    dora.post(&format!("{V1}/projects"), &json!({ "name": "doras-own" }))
        .await?
        .expect(201)?;
    let global = dora
        .post(
            &format!("{V1}/role_bindings"),
            &json!({ "role_id": viewer, "scope": "global", "user_id": "dora" }),
        )
        .await?
        .expect(403)?
        .text_at("/reason")?;
    ensure!(
        [reason, "insufficient privileges to grant this role"].contains(&global.as_str()),
        "{global}"
    );

    let session = world.claviger.dev().sessions.first().context("a seeded session")?.clone();
    let app = world.claviger.credential("team-github-app")?;
    let project = &session.project;
    for (path, body) in [
        ("roles".to_owned(), json!({ "name": "x:y" })),
        ("users".to_owned(), json!({ "username": "x", "name": "X" })),
        ("sessions".to_owned(), json!({ "name": "x", "project_id": project })),
        (format!("projects/{project}/agents"), json!({ "project_id": project, "name": "x" })),
        (format!("projects/{project}/credentials"), json!({ "name": "x", "provider": "y" })),
        (format!("sessions/{}/start", session.id), json!({})),
        (format!("sessions/{}/stop", session.id), json!({})),
        (format!("sessions/{}/clone", session.id), json!({})),
    ] {
        refused(dora.post(&format!("{V1}/{path}"), &body).await?, 403, "Forbidden").with_context(|| path.clone())?;
    }
    for path in [
        format!("projects/{project}"),
        format!("sessions/{}", session.id),
        format!("credentials/{app}"),
        format!("roles/{owner}"),
        "role_bindings/none".to_owned(),
        "users/none".to_owned(),
    ] {
        let path = format!("{V1}/{path}");
        refused(dora.patch(&path, &json!({ "description": "mine" })).await?, 403, "Forbidden").with_context(|| path.clone())?;
        refused(dora.delete(&path).await?, 403, "Forbidden").with_context(|| path.clone())?;
        if !path.contains("/roles/") {
            dora.get(&path).await?.expect(404)?;
        }
    }
    for path in [
        format!("credentials/{app}/token"),
        format!("projects/{project}/credentials/{app}/token"),
        format!("projects/{project}/agents"),
        format!("sessions?project_id={project}"),
    ] {
        dora.get(&format!("{V1}/{path}")).await?.expect(404)?;
    }
    Ok(())
}
