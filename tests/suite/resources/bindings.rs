use super::{agent, ids, member, refused, text, world};
use anyhow::{Context, Result, ensure};
use claviger_tests::api::{V1, bind, create, role};
use serde_json::{Value, json};

const BINDINGS: &str = "/api/ambient/v1/role_bindings";

/// 31, 32, 35, 37, 38, 41, 43.
#[tokio::test]
async fn binding_a_credential() -> Result<()> {
    let world = world().await?;
    world.project(&world.alice, "alpha").await?;
    world.project(&world.bob, "beta").await?;
    let agent_id = text(&agent(&world.alice, "alpha").await?, "id").to_owned();
    let id = create(&world.alice, &json!({ "name": "x", "provider": "linear", "token": "lin_x" })).await?;
    let viewer = role(&world.alice, "credential:viewer").await?;
    let body = |more: Value| {
        let mut body = json!({ "role_id": viewer, "scope": "credential", "credential_id": id, "user_id": "alice" });
        if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
            body.extend(more.clone());
        }
        body
    };
    let made = world
        .alice
        .post(BINDINGS, &body(json!({ "project_id": "alpha" })))
        .await?
        .expect(201)?
        .json()?;
    assert_eq!(text(&made, "href"), format!("{BINDINGS}/{}", text(&made, "id")));
    ensure!(made["agent_id"].is_null() && made.get("session_id").is_some(), "{made}");
    refused(
        world.alice.post(BINDINGS, &body(json!({ "project_id": "beta" }))).await?,
        403,
        "caller must be project editor or higher to bind credentials to a project",
    )?;
    let orphan = "agent-scoped credential bindings require a project_id";
    refused(
        world.alice.post(BINDINGS, &body(json!({ "agent_id": agent_id }))).await?,
        400,
        orphan,
    )?;
    refused(
        world.admin().await?.post(BINDINGS, &body(json!({ "agent_id": agent_id }))).await?,
        400,
        orphan,
    )?;
    world
        .alice
        .post(BINDINGS, &body(json!({ "agent_id": agent_id, "project_id": "alpha" })))
        .await?
        .expect(201)?;
    refused(
        world
            .alice
            .post(BINDINGS, &body(json!({ "agent_id": "nobody", "project_id": "alpha" })))
            .await?,
        400,
        "agent not found",
    )?;
    refused(
        world
            .alice
            .post(BINDINGS, &body(json!({ "agent_id": agent_id, "project_id": "beta" })))
            .await?,
        400,
        "agent does not belong to the specified project",
    )?;
    refused(
        world.alice.post(BINDINGS, &body(json!({}))).await?,
        403,
        "only platform admins can create global credential bindings",
    )?;
    // Hole 9.2-9: scope credential without a credential.
    for bare in [
        json!({ "role_id": viewer, "scope": "credential" }),
        body(json!({ "credential_id": null, "project_id": "alpha" })),
    ] {
        let answer = world.alice.post(BINDINGS, &bare).await?;
        refused(answer, 403, "insufficient privileges to grant this role")?;
        let answer = world.carol.post(BINDINGS, &bare).await?;
        refused(answer, 400, "a credential-scoped binding requires a credential_id")?;
    }
    for internal in ["credential:token-reader", "agent:runner"] {
        let role = role(&world.alice, internal).await?;
        let answer = world
            .alice
            .post(BINDINGS, &body(json!({ "role_id": role, "project_id": "alpha" })))
            .await?;
        refused(answer, 403, "cannot assign internal role")?;
    }
    refused(
        world.alice.post(BINDINGS, &body(json!({ "scope": "galaxy" }))).await?,
        400,
        "invalid scope",
    )?;
    let project_owner = role(&world.alice, "project:owner").await?;
    let null_project = json!({ "role_id": project_owner, "scope": "project", "project_id": null, "user_id": "bob" });
    let answer = world.alice.post(BINDINGS, &null_project).await?;
    ensure!([400, 403].contains(&answer.status), "{}", answer.text);
    refused(
        world.alice.post(BINDINGS, &body(json!({ "project_id": "alpha" }))).await?,
        409,
        "This RoleBinding already exists",
    )
}

/// 34: who may bind what they own to a project.
#[tokio::test]
async fn an_editor_binds_what_they_own_and_a_viewer_does_not() -> Result<()> {
    let world = world().await?;
    world.project(&world.alice, "alpha").await?;
    member(&world.alice, "alpha", "project:editor", "bob").await?.expect(201)?;
    member(&world.alice, "alpha", "project:viewer", "carol").await?.expect(201)?;
    let body = json!({ "name": "x", "provider": "linear", "token": "lin_x" });
    let (bobs, carols) = (create(&world.bob, &body).await?, create(&world.carol, &body).await?);
    let answer = bind(&world.carol, &carols, "credential:viewer", "alpha", "carol").await?;
    refused(
        answer,
        403,
        "caller must be project editor or higher to bind credentials to a project",
    )?;
    // Nor does an editor bind what is somebody else's.
    let answer = bind(&world.bob, &carols, "credential:viewer", "alpha", "bob").await?;
    refused(answer, 403, "insufficient privileges to grant this role")?;
    let made = bind(&world.bob, &bobs, "credential:viewer", "alpha", "bob")
        .await?
        .expect(201)?
        .json()?;
    let named = ["scope", "credential_id", "project_id", "user_id"].map(|key| text(&made, key));
    assert_eq!(named, ["credential", &bobs, "alpha", "bob"]);
    assert_eq!(ids(&world.bob, "projects/alpha/credentials").await?, [bobs]);
    Ok(())
}

/// 40 and 42, and hole 9.2-5: an administrator and a service.
#[tokio::test]
async fn administrators_and_services_bind_and_read_no_tokens() -> Result<()> {
    let world = world().await?;
    let admin = world.admin().await?;
    let id = create(admin, &json!({ "name": "x", "provider": "linear", "token": "lin_x" })).await?;
    let viewer = role(admin, "credential:viewer").await?;
    let body = json!({ "role_id": viewer, "scope": "credential", "credential_id": id, "project_id": "hi" });
    let made = admin.post(BINDINGS, &body).await?.expect(201)?.json()?;
    assert_eq!(
        (text(&made, "scope"), text(&made, "credential_id"), &made["user_id"]),
        ("credential", id.as_str(), &json!(null))
    );
    let made_id = text(&made, "id").to_owned();
    ensure!(ids(admin, "role_bindings").await?.contains(&made_id), "it is not listed");
    ensure!(
        ids(&world.service, "role_bindings").await?.contains(&made_id),
        "the control plane does not see it"
    );
    admin.delete(&format!("{BINDINGS}/{made_id}")).await?.expect(204)?;
    let reader = role(admin, "credential:token-reader").await?;
    let grant = json!({ "role_id": reader, "scope": "credential", "credential_id": id, "user_id": "bob" });
    admin.post(BINDINGS, &grant).await?.expect(201)?;

    // Of somebody else's credential: only to a session for which it resolves, and again without a conflict.
    world.project(&world.alice, "alpha").await?;
    let hers = create(&world.alice, &json!({ "name": "y", "provider": "linear", "token": "lin_y" })).await?;
    bind(&world.alice, &hers, "credential:viewer", "alpha", "alice")
        .await?
        .expect(201)?;
    let session = world
        .alice
        .post(&format!("{V1}/sessions"), &json!({ "name": "s", "project_id": "alpha" }))
        .await?
        .expect(201)?;
    let session = session.text_at("/id")?;
    for client in [admin, &world.service] {
        let mut grant = json!({ "role_id": reader, "scope": "credential", "credential_id": hers, "user_id": "proxy" });
        client.post(BINDINGS, &grant).await?.expect(403)?;
        grant["session_id"] = json!("no-such-session");
        client.post(BINDINGS, &grant).await?.expect(403)?;
        grant["session_id"] = json!(session);
        let first = client.post(BINDINGS, &grant).await?.expect(201)?.text_at("/id")?;
        let second = client.post(BINDINGS, &grant).await?.expect(201)?.text_at("/id")?;
        assert_eq!(first, second);
        client.get(&format!("{V1}/credentials/{hers}/token")).await?.expect(404)?;
    }
    Ok(())
}

/// 46, 48, 50, 51.
#[tokio::test]
async fn nobody_grants_more_than_they_may() -> Result<()> {
    let world = world().await?;
    world.project(&world.alice, "alpha").await?;
    for (role_name, status) in [
        ("project:editor", 201),
        ("project:viewer", 201),
        ("agent:operator", 201),
        ("agent:observer", 201),
        ("agent:editor", 201),
        ("credential:viewer", 201),
        ("project:owner", 403),
        ("credential:owner", 403),
        ("agent:runner", 403),
        ("credential:token-reader", 403),
        ("platform:admin", 403),
    ] {
        let answer = member(&world.alice, "alpha", role_name, "bob").await?;
        assert_eq!(answer.status, status, "{role_name}: {}", answer.text);
    }
    refused(
        member(&world.bob, "alpha", "project:owner", "bob").await?,
        403,
        "insufficient privileges to grant this role",
    )?;
    for role_name in ["platform:admin", "platform:viewer", "project:viewer"] {
        let role = role(&world.carol, role_name).await?;
        for client in [&world.alice, &world.carol] {
            let body = json!({ "role_id": role, "scope": "global", "user_id": "carol" });
            client.post(BINDINGS, &body).await?.expect(403)?;
        }
    }
    Ok(())
}

/// 53, 57 and holes 9.2-14 and 9.2-15.
#[tokio::test]
async fn the_last_owner_stays_and_an_owner_takes_back_what_is_theirs() -> Result<()> {
    let world = world().await?;
    world.project(&world.alice, "alpha").await?;
    world.project(&world.bob, "beta").await?;
    let id = create(&world.alice, &json!({ "name": "x", "provider": "linear", "token": "lin_x" })).await?;
    let last = "cannot delete the last owner binding";
    for search in [
        "project_id='alpha' and user_id='alice'".to_owned(),
        format!("credential_id='{id}' and user_id='alice'"),
    ] {
        let binding = ids(&world.alice, &format!("role_bindings?search={search}"))
            .await?
            .pop()
            .context("no binding")?;
        refused(world.alice.delete(&format!("{BINDINGS}/{binding}")).await?, 409, last)?;
        // An outsider is refused before anybody looks how many owners there are.
        refused(world.bob.delete(&format!("{BINDINGS}/{binding}")).await?, 403, "Forbidden")?;
    }
    // Bob may edit alpha and binds his own there; then he is no editor any more, and takes it back all the same.
    let editor = member(&world.alice, "alpha", "project:editor", "bob")
        .await?
        .expect(201)?
        .text_at("/id")?;
    let bobs = create(&world.bob, &json!({ "name": "y", "provider": "asana", "token": "as_y" })).await?;
    let bound = bind(&world.bob, &bobs, "credential:viewer", "alpha", "bob")
        .await?
        .expect(201)?
        .text_at("/id")?;
    world.alice.delete(&format!("{BINDINGS}/{editor}")).await?.expect(204)?;
    world.bob.delete(&format!("{BINDINGS}/{bound}")).await?.expect(204)?;

    let (alices, bobs) = (ids(&world.alice, "role_bindings").await?, ids(&world.bob, "role_bindings").await?);
    let foreign = ids(&world.bob, "role_bindings?search=project_id='beta'").await?;
    ensure!(
        foreign.iter().all(|id| bobs.contains(id) && !alices.contains(id)),
        "{alices:?} {bobs:?}"
    );
    assert_eq!(
        ids(&world.carol, "role_bindings?search=project_id is not null").await?,
        Vec::<String>::new()
    );
    world
        .carol
        .get(&format!("{BINDINGS}/{}", foreign.first().context("none")?))
        .await?
        .expect(404)?;
    Ok(())
}

#[tokio::test]
async fn changing_a_binding_is_no_third_way() -> Result<()> {
    let world = world().await?;
    world.project(&world.alice, "alpha").await?;
    world.project(&world.bob, "beta").await?;
    let bobs = member(&world.alice, "alpha", "project:editor", "bob")
        .await?
        .expect(201)?
        .text_at("/id")?;
    let path = format!("{BINDINGS}/{bobs}");
    let named = |name: &str| role_id(&world, name.to_owned());
    let (owner, viewer, reader) = (
        named("project:owner").await?,
        named("project:viewer").await?,
        named("credential:token-reader").await?,
    );
    // Others' bindings, and anything but the role, are not theirs to change; an editor may change none.
    refused(world.alice.patch(&path, &json!({ "role_id": viewer })).await?, 403, "Forbidden")?;
    refused(world.bob.patch(&path, &json!({ "role_id": owner })).await?, 403, "Forbidden")?;
    refused(world.carol.patch(&path, &json!({ "role_id": viewer })).await?, 403, "Forbidden")?;
    refused(world.carol.patch(&format!("{BINDINGS}/none"), &json!({})).await?, 403, "Forbidden")?;
    let hers = ids(&world.alice, "role_bindings?search=project_id='alpha' and user_id='alice'").await?;
    let hers = format!("{BINDINGS}/{}", hers.first().context("none")?);
    for change in [
        json!({ "user_id": "bob" }),
        json!({ "project_id": "beta" }),
        json!({ "project_id": null }),
        json!({ "scope": "global" }),
    ] {
        refused(world.alice.patch(&hers, &change).await?, 403, "Forbidden")?;
    }
    refused(
        world.alice.patch(&hers, &json!({ "role_id": "no-such-role" })).await?,
        403,
        "target role not found",
    )?;
    refused(
        world.alice.patch(&hers, &json!({ "role_id": reader })).await?,
        403,
        "cannot assign internal role",
    )?;
    refused(
        world
            .alice
            .patch(&hers, &json!({ "role_id": named("platform:admin").await? }))
            .await?,
        403,
        "insufficient privileges to change role",
    )?;
    refused(
        world.alice.patch(&hers, &json!({ "role_id": viewer })).await?,
        409,
        "cannot delete the last owner binding",
    )?;
    world.alice.patch(&hers, &json!({ "role_id": owner })).await?.expect(200)?;
    world
        .alice
        .send(
            reqwest::Method::PATCH,
            &hers,
            Some(("application/json", b"{ this is invalid }".to_vec())),
        )
        .await?
        .expect(400)?;

    // An administrator changes what they could have made, and no way leads to somebody's credential.
    let secret = create(&world.alice, &json!({ "name": "x", "provider": "linear", "token": "lin_x" })).await?;
    let admin = world.admin().await?;
    let changed = admin.patch(&path, &json!({ "role_id": viewer })).await?.expect(200)?.json()?;
    assert_eq!((text(&changed, "id"), text(&changed, "role_id")), (bobs.as_str(), viewer.as_str()));
    world.bob.get(&format!("{V1}/projects/alpha")).await?.expect(200)?;
    refused(
        world
            .bob
            .post(
                &format!("{V1}/projects/alpha/agents"),
                &json!({ "project_id": "alpha", "name": "x" }),
            )
            .await?,
        403,
        "Forbidden",
    )?;
    let own = create(admin, &json!({ "name": "z", "provider": "asana", "token": "as_z" })).await?;
    let owning = ids(admin, &format!("role_bindings?search=credential_id='{own}'")).await?;
    let owning = format!("{BINDINGS}/{}", owning.first().context("none")?);
    admin.patch(&owning, &json!({ "credential_id": secret })).await?.expect(403)?;
    admin
        .patch(
            &path,
            &json!({ "scope": "credential", "credential_id": secret, "user_id": "carol", "role_id": named("credential:owner").await? }),
        )
        .await?
        .expect(403)?;
    admin.get(&format!("{V1}/credentials/{secret}/token")).await?.expect(404)?;
    admin.patch(&format!("{BINDINGS}/none"), &json!({})).await?.expect(404)?;
    // Two that would become the same.
    let second = member(admin, "alpha", "project:editor", "bob").await?.expect(201)?.text_at("/id")?;
    refused(
        admin.patch(&format!("{BINDINGS}/{second}"), &json!({ "role_id": viewer })).await?,
        409,
        "Changes to RoleBinding conflict with existing records",
    )
}

async fn role_id(world: &super::World, name: String) -> Result<String> {
    role(&world.alice, &name).await
}
