//! Roles. Everybody who is known may read them; changing them is not part of this server yet.

use super::caller::Known;
use super::columns;
use super::listing::{self, ListQuery};
use super::present;
use super::problem::{Answer, Problem};
use super::refusals;
use super::state::App;
use crate::ids::RoleId;
use axum::Json;
use axum::extract::{Path, State};
use serde_json::Value;

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
