//! A manifest: its keys, checked before anything is asked of a server.
//!
//! The keys are those of the platform's own manifests, and a few more for what those cannot say: a credential's kind and fields, and a
//! binding of a credential to a project. A key that is not known is refused: it would be left out without a word.

use super::read::Document;
use crate::cli::client::Failure;
use crate::cli::credential::sounds_secret;
use crate::cli::secret_input::Source;
use serde_json::{Map, Value};
use std::path::PathBuf;

/// What can be applied.
#[derive(Debug)]
pub(super) enum Manifest {
    Credential(Credential),
    RoleBinding(Binding),
}

/// A credential as it shall be. What is not mentioned is left as it is.
#[derive(Debug)]
pub(super) struct Credential {
    pub place: String,
    pub name: String,
    pub provider: String,
    pub kind: Option<String>,
    /// Description, address, email, labels, annotations; `None` clears.
    pub texts: Vec<(&'static str, Option<String>)>,
    /// Public fields.
    pub fields: Map<String, Value>,
    /// Secret fields.
    pub secrets: Vec<(String, Source)>,
    pub token: Option<Source>,
}

/// A role binding as it shall be.
#[derive(Debug)]
pub(super) struct Binding {
    pub place: String,
    pub role: String,
    pub scope: String,
    /// Key and id; a credential's may be its name.
    pub ids: Vec<(&'static str, String)>,
}

impl Manifest {
    pub(super) fn parse(document: Document) -> Result<Self, Failure> {
        let mut keys = Keys {
            place: document.place,
            folder: document.folder,
            keys: document.keys,
        };
        let kind = keys.required("kind")?;
        let manifest = match kind.to_ascii_lowercase().as_str() {
            "credential" => Self::Credential(credential(&mut keys)?),
            "rolebinding" => Self::RoleBinding(binding(&mut keys)?),
            _ => {
                return Err(keys.refuse(&format!(
                    "`{}` is no kind that can be applied: Credential, RoleBinding",
                    short(&kind)
                )));
            }
        };
        match keys.keys.keys().next() {
            Some(key) => Err(keys.refuse(&format!("a {kind} has no key `{}`", short(key)))),
            None => Ok(manifest),
        }
    }

    /// As it is called in what is said: kind and name.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Credential(credential) => format!("credential/{}", credential.name),
            Self::RoleBinding(binding) => {
                let ids: Vec<String> = binding
                    .ids
                    .iter()
                    .map(|(key, id)| format!("{}={id}", key.trim_end_matches("_id")))
                    .collect();
                format!("role-binding/{} {}", binding.role, ids.join(" "))
            }
        }
    }

    pub(super) fn place(&self) -> &str {
        match self {
            Self::Credential(credential) => &credential.place,
            Self::RoleBinding(binding) => &binding.place,
        }
    }

    /// What must be there first comes first.
    pub(super) const fn rank(&self) -> u8 {
        match self {
            Self::Credential(_) => 0,
            Self::RoleBinding(_) => 1,
        }
    }
}

/// Refuses two manifests for one thing: whichever came last would win, each time.
pub(super) fn refuse_repeated(manifests: &[Manifest]) -> Result<(), Failure> {
    for (at, manifest) in manifests.iter().enumerate() {
        let name = manifest.name();
        if let Some(again) = manifests.iter().skip(at + 1).find(|other| other.name() == name) {
            return Err(Failure::Usage(format!(
                "{} and {} are both {name}",
                manifest.place(),
                again.place()
            )));
        }
    }
    Ok(())
}

fn credential(keys: &mut Keys) -> Result<Credential, Failure> {
    let (name, provider) = (keys.required("name")?, keys.required("provider")?);
    let kind = keys.text("credential_kind")?.flatten();
    let mut texts = Vec::new();
    for key in ["description", "url", "email", "labels", "annotations"] {
        if let Some(text) = keys.text(key)? {
            texts.push((key, text));
        }
    }
    let token = keys.keys.remove("token").filter(|token| !token.is_null());
    let token = token.map(|token| keys.reference("token", &token)).transpose()?;
    let (mut fields, mut secrets) = (Map::new(), Vec::new());
    match keys.keys.remove("fields") {
        None | Some(Value::Null) => {}
        Some(Value::Object(given)) => {
            for (name, value) in given {
                match scalar(&value) {
                    Some(text) if !text.starts_with('$') && !sounds_secret(&name) => drop(fields.insert(name, text.into())),
                    _ => secrets.push((name.clone(), keys.reference(&name, &value)?)),
                }
            }
        }
        Some(_) => return Err(keys.refuse("`fields` has names and values")),
    }
    Ok(Credential {
        place: keys.place.clone(),
        name,
        provider,
        kind,
        texts,
        fields,
        secrets,
        token,
    })
}

fn binding(keys: &mut Keys) -> Result<Binding, Failure> {
    let (role, scope) = (keys.required("role")?, keys.required("scope")?);
    let mut ids: Vec<(&'static str, String)> = Vec::new();
    // A binding's name is for its readers; nothing stores it.
    keys.keys.remove("name");
    for (key, short) in [
        ("user_id", "user"),
        ("project_id", "project"),
        ("agent_id", "agent"),
        ("session_id", "session"),
        ("credential_id", "credential"),
    ] {
        for given in [key, short] {
            if let Some(id) = keys.text(given)?.flatten() {
                ids.push((key, id));
            }
        }
        if short == scope
            && let Some(id) = keys.text("scope_id")?.flatten()
        {
            ids.push((key, id));
        }
    }
    let mut named: Vec<&str> = ids.iter().map(|(key, _)| *key).collect();
    named.dedup();
    if named.len() != ids.len() {
        return Err(keys.refuse("an id is there twice, once as `scope_id` or in another spelling"));
    }
    Ok(Binding {
        place: keys.place.clone(),
        role,
        scope,
        ids,
    })
}

/// The keys that nobody has taken yet.
struct Keys {
    place: String,
    folder: PathBuf,
    keys: Map<String, Value>,
}

impl Keys {
    fn refuse(&self, why: &str) -> Failure {
        Failure::Usage(format!("{}: {why}", self.place))
    }

    fn required(&mut self, key: &str) -> Result<String, Failure> {
        let text = self.text(key)?.flatten().filter(|text| !text.is_empty());
        text.ok_or_else(|| self.refuse(&format!("`{key}` is missing")))
    }

    /// Not there, cleared, or a text. Labels are a map for people and a text on the wire.
    fn text(&mut self, key: &str) -> Result<Option<Option<String>>, Failure> {
        match self.keys.remove(key) {
            None => Ok(None),
            Some(Value::Null) => Ok(Some(None)),
            Some(Value::Object(map)) if matches!(key, "labels" | "annotations") => Ok(Some(Some(Value::Object(map).to_string()))),
            Some(value) => match scalar(&value) {
                Some(text) => Ok(Some(Some(text))),
                None => Err(self.refuse(&format!("`{key}` is a text"))),
            },
        }
    }

    /// `$NAME`, `${NAME}`, `{env: NAME}` or `{file: PATH}`, seen from the manifest's folder.
    fn reference(&self, key: &str, value: &Value) -> Result<Source, Failure> {
        let of_map = |key: &str| value.as_object().filter(|map| map.len() == 1)?.get(key)?.as_str();
        let of_text = || {
            let name = value.as_str()?.strip_prefix('$')?;
            Some(name.strip_prefix('{').and_then(|name| name.strip_suffix('}')).unwrap_or(name))
        };
        let is_name = |name: &&str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if let Some(path) = of_map("file") {
            return Ok(Source::File(self.folder.join(path)));
        }
        match of_map("env").or_else(of_text).filter(is_name) {
            Some(name) => Ok(Source::Environment(name.to_owned())),
            None => Err(self.refuse(&format!(
                "`{}` is a secret, and no manifest holds those: say `$NAME` for a variable, or `{{file: PATH}}`. If it was a real one, replace it",
                short(key)
            ))),
        }
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        _ => None,
    }
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parsed(keys: Value) -> Result<Manifest, String> {
        let document = Document {
            place: "here".to_owned(),
            folder: PathBuf::from("folder"),
            keys: keys.as_object().unwrap().clone(),
        };
        Manifest::parse(document).map_err(|why| why.to_string())
    }

    #[test]
    fn a_credentials_secrets_are_references() {
        let manifest = parsed(json!({
            "kind": "Credential", "name": "app", "provider": "github", "labels": {"team": "a"}, "description": null, "token": "${T}",
            "fields": {"app-id": 12, "private-key": {"file": "key.pem"}, "client-secret": "$SECRET"},
        }));
        let Ok(Manifest::Credential(credential)) = manifest else {
            panic!("{manifest:?}")
        };
        assert_eq!(credential.token, Some(Source::Environment("T".to_owned())));
        assert_eq!(credential.fields, *json!({"app-id": "12"}).as_object().unwrap());
        assert_eq!(
            credential.secrets,
            [
                ("private-key".to_owned(), Source::File("folder/key.pem".into())),
                ("client-secret".to_owned(), Source::Environment("SECRET".to_owned()))
            ]
        );
        assert_eq!(
            credential.texts,
            [("description", None), ("labels", Some(r#"{"team":"a"}"#.to_owned()))]
        );
        for token in [
            json!("ghp_0123"),
            json!("$a b ghp_0123"),
            json!({"value": "ghp_0123"}),
            json!(["ghp_0123"]),
        ] {
            let why = parsed(json!({"kind": "Credential", "name": "a", "provider": "github", "token": token})).unwrap_err();
            assert!(why.contains("$NAME") && !why.contains("ghp_"), "{why}");
        }
    }

    #[test]
    fn a_binding_takes_its_ids_by_scope_or_by_name() {
        let manifest = parsed(
            json!({"kind": "RoleBinding", "role": "credential:viewer", "scope": "credential", "scope_id": "pat", "project": "atlas"}),
        );
        let Ok(Manifest::RoleBinding(binding)) = manifest else {
            panic!("{manifest:?}")
        };
        assert_eq!(
            binding.ids,
            [("project_id", "atlas".to_owned()), ("credential_id", "pat".to_owned())]
        );
        for (keys, word) in [
            (
                json!({"kind": "RoleBinding", "role": "r", "scope": "project", "scope_id": "a", "project": "a"}),
                "twice",
            ),
            (
                json!({"kind": "RoleBinding", "role": "r", "scope": "global", "scope_id": "a"}),
                "no key `scope_id`",
            ),
            (json!({"kind": "RoleBinding", "scope": "global"}), "`role` is missing"),
            (json!({"kind": "Sandwich"}), "no kind"),
            (
                json!({"kind": "Credential", "name": "a", "provider": "b", "tokn": "ghp_0123"}),
                "no key `tokn`",
            ),
        ] {
            let why = parsed(keys).unwrap_err();
            assert!(why.contains(word) && !why.contains("ghp_"), "{why}");
        }
    }
}
