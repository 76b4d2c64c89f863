//! Projects. A project's id is its name, and whoever makes it owns it.

use super::caller::Known;
use super::change::recorded;
use super::columns;
use super::credentials::shown;
use super::details;
use super::input::Input;
use super::listing::{self, ListQuery};
use super::present;
use super::problem::{Answer, Problem};
use super::refusals;
use super::request::RequestContext;
use super::state::App;
use crate::access::resources;
use crate::audit::Administrative;
use crate::ids::ProjectId;
use crate::records::model::CredentialPolicy;
use crate::records::{Details, NewProject, ProjectPatch};
use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use serde_json::Value;

/// `GET /projects`
pub async fn list(State(app): State<App>, known: Known, query: ListQuery) -> Answer<Json<Value>> {
    let mut projects = app.records.detailed_projects().await.map_err(refusals::by_records)?;
    super::read_index(&app, |index| {
        projects.retain(|project| resources::sees_project(index, &known.caller, &project.record.id));
    })?;
    listing::answer(&columns::PROJECTS, projects, present::project, &query)
}

/// `GET /projects/{project}`
pub async fn get(State(app): State<App>, known: Known, Path(project): Path<String>) -> Answer<Json<Value>> {
    let id = visible(&app, &known, &project)?;
    let project = app.records.detailed_project(&id).await.map_err(refusals::by_records)?;
    Ok(Json(present::project(&project)))
}

/// `POST /projects`
pub async fn create(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    mut input: Input,
) -> Answer<(StatusCode, Json<Value>)> {
    let owner = resources::may_create_project(&known.caller)
        .map_err(|why| refusals::refused(why, "Project", "new"))?
        .clone();
    if input.optional("id")?.is_some() {
        return Err(Problem::validation("id must be empty"));
    }
    input.ignore(&["created_at", "updated_at", "href", "kind"]);
    let id = new_name(input.required("name")?)?;
    let description = details::given_text(&mut input, "description")?;
    let policy = policy(&app, &mut input)?.unwrap_or_default();
    let details = Details::default().changed(details::given(&mut input, details::PROJECT)?);
    input.finish()?;
    let new = NewProject {
        id: id.clone(),
        description,
        credential_policy: policy,
        owner,
        details,
    };
    let event = Administrative::resource(
        "PROJECT_CREATED",
        &context.id,
        &known.caller,
        vec![("project", id.as_str())],
        Some(&new.owner),
    );
    recorded(&app, event, app.records.create_project(new.clone())).await?;
    let made = app.records.detailed_project(&id).await.map_err(refusals::by_records)?;
    Ok((StatusCode::CREATED, Json(present::project(&made))))
}

/// `PATCH /projects/{project}`
pub async fn patch(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path(project): Path<String>,
    mut input: Input,
) -> Answer<Json<Value>> {
    let id = changeable(&app, &known, &project, "update")?;
    if input.optional("name")?.is_some_and(|name| name != id.as_str()) {
        return Err(Problem::validation("a project's name is its id and cannot be changed"));
    }
    let description = details::changed_text(&mut input, "description")?;
    let patch = ProjectPatch {
        description,
        credential_policy: policy(&app, &mut input)?,
        details: details::changed(&mut input, details::PROJECT)?,
    };
    let subject = vec![("project", id.as_str())];
    let event = Administrative::resource("PROJECT_UPDATED", &context.id, &known.caller, subject, None);
    let changed = recorded(&app, event, app.records.update_project(&id, patch)).await?;
    Ok(Json(present::project(&changed)))
}

/// `DELETE /projects/{project}`: gone with its agents, its sessions and everything bound to them.
pub async fn delete(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path(project): Path<String>,
) -> Answer<StatusCode> {
    let id = changeable(&app, &known, &project, "delete")?;
    let subject = vec![("project", id.as_str())];
    let event = Administrative::resource("PROJECT_DELETED", &context.id, &known.caller, subject, None);
    recorded(&app, event, app.records.delete_project(&id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A project's id, as it stands in a path. One that cannot be is nobody's.
pub(super) fn named(project: &str) -> Option<ProjectId> {
    ProjectId::parse(project).ok()
}

/// The project, if this caller may know of it.
///
/// # Errors
/// 404
pub(super) fn visible(app: &App, known: &Known, project: &str) -> Answer<ProjectId> {
    let nothing = || Problem::not_found("Project", &shown(project));
    let id = named(project).ok_or_else(nothing)?;
    let sees = super::read_index(app, |index| resources::sees_project(index, &known.caller, &id))?;
    if sees { Ok(id) } else { Err(nothing()) }
}

fn changeable(app: &App, known: &Known, project: &str, action: &str) -> Answer<ProjectId> {
    let id = named(project).ok_or_else(Problem::forbidden)?;
    super::read_index(app, |index| {
        resources::may_change(index, &known.caller, "project", &[action], index.project(&id).map(AsRef::as_ref))
    })?
    .map_err(|why| refusals::refused(why, "Project", id.as_str()))?;
    Ok(id)
}

/// 2 to 63 characters, `^[a-z][a-z0-9-]*[a-z0-9]$`: it becomes the name of a namespace.
fn new_name(name: String) -> Answer<ProjectId> {
    let bytes = name.as_bytes();
    let inner = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
    let fits = (2..=63).contains(&bytes.len())
        && bytes.first().is_some_and(u8::is_ascii_lowercase)
        && bytes.last().is_some_and(|byte| *byte != b'-')
        && bytes.iter().all(inner);
    let id = named(&name).filter(|_| fits);
    id.ok_or_else(|| {
        Problem::validation("`name` must be 2 to 63 lower-case letters, digits or `-`, begin with a letter and not end with `-`")
    })
}

fn policy(app: &App, input: &mut Input) -> Answer<Option<CredentialPolicy>> {
    match input.optional("credential_policy")?.as_deref() {
        None => Ok(None),
        Some("bindings") => Ok(Some(CredentialPolicy::Bindings)),
        Some("sender-only") => Ok(Some(CredentialPolicy::SenderOnly)),
        Some("owner") if app.config.sessions.allow_owner_policy => Ok(Some(CredentialPolicy::Owner)),
        Some("owner") => Err(Problem::bad_request(
            "`credential_policy` `owner` is not allowed here; the operator turns it on with `sessions.allow_owner_policy`",
        )),
        Some(_) => Err(Problem::validation(
            "`credential_policy` must be `bindings`, `sender-only` or `owner`",
        )),
    }
}
