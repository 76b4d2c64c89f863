//! GitLab's paths below a project, which the platform deprecates. An account is a person's, so the project decides nothing.

use crate::api::caller::Known;
use crate::api::input::Input;
use crate::api::problem::{Answer, Problem};
use crate::api::request::RequestContext;
use crate::api::state::App;
use crate::ids::ProjectId;
use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use serde_json::Value;

/// The provider, if what stands in the project's place can be one.
fn gitlab(project: String) -> Answer<Path<String>> {
    ProjectId::parse(project).map_err(|_| Problem::validation("Invalid project name format"))?;
    Ok(Path("gitlab".to_owned()))
}

/// `POST /api/projects/{project}/auth/gitlab/connect`
pub async fn connect(
    state: State<App>,
    context: Extension<RequestContext>,
    known: Known,
    Path(project): Path<String>,
    input: Input,
) -> Answer<(StatusCode, Json<Value>)> {
    super::connect(state, context, known, gitlab(project)?, input).await
}

/// `GET /api/projects/{project}/auth/gitlab/status`
pub async fn status(state: State<App>, known: Known, Path(project): Path<String>) -> Answer<Json<Value>> {
    super::status(state, known, gitlab(project)?).await
}

/// `POST` and `DELETE /api/projects/{project}/auth/gitlab/disconnect`
pub async fn disconnect(
    state: State<App>,
    context: Extension<RequestContext>,
    known: Known,
    Path(project): Path<String>,
) -> Answer<Json<Value>> {
    super::disconnect(state, context, known, gitlab(project)?).await
}

/// `POST /api/projects/{project}/auth/gitlab/test`
pub async fn test(
    state: State<App>,
    context: Extension<RequestContext>,
    known: Known,
    Path(project): Path<String>,
    input: Input,
) -> Answer<Json<Value>> {
    super::test(state, context, known, gitlab(project)?, input).await
}
