//! What stands around the emulated GitHub: Prism comparing it with GitHub's description, and repositories that its tokens open.

use crate::upstream::{Program, requests};
use crate::{Client, Emulator};
use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::Path;

/// What either announces.
#[derive(Deserialize)]
struct Ready {
    url: String,
}

/// Prism between Claviger and the emulated GitHub.
pub struct PrismProxy {
    _program: Program,
    /// The instance that Claviger is given.
    pub url: String,
    client: Client,
}

impl PrismProxy {
    /// Starts it in front of the emulated GitHub of that upstream.
    ///
    /// # Errors
    /// It does not get ready.
    pub async fn start(upstream: &str) -> Result<Self> {
        let program = Program::start("prism-proxy.mjs", &[&format!("{upstream}/github")]).await?;
        let ready: Ready = serde_json::from_str(program.announced()).context("prism-proxy.mjs announced something else")?;
        let client = Client::new(&ready.url)?;
        Ok(Self {
            _program: program,
            url: ready.url,
            client,
        })
    }

    /// The requests so far: `method`, `path`, `status`, `violations`.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn requests(&self) -> Result<Vec<Value>> {
        requests(&self.client).await
    }

    /// A client of the checked interface.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }
}

/// A host of repositories that opens them to tokens of the emulated GitHub's installations.
pub struct GitHost {
    _program: Program,
    /// `{url}/ACCOUNT/NAME.git`
    pub url: String,
    client: Client,
}

impl GitHost {
    /// Serves the bare repositories below `root`.
    ///
    /// # Errors
    /// It does not get ready.
    pub async fn start(root: &Path, upstream: &str) -> Result<Self> {
        let root = root.to_str().context("the folder's name is not UTF-8")?;
        let program = Program::start("githost.mjs", &[root, &format!("{upstream}/github/api/v3")]).await?;
        let ready: Ready = serde_json::from_str(program.announced()).context("githost.mjs announced something else")?;
        let client = Client::new(&ready.url)?;
        Ok(Self {
            _program: program,
            url: ready.url,
            client,
        })
    }

    /// The requests so far: `path`, `authenticated`, `status`.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn requests(&self) -> Result<Vec<Value>> {
        requests(&self.client).await
    }
}

/// Tokens that a consent of `account` to an application brings at the emulated GitHub: the access token, and the refresh token if it ends.
///
/// # Errors
/// The emulator knows no such application or account.
pub async fn consent(emulator: &Emulator, client_id: &str, account: &str, more: &Value) -> Result<(String, Option<String>)> {
    let mut body = json!({ "provider": "github", "client_id": client_id, "account": account });
    if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
        body.extend(more.clone());
    }
    let answer = emulator.client().post("/_grants", &body).await?.expect(201)?;
    Ok((answer.text_at("/access_token")?, answer.text_at("/refresh_token").ok()))
}
