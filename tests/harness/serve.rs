//! `claviger serve` as it is deployed: TLS before it, an upstream behind TLS, and one certificate authority of their own that all of them have
//! to be told of.

use crate::process::{self, Running};
use crate::upstream::Program;
use crate::{Client, Emulator};
use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::Instant;

/// The first start compiles the providers: seconds in a debug build, more on a loaded machine.
const READY_WITHIN: Duration = Duration::from_secs(180);

/// Linux gives clients ports from 32768 on.
const FIRST_PORT: u16 = 20_000;
const PORTS: u32 = 12_000;

/// A `claviger serve` on a folder of its own. Dropped, it is ended and its folder removed.
pub struct Server {
    running: Running,
    folder: TempDir,
}

impl Server {
    /// Starts it on a folder with its `claviger.toml`; that may name `keyring.json`, which is the same for all of them.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(folder: TempDir) -> Result<Self> {
        let place = folder.path();
        let keyring = place.join("keyring.json");
        std::fs::write(&keyring, "{\"1\": \"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\"}")?;
        std::fs::set_permissions(&keyring, std::fs::Permissions::from_mode(0o600))?;
        let log = File::create(place.join("claviger.log"))?;
        let mut command = Command::new(process::claviger()?);
        command.arg("serve").arg("--config").arg(place.join("claviger.toml"));
        command.env_clear().stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        Ok(Self {
            running: Running::start(&mut command)?,
            folder,
        })
    }

    /// Waits until it answers this client that it is ready.
    ///
    /// # Errors
    /// It ends before, or takes too long; the message has what it said.
    pub async fn ready(&mut self, client: &Client) -> Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        while client.get("/readyz").await.map_or(true, |answer| answer.status != 200) {
            if let Some(status) = self.running.ended()? {
                bail!("`claviger serve` ended ({status}): {}", self.log());
            }
            ensure!(
                Instant::now() < deadline,
                "`claviger serve` is not ready after {} s: {}",
                READY_WITHIN.as_secs(),
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Runs an operator's command beside the server and returns what it printed.
    ///
    /// # Errors
    /// It fails; the message has what it said.
    pub fn operator(&self, arguments: &[&str]) -> Result<String> {
        let config = path(self.folder.path(), "claviger.toml");
        let output = crate::server::run(&[arguments, &["--config", &config]].concat(), &[])?;
        ensure!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// All that it has printed.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("claviger.log")).unwrap_or_default()
    }
}

/// A running deployment. Dropped, it is ended and its folder removed.
pub struct Served {
    server: Server,
    _upstream: Running,
    _fronts: Program,
    emulator: String,
    /// How its clients reach the API.
    pub api: String,
    /// How runners reach the exchange.
    pub exchange: String,
    /// The upstream as the server reaches it; providers are below.
    pub upstream: String,
}

/// What `tls.mjs` announces.
#[derive(Deserialize)]
struct Fronts {
    ports: Vec<u16>,
}

impl Served {
    /// Starts all of it and waits until it is ready; `more` is added to the configuration.
    ///
    /// # Errors
    /// Something does not start; the message has what it said.
    pub async fn start(more: &str) -> Result<Self> {
        let folder = tempfile::tempdir().context("no temporary folder")?;
        let place = folder.path();
        authority(place)?;
        let (upstream, emulator) = emulated().await?;
        let (api, metrics, exchange) = (free()?, free()?, free()?);
        let behind = emulator.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let (key, certificate) = (path(place, "server.key"), path(place, "server.pem"));
        let targets = [api.to_string(), exchange.to_string(), behind];
        let arguments: Vec<&str> = [&key, &certificate].into_iter().chain(&targets).map(String::as_str).collect();
        let fronts = Program::start("tls.mjs", &arguments).await?;
        let Fronts { ports } = serde_json::from_str(fronts.announced()).context("tls.mjs announced something else")?;
        let address = |front: usize| -> Result<String> {
            let port = ports.get(front).context("too few fronts")?;
            Ok(format!("https://localhost:{port}"))
        };
        let outside = [address(0)?, address(1)?, address(2)?];
        let text = format!(
            "data_dir = 'data'\n[api]\nlisten = '{api}'\n[metrics]\nlisten = '{metrics}'\n[keyring]\nfile = 'keyring.json'\n\
             [exchange]\nlisten = '{exchange}'\nurl = '{}'\n[egress]\nca_files = ['ca.pem']\n\
             [[instance]]\nprovider = 'github'\nurl = '{}/github'\nnetworks = ['127.0.0.0/8', '::1/128']\n{more}\n",
            outside[1], outside[2]
        );
        std::fs::write(place.join("claviger.toml"), text)?;
        let [api, exchange, upstream_url] = outside;
        let mut served = Self {
            server: Server::start(folder)?,
            _upstream: upstream,
            _fronts: fronts,
            emulator,
            api,
            exchange,
            upstream: upstream_url,
        };
        let client = served.anybody()?;
        served.server.ready(&client).await?;
        Ok(served)
    }

    /// A client of the API that believes the authority.
    ///
    /// # Errors
    /// No client can be built.
    pub fn anybody(&self) -> Result<Client> {
        Client::trusting(&self.api, &std::fs::read(self.server.folder.path().join("ca.pem"))?)
    }

    /// A client of the exchange that believes the authority.
    ///
    /// # Errors
    /// No client can be built.
    pub fn of_exchange(&self) -> Result<Client> {
        Client::trusting(&self.exchange, &std::fs::read(self.server.folder.path().join("ca.pem"))?)
    }

    /// The emulated upstream, past its TLS.
    ///
    /// # Errors
    /// No client can be built.
    pub fn emulator(&self) -> Result<Emulator> {
        Emulator::new(&self.emulator)
    }

    /// The server itself.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }
}

fn path(folder: &Path, name: &str) -> String {
    let file: PathBuf = folder.join(name);
    file.display().to_string()
}

/// `ca.pem`, and `server.pem` with `server.key`, for `localhost`.
fn authority(folder: &Path) -> Result<()> {
    let make = |name: &str, subject: &str, more: &[&str]| -> Result<()> {
        let mut command = Command::new("openssl");
        command.current_dir(folder);
        command.args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ]);
        command.args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem"), "-subj", subject]);
        let output = command.args(more).output().context("cannot start `openssl`")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    };
    make("ca", "/CN=Claviger's tests", &["-addext", "keyUsage=critical,keyCertSign"])?;
    let server = [
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-addext",
        "subjectAltName=DNS:localhost",
        "-addext",
        "basicConstraints=critical,CA:FALSE",
    ];
    make("server", "/CN=localhost", &server)
}

/// The emulated upstream by itself, and its address.
async fn emulated() -> Result<(Running, String)> {
    let mut command = Command::new(process::claviger()?);
    command.args(["dev", "--upstream-only"]).env_clear();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut running = Running::start(&mut command)?;
    let stdout = running.child().stdout.take().context("it has no standard output")?;
    let line = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).map(|_| line)
    });
    let line = tokio::time::timeout(READY_WITHIN, line)
        .await
        .context("the upstream is not ready")???;
    Ok((running, line.trim().to_owned()))
}

/// An address that was free a moment ago, and below those that the system gives to clients and to whoever asks for any: a server that takes
/// seconds to start finds it free still.
///
/// # Errors
/// There is none.
pub fn free() -> Result<SocketAddr> {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    for _ in 0..PORTS {
        let number = std::process::id()
            .wrapping_mul(97)
            .wrapping_add(TRIED.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(number % PORTS).unwrap_or_default() + FIRST_PORT;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if std::net::TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    bail!("no free port from {FIRST_PORT} on")
}
