//! A role binding, made as its manifest says. There is nothing to change in one: it is there or it is not.

use super::manifest::Binding;
use super::{Applied, Manner, Outcome};
use crate::cli::client::{Client, Failure, V1, below, looks_like_an_id, only, text};
use crate::cli::credential::is_same;
use serde_json::{Map, Value};

/// An agent may be named by its name where the binding says in which project. `made` names what this apply has dealt with: in a dry run, a credential or agent of it may not be there yet.
pub(super) async fn apply(client: &Client, wanted: &Binding, made: &[&str], manner: Manner) -> Result<Applied, Failure> {
    let mut body = Map::new();
    body.insert("role_id".to_owned(), client.role_id(&wanted.role).await?.into());
    body.insert("scope".to_owned(), wanted.scope.as_str().into());
    for (key, given) in &wanted.ids {
        let id = match *key {
            "credential_id" => match client.credential_id(given).await {
                Err(Failure::NotFound(_)) if manner.dry_run && made.contains(&format!("credential/{given}").as_str()) => {
                    return Ok(created(None));
                }
                found => found?,
            },
            "agent_id" => match agent_id(client, wanted, given).await {
                Err(Failure::NotFound(_)) if manner.dry_run && made.iter().any(|made| is_agent(made, given)) => return Ok(created(None)),
                found => found?,
            },
            _ => given.clone(),
        };
        body.insert((*key).to_owned(), id.into());
    }
    let there = client.all("role_bindings").await?;
    if let Some(binding) = there.iter().find(|binding| is_same(binding, &body)) {
        return Ok(Applied {
            id: Some(text(binding, "id").to_owned()),
            outcome: Outcome::Unchanged,
        });
    }
    if manner.dry_run {
        return Ok(created(None));
    }
    let answer = client.post(&below(V1, &["role_bindings"]), &Value::Object(body)).await?;
    Ok(created(Some(text(&answer, "id").to_owned())))
}

async fn agent_id(client: &Client, wanted: &Binding, given: &str) -> Result<String, Failure> {
    let project = wanted.ids.iter().find(|(key, _)| *key == "project_id");
    let Some((_, project)) = project.filter(|_| !looks_like_an_id(given)) else {
        return Ok(given.to_owned());
    };
    let agents = client.all_at(&below(V1, &["projects", project, "agents"]), &[]).await?;
    match only(agents, "agents", given)? {
        Some(agent) => Ok(text(&agent, "id").to_owned()),
        None => Err(Failure::NotFound(format!("no agent `{given}` in `{project}`, or not for you"))),
    }
}

fn is_agent(made: &str, name: &str) -> bool {
    made.strip_prefix("agent/")
        .and_then(|rest| rest.rsplit_once('/'))
        .is_some_and(|(_, made)| made == name)
}

const fn created(id: Option<String>) -> Applied {
    Applied {
        id,
        outcome: Outcome::Created,
    }
}
