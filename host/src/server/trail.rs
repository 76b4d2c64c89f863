//! Whether the audit trail is still where it was.

use super::{Mode, audit_folder};
use crate::audit;
use crate::config::Config;
use crate::records::Records;

/// In front of a replica's name: its trail was there once.
const BEGUN: &str = "audit-trail-";

/// Says loudly if the records know of more than the trail does. It is no reason not to start: after a restore of the database alone the
/// first start has to work.
///
/// # Errors
/// If the records or the folder cannot be read.
pub(super) async fn look_for(config: &Config, mode: Mode, records: &Records, replica: &str) -> anyhow::Result<()> {
    if note(config, records, replica).await? {
        return Ok(());
    }
    let was_there = records.meta(&name(replica)).await?.is_some();
    // With a database of its own, whatever is in it was recorded here. What a development server seeds is not recorded.
    let alone = config.database.url.is_none() && mode == Mode::Serve;
    if was_there || (alone && has_something(records).await?) {
        tracing::error!(
            folder = %audit_folder(config).display(),
            "the records are older than the audit trail: there is none here, and a new chain begins. It was removed, or only the \
             database was restored; if you have a copy of the folder, stop, put it back, and start again"
        );
    }
    Ok(())
}

/// Notes in the records that there is a trail, once there is one; answers whether there is.
///
/// # Errors
/// If the records or the folder cannot be read.
pub(super) async fn note(config: &Config, records: &Records, replica: &str) -> anyhow::Result<bool> {
    let begun = audit::is_begun(&audit_folder(config))?;
    if begun {
        records.meta_once(&name(replica), "begun").await?;
    }
    Ok(begun)
}

fn name(replica: &str) -> String {
    format!("{BEGUN}{replica}")
}

async fn has_something(records: &Records) -> anyhow::Result<bool> {
    Ok(!records.credentials().await?.is_empty() || !records.api_keys().await?.is_empty())
}
