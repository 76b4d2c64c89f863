//! Logs and metrics: how they are set up, and every metric's name in one list.
//!
//! Logs go to standard error, so that standard output stays free for what a command answers. A log line never holds a secret or a
//! person's name: ids and keyed hashes only (`SECURITY.md`; a test searches for planted secrets). Should one slip into a line all the same, its
//! form gives it away: [`redact()`] is the last step before a line is written.

mod redact;
mod writer;

pub use redact::redact;

use crate::config::Log;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Token reads, by outcome and source.
pub const READS: &str = "claviger_credential_reads_total";
/// Calls of providers, by provider and outcome.
pub const MINTS: &str = "claviger_provider_calls_total";
/// Requests refused before anyone was recognised.
pub const UNAUTHENTICATED: &str = "claviger_unauthenticated_total";
/// What the token exchange was asked, by outcome.
pub const EXCHANGES: &str = "claviger_exchange_requests_total";
/// Answers, by status class.
pub const ANSWERS: &str = "claviger_http_answers_total";

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter does not read.
    #[error("`log.filter` does not read: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// Something else has taken the global place.
    #[error("logging is already set up: {0}")]
    Taken(#[from] tracing_subscriber::util::TryInitError),
    /// The recorder could not be installed.
    #[error("metrics cannot be set up: {0}")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
}

/// Sets up logging for the process.
///
/// # Errors
/// If the filter does not read, or logging was set up before.
pub fn start_logging(config: &Log) -> Result<(), TelemetryError> {
    // These crates print request and response parts, headers among them, at their lower levels: capped whatever the filter says.
    const CAPPED: [&str; 8] = [
        "hyper=info",
        "hyper_util=info",
        "reqwest=info",
        "h2=info",
        "rustls=info",
        "sqlx=warn",
        "sled=warn",
        "wasmtime=info",
    ];
    let mut filter = EnvFilter::try_new(&config.filter)?;
    for cap in CAPPED {
        filter = filter.add_directive(cap.parse()?);
    }
    let registry = tracing_subscriber::registry().with(filter);
    if config.json {
        registry
            .with(tracing_subscriber::fmt::layer().json().with_writer(writer::Redacting))
            .try_init()?;
    } else {
        registry
            .with(tracing_subscriber::fmt::layer().with_writer(writer::Redacting).with_ansi(false))
            .try_init()?;
    }
    // The words of a panic go the same way: they may quote what was being worked on.
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    Ok(())
}

/// Sets up metrics for the process; the handle renders them.
///
/// # Errors
/// If a recorder was installed before.
pub fn start_metrics() -> Result<PrometheusHandle, TelemetryError> {
    Ok(PrometheusBuilder::new().install_recorder()?)
}
