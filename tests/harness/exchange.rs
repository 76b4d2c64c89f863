//! The runner's side of the token exchange, with Node's own cryptography.

use crate::Client;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};

/// Encrypts as Node does it, base64.
///
/// # Errors
/// If Node is not there, or finds no key.
pub fn by_node(key: &str, plain: &str) -> Result<String> {
    let program = "const c = require('crypto'), i = JSON.parse(require('fs').readFileSync(0)); process.stdout.write(c.publicEncrypt(\
        { key: i.key, padding: c.constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }, Buffer.from(i.plain)).toString('base64'))";
    let mut child = Command::new("node")
        .args(["-e", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("node does not start")?;
    let input = json!({ "key": key, "plain": plain }).to_string();
    child.stdin.take().context("no standard input")?.write_all(input.as_bytes())?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "node fails");
    Ok(String::from_utf8(output.stdout)?)
}

/// The session's own bearer, for its id and what its runner was started with.
///
/// # Errors
/// If the exchange gives none.
pub async fn bearer(session: &str, environment: &Value) -> Result<String> {
    let said = |name: &str| environment[name].as_str().with_context(|| format!("no `{name}`"));
    let (url, key) = (said("AMBIENT_CP_TOKEN_URL")?, said("AMBIENT_CP_TOKEN_PUBLIC_KEY")?);
    let (base, path) = url.split_once("/token/").context("another address")?;
    let client = Client::new(base)?.with_bearer(&by_node(key, session)?);
    client.get(&format!("/token/{path}")).await?.expect(200)?.text_at("/token")
}
