//! 9.2: who is let through who must not be, and who is not who must.

use super::{BINDINGS, World, said, world};
use anyhow::{Context, Result, ensure};
use claviger_tests::Client;
use claviger_tests::api::{V1, bind, create, listed, read, role, token};
use claviger_tests::audit::of_event;
use claviger_tests::server::run;
use serde_json::{Value, json};

async fn stored(client: &Client, provider: &str) -> Result<String> {
    create(
        client,
        &json!({ "name": "held", "provider": provider, "token": "held_secret_0123456789" }),
    )
    .await
}

async fn rows(client: &Client, search: &str) -> Result<Vec<Value>> {
    let list = client
        .get(&format!("{BINDINGS}?size=-1&search={search}"))
        .await?
        .expect(200)?
        .json()?;
    list["items"].as_array().cloned().context("no items")
}

/// A session of Alice's project, pending.
async fn session_of(world: &World, client: &Client, project: &str) -> Result<String> {
    let body = json!({ "name": "another", "project_id": project });
    let made = client.post(&format!("{V1}/sessions"), &body).await?.expect(201)?.text_at("/id")?;
    ensure!(made != world.session, "{made}");
    Ok(made)
}

/// Nothing switches the rules off: no key, no variable, no argument.
#[tokio::test]
async fn hole_9_2_1_nothing_switches_the_rules_off() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("claviger.toml");
    let (data, config) = (folder.path().join("data").display().to_string(), file.display().to_string());
    for lines in [
        "enable_authz = false",
        "[access]\nenabled = false",
        "[authz]\nenabled = false",
        "[api]\nenable_jwt = false",
    ] {
        std::fs::write(&file, lines)?;
        let output = run(&["dev", "--data", &data, "--config", &config], &[])?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() == Some(1) && said.contains("unknown"), "{lines}: {said}");
    }
    std::fs::write(&file, "")?;
    for (arguments, variables) in [
        (vec!["--enable-authz=false"], vec![]),
        (vec![], vec![("CLAVIGER_ACCESS__ENABLED", "false")]),
        (vec![], vec![("CLAVIGER_ENABLE_AUTHZ", "false")]),
    ] {
        let all: Vec<&str> = ["dev", "--data", &data, "--config", &config].into_iter().chain(arguments).collect();
        ensure!(run(&all, &variables)?.status.code() != Some(0), "{all:?} {variables:?}");
    }
    // And as it comes they are on.
    let world = world().await?;
    let id = stored(&world.alice, "linear").await?;
    read(&world.carol, &id, "").await?.expect(404)?;
    world
        .claviger
        .anybody()?
        .get(&format!("{V1}/credentials/{id}/token"))
        .await?
        .expect(401)?;
    Ok(())
}

#[tokio::test]
async fn hole_9_2_2_viewers_read_no_tokens() -> Result<()> {
    let world = world().await?;
    let id = stored(&world.alice, "linear").await?;
    bind(&world.alice, &id, "credential:viewer", &world.project, "bob")
        .await?
        .expect(201)?;
    world.globally("platform:viewer", "carol").await?;
    world.bob.get(&format!("{V1}/credentials/{id}")).await?.expect(200)?;
    let app = world.claviger.credential("team-github-app")?;
    for client in [&world.bob, &world.carol, &world.service] {
        for id in [&id, app] {
            for path in [
                format!("credentials/{id}/token"),
                format!("projects/{}/credentials/{id}/token", world.project),
            ] {
                let answer = client.get(&format!("{V1}/{path}")).await?.expect(404)?;
                assert_eq!(answer.json()?["id"], "7", "{}", answer.text);
            }
        }
    }
    // An administrator of everything reads nobody's either.
    world.globally("platform:admin", "carol").await?;
    world.carol.get(&format!("{V1}/credentials/{id}")).await?.expect(200)?;
    read(&world.carol, &id, "").await?.expect(404)?;
    assert_eq!(token(&world.alice, &id).await?, "held_secret_0123456789");
    Ok(())
}

/// Here an owner reads their own token (acceptance case 30 asks for it), and each such read is on the record as theirs.
#[tokio::test]
async fn hole_9_2_3_a_person_reads_their_own_token_and_it_is_on_the_record() -> Result<()> {
    let world = world().await?;
    let id = stored(&world.alice, "linear").await?;
    token(&world.alice, &id).await?;
    read(&world.bob, &id, "").await?.expect(404)?;
    let records = of_event(&world.claviger.data(), "CREDENTIAL_ACCESS")?;
    let about: Vec<&Value> = records.iter().filter(|record| record["credential"] == json!(id)).collect();
    let [granted, denied] = about.as_slice() else {
        anyhow::bail!("{about:#?}")
    };
    assert_eq!((&granted["outcome"], &denied["outcome"]), (&json!("granted"), &json!("denied")));
    assert_eq!(
        (&granted["reason"], &granted["same_as_owner"]),
        (&json!("own-binding"), &json!(true)),
        "{granted:#}"
    );
    ensure!(granted["session"].is_null() && granted["user"] == granted["owner"], "{granted:#}");
    ensure!(denied["caller"] != granted["caller"], "{denied:#}");
    Ok(())
}

#[tokio::test]
async fn hole_9_2_5_a_control_plane_grants_to_a_session_what_resolves_for_it() -> Result<()> {
    let world = world().await?;
    let id = stored(&world.alice, "linear").await?;
    bind(&world.alice, &id, "credential:viewer", &world.project, "alice")
        .await?
        .expect(201)?;
    let grant = json!({ "role_id": role(&world.service, "credential:token-reader").await?, "scope": "credential", "credential_id": id,
        "user_id": "service-account-plane", "session_id": world.session });
    read(&world.runner, &id, "").await?.expect(404)?;
    let first = world.service.post(BINDINGS, &grant).await?.expect(201)?.text_at("/id")?;
    // Again is no conflict, and makes no second row: a session that is provisioned anew keeps its credential.
    assert_eq!(world.service.post(BINDINGS, &grant).await?.expect(201)?.text_at("/id")?, first);
    assert_eq!(token(&world.runner, &id).await?, "held_secret_0123456789");
    world.service.delete(&format!("{BINDINGS}/{first}")).await?.expect(204)?;
    read(&world.runner, &id, "").await?.expect(404)?;
    Ok(())
}

#[tokio::test]
async fn hole_9_2_6_a_grant_to_one_session_is_nobodys_default() -> Result<()> {
    let world = world().await?;
    world
        .bob
        .post(&format!("{V1}/projects"), &json!({ "name": "beta" }))
        .await?
        .expect(201)?;
    // The team's App is granted to the seeded session, and Carol may read Alice's; both rows name neither project nor agent.
    let id = stored(&world.alice, "linear").await?;
    world.globally("platform:admin", "carol").await?;
    let own = stored(&world.carol, "asana").await?;
    let reader = role(&world.carol, "credential:token-reader").await?;
    let share = json!({ "role_id": reader, "scope": "credential", "credential_id": own, "user_id": "bob" });
    world.carol.post(BINDINGS, &share).await?.expect(201)?;
    let unplaced = rows(&world.service, "scope = 'credential' and project_id is null and agent_id is null").await?;
    ensure!(unplaced.len() >= 3, "{unplaced:#?}");
    let session = session_of(&world, &world.bob, "beta").await?;
    world
        .bob
        .post(&format!("{V1}/sessions/{session}/start"), &json!({}))
        .await?
        .expect(200)?;
    assert_eq!(
        rows(&world.service, &format!("session_id = '{session}'")).await?,
        Vec::<Value>::new()
    );
    for provider in ["github", "linear", "asana", "kubeconfig"] {
        let path = format!("{V1}/projects/beta/explain?provider={provider}");
        let explained = world.bob.get(&path).await?.expect(200)?.json()?;
        assert_eq!(explained["resolution"]["credential_id"], Value::Null, "{provider}: {explained}");
    }
    read(&world.bob, &id, "").await?.expect(404)?;
    Ok(())
}

#[tokio::test]
async fn hole_9_2_7_a_global_binding_is_worth_its_role_and_no_more() -> Result<()> {
    let world = world().await?;
    let id = stored(&world.alice, "linear").await?;
    let before = listed(&world.carol).await?;
    world.globally("platform:viewer", "carol").await?;
    // What the role says: projects, sessions and agents.
    world.carol.get(&format!("{V1}/projects/{}", world.project)).await?.expect(200)?;
    world.carol.get(&format!("{V1}/sessions/{}", world.session)).await?.expect(200)?;
    // And not what a platform's administrator sees.
    assert_eq!(listed(&world.carol).await?, before);
    world.carol.get(&format!("{V1}/credentials/{id}")).await?.expect(404)?;
    let seen = rows(&world.carol, "user_id <> 'carol'").await?;
    assert_eq!(seen, Vec::<Value>::new(), "others' bindings");
    let users = world.carol.get(&format!("{V1}/users?size=-1")).await?.expect(200)?.json()?;
    ensure!(
        users["items"]
            .as_array()
            .is_some_and(|users| users.iter().all(|user| user["username"] == "carol")),
        "{users}"
    );
    world
        .carol
        .patch(&format!("{V1}/projects/{}", world.project), &json!({ "description": "x" }))
        .await?
        .expect(403)?;
    Ok(())
}

#[tokio::test]
async fn hole_9_2_9_a_scope_without_its_target_is_refused() -> Result<()> {
    let world = world().await?;
    world.globally("platform:admin", "carol").await?;
    let viewer = role(&world.carol, "credential:viewer").await?;
    for scope in ["project", "agent", "session", "credential"] {
        for body in [
            json!({ "role_id": viewer, "scope": scope, "user_id": "bob" }),
            json!({ "role_id": viewer, "scope": scope, "user_id": "bob", format!("{scope}_id"): null }),
            json!({ "role_id": viewer, "scope": scope, "user_id": "bob", format!("{scope}_id"): "" }),
        ] {
            let before = rows(&world.carol, "user_id = 'bob'").await?.len();
            let of_admin = world.carol.post(BINDINGS, &body).await?;
            ensure!(
                [400, 403].contains(&of_admin.status),
                "{body}: {} {}",
                of_admin.status,
                of_admin.text
            );
            let of_person = world.alice.post(BINDINGS, &body).await?;
            ensure!(
                [400, 403].contains(&of_person.status),
                "{body}: {} {}",
                of_person.status,
                of_person.text
            );
            assert_eq!(rows(&world.carol, "user_id = 'bob'").await?.len(), before, "{body}: a row was left");
        }
    }
    Ok(())
}

/// The platform's exchange hands an administrator's token to every pod. What a session has here is its own.
#[tokio::test]
async fn hole_9_2_12_a_sessions_bearer_is_that_sessions_and_nothing_more() -> Result<()> {
    let world = world().await?;
    let id = stored(&world.alice, "linear").await?;
    let of_alice = world.claviger.credential("alice-github")?;
    for foreign in [id.as_str(), of_alice] {
        read(&world.runner, foreign, "").await?.expect(404)?;
        world.runner.get(&format!("{V1}/credentials/{foreign}")).await?.expect(404)?;
    }
    let mut seen = listed(&world.runner).await?;
    seen.sort();
    let mut granted = vec![
        world.claviger.credential("team-github-app")?.to_owned(),
        world.claviger.credential("team-kubeconfig")?.to_owned(),
    ];
    granted.sort();
    assert_eq!(seen, granted);
    let admin = role(&world.alice, "platform:admin").await?;
    for (path, body) in [
        ("role_bindings", json!({ "role_id": admin, "scope": "global", "user_id": "carol" })),
        ("credentials", json!({ "name": "x", "provider": "y" })),
        ("projects", json!({ "name": "of-a-pod" })),
        ("users", json!({ "username": "x", "name": "x" })),
    ] {
        world.runner.post(&format!("{V1}/{path}"), &body).await?.expect(403)?;
    }
    // It is over with its session.
    let stop = format!("{V1}/sessions/{}/stop", world.session);
    world.alice.post(&stop, &json!({})).await?.expect(200)?;
    for id in &granted {
        let after = read(&world.runner, id, "").await?;
        ensure!([401, 404].contains(&after.status), "{} {}", after.status, after.text);
    }
    Ok(())
}

#[tokio::test]
async fn hole_9_2_13_administrators_are_so_at_once_and_owners_from_the_start() -> Result<()> {
    let world = world().await?;
    // The name in the row is the name that is compared.
    world
        .carol
        .post(&format!("{V1}/roles"), &json!({ "name": "x:y" }))
        .await?
        .expect(403)?;
    world.globally("platform:admin", "carol").await?;
    world
        .carol
        .post(&format!("{V1}/roles"), &json!({ "name": "x:y" }))
        .await?
        .expect(201)?;

    // What a client says of the time decides nothing, and is not kept.
    let old = "1970-01-01T00:00:00Z";
    let body = json!({ "name": "held", "provider": "linear", "token": "t", "created_at": old, "updated_at": old });
    let made = world.alice.post(&format!("{V1}/credentials"), &body).await?.expect(201)?.json()?;
    ensure!(made["created_at"] != old && made["updated_at"] != old, "{made}");
    let id = made["id"].as_str().context("id")?;
    // Whoever may see the credential may see its owner: there is no moment without one.
    let owning = rows(&world.alice, &format!("credential_id='{id}'")).await?;
    ensure!(owning.len() == 1 && owning[0]["user_id"] == "alice", "{owning:#?}");
    let viewer = role(&world.alice, "credential:viewer").await?;
    let binding = json!({ "role_id": viewer, "scope": "credential", "credential_id": id, "project_id": world.project, "created_at": old });
    let bound = world.alice.post(BINDINGS, &binding).await?.expect(201)?.json()?;
    ensure!(bound["created_at"] != old, "{bound}");
    // Nor can an earlier one win later: a level has one credential for a provider.
    let second = stored(&world.alice, "linear").await?;
    let mut binding = binding;
    binding["credential_id"] = json!(second);
    world.alice.post(BINDINGS, &binding).await?.expect(409)?;
    // What is refused leaves nothing half made.
    let before = rows(&world.bob, "scope = 'project'").await?.len();
    world
        .bob
        .post(&format!("{V1}/projects"), &json!({ "name": world.project }))
        .await?
        .expect(409)?;
    assert_eq!(rows(&world.bob, "scope = 'project'").await?.len(), before);
    Ok(())
}

#[tokio::test]
async fn hole_9_2_14_an_outsider_learns_nothing_of_the_last_owner() -> Result<()> {
    let world = world().await?;
    let id = stored(&world.alice, "linear").await?;
    let owning = rows(&world.alice, &format!("credential_id='{id}'")).await?;
    let path = format!("{BINDINGS}/{}", owning[0]["id"].as_str().context("id")?);
    let of_owner = world.bob.delete(&path).await?.expect(403)?;
    let of_nothing = world
        .bob
        .delete(&format!("{BINDINGS}/2ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
        .await?
        .expect(403)?;
    assert_eq!(said(&of_owner), said(&of_nothing));
    let own = world.alice.delete(&path).await?.expect(409)?;
    assert_eq!(said(&own), "cannot delete the last owner binding");
    Ok(())
}

#[tokio::test]
async fn hole_9_2_15_an_owner_takes_their_credential_back() -> Result<()> {
    let world = world().await?;
    let id = stored(&world.bob, "linear").await?;
    let bound = bind(&world.bob, &id, "credential:viewer", &world.project, "bob")
        .await?
        .expect(201)?
        .text_at("/id")?;
    // Bob edits there no more.
    let editing = rows(
        &world.alice,
        &format!("project_id='{}' and user_id='bob' and scope='project'", world.project),
    )
    .await?;
    for row in &editing {
        world
            .alice
            .delete(&format!("{BINDINGS}/{}", row["id"].as_str().context("id")?))
            .await?
            .expect(204)?;
    }
    ensure!(editing.len() == 1, "{editing:#?}");
    world.bob.get(&format!("{V1}/projects/{}", world.project)).await?.expect(404)?;
    world.bob.delete(&format!("{BINDINGS}/{bound}")).await?.expect(204)?;
    assert_eq!(
        rows(&world.bob, &format!("credential_id='{id}' and project_id is not null")).await?,
        Vec::<Value>::new()
    );
    Ok(())
}
