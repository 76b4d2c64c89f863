//! A token's answer as programs here use it. The one file of this folder that exposes a secret, so that there is one to look at.

use crate::cli::answers;
use crate::cli::client::{Client, Failure, V1, below};
use crate::secret::Secret;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// For whom a token is read: `consumer=` of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Consumer {
    /// Variables of a process.
    Environment,
    /// Git.
    Git,
    /// What the session endpoint answers.
    Session,
}

impl Consumer {
    const fn name(self) -> &'static str {
        match self {
            Self::Environment => "environment",
            Self::Git => "git",
            Self::Session => "session",
        }
    }
}

/// What is asked of a token beside whose it is.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Asked {
    /// For whom; without, the token alone.
    pub consumer: Option<Consumer>,
    /// It must last for so many seconds; the server takes at most half of its life.
    pub min_ttl_s: Option<u32>,
    /// The generation of a token that was refused at its upstream.
    pub rejected: Option<u64>,
}

/// An answer of the token read.
#[derive(Deserialize)]
pub(super) struct Reading {
    token: Option<Secret>,
    #[serde(default)]
    git: BTreeMap<String, Secret>,
    /// How often the credential's secrets have changed.
    #[serde(default)]
    pub generation: u64,
    expires_at: Option<String>,
}

impl Reading {
    /// Reads the token of the credential with that id.
    pub(super) async fn of(client: &Client, id: &str, asked: Asked) -> Result<Self, Failure> {
        let answer = answer(client, id, asked).await?;
        serde_json::from_value(answer).map_err(|_| Failure::Refused("the server's answer is no token's; is it a Claviger?".to_owned()))
    }

    /// A line of what Git is told, but for the password.
    pub(super) fn git(&self, name: &str) -> &str {
        match name {
            "password" => "",
            _ => self.git.get(name).map(Secret::expose).unwrap_or_default(),
        }
    }

    /// Whether Git's password is that one.
    pub(super) fn has_password(&self, password: &Secret) -> bool {
        self.git
            .get("password")
            .is_some_and(|own| !own.is_empty() && own.expose() == password.expose())
    }

    /// Answers Git.
    pub(super) fn tell_git(&self) -> Result<(), Failure> {
        let mut text = zeroize::Zeroizing::new(String::new());
        for name in ["protocol", "host", "username", "password", "password_expiry_utc"] {
            let Some(value) = self.git.get(name).filter(|value| !value.is_empty()) else {
                continue;
            };
            if !value.is_one_line() {
                return Err(Failure::Refused(format!(
                    "the server's `{name}` has line breaks, which Git cannot be told"
                )));
            }
            for part in [name, "=", value.expose(), "\n"] {
                text.push_str(part);
            }
        }
        answers::write(&text)
    }
}

/// The answer as it comes.
pub(super) async fn answer(client: &Client, id: &str, asked: Asked) -> Result<Value, Failure> {
    let (min_ttl, rejected) = (asked.min_ttl_s.map(|s| s.to_string()), asked.rejected.map(|g| g.to_string()));
    let query: Vec<(&str, &str)> = [
        ("consumer", asked.consumer.map(Consumer::name)),
        ("min_ttl", min_ttl.as_deref()),
        ("rejected", rejected.as_deref()),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key, value?)))
    .collect();
    client.get(&below(V1, &["credentials", id, "token"]), &query).await
}

/// What a Kubernetes client wants to be answered by its credential plugin.
pub(super) fn exec_credential(reading: &Reading) -> Result<Value, Failure> {
    let token = reading.token.as_ref().filter(|token| !token.is_empty());
    let token = token.ok_or_else(|| Failure::Refused("nothing is stored in this credential".to_owned()))?;
    let mut status = Map::new();
    status.insert("token".to_owned(), json!(token.expose()));
    if let Some(ends) = &reading.expires_at {
        status.insert("expirationTimestamp".to_owned(), json!(ends));
    }
    Ok(json!({ "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status }))
}
