//! Whether the server lives, and whether it can answer.

use super::state::App;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

/// `GET /healthz`: the process answers.
pub async fn live() -> &'static str {
    "ok"
}

/// `GET /readyz`: authorisation is current, which also says that the database answers; the last audit record could be written; and which
/// providers are loaded. Asked of memory alone: whoever can reach the port may ask, and must not be able to keep the database or the disk busy.
/// Why a provider does not load is in the log.
pub async fn ready(State(app): State<App>) -> (StatusCode, Json<Value>) {
    let authorisation = app.index.read(|index| index.is_fresh(app.clock.now_ms())).unwrap_or(false);
    let providers: Vec<Value> = app
        .catalog
        .list()
        .into_iter()
        .map(|(name, slot)| json!({ "name": name, "loaded": slot.is_ok() }))
        .collect();
    let audit = app.audit.is_writable();
    let ready = authorisation && audit;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (
        status,
        Json(json!({ "ready": ready, "authorisation": authorisation, "audit": audit, "providers": providers })),
    )
}
