//! Programs of `tests/upstreams/*.mjs` that run to their end: the clients that people use from JavaScript, handed what Claviger gave out.

use crate::{python, upstream};
use anyhow::Result;
use serde_json::Value;
use std::process::Command;

/// Runs `tests/upstreams/NAME` with `input` as JSON on its standard input and returns the JSON that it prints. It sees no variable but
/// the search path.
///
/// # Errors
/// The packages are not installed; it fails, and then the message has what it said; it does not end.
pub async fn run(name: &str, input: &Value) -> Result<Value> {
    let mut command = Command::new("node");
    command
        .arg(upstream::script(name)?)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default());
    python::to_its_end(command, name, input).await
}
