//! The credentials of a project: those that resolve there. One made here is bound to the project at once; to everything else applies what applies
//! under `/credentials`, and the project is really looked at.

use super::caller::Known;
use super::columns;
use super::credentials;
use super::input::Input;
use super::listing::{self, ListQuery};
use super::problem::{Answer, Problem};
use super::projects;
use super::refusals;
use super::request::RequestContext;
use super::session_credentials;
use super::state::App;
use crate::access::{manage, resources};
use crate::ids::CredentialId;
use crate::records::Ownership;
use crate::records::model::Credential;
use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use serde_json::Value;
use std::sync::Arc;

/// `GET /projects/{project}/credentials`
pub async fn list(State(app): State<App>, known: Known, Path(project): Path<String>, query: ListQuery) -> Answer<Json<Value>> {
    let project = projects::visible(&app, &known, &project)?;
    let provider = query.other("provider")?;
    let mut visible: Vec<Arc<Credential>> = super::read_index(&app, |index| {
        index
            .credentials()
            .filter(|credential| provider.is_none_or(|provider| credential.provider.as_str() == provider))
            .filter(|credential| manage::sees_credential(index, &known.caller, credential))
            .filter(|credential| resources::belongs(index, &known.caller, &project, credential))
            .map(Arc::clone)
            .collect()
    })?;
    visible.sort_by(|a, b| a.id.cmp(&b.id));
    listing::answer(
        &columns::CREDENTIALS,
        visible,
        |credential| credentials::shown_as(&app, credential),
        &query,
    )
}

/// `POST /projects/{project}/credentials`: made, its maker's, and the project's, in one transaction.
pub async fn create(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path(project): Path<String>,
    input: Input,
) -> Answer<(StatusCode, Json<Value>)> {
    let project = projects::named(&project).ok_or_else(Problem::forbidden)?;
    let owner = super::read_index(&app, |index| {
        resources::may_create_credential_in(index, &known.caller, &project).cloned()
    })?
    .map_err(|why| refusals::refused(why, "Project", project.as_str()))?;
    credentials::make(&app, &context, &known, input, Ownership::OwnerIn(owner, project)).await
}

/// `GET /projects/{project}/credentials/{id}`
pub async fn get(State(app): State<App>, known: Known, Path((project, id)): Path<(String, String)>) -> Answer<Json<Value>> {
    let not_found = || Problem::not_found("Credential", &credentials::shown(&id));
    let named = CredentialId::parse(id.as_str()).ok().zip(projects::named(&project));
    let (id, project) = named.ok_or_else(not_found)?;
    let found = super::read_index(&app, |index| {
        let credential = index.credential(&id).cloned()?;
        let seen = manage::sees_credential(index, &known.caller, &credential);
        (seen && resources::belongs(index, &known.caller, &project, &credential)).then_some(credential)
    })?;
    match found {
        Some(credential) => Ok(Json(credentials::shown_as(&app, &credential))),
        None => session_credentials::shown(&app, &known, &id, Some(&project)).await.map(Json),
    }
}

/// `PATCH /projects/{project}/credentials/{id}`
pub async fn patch(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path((project, id)): Path<(String, String)>,
    input: Input,
) -> Answer<Json<Value>> {
    let old = changeable(&app, &known, &project, &id, "update")?;
    credentials::change(&app, &context, &known, &old, input).await
}

/// `DELETE /projects/{project}/credentials/{id}`
pub async fn delete(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path((project, id)): Path<(String, String)>,
) -> Answer<StatusCode> {
    let credential = changeable(&app, &known, &project, &id, "delete")?;
    credentials::remove(&app, &context, &known, &credential).await
}

/// The credential, if it is the project's and this caller may do that to it.
fn changeable(app: &App, known: &Known, project: &str, id: &str, action: &str) -> Answer<Arc<Credential>> {
    let credential = credentials::changeable(app, known, id, action)?;
    let here = super::read_index(app, |index| {
        projects::named(project).is_some_and(|project| resources::belongs(index, &known.caller, &project, &credential))
    })?;
    // Whoever may change it knows that it is there; that it is not this project's is no secret from them.
    if here {
        Ok(credential)
    } else {
        Err(Problem::not_found("Credential", &credentials::shown(id)))
    }
}
