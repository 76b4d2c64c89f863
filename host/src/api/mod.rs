//! The HTTP API: one line a route. The token read is in [`tokens`]; everything else surrounds it.

mod caller;
mod change;
mod consumers;
mod credentials;
mod health;
mod input;
mod intake;
mod listing;
mod present;
mod problem;
mod refusals;
mod request;
mod role_bindings;
mod roles;
mod state;
pub mod tokens;
mod turns;

pub use state::{App, Parts};

use crate::access::Index;
use crate::clock::SharedClock;
use axum::Router;
use axum::extract::FromRef;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use problem::{Answer, Problem};
use tower_http::catch_panic::CatchPanicLayer;

/// All routes.
pub fn router(app: App) -> Router {
    let v1 = Router::new()
        .route("/credentials", get(credentials::list).post(credentials::create))
        .route(
            "/credentials/{id}",
            get(credentials::get).patch(credentials::patch).delete(credentials::delete),
        )
        .route("/credentials/{id}/token", get(tokens::flat))
        .route("/projects/{project}/credentials/{id}/token", get(tokens::in_project))
        .route("/roles", get(roles::list))
        .route("/roles/{id}", get(roles::get))
        .route("/role_bindings", get(role_bindings::list).post(role_bindings::create))
        .route("/role_bindings/{id}", get(role_bindings::get).delete(role_bindings::delete));

    Router::new()
        .nest("/api/ambient/v1", v1)
        // A runner whose base address has no `/api` asks at the root.
        .route(
            "/api/projects/{project}/agentic-sessions/{session}/credentials/{provider}",
            get(tokens::in_session),
        )
        .route(
            "/projects/{project}/agentic-sessions/{session}/credentials/{provider}",
            get(tokens::in_session),
        )
        .route("/api/claviger/v1/turns", post(turns::open))
        .route("/api/claviger/v1/turns/{id}", delete(turns::close))
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .fallback(|| async { Problem::nothing_there("The requested resource doesn't exist") })
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        // From the inside out: a panic becomes a 500, then every answer gets its id and headers.
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(SharedClock::from_ref(&app), request::stamp))
        .with_state(app)
}

/// What a panic leaves to say. Its text is not repeated: it could hold anything.
fn panicked(_panic: Box<dyn std::any::Any + Send>) -> Response {
    Problem::internal("a handler panicked").into_response()
}

/// Asks the index; one that is behind, or that a panic damaged, answers nothing.
fn read_index<T>(app: &App, ask: impl FnOnce(&Index) -> T) -> Answer<T> {
    let now_ms = app.clock.now_ms();
    let asked = app.index.read(|index| index.is_fresh(now_ms).then(|| ask(index)));
    let asked = asked.map(|asked| asked.ok_or_else(|| Problem::unavailable("authorisation data is not current", 1)));
    asked.unwrap_or_else(|error| Err(Problem::unavailable("authorisation data is not available", 1).because(error)))
}
