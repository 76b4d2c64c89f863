//! What it is compared with: a bare axum handler that answers the same bytes, in a process of its own, as the server has one.

use crate::load::Connection;
use anyhow::{Context, Result};
use axum::Router;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::routing::get;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

/// Headers that axum sets by itself.
const OWN: [&str; 2] = ["content-length", "date"];

/// The other process.
pub struct Baseline {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Baseline {
    /// Starts this program again as the bare server, with the answer that the real one gives to this request.
    ///
    /// # Errors
    /// The real one does not answer, or the process does not start.
    pub async fn like(real: SocketAddr, request: &[u8]) -> Result<Self> {
        let mut connection = Connection::open(real).await?;
        let (head, body) = connection.ask(request).await?;
        let answer = format!("{head}{body}");
        let program = std::env::current_exe().context("cannot tell where this program is")?;
        let mut command = Command::new(program);
        command.arg("--serve-baseline").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("the bare server does not start")?;
        let mut stdin = child.stdin.take().context("the bare server has no input")?;
        stdin.write_all(answer.as_bytes()).context("the bare server takes no input")?;
        drop(stdin);
        let mut line = String::new();
        let stdout = child.stdout.take().context("the bare server has no output")?;
        BufReader::new(stdout)
            .read_line(&mut line)
            .context("the bare server says nothing")?;
        let address = line.trim().parse().context("the bare server does not say where it listens")?;
        Ok(Self { child, address })
    }
}

impl Drop for Baseline {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The other process's work: reads an answer from standard input, prints its address, and gives that answer to everybody.
///
/// # Errors
/// The input is no answer, or no port is to be had.
#[expect(clippy::print_stdout, reason = "the address goes to the process that started this one")]
pub async fn serve() -> Result<()> {
    let answer = std::io::read_to_string(std::io::stdin()).context("no answer on standard input")?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no head in the answer")?;
    let mut headers = HeaderMap::new();
    for line in head.lines().skip(1) {
        let Some((name, value)) = line.split_once(": ") else { continue };
        if !OWN.contains(&name.to_ascii_lowercase().as_str()) {
            headers.append(HeaderName::from_bytes(name.as_bytes())?, HeaderValue::from_str(value)?);
        }
    }
    let body = body.to_owned();
    let handler = move || {
        let answer = (headers.clone(), body.clone());
        async move { answer }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.context("no free port")?;
    println!("{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    axum::serve(listener, Router::new().fallback(get(handler)))
        .await
        .context("the bare server ended")
}
