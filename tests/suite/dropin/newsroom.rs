//! The upstream of the drop-in: a token endpoint on loopback that says what it was asked and what it gave.

use anyhow::Result;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use claviger_tests::Setup;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// The client that the newsroom knows.
pub const CLIENT_ID: &str = "desk-7";
/// Its secret, which nobody but the newsroom may ever be told.
pub const CLIENT_SECRET: &str = "dropin-client-secret-0123456789";

/// A running newsroom, until it is dropped.
pub struct Newsroom {
    /// Its address.
    pub url: String,
    asked: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Newsroom {
    /// Starts it on a free port.
    pub async fn start() -> Result<Self> {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let router = Router::new().route("/oauth/token", post(token)).with_state(Arc::clone(&asked));
        let task = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        Ok(Self { url, asked, task })
    }

    /// The bodies that were posted so far. The n-th good one got `pb-minted-n`.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("nobody panics with it").clone()
    }

    /// A server that may ask this newsroom.
    pub fn setup(&self) -> Setup {
        let url = &self.url;
        Setup::default().config(&format!(
            "[[instance]]\nprovider = \"paperboy\"\nurl = \"{url}\"\nnetworks = [\"127.0.0.0/8\"]\n"
        ))
    }

    /// A credential whose token this newsroom mints.
    pub fn client_credentials(&self) -> Value {
        json!({
            "name": "desk", "provider": "paperboy", "kind": "client-credentials", "url": self.url,
            "token": CLIENT_SECRET, "fields": { "client-id": CLIENT_ID },
        })
    }
}

impl Drop for Newsroom {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn token(State(asked): State<Arc<Mutex<Vec<String>>>>, body: String) -> (StatusCode, Json<Value>) {
    let good = format!("grant_type=client_credentials&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}");
    let is_good = body == good;
    let number = {
        let mut asked = asked.lock().expect("nobody panics with it");
        asked.push(body);
        asked.len()
    };
    if is_good {
        let answer = json!({ "access_token": format!("pb-minted-{number}"), "token_type": "Bearer", "expires_in": 3600 });
        (StatusCode::OK, Json(answer))
    } else {
        (StatusCode::UNAUTHORIZED, Json(json!({ "error": "invalid_client" })))
    }
}
