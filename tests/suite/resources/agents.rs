use super::{agent, ids, member, refused, text, world};
use anyhow::{Result, ensure};
use claviger_tests::api::{V1, role};
use serde_json::json;

/// 13, 14.
#[tokio::test]
async fn an_agent_has_defaults_and_one_project() -> Result<()> {
    let world = world().await?;
    world.project(&world.alice, "alpha").await?;
    world.project(&world.alice, "beta").await?;
    let made = agent(&world.alice, "alpha").await?;
    let id = text(&made, "id");
    assert_eq!(text(&made, "href"), format!("/api/ambient/v1/agents/{id}"));
    assert_eq!(
        (text(&made, "llm_model"), &made["llm_temperature"], &made["llm_max_tokens"]),
        ("claude-sonnet-4-6", &json!(0.7), &json!(4000))
    );
    assert_eq!(
        (text(&made, "kind"), text(&made, "project_id"), text(&made, "owner_user_id")),
        ("Agent", "alpha", "alice")
    );
    let path = format!("{V1}/projects/alpha/agents/{id}");
    let cold = world
        .alice
        .patch(&path, &json!({ "llm_temperature": 0.0, "name": "cold" }))
        .await?
        .expect(200)?
        .json()?;
    assert_eq!((&cold["llm_temperature"], text(&cold, "name")), (&json!(0.0), "cold"));
    assert_eq!(world.alice.get(&path).await?.expect(200)?.json()?, cold);

    let elsewhere = format!("{V1}/projects/beta/agents/{id}");
    let foreign = "agent does not belong to this project";
    refused(world.alice.get(&elsewhere).await?, 403, foreign)?;
    refused(world.alice.patch(&elsewhere, &json!({})).await?, 403, foreign)?;
    refused(world.alice.delete(&elsewhere).await?, 403, foreign)?;
    assert_eq!(ids(&world.alice, "projects/beta/agents").await?, Vec::<String>::new());
    assert_eq!(ids(&world.alice, "projects/alpha/agents").await?, [id]);
    // Whoever does not see it learns nothing from the two.
    world.carol.get(&path).await?.expect(404)?;
    world.carol.get(&elsewhere).await?.expect(404)?;
    refused(world.carol.delete(&path).await?, 403, "Forbidden")?;
    world.alice.delete(&path).await?.expect(204)?;
    world.alice.get(&path).await?.expect(404)?;

    // The path's project counts, and the body must have one.
    let agents = format!("{V1}/projects/alpha/agents");
    let other = world
        .alice
        .post(&agents, &json!({ "project_id": "beta", "name": "x" }))
        .await?
        .expect(201)?
        .json()?;
    assert_eq!(text(&other, "project_id"), "alpha");
    world.alice.post(&agents, &json!({ "name": "x" })).await?.expect(400)?;
    world
        .alice
        .post(&agents, &json!({ "project_id": "alpha", "name": "x", "llm_temperature": "hot" }))
        .await?
        .expect(400)?;
    Ok(())
}

/// 61.
#[tokio::test]
async fn starting_an_agent_brings_one_session() -> Result<()> {
    let world = world().await?;
    world.project(&world.alice, "alpha").await?;
    let made = agent(&world.alice, "alpha").await?;
    let id = text(&made, "id");
    let start = format!("{V1}/projects/alpha/agents/{id}/start");
    refused(world.bob.post(&start, &json!({})).await?, 403, "Forbidden")?;
    let started = world.alice.post(&start, &json!({ "prompt": "go" })).await?.expect(201)?.json()?;
    let session = &started["session"];
    assert_eq!(
        (text(session, "phase"), text(session, "agent_id"), text(&started, "starting_prompt")),
        ("Creating", id, "go")
    );
    let again = world.alice.post(&start, &json!({})).await?.expect(200)?.json()?;
    assert_eq!(again["session"]["id"], session["id"]);
    world
        .alice
        .get(&format!("{V1}/sessions/{}", text(session, "id")))
        .await?
        .expect(200)?;
    assert_eq!(
        ids(&world.alice, &format!("projects/alpha/agents/{id}/sessions")).await?,
        [text(session, "id")]
    );
    // The agent says where it works, to those who may see that session, and until it ends.
    let path = format!("{V1}/projects/alpha/agents/{id}");
    let mut expected = made.clone();
    expected["current_session_id"] = session["id"].clone();
    assert_eq!(world.alice.get(&path).await?.expect(200)?.json()?, expected);
    let list = world
        .alice
        .get(&format!("{V1}/projects/alpha/agents?fields=current_session_id"))
        .await?
        .expect(200)?
        .json()?;
    assert_eq!(list["items"], json!([{ "id": id, "current_session_id": session["id"] }]));
    let editor = role(&world.alice, "agent:editor").await?;
    let body = json!({ "role_id": editor, "scope": "agent", "agent_id": id, "user_id": "carol" });
    world.alice.post(&format!("{V1}/role_bindings"), &body).await?.expect(201)?;
    assert_eq!(world.carol.get(&path).await?.expect(200)?.json()?, made);
    let status = format!("{V1}/sessions/{}/status", text(session, "id"));
    world.service.patch(&status, &json!({ "phase": "Completed" })).await?.expect(200)?;
    assert_eq!(world.alice.get(&path).await?.expect(200)?.json()?, made);
    let next = world.alice.post(&start, &json!({})).await?.expect(201)?.json()?;
    ensure!(next["session"]["id"] != session["id"], "{next}");
    // An editor may start; a viewer may not.
    member(&world.alice, "alpha", "project:viewer", "bob").await?.expect(201)?;
    refused(world.bob.post(&start, &json!({})).await?, 403, "Forbidden")?;
    member(&world.alice, "alpha", "project:editor", "bob").await?.expect(201)?;
    world.bob.post(&start, &json!({})).await?.expect(200)?;
    Ok(())
}

#[tokio::test]
async fn hole_9_2_8_an_agent_of_a_foreign_project_cannot_be_taken_by_a_binding() -> Result<()> {
    let world = world().await?;
    world.project(&world.alice, "alpha").await?;
    world.project(&world.bob, "beta").await?;
    let made = agent(&world.alice, "alpha").await?;
    let id = text(&made, "id");
    for role_name in ["agent:editor", "agent:operator"] {
        let role = role(&world.bob, role_name).await?;
        for body in [
            json!({ "role_id": role, "scope": "agent", "agent_id": id, "user_id": "bob" }),
            json!({ "role_id": role, "scope": "agent", "agent_id": id, "project_id": "beta", "user_id": "bob" }),
            json!({ "role_id": role, "scope": "agent", "agent_id": "no-such-agent", "user_id": "bob" }),
        ] {
            let answer = world.bob.post(&format!("{V1}/role_bindings"), &body).await?.expect(403)?;
            ensure!(!answer.text.contains("alpha"), "{}", answer.text);
        }
    }
    world.bob.get(&format!("{V1}/projects/alpha/agents/{id}")).await?.expect(404)?;
    // The project's owner may; then Bob works on this agent and on nothing else there.
    let role = role(&world.alice, "agent:editor").await?;
    let body = json!({ "role_id": role, "scope": "agent", "agent_id": id, "user_id": "bob" });
    world.alice.post(&format!("{V1}/role_bindings"), &body).await?.expect(201)?;
    let path = format!("{V1}/projects/alpha/agents/{id}");
    world.bob.patch(&path, &json!({ "prompt": "x" })).await?.expect(200)?;
    refused(world.bob.post(&format!("{path}/start"), &json!({})).await?, 403, "Forbidden")?;
    world.bob.get(&format!("{V1}/projects/alpha")).await?.expect(404)?;
    Ok(())
}
