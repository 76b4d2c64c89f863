//! What tests ask the API for, in their own words.

use crate::{Answer, Client};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

/// The API's base path.
pub const V1: &str = "/api/ambient/v1";

/// Makes a credential and returns its id.
///
/// # Errors
/// Anything but 201; the message has the answer.
pub async fn create(client: &Client, body: &Value) -> Result<String> {
    client.post(&format!("{V1}/credentials"), body).await?.expect(201)?.text_at("/id")
}

/// Reads a token; `query` is empty or begins with `?`.
///
/// # Errors
/// No answer at all.
pub async fn read(client: &Client, credential: &str, query: &str) -> Result<Answer> {
    client.get(&format!("{V1}/credentials/{credential}/token{query}")).await
}

/// Reads a token that has to be there, and returns its text.
///
/// # Errors
/// Anything but 200.
pub async fn token(client: &Client, credential: &str) -> Result<String> {
    read(client, credential, "").await?.expect(200)?.text_at("/token")
}

/// The generation in a token answer.
///
/// # Errors
/// There is none.
pub fn generation(answer: &Answer) -> Result<i64> {
    let generation = answer.json()?.get("generation").and_then(Value::as_i64);
    generation.with_context(|| format!("{}: no generation in {}", answer.asked, answer.text))
}

/// The ids of all credentials that this client sees.
///
/// # Errors
/// Anything but a list.
pub async fn listed(client: &Client) -> Result<Vec<String>> {
    let answer = client.get(&format!("{V1}/credentials?size=1000")).await?.expect(200)?.json()?;
    let Some(items) = answer.get("items").and_then(Value::as_array) else {
        bail!("no items in {answer}")
    };
    items
        .iter()
        .map(|item| {
            item.get("id")
                .and_then(Value::as_str)
                .map(str::to_owned)
                .context("an item without id")
        })
        .collect()
}

/// The id of a role by its name.
///
/// # Errors
/// There is none of that name.
pub async fn role(client: &Client, name: &str) -> Result<String> {
    let answer = client.get(&format!("{V1}/roles?size=1000")).await?.expect(200)?.json()?;
    let roles = answer.get("items").and_then(Value::as_array).context("no items")?;
    let found = roles.iter().find(|role| role.get("name").is_some_and(|n| n == name));
    found
        .and_then(|role| role.get("id"))
        .and_then(Value::as_str)
        .map(str::to_owned)
        .with_context(|| format!("no role `{name}` in {answer}"))
}

/// Binds a role on a credential to a person, within a project; the answer may be a refusal.
///
/// # Errors
/// No answer at all.
pub async fn bind(client: &Client, credential: &str, role: &str, project: &str, user: &str) -> Result<Answer> {
    let role_id = self::role(client, role).await?;
    let body = json!({ "role_id": role_id, "scope": "credential", "credential_id": credential, "project_id": project, "user_id": user });
    client.post(&format!("{V1}/role_bindings"), &body).await
}
