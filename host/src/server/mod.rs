//! Builds the state, opens the ports, and takes everything down again in order.

mod admin;
mod control;
mod folder;
mod import;
mod key_check;
mod keyring;
mod listener;
mod people;
mod replica;
mod reserved;
mod trail;

pub use admin::{Admin, KeyLine, Order, Reply, UserLine};
pub use folder::{audit_folder, providers_of};
pub use import::Offline;
pub use keyring::{audit_keys, keyring};
pub(crate) use reserved::PROXY;

use crate::api::{self, App, Parts};
use crate::audit::Audit;
use crate::authn::{Authenticator, Issuers, SignedBearers, StoredBearers, Workloads};
use crate::broker::{Broker, Tools};
use crate::cache::TokenCache;
use crate::clock::{Millis, SharedClock, SystemClock};
use crate::config::Config;
use crate::egress::{self, Egress, SystemResolver};
use crate::exchange::{self, Exchange};
use crate::follow::Follower;
use crate::records::{DataFolder, Records};
use crate::runtime::{Cache as CompiledCache, Catalog, Door, Folder, Options, Sandbox};
use crate::seal::jws::BearerKeys;
use crate::seal::{Keyring, Purpose};
use crate::telemetry;
use anyhow::Context;
use axum::Router;
use axum::routing::get;
use control::Control;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use url::Url;

/// Requests under way may take this long to end when the server stops: a reader waits 8 s at most.
const DRAIN: Duration = Duration::from_secs(10);

/// How often a trail that cannot be written is tried again.
const AUDIT_PROBE: Duration = Duration::from_secs(5);

/// A flight lasts a minute at most; what is open for longer was abandoned, whoever began it.
const LONGEST_FLIGHT_MS: Millis = 120_000;

/// Who runs the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// An operator.
    Serve,
    /// A developer: stored bearers of people count, and a keyring is made if there is none.
    Development,
}

/// A running server.
pub struct Server {
    /// The state, for whoever seeds it.
    pub app: App,
    /// Carries out the operator's commands.
    pub admin: Admin,
    /// Where the API listens.
    pub api: SocketAddr,
    /// Where metrics are.
    pub metrics: SocketAddr,
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
    // Last: the lock is given back when everything else is gone.
    _folder: DataFolder,
}

/// Starts a server.
///
/// # Errors
/// One sentence with the cause: a locked folder, a missing keyring, a taken port, a database that cannot be reached.
pub async fn start(mut config: Config, mode: Mode) -> anyhow::Result<Server> {
    let clock: SharedClock = Arc::new(SystemClock);
    let folder = DataFolder::open(&config.data_dir)?;
    let keyring = keyring::keyring_for(&config, mode)?;
    let metrics = telemetry::start_metrics()?;

    let records = Records::open(&config.data_dir, &config.database, Arc::clone(&clock)).await?;
    key_check::check(&records, &keyring).await?;
    let replica = replica::name(&records, &folder).await?;
    let services = reserved::services(&config, mode, &records).await?;
    let (stored, workloads) = (
        StoredBearers::new(services.clone(), mode == Mode::Development),
        Workloads::default(),
    );
    let (follower, index) = Follower::start(records.clone(), (stored.clone(), workloads.clone()), Arc::clone(&clock)).await?;
    trail::look_for(&config, mode, &records, &replica).await?;
    let audit = Audit::open(&audit_folder(&config), &config.audit, audit_keys(&keyring)?, Arc::clone(&clock))?;
    egress::install_crypto();
    let egress = Arc::new(Egress::new(&config.egress, &config.instances, Arc::new(SystemResolver))?);
    let catalog = Arc::new(Catalog::open(sandbox(&config, &keyring)?, Folder::at(providers_of(&config.data_dir))).await?);
    let cache = TokenCache::open(&config.data_dir.join("cache"), keyring.clone(), clock.now_ms())?;
    let register = Arc::new(records.clone());
    let issuers = Issuers::new(
        &config.issuers,
        reserved::former_prefixes(&config, &records).await?,
        (services.clone(), workloads),
        &egress,
        register,
        Arc::clone(&clock),
    )
    .context("an `[[issuer]]` cannot be used")?;
    let signed = SignedBearers::new(BearerKeys::from_keyring(&keyring)?);
    let authn = Authenticator::new(stored.clone(), signed, issuers.clone(), services.clone(), Arc::clone(&clock));
    let broker = Broker::new(
        Tools {
            clock: Arc::clone(&clock),
            keyring: keyring.clone(),
            records: records.clone(),
            follower: follower.clone(),
            cache: cache.clone(),
            catalog: Arc::clone(&catalog),
            door: Arc::clone(&egress) as Arc<dyn Door>,
            instances: config.instances.clone(),
            sources: config.sources.clone(),
            audit: audit.clone(),
            replica: Arc::clone(&replica),
        },
        &config.broker,
    );
    let admin = Admin {
        records: records.clone(),
        follower: Some(follower.clone()),
        folder: Folder::at(providers_of(&config.data_dir)),
        approving: Arc::default(),
        catalog: Some(Arc::clone(&catalog)),
        audit: audit.clone(),
        services,
        bearers: Some(stored.clone()),
        clock: Arc::clone(&clock),
    };
    let control = Control::bind(&config.data_dir).context("the control socket cannot be opened")?;
    let api_listener = listen(config.api.listen, "api.listen").await?;
    let metrics_listener = listen(config.metrics.listen, "metrics.listen").await?;
    let (api, metrics_at) = (api_listener.local_addr()?, metrics_listener.local_addr()?);
    if mode == Mode::Development && config.api.public_url.is_none() {
        config.api.public_url = Some(format!("http://{api}").parse()?);
    }
    if !api.ip().is_loopback() {
        tracing::warn!(%api, "the API speaks plain http, tokens and bearers included, and others than this machine can reach it; put TLS before it");
    }
    let exchange_listener = match config.exchange.listen {
        Some(address) => Some(listen(address, "exchange.listen").await?),
        None => None,
    };
    let exchange_at = exchange_listener.as_ref().map(TcpListener::local_addr).transpose()?;
    let exchange = match exchange_at {
        Some(at) => {
            let url = config.exchange.url.as_ref().map_or_else(|| format!("http://{at}"), Url::to_string);
            let tools = exchange::Tools {
                clock: Arc::clone(&clock),
                keyring: keyring.clone(),
                records: records.clone(),
                index: index.clone(),
                bearers: authn.signed().clone(),
                audit: audit.clone(),
            };
            let exchange = Exchange::open(tools, &url, config.exchange.bare_token)
                .await
                .context("the token exchange cannot be served")?;
            if config.exchange.bare_token {
                tracing::warn!("`exchange.bare_token`: whoever reaches the exchange and knows a session's id gets that session's bearer");
            }
            // A development server makes its key when somebody asks for it: most never do.
            if mode == Mode::Serve {
                exchange.prepare();
            }
            Some(exchange)
        }
        None => None,
    };
    let app = App::new(Parts {
        config,
        clock: Arc::clone(&clock),
        keyring,
        records,
        index,
        follower: follower.clone(),
        authn,
        audit,
        broker,
        exchange: exchange.clone(),
        catalog,
        egress,
    });

    let (stop, stopping) = watch::channel(false);
    let mut tasks = JoinSet::new();
    tasks.spawn(control.serve(admin.clone()));
    tasks.spawn(follower.run());
    tasks.spawn(issuers.keep());
    let probed = admin.audit.clone();
    tasks.spawn(async move {
        loop {
            tokio::time::sleep(AUDIT_PROBE).await;
            probed.probe().await;
        }
    });
    let (upkeep, noting) = (admin.records.clone(), app.clone());
    tasks.spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(60)).await;
            cache.sweep(clock.now_ms());
            // Another replica may have died for good, or this one failed to settle an entry: nobody else would.
            let abandoned_before_ms = clock.now_ms() - LONGEST_FLIGHT_MS;
            let swept = async {
                upkeep.resume_rotations("", abandoned_before_ms).await?;
                upkeep.sweep_turns().await?;
                upkeep.note_api_key_uses(&stored.take_uses()).await?;
                trail::note(&noting.config, &upkeep, &replica).await
            };
            if let Err(error) = swept.await {
                tracing::warn!(%error, "upkeep of the records failed and is tried again in a minute");
            }
        }
    });
    tasks.spawn(listener::serve(
        api_listener,
        listener::API,
        api::service(app.clone()),
        stopping.clone(),
    ));
    let metrics_router = Router::new().route("/metrics", get(move || async move { metrics.render() }));
    if let (Some(listener), Some(exchange)) = (exchange_listener, exchange) {
        let service = api::exchange_service(exchange);
        tasks.spawn(listener::serve(listener, listener::EXCHANGE, service, stopping.clone()));
    }
    tasks.spawn(listener::serve(metrics_listener, listener::API, metrics_router, stopping));
    tracing::info!(%api, metrics = %metrics_at, "serving");
    Ok(Server {
        app,
        admin,
        api,
        metrics: metrics_at,
        tasks,
        stop,
        _folder: folder,
    })
}

impl Server {
    /// Stops: no new connections, those under way end or are cut after ten seconds, what was begun is durable or was never promised.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let drained = tokio::time::timeout(DRAIN, async {
            // The rest are listeners that drain.
            while self.tasks.len() > ENDLESS {
                self.tasks.join_next().await;
            }
        })
        .await;
        if drained.is_err() {
            tracing::warn!("requests were cut: they took longer than a stopping server waits");
        }
        self.tasks.shutdown().await;
        if let Some(bearers) = &self.admin.bearers
            && let Err(error) = self.admin.records.note_api_key_uses(&bearers.take_uses()).await
        {
            tracing::warn!(%error, "when API keys were last used could not be noted");
        }
    }
}

/// How many tasks never end by themselves: control, follower, issuers' keys, probe, sweep.
const ENDLESS: usize = 5;

async fn listen(address: SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("`{key}` {address} cannot be listened on"))
}

/// Waits for SIGINT or SIGTERM.
pub async fn until_told_to_stop() {
    let interrupt = tokio::signal::ctrl_c();
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = interrupt => {}
            _ = terminate.recv() => {}
        },
        Err(_) => drop(interrupt.await),
    }
}

fn sandbox(config: &Config, keyring: &Keyring) -> anyhow::Result<Arc<Sandbox>> {
    let (_, key) = keyring.current(Purpose::CompiledCode);
    let mut own = [0; 32];
    own.copy_from_slice(ring::hmac::sign(key, b"compiled components").as_ref());
    let cache = CompiledCache::open(&config.data_dir.join("compiled"), &own).context("the folder of compiled providers cannot be used")?;
    Ok(Sandbox::new(Options {
        cache: Some(cache),
        compiler: std::env::current_exe().ok(),
        ..Options::default()
    })?)
}

/// Carries out a command: by the server that runs on this folder, or, if none does, here, under the folder's lock.
///
/// # Errors
/// If neither is possible.
pub async fn command(config: &Config, order: Order) -> anyhow::Result<Reply> {
    if let Some(reply) = control::send(&config.data_dir, &order)
        .await
        .context("the running server did not answer")?
    {
        return Ok(reply);
    }
    let clock: SharedClock = Arc::new(SystemClock);
    let _folder = DataFolder::open(&config.data_dir)?;
    let keyring = keyring(config)?;
    let records = Records::open(&config.data_dir, &config.database, Arc::clone(&clock)).await?;
    key_check::check(&records, &keyring).await?;
    let services = reserved::services(config, Mode::Serve, &records).await?;
    let admin = Admin {
        records,
        follower: None,
        folder: Folder::at(providers_of(&config.data_dir)),
        approving: Arc::default(),
        catalog: None,
        audit: Audit::open(&audit_folder(config), &config.audit, audit_keys(&keyring)?, Arc::clone(&clock))?,
        services,
        bearers: None,
        clock,
    };
    Ok(admin.carry_out(order).await)
}
