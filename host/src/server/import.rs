//! The server's records, opened without a server: for an import, which has them for itself.

use super::{Mode, audit_folder, audit_keys, key_check, keyring, providers_of, reserved, sandbox};
use crate::audit::{Administrative, Audit};
use crate::authn::Services;
use crate::clock::{SharedClock, SystemClock};
use crate::config::Config;
use crate::records::{DataFolder, Import, Imported, Records};
use crate::runtime::{Catalog, Folder};
use crate::seal::Keyring;
use std::sync::Arc;

/// Records under their folder's lock, with what an import needs to fill them.
pub struct Offline {
    /// What seals.
    pub keyring: Keyring,
    /// The providers that this server has.
    pub catalog: Catalog,
    /// The names of services, which no person may have.
    pub services: Services,
    records: Records,
    audit: Audit,
    // Last: the lock is given back when everything else is gone.
    _folder: DataFolder,
}

impl Offline {
    /// Opens them.
    ///
    /// # Errors
    /// A server that runs on the folder; a missing keyring; a database that cannot be reached.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        let clock: SharedClock = Arc::new(SystemClock);
        let folder = DataFolder::open(&config.data_dir)?;
        let keyring = keyring(config)?;
        let records = Records::open(&config.data_dir, &config.database, Arc::clone(&clock)).await?;
        key_check::check(&records, &keyring).await?;
        Ok(Self {
            catalog: Catalog::open(sandbox(config, &keyring)?, Folder::at(providers_of(&config.data_dir))).await?,
            services: reserved::services(config, Mode::Serve, &records).await?,
            audit: Audit::open(&audit_folder(config), &config.audit, audit_keys(&keyring)?, clock)?,
            keyring,
            records,
            _folder: folder,
        })
    }

    /// The records, to look at.
    #[must_use]
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// What an import would do. Nothing is kept.
    ///
    /// # Errors
    /// If the database cannot be read or written.
    pub async fn try_import(&self, import: &Import) -> anyhow::Result<Imported> {
        Ok(self.records.import(import, false).await?)
    }

    /// Imports, on the record: that a dump of this digest is imported is written before it is.
    ///
    /// # Errors
    /// If it cannot be recorded or written; then nothing is imported.
    pub async fn import(&self, import: &Import, sha256: &str) -> anyhow::Result<Imported> {
        let event = Administrative::imported(sha256);
        self.audit.administrative(event.clone()).await?;
        match self.records.import(import, true).await {
            Ok(imported) => Ok(imported),
            Err(error) => {
                self.audit.administrative(event.undone()).await?;
                Err(error.into())
            }
        }
    }
}
