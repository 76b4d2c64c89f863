//! A token's answer as programs here use it. The one file of this folder that exposes a secret, so that there is one to look at.

use super::narrowing::Narrowing;
use crate::cli::answers;
use crate::cli::client::{Client, Failure, V1, below};
use crate::clock::{Millis, from_rfc3339};
use crate::secret::Secret;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

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
pub(super) struct Asked<'a> {
    /// For whom; without, the token alone.
    pub consumer: Option<Consumer>,
    /// It must last for so many seconds; the server takes at most half of its life.
    pub min_ttl_s: Option<u32>,
    /// The generation of a token that was refused at its upstream.
    pub rejected: Option<u64>,
    /// Less than all that it could do.
    pub narrowing: Option<&'a Narrowing>,
}

/// An answer of the token read.
#[derive(Deserialize)]
pub(super) struct Reading {
    token: Option<Secret>,
    #[serde(default)]
    environment: BTreeMap<String, Secret>,
    #[serde(default)]
    git: BTreeMap<String, Secret>,
    /// How often the credential's secrets have changed.
    #[serde(default)]
    pub generation: u64,
    expires_at: Option<String>,
}

impl Reading {
    /// Reads the token of the credential with that id.
    pub(super) async fn of(client: &Client, id: &str, asked: Asked<'_>) -> Result<Self, Failure> {
        let answer = answer(client, id, asked).await?;
        serde_json::from_value(answer).map_err(|_| Failure::Refused("the server's answer is no token's; is it a Claviger?".to_owned()))
    }

    /// When it ends; `None` if it does not.
    pub(super) fn expires_at_ms(&self) -> Option<Millis> {
        self.expires_at.as_deref().and_then(from_rfc3339)
    }

    /// Refuses what no process can be given: nothing at all, and variables that would steer the process instead of telling it something. The
    /// server's operator approved the provider; whoever runs this did not.
    pub(super) fn is_fit_for_a_process(&self) -> Result<(), Failure> {
        if self.environment.is_empty() && self.token.as_ref().is_none_or(Secret::is_empty) {
            return Err(Failure::NotFound("nothing is stored in this credential".to_owned()));
        }
        match self
            .environment
            .iter()
            .find(|(name, value)| !is_variable(name) || !value.is_one_line())
        {
            Some((name, _)) => Err(Failure::Refused(format!(
                "the server's variable `{name}` is none that a process is given"
            ))),
            None => Ok(()),
        }
    }

    /// Tells one reading from another. A token's end is no part of it: the same token is the same.
    pub(super) fn digest(&self) -> [u8; 32] {
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        let token = self.token.iter().map(|token| ("", token));
        for (name, value) in token.chain(self.environment.iter().map(|(name, value)| (name.as_str(), value))) {
            for part in [name, value.expose()] {
                context.update(&part.len().to_be_bytes());
                context.update(part.as_bytes());
            }
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        digest
    }

    /// Gives a child its variables.
    pub(super) fn place_into(&self, command: &mut tokio::process::Command) {
        for (name, value) in &self.environment {
            command.env(name, value.expose());
        }
    }

    /// Puts the token into a file, which is another one at once or the old one still.
    pub(super) fn write_to(&self, path: &Path) -> Result<(), Failure> {
        let token = self.token.as_ref().map(Secret::expose).unwrap_or_default();
        let written = (|| -> std::io::Result<()> {
            // A temporary file is made with mode 0600, and keeps it when it takes the other's place.
            let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(path))?;
            file.write_all(token.as_bytes())?;
            file.persist(path).map(drop).map_err(|why| why.error)
        })();
        written.map_err(|why| Failure::Refused(format!("`{}` cannot be written: {why}", path.display())))
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

/// Whether that is a variable as providers name theirs, and none that the system's loader or a shell obeys.
pub(super) fn is_variable(name: &str) -> bool {
    let is_name = name
        .bytes()
        .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    let steers = ["LD_", "DYLD_"].iter().any(|prefix| name.starts_with(prefix));
    let is_the_shells = ["PATH", "HOME", "SHELL", "IFS", "ENV", "BASH_ENV"].contains(&name);
    is_name && !steers && !is_the_shells && name.starts_with(|c: char| c.is_ascii_uppercase())
}

/// The answer as it comes.
pub(super) async fn answer(client: &Client, id: &str, asked: Asked<'_>) -> Result<Value, Failure> {
    let (min_ttl, rejected) = (asked.min_ttl_s.map(|s| s.to_string()), asked.rejected.map(|g| g.to_string()));
    let query: Vec<(&str, &str)> = [
        ("consumer", asked.consumer.map(Consumer::name)),
        ("min_ttl", min_ttl.as_deref()),
        ("rejected", rejected.as_deref()),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key, value?)))
    .chain(asked.narrowing.into_iter().flat_map(Narrowing::query))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(text: &str) -> Reading {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_process_is_told_and_not_steered() {
        for name in ["GITHUB_TOKEN", "GH_HOST", "A1"] {
            assert!(is_variable(name), "{name}");
        }
        for name in ["", "LD_PRELOAD", "PATH", "BASH_ENV", "lower", "A=B", "A B", "1A", "_", "A\0"] {
            assert!(!is_variable(name), "{name}");
        }
        assert!(reading(r#"{"environment": {"A": "x"}}"#).is_fit_for_a_process().is_ok());
        assert!(reading(r#"{"token": "x"}"#).is_fit_for_a_process().is_ok());
        for unfit in [
            r#"{"environment": {"PATH": "x"}}"#,
            r#"{"environment": {"A": "x\ny"}}"#,
            r#"{"token": ""}"#,
            "{}",
        ] {
            assert!(reading(unfit).is_fit_for_a_process().is_err(), "{unfit}");
        }
    }

    #[test]
    fn another_token_is_another_reading() {
        let of = |text: &str| reading(text).digest();
        let one = of(r#"{"environment": {"A": "x", "B": "y"}, "expires_at": "2026-08-17T11:00:00Z", "generation": 1}"#);
        assert_eq!(one, of(r#"{"environment": {"B": "y", "A": "x"}, "generation": 2}"#));
        for other in [
            r#"{"environment": {"A": "x"}}"#,
            r#"{"environment": {"A": "xB", "B": "y"}}"#,
            r#"{"token": "x"}"#,
            "{}",
        ] {
            assert_ne!(one, of(other), "{other}");
        }
    }
}
