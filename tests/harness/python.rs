//! Programs of `tests/upstreams/*.py`: the clients that people use from Python, handed what Claviger gave out.

use crate::process::{self, Running};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Importing the clients takes a second or two; a loaded machine takes longer.
const DONE_WITHIN: Duration = Duration::from_secs(120);

/// Runs `tests/upstreams/NAME` with `input` as JSON on its standard input and returns the JSON that it prints. It sees the variables that
/// are given and no others, no proxy among them.
///
/// # Errors
/// The clients are not installed; it fails, and then the message has what it said; it does not end.
pub async fn run(name: &str, input: &Value, environment: &[(&str, &str)]) -> Result<Value> {
    let python = process::target_dir()?.join("upstreams/python/bin/python");
    if !python.exists() {
        bail!("no `{}`; `cargo xtask test` installs the Python clients", python.display());
    }
    let mut command = Command::new(python);
    command
        .arg("-I")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("upstreams").join(name))
        .env_clear()
        .envs(environment.iter().copied());
    to_its_end(command, name, input).await
}

/// Runs a program, with JSON on its standard input, and returns the JSON that it prints.
pub(crate) async fn to_its_end(mut command: Command, name: &str, input: &Value) -> Result<Value> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = Running::start(&mut command)?;
    let child = running.child();
    let mut stdin = child.stdin.take().context("the program has no standard input")?;
    let mut stdout = child.stdout.take().context("the program has no standard output")?;
    let mut stderr = child.stderr.take().context("the program has no standard error")?;
    let input = input.to_string();
    let said = tokio::task::spawn_blocking(move || -> std::io::Result<(String, String)> {
        stdin.write_all(input.as_bytes())?;
        drop(stdin);
        let errors = std::thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).map(|_| text)
        });
        let mut text = String::new();
        stdout.read_to_string(&mut text)?;
        Ok((text, errors.join().unwrap_or_else(|_| Ok(String::new()))?))
    });
    let said = tokio::time::timeout(DONE_WITHIN, said).await;
    let (text, errors) = said.with_context(|| format!("`{name}` has not ended after {} s", DONE_WITHIN.as_secs()))???;
    serde_json::from_str(&text).with_context(|| format!("`{name}` printed no JSON\n{text}\n{errors}"))
}
