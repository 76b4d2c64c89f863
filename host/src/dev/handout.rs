//! `dev.json`: what a development server tells those who want to try it.

use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Addresses, bearers and ids. It holds secrets of the development server, so the file is 0600.
#[derive(Clone, Serialize, Deserialize)]
pub struct Handout {
    /// The API.
    pub url: String,
    /// The metrics.
    pub metrics: String,
    /// The token exchange.
    #[serde(default)]
    pub exchange: String,
    /// The emulated upstream.
    pub upstream: String,
    /// People, by name.
    pub people: BTreeMap<String, PersonHandout>,
    /// A service that may open turns.
    pub proxy: PersonHandout,
    /// Projects.
    pub projects: Vec<String>,
    /// Sessions.
    pub sessions: Vec<SessionHandout>,
    /// Credentials: name to id.
    pub credentials: BTreeMap<String, String>,
}

/// A person or service.
#[derive(Clone, Serialize, Deserialize)]
pub struct PersonHandout {
    /// For `Authorization: Bearer`.
    pub bearer: String,
}

/// A session.
#[derive(Clone, Serialize, Deserialize)]
pub struct SessionHandout {
    /// Its id.
    pub id: String,
    /// Its project.
    pub project: String,
    /// Who made it.
    pub owner: String,
    /// Its own bearer.
    pub token: String,
    /// Where its runner gets another one.
    #[serde(default)]
    pub token_url: String,
}

const FILE: &str = "dev.json";

impl Handout {
    /// Takes the file of an earlier run away, so that its presence means "ready", and keeps what it says.
    pub(super) fn take(data: &Path) -> Option<Self> {
        let path = data.join(FILE);
        let text = std::fs::read_to_string(&path).ok()?;
        drop(std::fs::remove_file(path));
        serde_json::from_str(&text).ok()
    }

    /// Writes the file in one step: whoever sees it sees all of it.
    pub(super) fn write(&self, data: &Path) -> anyhow::Result<()> {
        let (path, new) = (data.join(FILE), data.join(".dev.json.new"));
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)
            .context("`dev.json` cannot be written")?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.sync_all()?;
        std::fs::rename(new, path).context("`dev.json` cannot be written")
    }
}
