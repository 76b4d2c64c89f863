//! The load: keep-alive connections that send one request after the other, by hand, so that the client is not what is measured.

use anyhow::{Context, Result, bail};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// Not counted: connections, caches and the processor's clock settle.
const WARM_UP: Duration = Duration::from_millis(500);

/// An answer is a few hundred bytes.
const READ_BUFFER: usize = 8 * 1024;

/// What one run showed.
#[derive(Debug, Clone)]
pub struct Run {
    /// Answers per second, all connections together.
    pub per_second: f64,
    /// Microseconds from the request's first byte to the answer's last, sorted.
    latencies_us: Vec<u32>,
}

impl Run {
    /// The latency that so many percent of the answers stayed below.
    pub fn percentile_us(&self, percent: f64) -> u32 {
        percentile(&self.latencies_us, percent)
    }
}

/// Of a sorted list, by the nearest rank.
pub fn percentile(sorted: &[u32], percent: f64) -> u32 {
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).or(sorted.last()).copied().unwrap_or_default()
}

/// A request, ready to be sent.
pub fn request(path: &str, host: SocketAddr, bearer: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {bearer}\r\nAccept: application/json\r\n\r\n").into_bytes()
}

/// Sends that request on `connections` connections at once for `length`.
///
/// # Errors
/// A connection fails, or an answer is not 200: the numbers would be of something else.
pub async fn run(address: SocketAddr, request: &[u8], connections: usize, length: Duration) -> Result<Run> {
    let begin = Instant::now() + WARM_UP;
    let end = begin + length;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..connections {
        let request = request.to_vec();
        tasks.spawn(async move { one(address, &request, begin, end).await });
    }
    let mut latencies_us = Vec::new();
    while let Some(done) = tasks.join_next().await {
        latencies_us.extend(done.context("a connection's task died")??);
    }
    latencies_us.sort_unstable();
    Ok(Run {
        per_second: latencies_us.len() as f64 / length.as_secs_f64(),
        latencies_us,
    })
}

async fn one(address: SocketAddr, request: &[u8], begin: Instant, end: Instant) -> Result<Vec<u32>> {
    let mut connection = Connection::open(address).await?;
    let mut latencies = Vec::with_capacity(1 << 16);
    loop {
        let sent = Instant::now();
        if sent >= end {
            return Ok(latencies);
        }
        connection.ask(request).await?;
        if sent >= begin {
            latencies.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
        }
    }
}

/// One connection, and what has been read from it.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// Nobody listens.
    #[expect(
        clippy::disallowed_methods,
        reason = "the benchmark is a client of the server, not a way out of it"
    )]
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .with_context(|| format!("nobody listens on {address}"))?;
        stream.set_nodelay(true).context("the connection takes no options")?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(READ_BUFFER),
        })
    }

    /// Asks, and reads the whole answer; returns its head's and body's text.
    ///
    /// # Errors
    /// Anything but 200 with a content length.
    pub async fn ask(&mut self, request: &[u8]) -> Result<(&str, &str)> {
        self.stream.write_all(request).await.context("the connection broke while asking")?;
        self.buffer.clear();
        loop {
            if self
                .stream
                .read_buf(&mut self.buffer)
                .await
                .context("the connection broke while reading")?
                == 0
            {
                bail!("the server closed the connection: {}", String::from_utf8_lossy(&self.buffer));
            }
            let Some(head) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") else {
                continue;
            };
            let text = std::str::from_utf8(&self.buffer).context("the answer is not text")?;
            let length = content_length(&text[..head])?;
            if self.buffer.len() >= head + 4 + length {
                let text = std::str::from_utf8(&self.buffer).context("the answer is not text")?;
                return Ok(text.split_at(head + 4));
            }
        }
    }
}

fn content_length(head: &str) -> Result<usize> {
    if !head.starts_with("HTTP/1.1 200 ") {
        bail!("not a 200: {head}");
    }
    for line in head.lines() {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            return value.trim().parse().with_context(|| format!("no length: {line}"));
        }
    }
    bail!("an answer without a content length: {head}")
}

#[cfg(test)]
mod tests {
    use super::{content_length, percentile};

    #[test]
    fn ranks() {
        let sorted: Vec<u32> = (1..=100).collect();
        assert_eq!(
            (percentile(&sorted, 50.0), percentile(&sorted, 99.0), percentile(&sorted, 100.0)),
            (50, 99, 100)
        );
        assert_eq!((percentile(&[7], 99.0), percentile(&[], 99.0)), (7, 0));
    }

    #[test]
    fn only_a_200_counts() {
        assert_eq!(
            content_length("HTTP/1.1 200 OK\r\ncontent-type: x\r\nContent-Length: 42").unwrap(),
            42
        );
        assert!(content_length("HTTP/1.1 404 Not Found\r\ncontent-length: 42").is_err());
        assert!(content_length("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked").is_err());
    }
}
