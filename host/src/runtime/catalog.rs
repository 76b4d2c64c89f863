//! The loaded providers, by name. Readers never wait: a change swaps the whole list.
//!
//! A name for which nothing is loaded is served by `static`, except where the operator added a provider that does not load: to hand out what is stored
//! there as if it were the token would be the worst of answers, so that name answers with its fault until it is mended.

use super::builtin::{self, BuiltIn};
use super::load::{self, Approval, LoadError};
use super::lock::{Entry, Folder, LockError};
use super::provider::Provider;
use super::sandbox::Sandbox;
use arc_swap::ArcSwap;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Why the catalog cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The program was built without its providers.
    #[error("this program was built without its providers; run `cargo xtask providers` and build it again")]
    NoBuiltIns,
    /// A built-in one does not load, which no operator can mend.
    #[error("the built-in provider `{name}` does not load: {cause}")]
    BuiltIn {
        /// Its name.
        name: String,
        /// Why.
        cause: LoadError,
    },
    /// The lock file.
    #[error(transparent)]
    Lock(#[from] LockError),
}

/// An added provider that does not load.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("provider `{name}` {version} was added and does not load: {reason}")]
pub struct Unavailable {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Why.
    pub reason: String,
}

type Slot = Result<Arc<Provider>, Unavailable>;

/// The loaded providers.
pub struct Catalog {
    sandbox: Arc<Sandbox>,
    folder: Folder,
    built_in: &'static [BuiltIn],
    loaded: ArcSwap<BTreeMap<String, Slot>>,
    fallback: Arc<Provider>,
}

impl Catalog {
    /// Loads the built-in providers and those that the operator added.
    ///
    /// # Errors
    /// [`CatalogError`]. An added provider that does not load is no error here; see [`Unavailable`].
    pub async fn open(sandbox: Arc<Sandbox>, folder: Folder) -> Result<Self, CatalogError> {
        Self::with(sandbox, folder, builtin::ALL).await
    }

    /// The same with other built-in providers: for tests.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn with(sandbox: Arc<Sandbox>, folder: Folder, built_in: &'static [BuiltIn]) -> Result<Self, CatalogError> {
        let entries = folder.list()?;
        let loaded = load_all(&sandbox, &folder, built_in, &entries).await?;
        let Some(Ok(fallback)) = loaded.get(builtin::STATIC).cloned() else {
            return Err(CatalogError::NoBuiltIns);
        };
        Ok(Self {
            sandbox,
            folder,
            built_in,
            loaded: ArcSwap::from_pointee(loaded),
            fallback,
        })
    }

    /// The provider that serves a name.
    ///
    /// # Errors
    /// [`Unavailable`] if one was added for it and does not load.
    pub fn get(&self, name: &str) -> Result<Arc<Provider>, Unavailable> {
        self.loaded
            .load()
            .get(name)
            .cloned()
            .unwrap_or_else(|| Ok(Arc::clone(&self.fallback)))
    }

    /// All that are loaded or should be, by name.
    #[must_use]
    pub fn list(&self) -> Vec<(String, Result<Arc<Provider>, Unavailable>)> {
        self.loaded.load().iter().map(|(name, slot)| (name.clone(), slot.clone())).collect()
    }

    /// Reads the lock file again. Calls under way end with the provider that they began with.
    ///
    /// # Errors
    /// [`CatalogError`]; everything stays as it was then.
    pub async fn reload(&self) -> Result<(), CatalogError> {
        let entries = self.folder.list()?;
        let loaded = load_all(&self.sandbox, &self.folder, self.built_in, &entries).await?;
        self.loaded.store(Arc::new(loaded));
        Ok(())
    }
}

async fn load_all(
    sandbox: &Arc<Sandbox>,
    folder: &Folder,
    built_in: &[BuiltIn],
    entries: &[Entry],
) -> Result<BTreeMap<String, Slot>, CatalogError> {
    let mut loaded = BTreeMap::new();
    for built_in in built_in {
        let provider = load_built_in(sandbox, built_in).await.map_err(|cause| CatalogError::BuiltIn {
            name: built_in.name.to_owned(),
            cause,
        })?;
        loaded.insert(built_in.name.to_owned(), Ok(Arc::new(provider)));
    }
    for entry in entries {
        if loaded.contains_key(&entry.name) && !entry.replaces_built_in {
            // Added to a program that did not have this one yet: which of the two is meant, only the operator can say.
            tracing::warn!(
                provider.name = entry.name,
                "an added provider has the name of a built-in one; `provider add --replace-built-in` decides"
            );
        }
        let slot = load_entry(sandbox, folder, entry, built_in).await.map(Arc::new).map_err(|reason| {
            let unavailable = Unavailable {
                name: entry.name.clone(),
                version: entry.version.clone(),
                reason,
            };
            tracing::error!("{unavailable}");
            unavailable
        });
        loaded.insert(entry.name.clone(), slot);
    }
    Ok(loaded)
}

async fn load_built_in(sandbox: &Arc<Sandbox>, built_in: &BuiltIn) -> Result<Provider, LoadError> {
    let provider = sandbox.load_built_in(built_in.component).await?;
    if provider.manifest().provider != built_in.name {
        return Err(LoadError::Manifest(format!("it names itself `{}`", provider.manifest().provider)));
    }
    Ok(provider)
}

async fn load_entry(sandbox: &Arc<Sandbox>, folder: &Folder, entry: &Entry, built_in: &[BuiltIn]) -> Result<Provider, String> {
    if built_in.iter().any(|other| other.name == entry.name) && !entry.replaces_built_in {
        return Err("a provider of this name comes with this program; add it again with `--replace-built-in`, or remove it".to_owned());
    }
    let component = load::read(&folder.component(entry)).map_err(|error| error.to_string())?;
    let approval = Approval {
        manifest: entry.manifest.clone(),
        reveal: entry.granted.reveal,
        limits: entry.granted.limits.clone(),
    };
    sandbox
        .load(&component, &entry.sha256, &approval)
        .await
        .map_err(|error| error.to_string())
}
