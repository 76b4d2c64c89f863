//! The development server: the whole product on one machine, with nothing to set up.
//!
//! The same server and the same code paths; only the configuration differs. It listens on loopback alone, makes its own keys, brings
//! an emulated upstream along, and seeds people who share a session. It says loudly what it is.

mod handout;
mod plugin;
mod seed;
mod tour;
pub mod upstream;

pub use handout::{Handout, SessionHandout};
pub use tour::tour;

use crate::clock::{SharedClock, SystemClock};
use crate::config::{self, Config, Instance};
use crate::server::{self, Mode, Server};
use anyhow::Context;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use upstream::{Seed, Upstream};
use url::Url;

/// Who lives in the development server. Carol shares nothing with the others.
const PEOPLE: [&str; 3] = ["alice", "bob", "carol"];

/// How to start it.
#[derive(Debug, Default)]
pub struct Options {
    /// The data folder; a temporary one if absent.
    pub data: Option<PathBuf>,
    /// Everything that `serve` takes.
    pub config: Option<PathBuf>,
    /// An emulated upstream that runs elsewhere, instead of one of our own.
    pub upstream: Option<Url>,
    /// A component to load, approved without asking.
    pub plugin: Option<PathBuf>,
    /// Load it again whenever it changes.
    pub watch: bool,
}

/// A running development server.
pub struct Development {
    server: Server,
    upstream: Option<JoinHandle<()>>,
    watcher: Option<JoinHandle<()>>,
    /// What it wrote into `dev.json`.
    pub handout: Handout,
    /// Where its data is.
    pub data: PathBuf,
    // A temporary folder goes when this is dropped.
    _temporary: Option<tempfile::TempDir>,
}

/// Starts it and writes `dev.json`.
///
/// # Errors
/// One sentence with the cause.
pub async fn start(options: Options) -> anyhow::Result<Development> {
    let temporary = tempfile::Builder::new()
        .prefix("claviger-dev-")
        .tempdir()
        .context("no temporary folder can be made")?;
    let mut config = configuration(options.config.as_deref(), &temporary.path().join("data"))?;
    if let Some(data) = &options.data {
        config.data_dir = std::path::absolute(data)?;
    }
    let data = config.data_dir.clone();
    let known = Handout::take(&data);
    let people = Seed::people(PEOPLE);
    let (upstream, address) = match options.upstream {
        Some(address) => {
            let local = matches!(address.host(), Some(url::Host::Ipv4(host)) if host.is_loopback());
            anyhow::ensure!(local, "an emulated upstream is on loopback; real ones are listed as `[[instance]]`");
            (None, address)
        }
        None => {
            let (task, address) = start_upstream_again(&people, known.as_ref()).await?;
            (Some(task), address)
        }
    };
    config.instances.extend(emulated(&people, &address)?);
    crate::telemetry::start_logging(&config.log)?;
    let server = server::start(config, Mode::Development).await?;
    tracing::warn!(
        "this is a development server: keys beside the data, bearers in a file, emulated upstreams; never use it for real secrets"
    );
    let handout = seed::seed(
        &server.app,
        &people,
        &address,
        &format!("http://{}", server.api),
        &format!("http://{}", server.metrics),
        known,
    )
    .await?;
    let watcher = match options.plugin {
        Some(file) => plugin::load(&server, file, options.watch).await?,
        None => None,
    };
    handout.write(&data)?;
    Ok(Development {
        server,
        upstream,
        watcher,
        handout,
        _temporary: data.starts_with(temporary.path()).then_some(temporary),
        data,
    })
}

/// Runs the emulated upstream alone, until it is told to stop.
///
/// # Errors
/// If the address is taken.
pub async fn upstream_only(listen: SocketAddr, announce: impl FnOnce(&Url)) -> anyhow::Result<()> {
    let (task, address) = start_upstream(&Seed::people(PEOPLE), listen).await?;
    announce(&address);
    server::until_told_to_stop().await;
    task.abort();
    Ok(())
}

impl Development {
    /// Stops everything, the server first.
    pub async fn stop(self) {
        if let Some(watcher) = self.watcher {
            watcher.abort();
        }
        self.server.stop().await;
        if let Some(upstream) = self.upstream {
            upstream.abort();
        }
    }
}

/// On the port of the last run if it is free: the credentials in the folder name it.
async fn start_upstream_again(people: &Seed, known: Option<&Handout>) -> anyhow::Result<(JoinHandle<()>, Url)> {
    let port = known.and_then(|known| Url::parse(&known.upstream).ok()).and_then(|url| url.port());
    if let Some(port) = port {
        match start_upstream(people, SocketAddr::from(([127, 0, 0, 1], port))).await {
            Ok(started) => return Ok(started),
            Err(error) => tracing::warn!("the seeded credentials name an upstream that cannot be started again: {error:#}"),
        }
    }
    start_upstream(people, SocketAddr::from(([127, 0, 0, 1], 0))).await
}

async fn start_upstream(people: &Seed, listen: SocketAddr) -> anyhow::Result<(JoinHandle<()>, Url)> {
    let listener = TcpListener::bind(listen).await.context("the emulated upstream cannot listen")?;
    let address = Url::parse(&format!("http://{}", listener.local_addr()?))?;
    let clock: SharedClock = Arc::new(SystemClock);
    let upstream = Upstream::new(people, clock)?;
    let task = tokio::spawn(async move {
        if let Err(error) = upstream.serve(listener, std::future::pending()).await {
            tracing::error!(%error, "the emulated upstream ended");
        }
    });
    Ok((task, address))
}

/// The file's configuration over the development server's own. `data` is where the data goes unless the file says otherwise.
fn configuration(file: Option<&Path>, data: &Path) -> anyhow::Result<Config> {
    let defaults = format!(
        "data_dir = {}\n[api]\nlisten = '127.0.0.1:0'\n[metrics]\nlisten = '127.0.0.1:0'\n[exchange]\nlisten = '127.0.0.1:0'\n[log]\nfilter = 'warn'\n",
        toml::Value::from(data.display().to_string())
    );
    let config = config::load(file, &defaults, true)?;
    let mut addresses = [config.api.listen, config.metrics.listen].into_iter().chain(config.exchange.listen);
    anyhow::ensure!(
        addresses.all(|address| address.ip().is_loopback()),
        "a development server listens on loopback alone; use `claviger serve` for other addresses"
    );
    Ok(config)
}

/// The emulated instances, beside those that the configuration lists.
fn emulated(people: &Seed, upstream: &Url) -> anyhow::Result<Vec<Instance>> {
    let instance = |provider: &str| {
        let client = match provider {
            "github" => Some((&people.github_app.client_id, &people.github_app.client_secret)),
            "gitlab" => Some((&people.gitlab_application.client_id, &people.gitlab_application.client_secret)),
            "google" => Some((&people.google_client.client_id, &people.google_client.client_secret)),
            "jira" => Some((&people.jira_application.client_id, &people.jira_application.client_secret)),
            _ => None,
        };
        Ok(Instance {
            provider: provider.to_owned(),
            url: upstream.join(provider)?,
            networks: vec!["127.0.0.0/8".parse()?],
            client_id: client.map(|(id, _)| id.clone()),
            client_secret_file: None,
            client_secret_env: None,
            client_secret: client.map(|(_, secret)| secret.clone()),
            plain_http: true,
        })
    };
    ["github", "gitlab", "jira", "google"].into_iter().map(instance).collect()
}
