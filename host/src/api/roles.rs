//! Roles. Everybody who is known reads them; administrators make their own beside the built-in ones.

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
use crate::access::resources::{self, Platform};
use crate::audit::Administrative;
use crate::identity::Permission;
use crate::ids::RoleId;
use crate::records::{NewRole, RolePatch};
use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use serde_json::Value;

/// A role has at most this many permissions; the longest built-in one has a dozen.
const MOST_PERMISSIONS: usize = 200;
/// A role's name has at most this many characters.
const LONGEST_NAME: usize = 255;

/// `GET /roles`
pub async fn list(State(app): State<App>, _known: Known, query: ListQuery) -> Answer<Json<Value>> {
    let mut roles = app.records.roles().await.map_err(refusals::by_records)?;
    roles.sort_by(|a, b| a.name.cmp(&b.name));
    listing::answer(&columns::ROLES, roles, present::role, &query)
}

/// `GET /roles/{id}`
pub async fn get(State(app): State<App>, _known: Known, Path(id): Path<String>) -> Answer<Json<Value>> {
    let id = RoleId::parse(id).map_err(|_| Problem::not_found("Role", "that"))?;
    let role = app.records.role(&id).await.map_err(refusals::by_records)?;
    Ok(Json(present::role(&role)))
}

/// `POST /roles`
pub async fn create(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    mut input: Input,
) -> Answer<(StatusCode, Json<Value>)> {
    super::read_index(&app, |index| {
        resources::may_change(index, &known.caller, "role", &["create"], Some(&Platform))
    })?
    .map_err(|why| refusals::refused(why, "Role", "new"))?;
    if input.optional("id")?.is_some() {
        return Err(Problem::validation("id must be empty"));
    }
    input.ignore(&["created_at", "updated_at", "href", "kind", "built_in"]);
    let name = input.required("name")?;
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(Problem::validation(format!(
            "`name` must be 1 to {LONGEST_NAME} characters without spaces"
        )));
    }
    let new = NewRole {
        name,
        display_name: details::given_text(&mut input, "display_name")?,
        description: details::given_text(&mut input, "description")?,
        permissions: permissions(&mut input)?.unwrap_or_default(),
    };
    input.finish()?;
    let subject = vec![("role", new.name.as_str())];
    let event = Administrative::resource("ROLE_CREATED", &context.id, &known.caller, subject, None);
    let role = recorded(&app, event, app.records.create_role(new.clone())).await?;
    Ok((StatusCode::CREATED, Json(present::role(&role))))
}

/// `PATCH /roles/{id}`: not its name, and no built-in one.
pub async fn patch(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path(id): Path<String>,
    mut input: Input,
) -> Answer<Json<Value>> {
    let (id, name) = changeable(&app, &known, &id, "update")?;
    if input.optional("name")?.is_some_and(|new| new != name) {
        return Err(Problem::validation("a role keeps its name"));
    }
    let patch = RolePatch {
        display_name: details::changed_text(&mut input, "display_name")?,
        description: details::changed_text(&mut input, "description")?,
        permissions: permissions(&mut input)?,
    };
    let event = Administrative::resource("ROLE_UPDATED", &context.id, &known.caller, vec![("role", name.as_str())], None);
    let role = recorded(&app, event, app.records.update_role(&id, patch)).await?;
    Ok(Json(present::role(&role)))
}

/// `DELETE /roles/{id}`: no built-in one, and none that somebody is bound with.
pub async fn delete(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path(id): Path<String>,
) -> Answer<StatusCode> {
    let (id, name) = changeable(&app, &known, &id, "delete")?;
    let event = Administrative::resource("ROLE_DELETED", &context.id, &known.caller, vec![("role", name.as_str())], None);
    recorded(&app, event, app.records.delete_role(&id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn changeable(app: &App, known: &Known, id: &str, action: &str) -> Answer<(RoleId, String)> {
    super::read_index(app, |index| {
        let role = RoleId::parse(id).ok().and_then(|id| index.role(&id).cloned());
        resources::may_change(index, &known.caller, "role", &[action], role.as_ref().map(|_| &Platform)).map(|()| role)
    })?
    .map_err(|why| refusals::refused(why, "Role", &shown(id)))?
    .map(|role| (role.id.clone(), role.name.clone()))
    .ok_or_else(|| Problem::not_found("Role", &shown(id)))
}

/// The wire has them as a JSON array in a string.
fn permissions(input: &mut Input) -> Answer<Option<Vec<String>>> {
    let Some(text) = input.optional("permissions")?.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let bad = || Problem::validation("`permissions` must be a string with a JSON array such as [\"project:read\", \"agent:*\"]");
    let permissions: Vec<String> = serde_json::from_str(&text).map_err(|_| bad())?;
    let reads = permissions.len() <= MOST_PERMISSIONS && permissions.iter().all(|text| Permission::parse(text).is_some());
    if reads { Ok(Some(permissions)) } else { Err(bad()) }
}
