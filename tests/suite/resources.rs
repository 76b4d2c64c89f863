//! Projects, agents, sessions, people, roles and bindings over HTTP: the acceptance cases of the wire by their numbers, and the holes of the
//! platform, each shown closed.

mod agents;
mod bindings;
mod credentials;
mod metadata;
mod nested;
mod newcomer;
mod projects;
mod resolution;
mod roles;
mod sessions;
mod users;

use anyhow::{Context, Result, ensure};
use claviger_tests::api::{V1, role};
use claviger_tests::{Answer, Claviger, Client};
use serde_json::{Value, json};

/// Alice, Bob and Carol, an administrator, and a service.
struct World {
    claviger: Claviger,
    alice: Client,
    bob: Client,
    carol: Client,
    service: Client,
}

async fn world() -> Result<World> {
    let claviger = Claviger::start().await?;
    Ok(World {
        alice: claviger.person("alice")?,
        bob: claviger.person("bob")?,
        carol: claviger.person("carol")?,
        service: claviger.anybody()?.with_bearer(&claviger.dev().proxy.bearer),
        claviger,
    })
}

impl World {
    /// Makes Carol an administrator.
    async fn admin(&self) -> Result<&Client> {
        let role = role(&self.service, "platform:admin").await?;
        let body = json!({ "role_id": role, "scope": "global", "user_id": "carol" });
        self.service.post(&format!("{V1}/role_bindings"), &body).await?.expect(201)?;
        Ok(&self.carol)
    }

    async fn project(&self, client: &Client, name: &str) -> Result<Value> {
        let answer = client.post(&format!("{V1}/projects"), &json!({ "name": name })).await?;
        answer.expect(201)?.json()
    }
}

async fn agent(client: &Client, project: &str) -> Result<Value> {
    let body = json!({ "project_id": project, "name": "pilot" });
    client
        .post(&format!("{V1}/projects/{project}/agents"), &body)
        .await?
        .expect(201)?
        .json()
}

async fn member(client: &Client, project: &str, role_name: &str, user: &str) -> Result<Answer> {
    let role = role(client, role_name).await?;
    let body = json!({ "role_id": role, "scope": "project", "project_id": project, "user_id": user });
    client.post(&format!("{V1}/role_bindings"), &body).await
}

async fn ids(client: &Client, path: &str) -> Result<Vec<String>> {
    let separator = if path.contains('?') { '&' } else { '?' };
    let list = client.get(&format!("{V1}/{path}{separator}size=-1")).await?.expect(200)?.json()?;
    let items = list["items"].as_array().context("no items")?;
    ensure!(list["total"] == items.len() && list["size"] == items.len(), "{list}");
    Ok(items.iter().filter_map(|item| item["id"].as_str().map(str::to_owned)).collect())
}

/// The text of a member.
fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// A refusal with exactly this reason.
fn refused(answer: Answer, status: u16, reason: &str) -> Result<()> {
    let answer = answer.expect(status)?;
    ensure!(answer.text_at("/reason")? == reason, "not `{reason}`: {}", answer.text);
    Ok(())
}
