//! The real binary, as `claviger dev`, on a folder of its own.

use crate::process::{self, Running};
use crate::{Client, DevFile, Emulator};
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::Instant;

/// A debug build under a loaded machine; an unloaded one takes two seconds.
const READY_WITHIN: Duration = Duration::from_secs(120);

/// How often the file that says "ready" is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What a server is started with.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    config: String,
    environment: Vec<(String, String)>,
    arguments: Vec<String>,
}

impl Setup {
    /// Adds lines to the configuration file.
    #[must_use]
    pub fn config(mut self, lines: &str) -> Self {
        self.config.push_str(lines);
        self.config.push('\n');
        self
    }

    /// Sets a variable of the server's environment.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds an argument to the command line.
    #[must_use]
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Starts a server on a fresh folder and waits until it is ready.
    ///
    /// # Errors
    /// It ends before it is ready, or takes too long; the message has what it said.
    pub async fn start(self) -> Result<Claviger> {
        let folder = Arc::new(tempfile::tempdir().context("no temporary folder")?);
        Claviger::start_in(folder, self).await
    }

    /// The same on the folder of an earlier server ([`Claviger::folder`]), which must have ended.
    ///
    /// # Errors
    /// As [`Setup::start`].
    pub async fn start_in(self, folder: Arc<TempDir>) -> Result<Claviger> {
        Claviger::start_in(folder, self).await
    }
}

/// A running server. Dropped, it is ended and its folder removed.
pub struct Claviger {
    running: Running,
    folder: Arc<TempDir>,
    setup: Setup,
    dev: DevFile,
}

impl Claviger {
    /// A server with nothing set up.
    ///
    /// # Errors
    /// As [`Setup::start`].
    pub async fn start() -> Result<Self> {
        Setup::default().start().await
    }

    async fn start_in(folder: Arc<TempDir>, setup: Setup) -> Result<Self> {
        let data = folder.path().join("data");
        let config = folder.path().join("claviger.toml");
        std::fs::write(&config, &setup.config).context("cannot write the configuration")?;
        // One of an earlier start does not say "ready" for this one, but what it says is still of use to the server.
        let earlier = identity(&data.join("dev.json"));
        let log = log_file(folder.path())?;
        let mut command = Command::new(process::claviger()?);
        command
            .args(["dev", "--data"])
            .arg(&data)
            .arg("--config")
            .arg(&config)
            .args(&setup.arguments);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs(setup.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let mut running = Running::start(&mut command)?;
        let dev = ready(&mut running, &data, folder.path(), earlier).await?;
        Ok(Self {
            running,
            folder,
            setup,
            dev,
        })
    }

    /// `kill -9`: no goodbye, no flush.
    pub fn kill(&mut self) {
        self.running.kill();
    }

    /// A process id, for those who look at it from outside.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.running.id()
    }

    /// Kills what is left and starts again on the same folder.
    ///
    /// # Errors
    /// As [`Setup::start`].
    pub async fn restart(mut self) -> Result<Self> {
        self.running.kill();
        Self::start_in(Arc::clone(&self.folder), self.setup.clone()).await
    }

    /// What the server said when it was ready.
    #[must_use]
    pub fn dev(&self) -> &DevFile {
        &self.dev
    }

    /// The folder of folders: kept as long as somebody holds this.
    #[must_use]
    pub fn folder(&self) -> Arc<TempDir> {
        Arc::clone(&self.folder)
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The configuration file.
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.folder.path().join("claviger.toml")
    }

    /// All that it has printed, over all starts.
    #[must_use]
    pub fn log(&self) -> String {
        log_of(self.folder.path())
    }

    /// A client without a bearer.
    ///
    /// # Errors
    /// No client can be built.
    pub fn anybody(&self) -> Result<Client> {
        Client::new(&self.dev.url)
    }

    /// A client that calls as that person.
    ///
    /// # Errors
    /// Nobody of that name was seeded.
    pub fn person(&self, name: &str) -> Result<Client> {
        let known = || self.dev.people.keys().cloned().collect::<Vec<_>>().join(", ");
        let person = self
            .dev
            .people
            .get(name)
            .with_context(|| format!("no `{name}` among the seeded people ({})", known()))?;
        Ok(self.anybody()?.with_bearer(&person.bearer))
    }

    /// The id of a seeded credential.
    ///
    /// # Errors
    /// None of that name was seeded.
    pub fn credential(&self, name: &str) -> Result<&str> {
        let known = || self.dev.credentials.keys().cloned().collect::<Vec<_>>().join(", ");
        let id = self.dev.credentials.get(name).map(String::as_str);
        id.with_context(|| format!("no `{name}` among the seeded credentials ({})", known()))
    }

    /// The emulated upstream.
    ///
    /// # Errors
    /// No client can be built.
    pub fn emulator(&self) -> Result<Emulator> {
        Emulator::new(&self.dev.upstream)
    }

    /// Runs `claviger` with these arguments beside the server and returns what came of it.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn command(&self, arguments: &[&str]) -> Result<std::process::Output> {
        run(arguments, &[])
    }
}

/// Runs `claviger` to its end.
///
/// # Errors
/// It cannot be started.
pub fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Result<std::process::Output> {
    let mut command = Command::new(process::claviger()?);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.envs(environment.iter().copied()).args(arguments).stdin(Stdio::null());
    command.output().context("cannot start `claviger`")
}

async fn ready(running: &mut Running, data: &Path, folder: &Path, earlier: Option<Identity>) -> Result<DevFile> {
    let deadline = Instant::now() + READY_WITHIN;
    let file = data.join("dev.json");
    loop {
        if identity(&file) != earlier
            && let Ok(text) = std::fs::read_to_string(&file)
        {
            return serde_json::from_str(&text).with_context(|| format!("`dev.json` is not what was agreed: {text}"));
        }
        if let Some(status) = running.ended()? {
            bail!("claviger ended before it was ready ({status}); it said:\n{}", log_of(folder));
        }
        if Instant::now() > deadline {
            bail!(
                "claviger is not ready after {} s; it said:\n{}",
                READY_WITHIN.as_secs(),
                log_of(folder)
            );
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Tells a file from another one of the same name.
type Identity = (u64, std::time::SystemTime);

fn identity(path: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    let file = std::fs::metadata(path).ok()?;
    Some((file.ino(), file.modified().ok()?))
}

fn log_file(folder: &Path) -> Result<File> {
    File::options()
        .create(true)
        .append(true)
        .open(folder.join("claviger.log"))
        .context("cannot open the server's log")
}

fn log_of(folder: &Path) -> String {
    let bytes = std::fs::read(folder.join("claviger.log")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
