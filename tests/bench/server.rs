//! Claviger itself, started as it is run, and what the system says of its process.

use anyhow::{Context, Result, bail, ensure};
use claviger_tests::api::{create, token};
use claviger_tests::process::{self, Running};
use claviger_tests::{Claviger, Setup};
use serde_json::json;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::time::Instant;

use crate::crowd;
use crate::load::{Connection, request};

const TOKEN: &str = "ghp_benchmark0123456789abcdefghijABCDEFG";

/// Enough starts for a median.
const STARTS: usize = 7;

/// Long enough for the slowest machine; a start takes a fraction of a second.
const START_WITHIN: Duration = Duration::from_secs(60);

/// A server and a read that its cache answers.
pub struct Reads {
    /// The server.
    pub claviger: Claviger,
    /// Where it listens.
    pub address: SocketAddr,
    /// The read.
    pub request: Vec<u8>,
}

impl Reads {
    /// A server with this durability of the audit trail, and one credential that has been read.
    ///
    /// # Errors
    /// It does not start, or does not answer the read.
    pub async fn start(durability: &str) -> Result<Self> {
        let config = format!("[audit]\ndurability = \"{durability}\"\n[log]\nfilter = \"warn\"\n");
        Self::of(Setup::default().config(&config).start().await?).await
    }

    /// A server with so many role bindings of others, and how long it took to start with them.
    ///
    /// # Errors
    /// As [`Reads::start`].
    pub async fn crowded(bindings: u32) -> Result<(Self, Duration)> {
        let mut before = Self::start("written").await?.claviger;
        before.kill();
        crowd::enter(&before.data(), bindings).await?;
        let begin = Instant::now();
        let claviger = before.restart().await?;
        let spent = begin.elapsed();
        Ok((Self::of(claviger).await?, spent))
    }

    async fn of(claviger: Claviger) -> Result<Self> {
        let alice = claviger.person("alice")?;
        let id = create(&alice, &json!({ "name": "bench", "provider": "github", "token": TOKEN, "email": "alice@example.test", "fields": { "user-name": "Alice" } })).await?;
        ensure!(
            token(&alice, &id).await? == TOKEN,
            "the read does not answer the token that was stored"
        );
        let dev = claviger.dev();
        let address: SocketAddr = dev
            .url
            .trim_start_matches("http://")
            .trim_end_matches('/')
            .parse()
            .with_context(|| dev.url.clone())?;
        let bearer = &dev.people.get("alice").context("no alice")?.bearer;
        let request = request(&format!("/api/ambient/v1/credentials/{id}/token"), address, bearer);
        Ok(Self {
            claviger,
            address,
            request,
        })
    }

    /// How many bytes of the audit trail a read makes.
    ///
    /// # Errors
    /// The trail cannot be measured, or a read fails.
    pub async fn audit_bytes_per_read(&self) -> Result<f64> {
        let reads = 1000;
        let mut connection = Connection::open(self.address).await?;
        let before = claviger_tests::audit::bytes(&self.claviger.data())?;
        for _ in 0..reads {
            connection.ask(&self.request).await?;
        }
        let after = claviger_tests::audit::bytes(&self.claviger.data())?;
        Ok((after - before) as f64 / f64::from(reads))
    }

    /// What of the process is in memory.
    ///
    /// # Errors
    /// The system does not say.
    pub fn rss_mib(&self) -> Result<f64> {
        let path = format!("/proc/{}/status", self.claviger.id());
        let status = std::fs::read_to_string(&path).with_context(|| format!("cannot read `{path}`"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().context("VmRSS is no number")?;
        Ok(kib / 1024.0)
    }
}

/// Milliseconds from the start of `claviger serve`, its providers compiled before, until `/readyz` answers 200; the median.
///
/// # Errors
/// It does not get ready.
pub async fn ready_ms() -> Result<f64> {
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let keyring = folder.path().join("keyring.json");
    std::fs::write(&keyring, "{\"1\": \"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\"}")?;
    std::fs::set_permissions(&keyring, std::fs::Permissions::from_mode(0o600))?;
    one_start(folder.path())
        .await
        .context("the first start, which compiles the providers")?;
    let mut starts = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        starts.push(one_start(folder.path()).await?);
    }
    starts.sort_unstable();
    let median = starts.get(STARTS / 2).copied().unwrap_or_default();
    Ok(median.as_secs_f64() * 1000.0)
}

async fn one_start(folder: &Path) -> Result<Duration> {
    let (api, metrics) = (free()?, free()?);
    let config = folder.join("claviger.toml");
    let text = format!(
        "data_dir = \"{}\"\n[api]\nlisten = \"{api}\"\n[metrics]\nlisten = \"{metrics}\"\n[keyring]\nfile = \"{}\"\n[log]\nfilter = \"warn\"\n",
        folder.join("data").display(),
        folder.join("keyring.json").display()
    );
    std::fs::write(&config, text)?;
    let log = std::fs::File::create(folder.join("log"))?;
    let mut command = Command::new(process::claviger()?);
    command
        .arg("serve")
        .arg("--config")
        .arg(&config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    let begin = Instant::now();
    let mut running = Running::start(&mut command)?;
    while !is_ready(api).await {
        if let Some(status) = running.ended()? {
            bail!(
                "`claviger serve` ended ({status}): {}",
                std::fs::read_to_string(folder.join("log")).unwrap_or_default()
            );
        }
        ensure!(
            begin.elapsed() < START_WITHIN,
            "`claviger serve` is not ready after {} s",
            START_WITHIN.as_secs()
        );
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let spent = begin.elapsed();
    // As an operator stops it, so that the next start is not a recovery.
    running.signal("TERM");
    while running.ended()?.is_none() {
        ensure!(begin.elapsed() < START_WITHIN, "`claviger serve` does not stop");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(spent)
}

async fn is_ready(api: SocketAddr) -> bool {
    let Ok(mut connection) = Connection::open(api).await else {
        return false;
    };
    connection
        .ask(format!("GET /readyz HTTP/1.1\r\nHost: {api}\r\n\r\n").as_bytes())
        .await
        .is_ok()
}

/// An address that was free a moment ago.
fn free() -> Result<SocketAddr> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0").context("no free port")?.local_addr()?)
}
