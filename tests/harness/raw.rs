//! Requests byte for byte over TCP, and answers as they came: what a client library would tidy up stays visible.

use anyhow::{Context, Result, bail, ensure};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Clients of the wire give up after ten to thirty seconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// More than any answer of the tests; a sidecar reads no more either.
const LARGEST: usize = 1 << 20;

/// An answer.
#[derive(Debug, Clone)]
pub struct RawAnswer {
    /// The status.
    pub status: u16,
    /// Names in lower case, values as they came.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl RawAnswer {
    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Sends these bytes to `base` (`http://host:port`) and reads one answer.
///
/// # Errors
/// No answer in time, or one that is no HTTP/1.1 with a length.
pub async fn exchange(base: &str, request: &[u8]) -> Result<RawAnswer> {
    let exchanged = tokio::time::timeout(ANSWER_WITHIN, answer(base, request)).await;
    exchanged.context("no answer in time")?
}

#[expect(clippy::disallowed_methods, reason = "egress is the server's way out; this is its clients' way in")]
async fn answer(base: &str, request: &[u8]) -> Result<RawAnswer> {
    let host = base.strip_prefix("http://").context("only plain http is spoken here")?;
    let mut stream = TcpStream::connect(host).await.with_context(|| format!("no connection to {host}"))?;
    stream.write_all(request).await.context("the request was not taken")?;
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        more(&mut stream, &mut bytes).await?;
    };
    let head = String::from_utf8(bytes.get(..head_end).unwrap_or_default().to_vec()).context("a head that is no text")?;
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1.1 "))
        .and_then(|line| line.get(..3));
    let status = status.context("no status line")?.parse().context("no status")?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .map(|(_, value)| value.as_str());
    let length: usize = match length {
        Some(length) => length.parse().context("a length that is none")?,
        None if status == 204 => 0,
        None => bail!("{status} without a length: {head}"),
    };
    let start = head_end + 4;
    while bytes.len() < start + length {
        more(&mut stream, &mut bytes).await?;
    }
    let body = bytes.get(start..start + length).unwrap_or_default().to_vec();
    let body = String::from_utf8(body).context("a body that is no text")?;
    Ok(RawAnswer { status, headers, body })
}

async fn more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Result<()> {
    let mut part = vec![0; 16 * 1024];
    let read = stream.read(&mut part).await.context("the answer breaks off")?;
    ensure!(read > 0, "the connection was closed within the answer");
    ensure!(bytes.len() + read <= LARGEST, "an answer of more than {LARGEST} bytes");
    bytes.extend_from_slice(part.get(..read).unwrap_or_default());
    Ok(())
}
