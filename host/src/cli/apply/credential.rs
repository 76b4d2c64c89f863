//! A credential, made as its manifest says.

use super::keys::is_json;
use super::manifest::Credential;
use super::{Applied, Manner, Outcome};
use crate::cli::client::{Client, Failure, V1, below, only, text};
use crate::cli::secret_input::placed;
use serde_json::{Map, Value};

pub(super) async fn apply(client: &Client, wanted: &Credential, manner: Manner) -> Result<Applied, Failure> {
    // By its name alone: an id in a manifest would be another server's.
    let Some(there) = only(client.all("credentials").await?, "credentials", &wanted.name)? else {
        return create(client, wanted, manner).await;
    };
    let id = text(&there, "id");
    let (mut body, mut changed) = changes(wanted, &there);
    let moves = ["provider", "kind", "url"].iter().any(|key| body.contains_key(*key));
    let lacks_secrets = text(&there, "state") == "empty";
    if moves && !wanted.fields.is_empty() {
        // The move drops the public fields as well.
        body.insert("fields".to_owned(), Value::Object(wanted.fields.clone()));
    }
    if has_secrets(wanted) && (moves || lacks_secrets || manner.secrets) {
        put_secrets(wanted, &mut body)?;
        changed.push("secrets".to_owned());
    }
    if changed.is_empty() {
        return Ok(Applied {
            id: Some(id.to_owned()),
            outcome: Outcome::Unchanged,
        });
    }
    if !manner.dry_run {
        let answer = client.patch(&below(V1, &["credentials", id]), &Value::Object(body)).await?;
        tell(wanted, &answer);
    }
    Ok(Applied {
        id: Some(id.to_owned()),
        outcome: Outcome::Updated(changed),
    })
}

async fn create(client: &Client, wanted: &Credential, manner: Manner) -> Result<Applied, Failure> {
    let mut body = Map::new();
    body.insert("name".to_owned(), wanted.name.as_str().into());
    body.insert("provider".to_owned(), wanted.provider.as_str().into());
    if let Some(kind) = &wanted.kind {
        body.insert("kind".to_owned(), kind.as_str().into());
    }
    for (key, value) in &wanted.texts {
        if let Some(value) = value {
            body.insert((*key).to_owned(), value.as_str().into());
        }
    }
    if !wanted.fields.is_empty() {
        body.insert("fields".to_owned(), Value::Object(wanted.fields.clone()));
    }
    // Read also when nothing is sent: a variable that is not set is found out before it matters.
    put_secrets(wanted, &mut body)?;
    let mut id = None;
    if !manner.dry_run {
        let made = client.post(&below(V1, &["credentials"]), &Value::Object(body)).await?;
        tell(wanted, &made);
        id = Some(text(&made, "id").to_owned());
    }
    Ok(Applied {
        id,
        outcome: Outcome::Created,
    })
}

/// A patch that makes `there` as it shall be, without its secrets, and the keys that it changes.
fn changes(wanted: &Credential, there: &Value) -> (Map<String, Value>, Vec<String>) {
    let (mut body, mut changed) = (Map::new(), Vec::new());
    let kind = wanted.kind.as_deref().map(|kind| ("kind", "credential_kind", kind));
    for (key, shown, value) in [Some(("provider", "provider", wanted.provider.as_str())), kind]
        .into_iter()
        .flatten()
    {
        if text(there, shown) != value {
            body.insert(key.to_owned(), value.into());
            changed.push(key.to_owned());
        }
    }
    for (key, value) in &wanted.texts {
        if !is_same(key, value.as_deref().unwrap_or_default(), text(there, key)) {
            body.insert((*key).to_owned(), value.as_deref().map_or(Value::Null, Value::from));
            changed.push((*key).to_owned());
        }
    }
    let fields: Map<String, Value> = wanted
        .fields
        .iter()
        .filter(|(name, value)| there["fields"].get(name.as_str()) != Some(value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if !fields.is_empty() {
        changed.extend(fields.keys().map(|name| format!("fields.{name}")));
        body.insert("fields".to_owned(), Value::Object(fields));
    }
    (body, changed)
}

/// Whether a text is as it shall be. A server writes addresses its own way, and labels are JSON, whose keys have no order.
pub(super) fn is_same(key: &str, wanted: &str, there: &str) -> bool {
    let json = |text: &str| serde_json::from_str::<Value>(text).ok();
    match key {
        _ if wanted == there => true,
        "url" => match (url::Url::parse(wanted), url::Url::parse(there)) {
            (Ok(wanted), Ok(there)) => wanted.as_str().trim_end_matches('/') == there.as_str().trim_end_matches('/'),
            _ => false,
        },
        _ if is_json(key) => json(wanted).is_some_and(|wanted| json(there) == Some(wanted)),
        _ => false,
    }
}

const fn has_secrets(wanted: &Credential) -> bool {
    wanted.token.is_some() || !wanted.secrets.is_empty()
}

fn put_secrets(wanted: &Credential, body: &mut Map<String, Value>) -> Result<(), Failure> {
    if let Some(token) = &wanted.token {
        body.insert("token".to_owned(), placed(&token.read("the token")?));
    }
    if wanted.secrets.is_empty() {
        return Ok(());
    }
    let mut fields = wanted.fields.clone();
    for (name, source) in &wanted.secrets {
        fields.insert(name.clone(), placed(&source.read(name)?));
    }
    body.insert("fields".to_owned(), Value::Object(fields));
    Ok(())
}

fn tell(wanted: &Credential, answer: &Value) {
    for warning in answer.get("warnings").and_then(Value::as_array).into_iter().flatten() {
        crate::cli::note(&format!("{}: look again: {}", wanted.name, crate::cli::answers::shown(warning)));
    }
    for name in wanted.fields.keys().filter(|name| answer["fields"].get(name.as_str()).is_none()) {
        crate::cli::note(&format!(
            "{}: `{name}` is a secret of this kind, and stands in {}: replace it, and refer to it as `$NAME` or `{{file: PATH}}`",
            wanted.name, wanted.place
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::is_same;

    #[test]
    fn the_same_in_other_words_is_no_change() {
        assert!(is_same("url", "https://Git.Example.com/", "https://git.example.com"));
        assert!(!is_same("url", "https://git.example.com/a", "https://git.example.com"));
        assert!(is_same("labels", r#"{"a":"1","b":"2"}"#, r#"{"b": "2", "a": "1"}"#));
        assert!(!is_same("labels", r#"{"a":"1"}"#, ""));
        assert!(!is_same("description", "a", "A") && is_same("description", "", ""));
    }
}
