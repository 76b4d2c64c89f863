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

/// `GET /readyz`: the database answers, authorisation is current, the providers are loaded. Names what is not.
pub async fn ready(State(app): State<App>) -> (StatusCode, Json<Value>) {
    let database = app.records.check().await.is_ok();
    let authorisation = app.index.read(|index| index.is_fresh(app.clock.now_ms())).unwrap_or(false);
    let providers: Vec<Value> = app
        .catalog
        .list()
        .into_iter()
        .map(|(name, slot)| match slot {
            Ok(provider) => json!({ "name": name, "version": provider.version(), "loaded": true }),
            Err(unavailable) => json!({ "name": name, "version": unavailable.version, "loaded": false, "reason": unavailable.reason }),
        })
        .collect();
    let ready = database && authorisation;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (
        status,
        Json(json!({ "ready": ready, "database": database, "authorisation": authorisation, "providers": providers })),
    )
}
