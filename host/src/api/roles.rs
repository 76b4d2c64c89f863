//! Roles. Everybody who is known may read them; changing them is not part of this server yet.

use super::caller::Known;
use super::listing::{self, ListQuery};
use super::present;
use super::problem::{Answer, Problem};
use super::refusals;
use super::state::App;
use crate::ids::RoleId;
use axum::Json;
use axum::extract::{Path, Query, State};
use serde_json::Value;

/// `GET /roles`
pub async fn list(State(app): State<App>, _known: Known, Query(query): Query<ListQuery>) -> Answer<Json<Value>> {
    listing::refuse_search(&query)?;
    let mut roles = app.records.roles().await.map_err(refusals::by_records)?;
    roles.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Json(listing::page("RoleList", roles.iter().map(present::role).collect(), &query)?))
}

/// `GET /roles/{id}`
pub async fn get(State(app): State<App>, _known: Known, Path(id): Path<String>) -> Answer<Json<Value>> {
    let id = RoleId::parse(id).map_err(|_| Problem::not_found("Role", "that"))?;
    let role = app.records.role(&id).await.map_err(refusals::by_records)?;
    Ok(Json(present::role(&role)))
}
