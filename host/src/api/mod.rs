//! The HTTP API: one line a route. The token read is in [`tokens`]; everything else surrounds it.

mod account;
mod agents;
mod caller;
mod change;
mod columns;
mod connect;
mod consumers;
mod credentials;
pub(crate) mod details;
mod documents;
mod exchange;
mod explain;
mod health;
mod input;
pub(crate) mod intake;
mod listing;
mod metadata;
mod openapi;
mod pattern;
mod present;
pub(crate) mod problem;
mod project_credentials;
mod projects;
mod published_keys;
mod refusals;
mod request;
mod role_bindings;
mod roles;
mod search;
mod service_account;
mod session_credentials;
mod session_origin;
mod sessions;
mod state;
pub mod tokens;
mod turns;
mod users;
mod whoami;

pub use exchange::exchange_service;
pub use state::{App, Parts};

use crate::access::Index;
use axum::Router;
use axum::routing::{delete, get, patch, post, put};
use problem::{Answer, Problem};
use request::Stamped;
use std::sync::Arc;

/// All routes, and around them what every request gets.
pub fn service(app: App) -> Stamped {
    // Whole paths: a nested router takes each request's address apart and puts it together anew.
    let router = Router::new()
        .route("/api/ambient/v1/credentials", get(credentials::list).post(credentials::create))
        .route(
            "/api/ambient/v1/credentials/{id}",
            get(credentials::get).patch(credentials::patch).delete(credentials::delete),
        )
        .route("/api/ambient/v1/credentials/{id}/token", get(tokens::flat))
        .route("/api/ambient/v1/projects/{project}/credentials/{id}/token", get(tokens::in_project))
        .route("/api/ambient/v1/projects/{project}/explain", get(explain::of_project))
        .route(
            "/api/ambient/v1/projects/{project}/credentials",
            get(project_credentials::list).post(project_credentials::create),
        )
        .route(
            "/api/ambient/v1/projects/{project}/credentials/{id}",
            get(project_credentials::get)
                .patch(project_credentials::patch)
                .delete(project_credentials::delete),
        )
        .route("/api/ambient/v1/projects", get(projects::list).post(projects::create))
        .route(
            "/api/ambient/v1/projects/{project}",
            get(projects::get).patch(projects::patch).delete(projects::delete),
        )
        .route("/api/ambient/v1/projects/{project}/agents", get(agents::list).post(agents::create))
        .route(
            "/api/ambient/v1/projects/{project}/agents/{id}",
            get(agents::get).patch(agents::patch).delete(agents::delete),
        )
        .route("/api/ambient/v1/projects/{project}/agents/{id}/start", post(agents::start))
        .route("/api/ambient/v1/projects/{project}/agents/{id}/sessions", get(agents::sessions_of))
        .route(
            "/api/ambient/v1/projects/{project}/agents/{id}/role_bindings",
            get(agents::bindings_of),
        )
        .route("/api/ambient/v1/sessions", get(sessions::list).post(sessions::create))
        .route(
            "/api/ambient/v1/sessions/{id}",
            get(sessions::get).patch(sessions::patch).delete(sessions::delete),
        )
        .route("/api/ambient/v1/sessions/{id}/status", patch(sessions::status))
        .route("/api/ambient/v1/sessions/{id}/start", post(sessions::start))
        .route("/api/ambient/v1/sessions/{id}/stop", post(sessions::stop))
        .route("/api/ambient/v1/sessions/{id}/clone", post(sessions::duplicate))
        .route("/api/ambient/v1/users", get(users::list).post(users::create))
        .route(
            "/api/ambient/v1/users/{id}",
            get(users::get).patch(users::patch).delete(users::delete),
        )
        .route("/api/ambient/v1/roles", get(roles::list).post(roles::create))
        .route(
            "/api/ambient/v1/roles/{id}",
            get(roles::get).patch(roles::patch).delete(roles::delete),
        )
        .route(
            "/api/ambient/v1/role_bindings",
            get(role_bindings::list).post(role_bindings::create),
        )
        .route(
            "/api/ambient/v1/role_bindings/{id}",
            get(role_bindings::get).patch(role_bindings::patch).delete(role_bindings::delete),
        )
        // A runner whose base address has no `/api` asks at the root.
        .route(
            "/api/projects/{project}/agentic-sessions/{session}/credentials/{provider}",
            get(tokens::in_session),
        )
        .route(
            "/projects/{project}/agentic-sessions/{session}/credentials/{provider}",
            get(tokens::in_session),
        )
        .route(
            "/api/projects/{project}/agentic-sessions/{session}/credentials/mcp/{server}",
            get(tokens::of_server),
        )
        .route(
            "/projects/{project}/agentic-sessions/{session}/credentials/mcp/{server}",
            get(tokens::of_server),
        )
        .route(
            "/api/projects/{project}/agentic-sessions/{session}/github/token",
            post(tokens::of_github),
        )
        .route(
            "/projects/{project}/agentic-sessions/{session}/github/token",
            post(tokens::of_github),
        )
        .route("/api/claviger/v1/credentials/{id}/identity", get(account::identity))
        .route("/api/claviger/v1/credentials/{id}/revoke", post(account::revoke))
        .route(
            "/api/claviger/v1/projects/{project}/sessions/{session}/service-account",
            put(service_account::put).delete(service_account::delete),
        )
        .route("/api/claviger/v1/turns", post(turns::open))
        .route("/api/claviger/v1/turns/{id}", delete(turns::close))
        .route("/api/claviger/v1/whoami", get(whoami::whoami))
        .route("/api/auth/{provider}/connect", post(connect::connect))
        .route("/api/auth/{provider}/complete", post(connect::complete))
        .route("/api/auth/{provider}/status", get(connect::status))
        .route(
            "/api/auth/{provider}/disconnect",
            post(connect::disconnect).delete(connect::disconnect),
        )
        .route("/api/auth/{provider}/test", post(connect::test))
        .route("/api/auth/integrations/status", get(connect::overview::integrations))
        .route("/api/auth/github/install", post(connect::github::install))
        .route("/api/auth/github/user/callback", get(connect::returned))
        .route(
            "/api/auth/github/pat",
            post(connect::github::connect_token).delete(connect::github::disconnect_token),
        )
        .route("/api/auth/github/pat/status", get(connect::github::token_status))
        .route("/api/auth/gerrit/instances", get(connect::instances::list))
        .route("/api/auth/gerrit/{instance}/status", get(connect::instances::status))
        .route("/api/auth/gerrit/{instance}/disconnect", delete(connect::instances::disconnect))
        .route("/api/auth/mcp/{server}/connect", post(connect::servers::connect))
        .route("/api/auth/mcp/{server}/status", get(connect::servers::status))
        .route("/api/auth/mcp/{server}/disconnect", delete(connect::servers::disconnect))
        .route("/api/projects/{project}/auth/gitlab/connect", post(connect::copies::connect))
        .route("/api/projects/{project}/auth/gitlab/status", get(connect::copies::status))
        .route(
            "/api/projects/{project}/auth/gitlab/disconnect",
            post(connect::copies::disconnect).delete(connect::copies::disconnect),
        )
        .route("/api/projects/{project}/auth/gitlab/test", post(connect::copies::test))
        .route("/oauth2callback", get(connect::returned))
        .route("/oauth2callback/status", get(connect::overview::consent))
        .route("/api/ambient", get(metadata::api))
        .route("/api/ambient/v1", get(metadata::v1))
        .route("/api/ambient/v1/version", get(metadata::version))
        .route("/api/ambient/v1/openapi", get(openapi::served))
        .route("/api/ambient/v1/openapi.html", get(openapi::page::served))
        .route("/api/ambient/v1/errors", get(metadata::errors))
        .route("/api/ambient/v1/errors/{id}", get(metadata::error))
        .route("/.well-known/jwks.json", get(published_keys::published))
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .fallback(metadata::nothing)
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .with_state(app.clone());
    Stamped::new(router, Arc::clone(&app.clock))
}

/// Asks the index; one that is behind, or that a panic damaged, answers nothing.
fn read_index<T>(app: &App, ask: impl FnOnce(&Index) -> T) -> Answer<T> {
    let now_ms = app.clock.now_ms();
    let asked = app.index.read(|index| index.is_fresh(now_ms).then(|| ask(index)));
    let asked = asked.map(|asked| asked.ok_or_else(|| Problem::unavailable("authorisation data is not current", 1)));
    asked.unwrap_or_else(|error| Err(Problem::unavailable("authorisation data is not available", 1).because(error)))
}
