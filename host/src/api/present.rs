//! Records as the wire shows them. No secret can be here: the records it takes have none.

use crate::clock::{Millis, rfc3339};
use crate::ids::SessionId;
use crate::manifest::Kind;
use crate::records::model::{
    Agent, Binding, Credential, CredentialPolicy, CredentialState, Phase, Project, Role, Scope, Session, Trigger, User,
};
use crate::records::{Detailed, Details};
use serde_json::{Map, Value, json};

const BASE: &str = "/api/ambient/v1";

fn object(kind: &str, collection: &str, id: &str, created_at_ms: Millis, updated_at_ms: Millis) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("id".to_owned(), json!(id));
    object.insert("kind".to_owned(), json!(kind));
    object.insert("href".to_owned(), json!(format!("{BASE}/{collection}/{id}")));
    object.insert("created_at".to_owned(), json!(rfc3339(created_at_ms)));
    object.insert("updated_at".to_owned(), json!(rfc3339(updated_at_ms)));
    object
}

/// Adds a key if there is a value: clients expect unset fields to be absent.
fn put(object: &mut Map<String, Value>, key: &str, value: Option<&str>) {
    if let Some(value) = value {
        object.insert(key.to_owned(), json!(value));
    }
}

/// A credential, without its token. `kind` is the envelope's word, so the credential's kind is `credential_kind`.
#[must_use]
pub fn credential(credential: &Credential, kind: Option<&Kind>) -> Value {
    let mut object = object(
        "Credential",
        "credentials",
        credential.id.as_str(),
        credential.created_at_ms,
        credential.updated_at_ms,
    );
    object.insert("name".to_owned(), json!(credential.name));
    object.insert("provider".to_owned(), json!(credential.provider));
    put(&mut object, "description", credential.description.as_deref());
    put(&mut object, "url", credential.url.as_deref());
    put(&mut object, "email", credential.email.as_deref());
    put(&mut object, "labels", credential.labels.as_deref());
    put(&mut object, "annotations", credential.annotations.as_deref());
    object.insert("credential_kind".to_owned(), json!(credential.kind));
    object.insert("fields".to_owned(), json!(credential.fields));
    object.insert("generation".to_owned(), json!(credential.generation));
    let keeps_nothing = kind.is_some_and(|kind| !kind.fields.iter().any(|field| field.secret && !field.configured));
    let state = match credential.state {
        // Its secrets are read from the operator's files for each call.
        CredentialState::Empty if keeps_nothing => "usable",
        _ => state(credential),
    };
    object.insert("state".to_owned(), json!(state));
    object.insert("connected".to_owned(), json!(credential.connected_to.is_some()));
    Value::Object(object)
}

/// Whether a credential can still be used, in a word.
#[must_use]
pub const fn state(credential: &Credential) -> &'static str {
    match credential.state {
        CredentialState::Empty => "empty",
        CredentialState::Usable => "usable",
        CredentialState::NeedsReconnect => "needs-reconnect",
        CredentialState::Indeterminate => "indeterminate",
    }
}

/// A credential that was just made or changed, with what its owner should look at again.
#[must_use]
pub fn warning(mut credential: Value, warnings: &[String]) -> Value {
    if let (false, Some(object)) = (warnings.is_empty(), credential.as_object_mut()) {
        object.insert("warnings".to_owned(), json!(warnings));
    }
    credential
}

/// A role. Its permissions are a JSON array in a string: that is how clients read it.
#[must_use]
pub fn role(role: &Role) -> Value {
    let mut object = object("Role", "roles", role.id.as_str(), role.created_at_ms, role.updated_at_ms);
    object.insert("name".to_owned(), json!(role.name));
    put(&mut object, "display_name", role.display_name.as_deref());
    put(&mut object, "description", role.description.as_deref());
    object.insert("permissions".to_owned(), json!(permissions(role)));
    object.insert("built_in".to_owned(), json!(role.built_in));
    Value::Object(object)
}

/// A role's permissions as the wire has them.
#[must_use]
pub fn permissions(role: &Role) -> String {
    json!(role.permissions).to_string()
}

/// A role binding. Its five ids are always there, `null` when unset: the control plane tells the tiers apart by that.
#[must_use]
pub fn binding(binding: &Binding) -> Value {
    let mut object = object(
        "RoleBinding",
        "role_bindings",
        binding.id.as_str(),
        binding.created_at_ms,
        binding.updated_at_ms,
    );
    object.insert("role_id".to_owned(), json!(binding.role_id));
    object.insert("scope".to_owned(), json!(scope(binding.scope)));
    object.insert("user_id".to_owned(), json!(binding.user_id));
    object.insert("project_id".to_owned(), json!(binding.project_id));
    object.insert("agent_id".to_owned(), json!(binding.agent_id));
    object.insert("session_id".to_owned(), json!(binding.session_id));
    object.insert("credential_id".to_owned(), json!(binding.credential_id));
    Value::Object(object)
}

/// Adds what clients stored.
fn put_details(object: &mut Map<String, Value>, details: &Details) {
    object.extend(details.iter().map(|(key, value)| (key.clone(), value.clone())));
}

/// A project. Its id is its name.
#[must_use]
pub fn project(project: &Detailed<Project>) -> Value {
    let Detailed { record, details } = project;
    let mut object = object(
        "Project",
        "projects",
        record.id.as_str(),
        record.created_at_ms,
        record.updated_at_ms,
    );
    object.insert("name".to_owned(), json!(record.id));
    put(&mut object, "description", record.description.as_deref());
    object.insert("credential_policy".to_owned(), json!(policy(record.credential_policy)));
    put_details(&mut object, details);
    Value::Object(object)
}

/// A policy's word.
#[must_use]
pub const fn policy(policy: CredentialPolicy) -> &'static str {
    match policy {
        CredentialPolicy::Bindings => "bindings",
        CredentialPolicy::SenderOnly => "sender-only",
        CredentialPolicy::Owner => "owner",
    }
}

/// An agent, and the session that it works in. Its address is the flat one of the wire, under which nothing is served.
#[must_use]
pub fn agent(agent: &Detailed<Agent>, current: Option<&SessionId>) -> Value {
    let Detailed { record, details } = agent;
    let mut object = object("Agent", "agents", record.id.as_str(), record.created_at_ms, record.updated_at_ms);
    object.insert("name".to_owned(), json!(record.name));
    object.insert("project_id".to_owned(), json!(record.project_id));
    put(&mut object, "current_session_id", current.map(AsRef::as_ref));
    put_details(&mut object, details);
    Value::Object(object)
}

/// A session.
#[must_use]
pub fn session(session: &Detailed<Session>) -> Value {
    let Detailed { record, details } = session;
    let mut object = object(
        "Session",
        "sessions",
        record.id.as_str(),
        record.created_at_ms,
        record.updated_at_ms,
    );
    object.insert("name".to_owned(), json!(record.name));
    object.insert("project_id".to_owned(), json!(record.project_id));
    put(&mut object, "agent_id", record.agent_id.as_ref().map(AsRef::as_ref));
    object.insert("created_by_user_id".to_owned(), json!(record.created_by));
    object.insert("trigger".to_owned(), json!(trigger(record.trigger)));
    object.insert("phase".to_owned(), json!(phase(record.phase)));
    // The platform names the session's resource in the cluster by its id; clients read it here.
    object.insert("kube_cr_name".to_owned(), json!(record.id));
    put_details(&mut object, details);
    Value::Object(object)
}

/// The word for what made a session.
#[must_use]
pub const fn trigger(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::Person => "person",
        Trigger::ApiKey => "api-key",
        Trigger::Schedule => "schedule",
    }
}

/// A phase's word.
#[must_use]
pub const fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Pending => "Pending",
        Phase::Creating => "Creating",
        Phase::Running => "Running",
        Phase::Stopping => "Stopping",
        Phase::Stopped => "Stopped",
        Phase::Completed => "Completed",
        Phase::Failed => "Failed",
    }
}

/// A person.
#[must_use]
pub fn user(user: &User) -> Value {
    let mut object = object("User", "users", user.id.as_str(), user.created_at_ms, user.updated_at_ms);
    object.insert("username".to_owned(), json!(user.username));
    // The wire's clients expect it; whose issuer tells no name has the username.
    object.insert("name".to_owned(), json!(user.name.as_deref().unwrap_or(user.username.as_str())));
    put(&mut object, "email", user.email.as_deref());
    object.insert("active".to_owned(), json!(user.active));
    Value::Object(object)
}

/// A scope's word.
#[must_use]
pub const fn scope(scope: Scope) -> &'static str {
    match scope {
        Scope::Global => "global",
        Scope::Project => "project",
        Scope::Agent => "agent",
        Scope::Session => "session",
        Scope::Credential => "credential",
    }
}
