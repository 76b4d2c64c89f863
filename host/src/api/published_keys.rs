//! `GET /.well-known/jwks.json`: the public keys with which others can check the bearers that this server signs for sessions and turns.

use super::state::App;
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

/// The handler: those of every key version that is still accepted (RFC 7517; RFC 8037 for Ed25519).
pub async fn published(State(app): State<App>) -> Json<Value> {
    let keys = app.authn.signed().public_keys().into_iter();
    let keys: Vec<Value> = keys
        .map(|key| json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": key.kid, "x": key.x }))
        .collect();
    Json(json!({ "keys": keys }))
}
