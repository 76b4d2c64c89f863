//! Role bindings: who has which role for what, and which credential a project or agent gets.

use super::caller::Known;
use super::change::recorded;
use super::columns;
use super::input::{Change, Input};
use super::listing::{self, ListQuery};
use super::present;
use super::problem::{Answer, Problem};
use super::refusals;
use super::request::RequestContext;
use super::state::App;
use crate::access::roles::KnownRole;
use crate::access::{Index, manage, rebinding};
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
    listed(&app, &known, |_| true, &query)
}

/// Those of the bindings that are wanted and that the caller sees.
pub(super) fn listed(app: &App, known: &Known, is_wanted: impl Fn(&Binding) -> bool, query: &ListQuery) -> Answer<Json<Value>> {
    let mut visible: Vec<Arc<Binding>> = super::read_index(app, |index| {
        index
            .bindings()
            .filter(|binding| is_wanted(binding) && manage::sees_binding(index, &known.caller, binding))
            .map(Arc::clone)
            .collect()
    })?;
    visible.sort_by(|a, b| (a.created_at_ms, &a.id).cmp(&(b.created_at_ms, &b.id)));
    listing::answer(&columns::ROLE_BINDINGS, visible, present::binding, query)
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
        let role = role_of(index, &named_role);
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

/// `PATCH /role_bindings/{id}`. `null` clears an id; what is not mentioned stays.
pub async fn patch(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path(id): Path<String>,
    mut input: Input,
) -> Answer<Json<Value>> {
    let named_role = input.optional("role_id")?;
    let scope = input.optional("scope")?.map(|text| self::scope(&text)).transpose()?;
    let user_id = changed(&mut input, "user_id", Username::parse)?;
    let project_id = changed(&mut input, "project_id", ProjectId::parse)?;
    let agent_id = changed(&mut input, "agent_id", AgentId::parse)?;
    let session_id = changed(&mut input, "session_id", SessionId::parse)?;
    let credential_id = changed(&mut input, "credential_id", CredentialId::parse)?;

    let (old, new, role) = super::read_index(&app, |index| {
        let old = find(index, &id);
        let role = match (&named_role, &old) {
            (Some(name), _) => role_of(index, name),
            (None, Some(old)) => index.role(&old.role_id),
            (None, None) => None,
        };
        let new = old.as_ref().map(|old| NewBinding {
            role_id: role.map_or_else(|| RoleId::make(&*app.clock), |role| role.id.clone()),
            scope: scope.unwrap_or(old.scope),
            user_id: user_id.apply(old.user_id.clone()),
            project_id: project_id.apply(old.project_id.clone()),
            agent_id: agent_id.apply(old.agent_id.clone()),
            session_id: session_id.apply(old.session_id.clone()),
            credential_id: credential_id.apply(old.credential_id.clone()),
        });
        let wanted = old.as_ref().zip(new.as_ref()).map(|(old, new)| Binding {
            id: old.id.clone(),
            created_at_ms: old.created_at_ms,
            ..draft(&app, new)
        });
        let role = role.map(AsRef::as_ref);
        rebinding::may_rebind(index, &known.caller, old.as_deref().zip(wanted.as_ref()), role)
            .and_then(|()| old.zip(new).ok_or(manage::Refused::NotFound))
            .map(|(old, new)| (old, new, role.map(|role| role.name.clone()).unwrap_or_default()))
            .map_err(|why| refusals::refused(why, "RoleBinding", &known_or_blank(&id)))
    })??;
    let event = Administrative::binding("BINDING_UPDATED", &context.id, &known.caller, &new, &role);
    let conflicts = |problem: Problem| {
        if problem.status() == StatusCode::CONFLICT && problem.reason() == "This RoleBinding already exists" {
            return Problem::conflict("Changes to RoleBinding conflict with existing records");
        }
        problem
    };
    let binding = recorded(&app, event, app.records.update_binding(&old.id, &new))
        .await
        .map_err(conflicts)?;
    Ok(Json(present::binding(&binding)))
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
    let removed = NewBinding::of(&binding);
    let event = Administrative::binding("BINDING_DELETED", &context.id, &known.caller, &removed, &role);
    recorded(&app, event, app.records.delete_binding(&binding.id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A role by its id, or by its name: the platform's own command line sends that where the id belongs.
fn role_of<'a>(index: &'a Index, named: &str) -> Option<&'a Arc<KnownRole>> {
    let by_id = RoleId::parse(named).ok().and_then(|id| index.role(&id));
    by_id.or_else(|| index.role_named(named))
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

fn changed<T, E>(input: &mut Input, key: &'static str, parse: impl FnOnce(String) -> Result<T, E>) -> Answer<Change<T>> {
    Ok(match input.change(key)? {
        Change::Keep => Change::Keep,
        Change::Clear => Change::Clear,
        Change::Set(text) if text.is_empty() => return Err(Problem::bad_request(format!("{key} must not be empty"))),
        Change::Set(text) => Change::Set(parse(text).map_err(|_| Problem::bad_request(format!("{key} is not valid")))?),
    })
}

fn known_or_blank(id: &str) -> String {
    BindingId::parse(id).map(String::from).unwrap_or_default()
}
