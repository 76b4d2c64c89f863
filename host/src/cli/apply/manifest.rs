//! A manifest: its keys, checked before anything is asked of a server.
//!
//! The keys are those of the platform's own manifests, and a few more for what those cannot say: a credential's kind and fields, an agent's
//! project and model, a binding of a credential to a project. A key that is not known is refused: it would be left out without a word.

use super::keys::{Keys, scalar, short};
use super::read::Document;
use crate::cli::client::Failure;
use crate::cli::credential::sounds_secret;
use crate::cli::secret_input::Source;
use serde_json::{Map, Value};

/// What can be applied.
#[derive(Debug)]
pub(super) enum Manifest {
    Project(Place),
    Agent(Place),
    Credential(Credential),
    RoleBinding(Binding),
}

/// A project or an agent as it shall be. What is not mentioned is left as it is.
#[derive(Debug)]
pub(super) struct Place {
    pub place: String,
    pub name: String,
    /// An agent's project, if its manifest says which.
    pub project: Option<String>,
    /// By key; `null` clears.
    pub values: Vec<(&'static str, Value)>,
    /// What the platform's manifests carry and this server has no place for.
    pub dropped: Vec<&'static str>,
}

/// A project's texts.
const PROJECT: [&str; 6] = ["description", "prompt", "labels", "annotations", "status", "credential_policy"];
/// An agent's texts.
const AGENT: [&str; 13] = [
    "display_name",
    "description",
    "prompt",
    "repo_url",
    "workflow_id",
    "llm_model",
    "parent_agent_id",
    "owner_user_id",
    "bot_account_name",
    "resource_overrides",
    "environment_variables",
    "labels",
    "annotations",
];
/// An agent's numbers.
const NUMBERS: [&str; 2] = ["llm_temperature", "llm_max_tokens"];

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
            "project" => Self::Project(place(&mut keys, &PROJECT, &[])?),
            "agent" => {
                let project = keys.text("project")?.flatten();
                let project = keys.text("project_id")?.flatten().or(project);
                let agent = place(&mut keys, &AGENT, &NUMBERS)?;
                Self::Agent(Place { project, ..agent })
            }
            "credential" => Self::Credential(credential(&mut keys)?),
            "rolebinding" => Self::RoleBinding(binding(&mut keys)?),
            _ => {
                return Err(keys.refuse(&format!(
                    "`{}` is no kind that can be applied: Project, Agent, Credential, RoleBinding",
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
            Self::Project(project) => format!("project/{}", project.name),
            Self::Agent(agent) => match &agent.project {
                Some(project) => format!("agent/{project}/{}", agent.name),
                None => format!("agent/{}", agent.name),
            },
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
            Self::Project(place) | Self::Agent(place) => &place.place,
            Self::Credential(credential) => &credential.place,
            Self::RoleBinding(binding) => &binding.place,
        }
    }

    /// What must be there first comes first.
    pub(super) const fn rank(&self) -> u8 {
        match self {
            Self::Project(_) => 0,
            Self::Agent(_) => 1,
            Self::Credential(_) => 2,
            Self::RoleBinding(_) => 3,
        }
    }
}

/// Gives agents whose manifest names no project the one that is meant: the command's, else the only one of these manifests.
pub(super) fn place_agents(manifests: &mut [Manifest], said: Option<&str>) -> Result<(), Failure> {
    let mut projects = manifests.iter().filter_map(|manifest| match manifest {
        Manifest::Project(project) => Some(project.name.clone()),
        _ => None,
    });
    let only = projects.next().filter(|_| projects.next().is_none());
    drop(projects);
    let meant = said.map(str::to_owned).or(only);
    for manifest in manifests {
        if let Manifest::Agent(agent) = manifest
            && agent.project.is_none()
        {
            agent.project.clone_from(&meant);
            if agent.project.is_none() {
                return Err(Failure::Usage(format!(
                    "{}: in which project is the agent? Say `project:` there, or `--project`",
                    agent.place
                )));
            }
        }
    }
    Ok(())
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

fn place(keys: &mut Keys, texts: &[&'static str], numbers: &[&'static str]) -> Result<Place, Failure> {
    let name = keys.required("name")?;
    let mut values = Vec::new();
    for key in texts {
        if let Some(text) = keys.text(key)? {
            values.push((*key, text.map_or(Value::Null, Value::from)));
        }
    }
    for key in numbers {
        values.extend(keys.number(key)?.map(|number| (*key, number)));
    }
    let mut dropped = Vec::new();
    if keys.keys.remove("inbox").is_some_and(|inbox| !inbox.is_null()) {
        dropped.push("inbox");
    }
    Ok(Place {
        place: keys.place.clone(),
        name,
        project: None,
        values,
        dropped,
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::path::PathBuf;

    #[test]
    fn an_agent_is_in_the_project_that_is_said_or_in_the_only_one() {
        let agent = |name: &str| parsed(json!({"kind": "Agent", "name": name, "llm_temperature": 0.2})).unwrap();
        let project = |name: &str| parsed(json!({"kind": "Project", "name": name})).unwrap();
        let names = |manifests: &[Manifest]| manifests.iter().map(Manifest::name).collect::<Vec<_>>();
        let mut one = vec![agent("a"), project("p")];
        place_agents(&mut one, None).unwrap();
        assert_eq!(names(&one), ["agent/p/a", "project/p"]);
        let mut two = vec![agent("a"), project("p"), project("q")];
        assert!(place_agents(&mut two, None).unwrap_err().to_string().contains("--project"));
        place_agents(&mut two, Some("q")).unwrap();
        assert_eq!(names(&two)[0], "agent/q/a");
        let why = parsed(json!({"kind": "Agent", "name": "a", "llm_temperature": "hot"})).unwrap_err();
        assert!(why.contains("is a number"), "{why}");
    }

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
