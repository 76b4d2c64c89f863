//! The HTTP API: one line a route. The token read is in [`tokens`]; everything else surrounds it.

mod account;
mod caller;
mod change;
mod columns;
mod connect;
mod consumers;
mod credentials;
mod explain;
mod health;
mod input;
mod intake;
mod listing;
mod pattern;
mod present;
mod problem;
mod refusals;
mod request;
mod role_bindings;
mod roles;
mod search;
mod state;
pub mod tokens;
mod turns;
mod whoami;

pub use state::{App, Parts};

use crate::access::Index;
use axum::Router;
use axum::routing::{delete, get, post};
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
        .route("/api/ambient/v1/roles", get(roles::list))
        .route("/api/ambient/v1/roles/{id}", get(roles::get))
        .route(
            "/api/ambient/v1/role_bindings",
            get(role_bindings::list).post(role_bindings::create),
        )
        .route(
            "/api/ambient/v1/role_bindings/{id}",
            get(role_bindings::get).delete(role_bindings::delete),
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
        .route("/api/claviger/v1/credentials/{id}/identity", get(account::identity))
        .route("/api/claviger/v1/credentials/{id}/revoke", post(account::revoke))
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
        .route("/oauth2callback", get(connect::returned))
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .fallback(|| async { Problem::nothing_there("The requested resource doesn't exist") })
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
