//! A provider that somebody else wrote: shown, approved, served, changed, taken away. Nothing unapproved is ever loaded, and what does
//! not load is never answered by `static`.

mod approval;
mod component;
mod languages;
mod newsroom;
mod serving;
mod shapes;
mod tidemark;

use anyhow::{Context, Result};
use claviger_tests::Client;
use claviger_tests::server::run;
use serde_json::Value;
use std::path::Path;

/// What a command said.
struct Said {
    ok: bool,
    out: String,
    err: String,
}

/// `claviger provider …` on a data folder.
fn provider(data: &Path, verb: &str, arguments: &[&str]) -> Result<Said> {
    provider_with(data, verb, arguments, &[])
}

fn provider_with(data: &Path, verb: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Result<Said> {
    let data = data.display().to_string();
    let mut all = vec!["provider", verb, "--data", &data];
    all.extend_from_slice(arguments);
    let output = run(&all, environment)?;
    Ok(Said {
        ok: output.status.success(),
        out: String::from_utf8(output.stdout)?,
        err: String::from_utf8(output.stderr)?,
    })
}

impl Said {
    /// Itself, if the command did it.
    fn done(self) -> Result<Self> {
        anyhow::ensure!(self.ok, "refused: {}\n{}", self.err, self.out);
        Ok(self)
    }

    /// Its reason, if the command refused.
    fn refused(self) -> Result<String> {
        anyhow::ensure!(!self.ok, "done, and should not have been:\n{}", self.out);
        Ok(self.err)
    }
}

/// The approved providers, as the lock file has them.
fn lock(data: &Path) -> Result<Vec<toml::Table>> {
    let path = data.join("providers/providers.lock");
    let text = std::fs::read_to_string(&path).with_context(|| format!("no `{}`", path.display()))?;
    let lock: toml::Table = text.parse()?;
    let providers = lock.get("provider").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    Ok(providers.into_iter().filter_map(|entry| entry.as_table().cloned()).collect())
}

/// What `/readyz` says of a provider; null if it is not there.
async fn loaded(client: &Client, name: &str) -> Result<Value> {
    let ready = client.get("/readyz").await?.json()?;
    let providers = ready.get("providers").and_then(Value::as_array).context("no providers")?;
    let found = providers.iter().find(|provider| provider.get("name").is_some_and(|n| n == name));
    Ok(found.cloned().unwrap_or_default())
}
