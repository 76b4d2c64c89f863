//! Where the keys come from: the operator's keyring, a development server's own, and what the audit trail derives.
//!
//! An operator's server never makes a key: one that did would seal with what nobody keeps a copy of. A development server does, once, and
//! lays it beside its data.
//!
//! Without a keyring that reads nothing is opened, and nothing is changed.

use super::Mode;
use super::folder::write_private;
use crate::audit::AuditKeys;
use crate::config::Config;
use crate::records;
use crate::seal::{Keyring, Purpose};
use anyhow::Context;
use std::path::PathBuf;

/// The operator's keyring.
///
/// # Errors
/// If there is none, or it does not read.
pub fn keyring(config: &Config) -> anyhow::Result<Keyring> {
    let development = development_keyring(config);
    if development.exists() && config.keyring.keys.is_none() && config.keyring.file.is_none() {
        let mut own = config.keyring.clone();
        own.file = Some(development);
        return Ok(Keyring::from_config(&own, |_| None)?);
    }
    Ok(Keyring::from_config(&config.keyring, |name| std::env::var(name).ok())?)
}

/// A development server's keyring lies in its data folder, so that the same folder can be used again, and by the other commands.
fn development_keyring(config: &Config) -> PathBuf {
    config.data_dir.join("dev-keyring.json")
}

/// The keyring to serve with: a development server makes its own if there is none, and no other server works on such a folder.
///
/// # Errors
/// If there is none, it does not read, data is there without its development keyring, or `serve` is asked for on a development folder.
pub(super) fn keyring_for(config: &Config, mode: Mode) -> anyhow::Result<Keyring> {
    let path = development_keyring(config);
    let wanted = mode == Mode::Development && config.keyring.keys.is_none() && config.keyring.file.is_none() && !path.exists();
    if wanted {
        anyhow::ensure!(
            !config.data_dir.join(records::FILE).exists(),
            "`{}` holds data, and no `{}` to open it with; give that file back, or name another folder",
            config.data_dir.display(),
            path.file_name().unwrap_or_default().display()
        );
        let (_, json) = Keyring::generate()?;
        write_private(&path, json.expose().as_bytes()).with_context(|| format!("`{}` cannot be written", path.display()))?;
    }
    if mode == Mode::Serve && path.exists() {
        anyhow::bail!(
            "`{}` belongs to a development server: its keys lie beside its data. Use another `data_dir`",
            config.data_dir.display()
        );
    }
    keyring(config)
}

/// The trail's keys, one pair for each version of the keyring.
///
/// # Errors
/// If one cannot be derived.
pub fn audit_keys(keyring: &Keyring) -> anyhow::Result<AuditKeys> {
    let mut keys = AuditKeys::new(keyring.write_version());
    for version in keyring.versions() {
        let principal = keyring.derived(Purpose::AuditPrincipal, version)?.clone();
        let chain = keyring.derived(Purpose::AuditChain, version)?.clone();
        keys = keys.with(version, principal, chain);
    }
    Ok(keys)
}
