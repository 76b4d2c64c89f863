//! `--plugin FILE --watch`: an author's component, approved without asking, and again whenever it changes.

use crate::runtime::{Granted, Options, Sandbox, digest, read_component};
use crate::server::{Admin, Order, Reply, Server};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How often the file is looked at.
const LOOK: Duration = Duration::from_millis(300);

pub(super) async fn load(server: &Server, file: PathBuf, watch: bool) -> anyhow::Result<Option<JoinHandle<()>>> {
    let file = std::path::absolute(file)?;
    let admin = server.admin.clone();
    let loaded = approve(&admin, &file).await?;
    if !watch {
        return Ok(None);
    }
    Ok(Some(tokio::spawn(async move {
        let mut loaded = loaded;
        loop {
            tokio::time::sleep(LOOK).await;
            // Half-written files do not load; the next look finds the whole one.
            let Ok(now) = read_component(&file).map(|bytes| digest(&bytes)) else {
                continue;
            };
            if now == loaded {
                continue;
            }
            match approve(&admin, &file).await {
                Ok(_) => tracing::warn!(file = %file.display(), "the plugin changed and is loaded anew"),
                Err(error) => tracing::warn!(file = %file.display(), %error, "the plugin changed and does not load; the old one stays"),
            }
            loaded = now;
        }
    })))
}

/// Approves everything that the component asks for: this is its author's machine.
async fn approve(admin: &Admin, file: &Path) -> anyhow::Result<String> {
    let component = read_component(file)?;
    let inspected = Sandbox::new(Options {
        compiler: std::env::current_exe().ok(),
        ..Options::default()
    })?
    .inspect(&component)
    .await?;
    let granted = Granted {
        reveal: inspected.manifest.reveal,
        limits: inspected.manifest.limits.clone(),
    };
    let order = Order::ProviderAdd {
        file: file.to_owned(),
        sha256: inspected.digest.clone(),
        manifest: Box::new(inspected.manifest),
        granted,
        replaces_built_in: true,
    };
    match admin.carry_out(order).await {
        Reply::Refused { why } => Err(anyhow::anyhow!(why)),
        _ => Ok(inspected.digest),
    }
}
