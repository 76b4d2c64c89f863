//! Under which name this replica keeps its journal of refreshes.
//!
//! The name lies in the data folder and outlives the process: so a server that starts again finds what it left open, and settles it before
//! the first flight. Where there is none yet it is made.
//!
//! If the name cannot be written, or the journal cannot be read, the server does not start.

use super::LONGEST_FLIGHT_MS;
use super::folder::write_private;
use crate::clock::{Clock, SystemClock};
use crate::ids::RequestId;
use crate::records::{DataFolder, Records};
use anyhow::Context;
use std::sync::Arc;

/// This replica's name in the rotation journal: its data folder's, kept in the records. What a replica of that name left open when it
/// died is settled as unanswered, before the first flight.
pub(super) async fn name(records: &Records, folder: &DataFolder) -> anyhow::Result<Arc<str>> {
    let path = folder.path().join("replica");
    let name = match std::fs::read_to_string(&path) {
        Ok(name) => name.trim().to_owned(),
        Err(_) => {
            let name = RequestId::make(&SystemClock).to_string();
            write_private(&path, name.as_bytes()).with_context(|| format!("`{}` cannot be written", path.display()))?;
            name
        }
    };
    let abandoned_before_ms = SystemClock.now_ms() - LONGEST_FLIGHT_MS;
    for entry in records.resume_rotations(&name, abandoned_before_ms).await? {
        tracing::warn!(
            credential.id = entry.credential_id.as_str(),
            "a refresh was under way when the server died; whether its refresh token is spent, nobody knows"
        );
    }
    Ok(name.into())
}
