//! 65 to 69 and 71: which credential a session gets, by what it was granted when it started.

use super::{World, agent, text, world};
use anyhow::{Context, Result};
use claviger_tests::Client;
use claviger_tests::api::{V1, create, role};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Starts a session of that agent and returns what it was granted: provider to credential, as a control plane reads it.
async fn granted(world: &World, agent: &str) -> Result<BTreeMap<String, String>> {
    let body = json!({ "name": "asks", "project_id": "alpha", "agent_id": agent });
    let session = world
        .alice
        .post(&format!("{V1}/sessions"), &body)
        .await?
        .expect(201)?
        .text_at("/id")?;
    world
        .alice
        .post(&format!("{V1}/sessions/{session}/start"), &json!({}))
        .await?
        .expect(200)?;
    let search = format!("{V1}/role_bindings?search=scope = 'credential' and session_id = '{session}'");
    let rows = world.service.get(&search).await?.expect(200)?.json()?;
    let mut granted = BTreeMap::new();
    for row in rows["items"].as_array().context("items")? {
        let id = text(row, "credential_id");
        let credential = world.service.get(&format!("{V1}/credentials/{id}")).await?.expect(200)?;
        let twice = granted.insert(credential.text_at("/provider")?, id.to_owned());
        assert_eq!(twice, None, "two of one provider: {rows}");
    }
    Ok(granted)
}

async fn bound(client: &Client, credential: &str, place: &[(&str, &str)]) -> Result<String> {
    let mut body = json!({ "role_id": role(client, "credential:viewer").await?, "scope": "credential", "credential_id": credential });
    for (key, id) in place {
        body[*key] = json!(id);
    }
    client
        .post(&format!("{V1}/role_bindings"), &body)
        .await?
        .expect(201)?
        .text_at("/id")
}

#[tokio::test]
async fn the_agents_before_the_projects_before_everybodys() -> Result<()> {
    let world = world().await?;
    world.project(&world.alice, "alpha").await?;
    let made = agent(&world.alice, "alpha").await?;
    let agent = text(&made, "id");
    let admin = world.admin().await?;
    let body = |name: &str, provider: &str| json!({ "name": name, "provider": provider, "token": "t" });
    let of_all = create(admin, &body("of-all", "linear")).await?;
    let of_project = create(&world.alice, &body("of-project", "linear")).await?;
    let of_agent = create(&world.alice, &body("of-agent", "linear")).await?;
    let another = create(&world.alice, &body("another", "asana")).await?;
    let expected = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(provider, id)| ((*provider).to_owned(), (*id).to_owned()))
            .collect()
    };
    let delete = async |client: &Client, id: &str| client.delete(&format!("{V1}/role_bindings/{id}")).await?.expect(204);

    // 68: nothing is bound, nothing is granted, and the session starts all the same.
    assert_eq!(granted(&world, agent).await?, BTreeMap::new());
    // 67: what is everybody's, if there is nothing else.
    let row_of_all = bound(admin, &of_all, &[]).await?;
    assert_eq!(granted(&world, agent).await?, expected(&[("linear", &of_all)]));
    // 71: the agent's before everybody's.
    let row_of_agent = bound(&world.alice, &of_agent, &[("project_id", "alpha"), ("agent_id", agent)]).await?;
    assert_eq!(granted(&world, agent).await?, expected(&[("linear", &of_agent)]));
    // 65: the agent's before the project's.
    let row_of_project = bound(&world.alice, &of_project, &[("project_id", "alpha")]).await?;
    assert_eq!(granted(&world, agent).await?, expected(&[("linear", &of_agent)]));
    // 69: another provider is another question.
    bound(&world.alice, &another, &[("project_id", "alpha")]).await?;
    assert_eq!(
        granted(&world, agent).await?,
        expected(&[("asana", &another), ("linear", &of_agent)])
    );
    // 66: the project's where the agent has none of its own.
    delete(&world.alice, &row_of_agent).await?;
    assert_eq!(
        granted(&world, agent).await?,
        expected(&[("asana", &another), ("linear", &of_project)])
    );
    delete(&world.alice, &row_of_project).await?;
    assert_eq!(granted(&world, agent).await?, expected(&[("asana", &another), ("linear", &of_all)]));
    delete(admin, &row_of_all).await?;
    assert_eq!(granted(&world, agent).await?, expected(&[("asana", &another)]));
    Ok(())
}

/// The trace of the same, to whoever may ask for it.
#[tokio::test]
async fn nothing_that_resolves_is_an_answer_and_no_error() -> Result<()> {
    let world = world().await?;
    world.project(&world.alice, "alpha").await?;
    let path = format!("{V1}/projects/alpha/explain?provider=linear");
    let empty: Value = world.alice.get(&path).await?.expect(200)?.json()?;
    assert_eq!(empty["resolution"]["credential_id"], json!(null), "{empty}");
    Ok(())
}
