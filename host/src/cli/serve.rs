//! `claviger serve`.

use crate::server::{self, Mode};
use std::path::PathBuf;
use std::process::ExitCode;

pub(super) async fn run(config: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    let config = crate::config::load(config.as_deref(), "", false)?;
    crate::telemetry::start_logging(&config.log)?;
    let server = server::start(config, Mode::Serve).await?;
    server::until_told_to_stop().await;
    server.stop().await;
    Ok(ExitCode::SUCCESS)
}
