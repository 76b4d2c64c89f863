//! `GET /api/claviger/v1/whoami`: whom this server takes the bearer for. Of a caller it tells that caller alone.

use super::caller::Known;
use axum::Json;
use serde_json::{Map, Value, json};

/// The handler.
pub async fn whoami(known: Known) -> Json<Value> {
    let caller = &known.caller;
    let mut body = Map::new();
    body.insert("kind".to_owned(), json!("Caller"));
    body.insert("user".to_owned(), json!(caller.principal()));
    body.insert("method".to_owned(), json!(caller.method()));
    if let Some((project, session)) = caller.bound_session() {
        body.insert("project".to_owned(), json!(project));
        body.insert("session".to_owned(), json!(session));
    }
    Json(Value::Object(body))
}
