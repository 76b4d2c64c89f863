//! Role bindings: who has which role for what, and which credential a project or agent gets.

use super::caller::Known;
use super::change::recorded;
use super::columns;
use super::input::Input;
use super::listing::{self, ListQuery};
use super::present;
use super::problem::{Answer, Problem};
use super::refusals;
use super::request::RequestContext;
use super::state::App;
use crate::access::{Index, manage};
use crate::audit::Administrative;
use crate::ids::{AgentId, BindingId, CredentialId, ProjectId, RoleId, SessionId, Username};
use crate::records::model::{Binding, Scope};
use crate::records::{NewBinding, RecordsError};
use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use serde_json::Value;
use std::sync::Arc;

/// `GET /role_bindings`
pub async fn list(State(app): State<App>, known: Known, query: ListQuery) -> Answer<Json<Value>> {
    let mut visible: Vec<Arc<Binding>> = super::read_index(&app, |index| {
        index
            .bindings()
            .filter(|binding| manage::sees_binding(index, &known.caller, binding))
            .map(Arc::clone)
            .collect()
    })?;
    visible.sort_by(|a, b| (a.created_at_ms, &a.id).cmp(&(b.created_at_ms, &b.id)));
    listing::answer(&columns::ROLE_BINDINGS, visible, present::binding, &query)
}

/// `GET /role_bindings/{id}`
pub async fn get(State(app): State<App>, known: Known, Path(id): Path<String>) -> Answer<Json<Value>> {
    let found = super::read_index(&app, |index| {
        find(index, &id).filter(|binding| manage::sees_binding(index, &known.caller, binding))
    })?;
    found
        .map(|binding| Json(present::binding(&binding)))
        .ok_or_else(|| Problem::not_found("RoleBinding", &known_or_blank(&id)))
}

/// `POST /role_bindings`
pub async fn create(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    mut input: Input,
) -> Answer<(StatusCode, Json<Value>)> {
    if input.optional("id")?.is_some() {
        return Err(Problem::validation("id must be empty"));
    }
    input.ignore(&["created_at", "updated_at", "href", "kind"]);
    let named_role = input.required("role_id")?;
    let scope = scope(&input.required("scope")?)?;
    let user_id = id(&mut input, "user_id", Username::parse)?;
    let project_id = id(&mut input, "project_id", ProjectId::parse)?;
    let agent_id = id(&mut input, "agent_id", AgentId::parse)?;
    let session_id = id(&mut input, "session_id", SessionId::parse)?;
    let credential_id = id(&mut input, "credential_id", CredentialId::parse)?;
    input.finish()?;

    let (new, role) = super::read_index(&app, |index| {
        // The platform's own command line sends a role's name where its id belongs.
        let role = RoleId::parse(named_role.clone())
            .ok()
            .and_then(|id| index.role(&id))
            .or_else(|| index.role_named(&named_role));
        let role_id = role.map_or_else(|| RoleId::make(&*app.clock), |role| role.id.clone());
        let new = NewBinding {
            role_id,
            scope,
            user_id,
            project_id,
            agent_id,
            session_id,
            credential_id,
        };
        manage::may_bind(index, &known.caller, &draft(&app, &new), role.map(AsRef::as_ref))
            .map(|()| (new, role.map(|role| role.name.clone()).unwrap_or_default()))
            .map_err(|why| refusals::refused(why, "RoleBinding", "new"))
    })??;
    let event = Administrative::binding("BINDING_CREATED", &context.id, &known.caller, &new, &role);
    let create = async {
        match app.records.create_binding(&new).await {
            // A control plane that starts a session again grants again: that is no conflict.
            Err(RecordsError::Duplicate { existing, .. }) if new.session_id.is_some() => {
                let existing = BindingId::parse(existing).map_err(|_| RecordsError::Inconsistent("a binding has an id that is none"))?;
                app.records.binding(&existing).await
            }
            created => created,
        }
    };
    let binding = recorded(&app, event, create).await?;
    Ok((StatusCode::CREATED, Json(present::binding(&binding))))
}

/// `DELETE /role_bindings/{id}`
pub async fn delete(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path(id): Path<String>,
) -> Answer<StatusCode> {
    let (binding, role) = super::read_index(&app, |index| {
        let binding = find(index, &id);
        manage::may_unbind(index, &known.caller, binding.as_deref())
            .and_then(|()| binding.ok_or(manage::Refused::NotFound))
            .map(|binding| {
                let role = index.role(&binding.role_id).map(|role| role.name.clone()).unwrap_or_default();
                (binding, role)
            })
            .map_err(|why| refusals::refused(why, "RoleBinding", &known_or_blank(&id)))
    })??;
    let removed = NewBinding {
        role_id: binding.role_id.clone(),
        scope: binding.scope,
        user_id: binding.user_id.clone(),
        project_id: binding.project_id.clone(),
        agent_id: binding.agent_id.clone(),
        session_id: binding.session_id.clone(),
        credential_id: binding.credential_id.clone(),
    };
    let event = Administrative::binding("BINDING_DELETED", &context.id, &known.caller, &removed, &role);
    recorded(&app, event, app.records.delete_binding(&binding.id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn find(index: &Index, id: &str) -> Option<Arc<Binding>> {
    BindingId::parse(id).ok().and_then(|id| index.binding(&id).cloned())
}

/// The binding as it would be, for the rules to look at.
fn draft(app: &App, new: &NewBinding) -> Binding {
    let now_ms = app.clock.now_ms();
    Binding {
        id: BindingId::make(&*app.clock),
        role_id: new.role_id.clone(),
        scope: new.scope,
        user_id: new.user_id.clone(),
        project_id: new.project_id.clone(),
        agent_id: new.agent_id.clone(),
        session_id: new.session_id.clone(),
        credential_id: new.credential_id.clone(),
        created_at_ms: now_ms,
        updated_at_ms: now_ms,
    }
}

fn scope(text: &str) -> Answer<Scope> {
    match text {
        "global" => Ok(Scope::Global),
        "project" => Ok(Scope::Project),
        "agent" => Ok(Scope::Agent),
        "session" => Ok(Scope::Session),
        "credential" => Ok(Scope::Credential),
        _ => Err(Problem::bad_request("invalid scope")),
    }
}

fn id<T, E>(input: &mut Input, key: &'static str, parse: impl FnOnce(String) -> Result<T, E>) -> Answer<Option<T>> {
    match input.optional(key)? {
        None => Ok(None),
        Some(text) if text.is_empty() => Err(Problem::bad_request(format!("{key} must not be empty"))),
        Some(text) => parse(text)
            .map(Some)
            .map_err(|_| Problem::bad_request(format!("{key} is not valid"))),
    }
}

fn known_or_blank(id: &str) -> String {
    BindingId::parse(id).map(String::from).unwrap_or_default()
}
