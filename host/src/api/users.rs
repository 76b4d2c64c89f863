//! People. Everybody sees themselves; administrators see and change all.

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
use crate::ids::{UserId, Username};
use crate::records::UserPatch;
use crate::records::model::User;
use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use serde_json::Value;

/// `GET /users`
pub async fn list(State(app): State<App>, known: Known, query: ListQuery) -> Answer<Json<Value>> {
    let mut users = app.records.users().await.map_err(refusals::by_records)?;
    super::read_index(&app, |index| {
        users.retain(|user| resources::sees_user(index, &known.caller, &user.username));
    })?;
    listing::answer(&columns::USERS, users, present::user, &query)
}

/// `GET /users/{id}`
pub async fn get(State(app): State<App>, known: Known, Path(id): Path<String>) -> Answer<Json<Value>> {
    let nothing = || Problem::not_found("User", &shown(&id));
    let user = find(&app, &id).await?.ok_or_else(nothing)?;
    let sees = super::read_index(&app, |index| resources::sees_user(index, &known.caller, &user.username))?;
    if sees { Ok(Json(present::user(&user))) } else { Err(nothing()) }
}

/// `POST /users`
pub async fn create(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    mut input: Input,
) -> Answer<(StatusCode, Json<Value>)> {
    super::read_index(&app, |index| {
        resources::may_change(index, &known.caller, "user", &["create"], Some(&Platform))
    })?
    .map_err(|why| refusals::refused(why, "User", "new"))?;
    if input.optional("id")?.is_some() {
        return Err(Problem::validation("id must be empty"));
    }
    input.ignore(&["created_at", "updated_at", "href", "kind"]);
    let username = Username::parse(input.required("username")?).map_err(|why| Problem::validation(why.to_string()))?;
    let name = details::written("name", input.required("name")?)?;
    let email = details::given_text(&mut input, "email")?;
    input.finish()?;
    let event = Administrative::resource("USER_CREATED", &context.id, &known.caller, Vec::new(), Some(&username));
    let create = app.records.create_user(&username, Some(&name), email.as_deref());
    let user = recorded(&app, event, create).await?;
    Ok((StatusCode::CREATED, Json(present::user(&user))))
}

/// `PATCH /users/{id}`: name and mail, one's own too; `active`, for administrators.
pub async fn patch(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path(id): Path<String>,
    mut input: Input,
) -> Answer<Json<Value>> {
    let active = input.flag("active")?;
    let user = changeable(&app, &known, &id, active.is_none()).await?;
    if input
        .optional("username")?
        .is_some_and(|username| username != user.username.as_str())
    {
        return Err(Problem::validation("a username is what bindings name, and stays"));
    }
    let patch = UserPatch {
        name: details::changed_text(&mut input, "name")?,
        email: details::changed_text(&mut input, "email")?,
        active,
    };
    let event = Administrative::resource("USER_UPDATED", &context.id, &known.caller, Vec::new(), Some(&user.username));
    let user = recorded(&app, event, app.records.update_user(&user.username, patch)).await?;
    Ok(Json(present::user(&user)))
}

/// `DELETE /users/{id}`: deactivated, not forgotten. A row that is gone would come back, active, with the next bearer.
pub async fn delete(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path(id): Path<String>,
) -> Answer<StatusCode> {
    let user = changeable(&app, &known, &id, false).await?;
    let event = Administrative::resource("USER_DEACTIVATED", &context.id, &known.caller, Vec::new(), Some(&user.username));
    recorded(&app, event, app.records.set_user_active(&user.username, false)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn find(app: &App, id: &str) -> Answer<Option<User>> {
    let Ok(id) = UserId::parse(id) else { return Ok(None) };
    match app.records.user_by_id(&id).await {
        Ok(user) => Ok(Some(user)),
        Err(crate::records::RecordsError::NotFound { .. }) => Ok(None),
        Err(error) => Err(refusals::by_records(error)),
    }
}

async fn changeable(app: &App, known: &Known, id: &str, own: bool) -> Answer<User> {
    let user = find(app, id).await?;
    let username = user.as_ref().map(|user| &user.username);
    super::read_index(app, |index| resources::may_change_user(index, &known.caller, username, own))?
        .map_err(|why| refusals::refused(why, "User", &shown(id)))?;
    user.ok_or_else(|| Problem::not_found("User", &shown(id)))
}
