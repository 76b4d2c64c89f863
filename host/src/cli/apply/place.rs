//! A project or an agent, made as its manifest says.

use super::credential::is_same;
use super::manifest::Place;
use super::{Applied, Manner, Outcome};
use crate::cli::client::{Client, Failure, V1, below, only, text};
use serde_json::{Map, Value};

/// A project: its id is its name.
pub(super) async fn project(client: &Client, wanted: &Place, manner: Manner) -> Result<Applied, Failure> {
    let path = below(V1, &["projects"]);
    let there = client.all_at(&path, &[]).await?;
    let there = there.into_iter().find(|project| text(project, "id") == wanted.name);
    apply(client, &path, there, wanted, Map::new(), manner).await
}

/// An agent, by its name in its project. `made` names what this apply has dealt with: in a dry run the project may not be there yet.
pub(super) async fn agent(client: &Client, wanted: &Place, made: &[&str], manner: Manner) -> Result<Applied, Failure> {
    let project = wanted.project.as_deref().unwrap_or_default();
    let path = below(V1, &["projects", project, "agents"]);
    let there = match client.all_at(&path, &[]).await {
        Err(Failure::NotFound(_)) if manner.dry_run && made.contains(&format!("project/{project}").as_str()) => None,
        found => only(found?, "agents", &wanted.name)?,
    };
    let within = Map::from_iter([("project_id".to_owned(), project.into())]);
    apply(client, &path, there, wanted, within, manner).await
}

async fn apply(
    client: &Client,
    path: &[&str],
    there: Option<Value>,
    wanted: &Place,
    mut body: Map<String, Value>,
    manner: Manner,
) -> Result<Applied, Failure> {
    for key in &wanted.dropped {
        crate::cli::note(&format!("{}: `{key}` is not kept: this server has no place for it", wanted.place));
    }
    let Some(there) = there else {
        body.insert("name".to_owned(), wanted.name.as_str().into());
        let given = wanted.values.iter().filter(|(_, value)| !value.is_null());
        body.extend(given.map(|(key, value)| ((*key).to_owned(), value.clone())));
        let mut id = None;
        if !manner.dry_run {
            id = Some(text(&client.post(path, &Value::Object(body)).await?, "id").to_owned());
        }
        return Ok(Applied {
            id,
            outcome: Outcome::Created,
        });
    };
    let id = text(&there, "id");
    let changes: Map<String, Value> = wanted
        .values
        .iter()
        .filter(|(key, value)| !is_as_wanted(key, value, there.get(*key)))
        .map(|(key, value)| ((*key).to_owned(), value.clone()))
        .collect();
    let changed: Vec<String> = changes.keys().cloned().collect();
    if !changed.is_empty() && !manner.dry_run {
        let path: Vec<&str> = path.iter().copied().chain([id]).collect();
        client.patch(&path, &Value::Object(changes)).await?;
    }
    Ok(Applied {
        id: Some(id.to_owned()),
        outcome: if changed.is_empty() {
            Outcome::Unchanged
        } else {
            Outcome::Updated(changed)
        },
    })
}

/// Whether a value is as it shall be. One that is not set and one that is empty are the same.
fn is_as_wanted(key: &str, wanted: &Value, there: Option<&Value>) -> bool {
    match (wanted, there) {
        (Value::Number(wanted), Some(Value::Number(there))) => wanted.as_f64() == there.as_f64(),
        (Value::Number(_), _) => false,
        (Value::Null, Some(Value::Number(_))) => false,
        (wanted, there) => is_same(
            key,
            wanted.as_str().unwrap_or_default(),
            there.and_then(Value::as_str).unwrap_or_default(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::is_as_wanted;
    use serde_json::{Value, json};

    #[test]
    fn numbers_are_the_same_however_they_are_written() {
        let same = |wanted: Value, there: Option<Value>| is_as_wanted("llm_temperature", &wanted, there.as_ref());
        assert!(same(json!(1), Some(json!(1.0))) && !same(json!(1), Some(json!(0.7))) && !same(json!(0), None));
        assert!(same(Value::Null, None) && same(json!(""), None) && !same(Value::Null, Some(json!(0.7))));
        assert!(!same(json!("a"), None) && !same(Value::Null, Some(json!("a"))));
        let (wanted, there) = (json!(r#"{"a":"1"}"#), json!(r#"{ "a": "1" }"#));
        assert!(is_as_wanted("environment_variables", &wanted, Some(&there)));
    }
}
