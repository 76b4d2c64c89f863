//! Programs of `tests/upstreams/*.py`: the clients that people use from Python, handed what Claviger gave out. And the Python package for
//! runners, with the tools that check it.

use crate::process::{self, Running};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Of `cargo xtask test --full`, more than five thousand requests; it took three minutes and a half on a machine that four others used.
const ALL_ASKED_WITHIN: Duration = Duration::from_secs(1800);

/// Importing the clients takes a second or two; a loaded machine takes longer.
const DONE_WITHIN: Duration = Duration::from_secs(120);

/// The tests of `sdk/python` take twenty seconds on an idle machine, among them hundreds of turns at once.
const PASSES_WITHIN: Duration = Duration::from_secs(900);

/// Runs `tests/upstreams/NAME` with `input` as JSON on its standard input and returns the JSON that it prints. It sees the variables that
/// are given and no others, no proxy among them.
///
/// # Errors
/// The clients are not installed; it fails, and then the message has what it said; it does not end.
pub async fn run(name: &str, input: &Value, environment: &[(&str, &str)]) -> Result<Value> {
    let mut command = program("upstreams/python", name)?;
    command.envs(environment.iter().copied());
    to_its_end(command, name, input).await
}

/// Runs `tests/upstreams/schemathesis_client.py` as [`run`] runs the others, in its own environment and for as long as it may take.
///
/// # Errors
/// As [`run`].
pub async fn schemathesis(input: &Value) -> Result<Value> {
    let name = "schemathesis_client.py";
    within(ALL_ASKED_WITHIN, program("schemathesis", name)?, name, input).await
}

/// A program of ours for the Python of an environment in `target`, which sees no variable.
fn program(environment: &str, name: &str) -> Result<Command> {
    let python = process::target_dir()?.join(environment).join("bin/python");
    if !python.exists() {
        bail!(
            "no `{}`; `cargo xtask test` installs what the Python programs need",
            python.display()
        );
    }
    let mut command = Command::new(python);
    command
        .arg("-I")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("upstreams").join(name))
        .env_clear();
    Ok(command)
}

/// Runs the interpreter that has the tools for `sdk/python`, in that folder; `environment` is added to what this process has.
///
/// # Errors
/// The tools are not installed; it fails or does not end, and then the message has what it said.
pub async fn passes(arguments: &[&str], environment: &[(&str, &Path)]) -> Result<()> {
    let python = process::target_dir()?.join("runner-python/bin/python");
    if !python.exists() {
        bail!("no `{}`; `cargo xtask test` installs what it needs", python.display());
    }
    let mut command = Command::new(python);
    command
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk/python"))
        .args(arguments)
        .envs(environment.iter().copied())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let name = arguments.join(" ");
    let mut running = Running::start(&mut command)?;
    let said = listen(running.child())?;
    let said = tokio::time::timeout(PASSES_WITHIN, said).await;
    let (text, errors) = said.with_context(|| format!("`{name}` has not ended after {} s", PASSES_WITHIN.as_secs()))???;
    let status = running.child().wait().context("cannot wait for it")?;
    if !status.success() {
        bail!("`{name}` fails ({status})\n{text}\n{errors}");
    }
    Ok(())
}

/// Runs a program, with JSON on its standard input, and returns the JSON that it prints.
pub(crate) async fn to_its_end(command: Command, name: &str, input: &Value) -> Result<Value> {
    within(DONE_WITHIN, command, name, input).await
}

async fn within(limit: Duration, mut command: Command, name: &str, input: &Value) -> Result<Value> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = Running::start(&mut command)?;
    let child = running.child();
    let mut stdin = child.stdin.take().context("the program has no standard input")?;
    let said = listen(child)?;
    let input = input.to_string();
    let told = tokio::task::spawn_blocking(move || stdin.write_all(input.as_bytes()));
    let said = tokio::time::timeout(limit, said).await;
    let (text, errors) = said.with_context(|| format!("`{name}` has not ended after {} s", limit.as_secs()))???;
    // Who ends without reading all of it says why in what it printed.
    let told = told.await.context("the writer broke off")?;
    if told.is_err() {
        bail!("`{name}` did not read its input\n{text}\n{errors}");
    }
    serde_json::from_str(&text).with_context(|| format!("`{name}` printed no JSON\n{text}\n{errors}"))
}

/// What it says, on both of its outputs, until it has closed them.
fn listen(child: &mut Child) -> Result<tokio::task::JoinHandle<std::io::Result<(String, String)>>> {
    let mut stdout = child.stdout.take().context("the program has no standard output")?;
    let mut stderr = child.stderr.take().context("the program has no standard error")?;
    Ok(tokio::task::spawn_blocking(move || {
        let errors = std::thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).map(|_| text)
        });
        let mut text = String::new();
        stdout.read_to_string(&mut text)?;
        Ok((text, errors.join().unwrap_or_else(|_| Ok(String::new()))?))
    }))
}
