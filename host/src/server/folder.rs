//! What lies where in the data folder, and how a private file gets there.
//!
//! The commands that work without a server look in the same places, so the places are named once. A file that is there already is not
//! written over: that is an error, and the file stays as it is.

use crate::config::Config;
use std::path::{Path, PathBuf};

/// Where added providers lie.
#[must_use]
pub fn providers_of(data: &Path) -> PathBuf {
    data.join("providers")
}

/// Where the trail lies.
#[must_use]
pub fn audit_folder(config: &Config) -> PathBuf {
    config.data_dir.join("audit")
}

/// Writes a file that only its owner can read. It must not be there yet.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
