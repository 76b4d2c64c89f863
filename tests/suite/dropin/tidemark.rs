//! The upstream of the drop-ins in JavaScript and Python: tokens for a station's key and for a refresh token, which each use replaces.

use anyhow::Result;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use claviger_tests::Setup;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// The key of the station that Tidemark knows.
pub const KEY: &str = "tmk_0123456789abcdefABCDEF";
/// The refresh token that it gave first.
pub const REFRESH: &str = "tmr-0-0123456789abcdef";
/// The application's secret, with characters that a form encodes.
pub const CLIENT_SECRET: &str = "tms-client&secret+0123456789";

type Uses = Arc<Mutex<usize>>;

/// A running Tidemark, until it is dropped.
pub struct Tidemark {
    /// Its address.
    pub url: String,
    task: tokio::task::JoinHandle<()>,
}

impl Tidemark {
    /// Starts it on a free port.
    pub async fn start() -> Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let router = Router::new()
            .route("/stations/{station}/token", post(station))
            .route("/oauth/token", post(refresh))
            .route("/me", get(me))
            .with_state(Uses::default());
        let task = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        Ok(Self { url, task })
    }

    /// A server that may ask it.
    pub fn setup(&self) -> Setup {
        let url = &self.url;
        Setup::default().config(&format!(
            "[[instance]]\nprovider = \"tidemark\"\nurl = \"{url}\"\nnetworks = [\"127.0.0.0/8\"]\n"
        ))
    }

    /// A credential with the key of a station.
    pub fn station(&self) -> Value {
        json!({ "name": "pier", "provider": "tidemark", "token": KEY, "url": self.url, "fields": { "station": "pier 7" } })
    }

    /// One with a refresh token.
    pub fn account(&self) -> Value {
        json!({
            "name": "office", "provider": "tidemark", "kind": "account", "token": REFRESH, "url": self.url,
            "fields": { "client-id": "harbour office", "client-secret": CLIENT_SECRET, "harbour": "Whitby" },
        })
    }
}

impl Drop for Tidemark {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn station(Path(station): Path<String>, headers: HeaderMap) -> (StatusCode, Json<Value>) {
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("{station}:{KEY}"));
    match headers.get("authorization") {
        Some(given) if *given == format!("Basic {basic}") && station == "pier 7" => {
            let answer = json!({ "access_token": "tmt-station-0123456789", "expires_at": "2099-01-01T00:00:00Z" });
            (StatusCode::OK, Json(answer))
        }
        _ => (StatusCode::UNAUTHORIZED, Json(json!({ "error": "invalid_client" }))),
    }
}

/// Whoever asks with one of the tokens.
async fn me(headers: HeaderMap) -> (StatusCode, Json<Value>) {
    let bearer = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if bearer.starts_with("Bearer tmt-") {
        (StatusCode::OK, Json(json!({ "id": 42, "login": "ada" })))
    } else {
        (StatusCode::UNAUTHORIZED, Json(json!({})))
    }
}

/// The n-th use needs the refresh token of the one before.
async fn refresh(State(uses): State<Uses>, body: String) -> (StatusCode, Json<Value>) {
    let form: HashMap<String, String> = reqwest::Url::parse(&format!("form:?{body}"))
        .map(|form| form.query_pairs().into_owned().collect())
        .unwrap_or_default();
    let mut used = uses.lock().expect("nobody panics with it");
    let given = |key: &str| form.get(key).map(String::as_str).unwrap_or_default();
    let is_client = (given("client_id"), given("client_secret")) == ("harbour office", CLIENT_SECRET);
    if !is_client || given("grant_type") != "refresh_token" {
        return (StatusCode::UNAUTHORIZED, Json(json!({ "error": "invalid_client" })));
    }
    if given("refresh_token") != format!("tmr-{used}-0123456789abcdef") {
        return (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_grant" })));
    }
    *used += 1;
    let answer = json!({
        "access_token": format!("tmt-access-{used}-0123456789"), "refresh_token": format!("tmr-{used}-0123456789abcdef"), "expires_in": 3600,
    });
    (StatusCode::OK, Json(answer))
}
