//! From a file to a provider, in an order that asks little before it trusts little: size, digest, compile, imports, exports, `describe` twice, comparison
//! with what was approved.

use super::abilities::Abilities;
use super::bind::{self, OURS, base};
use super::call;
use super::fault::Cause;
use super::imports::wasi;
use super::limits::{COMPILE_HERE_BYTES, COMPONENT_BYTES, MANIFEST_BYTES};
use super::outbound::{Closed, Refusal};
use super::provider::Provider;
use super::sandbox::Sandbox;
use super::state::{CallState, Setting};
use super::{aot, compile};
use crate::clock::SystemClock;
use crate::egress;
use crate::manifest::{Manifest, WantedLimits};
use std::path::Path;
use std::sync::Arc;
use wasmtime::component::Component;

/// Why a component is not loaded. Nothing that fails here is ever called.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("`{path}` cannot be read: {cause}")]
    Unreadable {
        /// Which file.
        path: String,
        /// The operating system's reason.
        cause: std::io::Error,
    },
    /// The file is too large.
    #[error("the component has {bytes} bytes; at most {limit} are loaded")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The file is not the one that was approved.
    #[error(
        "the component changed after it was approved: approved sha256 {expected}, found {actual}; approve it again with `claviger provider add`"
    )]
    Changed {
        /// What the lock file says.
        expected: String,
        /// What the file has.
        actual: String,
    },
    /// It is no component, or uses what this engine does not offer.
    #[error("this is no component that this host can run: {0}")]
    NotAComponent(String),
    /// It wants something that no provider gets.
    #[error(
        "the component imports `{import}`, which no provider gets; allowed are the interfaces of `claviger:provider` and, of WASI, {allowed}"
    )]
    UnknownImport {
        /// What it wants.
        import: String,
        /// What is allowed of WASI.
        allowed: String,
    },
    /// It was built for another version of the contract.
    #[error("the component does not fit this host's contract, `claviger:provider@0.1.0`: {0}")]
    AnotherContract(String),
    /// Its manifest could not be had.
    #[error("`describe` failed: {0}")]
    Describe(Cause),
    /// Its manifest makes no sense.
    #[error("the manifest is refused: {0}")]
    Manifest(String),
    /// Its manifest differs from one call to the next.
    #[error("the component describes itself differently each time; a manifest is one fixed text")]
    Fickle,
    /// Its manifest is not the one that was approved.
    #[error("the component's manifest is not the one that was approved ({0}); approve it again with `claviger provider add`")]
    ManifestChanged(String),
    /// What it says it can do and what it exports differ.
    #[error("the manifest {0}")]
    Abilities(String),
    /// The compiler failed.
    #[error("the component could not be compiled: {0}")]
    Compile(String),
}

/// What the operator approved.
#[derive(Debug, Clone)]
pub struct Approval {
    /// The manifest as it was shown.
    pub manifest: Manifest,
    /// Whether secrets may be read as text.
    pub reveal: bool,
    /// Limits beyond the usual.
    pub limits: WantedLimits,
}

/// A component that was looked at and not approved: what `provider add` shows.
pub struct Inspected {
    /// Its manifest, checked.
    pub manifest: Manifest,
    /// SHA-256 of the component, in hexadecimal.
    pub digest: String,
}

/// Reads a component, refusing one that is too large before reading it.
///
/// # Errors
/// [`LoadError::Unreadable`], [`LoadError::TooLarge`].
pub fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    let unreadable = |cause| LoadError::Unreadable {
        path: path.display().to_string(),
        cause,
    };
    let bytes = std::fs::metadata(path).map_err(unreadable)?.len();
    if bytes > COMPONENT_BYTES {
        return Err(LoadError::TooLarge {
            bytes,
            limit: COMPONENT_BYTES,
        });
    }
    std::fs::read(path).map_err(unreadable)
}

/// SHA-256 in hexadecimal.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    super::lock::sha256(bytes)
}

impl Sandbox {
    /// Compiles a component and asks it to describe itself, under the usual limits and without a way out.
    ///
    /// # Errors
    /// [`LoadError`].
    pub async fn inspect(self: &Arc<Self>, bytes: &[u8]) -> Result<Inspected, LoadError> {
        let digest = digest(bytes);
        let opened = self.open(bytes, &digest).await?;
        Ok(Inspected {
            manifest: opened.manifest,
            digest,
        })
    }

    /// Loads an approved component. `expected` is the digest that the lock file has.
    ///
    /// # Errors
    /// [`LoadError`]; nothing of it is called then.
    pub async fn load(self: &Arc<Self>, bytes: &[u8], expected: &str, approval: &Approval) -> Result<Provider, LoadError> {
        let digest = digest(bytes);
        if digest != expected {
            return Err(LoadError::Changed {
                expected: expected.to_owned(),
                actual: digest,
            });
        }
        let opened = self.open(bytes, &digest).await?;
        if opened.manifest != approval.manifest {
            return Err(LoadError::ManifestChanged(super::difference::first(
                &approval.manifest,
                &opened.manifest,
            )));
        }
        Ok(self.provider(opened, digest, approval.reveal, &approval.limits, false))
    }

    /// Loads a component that came with this program: whoever could change it could change this program, so it approves itself.
    pub(super) async fn load_built_in(self: &Arc<Self>, bytes: &[u8]) -> Result<Provider, LoadError> {
        let digest = digest(bytes);
        let opened = self.open(bytes, &digest).await?;
        let (reveal, limits) = (opened.manifest.reveal, opened.manifest.limits.clone());
        Ok(self.provider(opened, digest, reveal, &limits, true))
    }

    fn provider(self: &Arc<Self>, opened: Opened, digest: String, reveal: bool, limits: &WantedLimits, built_in: bool) -> Provider {
        Provider {
            limits: self.limits.raised(limits),
            may_reveal: reveal && opened.manifest.reveal,
            sandbox: Arc::clone(self),
            manifest: Arc::new(opened.manifest),
            digest,
            base: opened.base,
            abilities: opened.abilities,
            built_in,
        }
    }

    async fn open(self: &Arc<Self>, bytes: &[u8], digest: &str) -> Result<Opened, LoadError> {
        if bytes.len() as u64 > COMPONENT_BYTES {
            return Err(LoadError::TooLarge {
                bytes: bytes.len() as u64,
                limit: COMPONENT_BYTES,
            });
        }
        check_form(bytes)?;
        let component = self.component(bytes, digest).await?;
        check_imports(&self.engine, &component)?;
        let another = |error: wasmtime::Error| LoadError::AnotherContract(format!("{error:#}"));
        let pre = self.linker.instantiate_pre(&component).map_err(another)?;
        let base = base::BasePre::new(pre.clone()).map_err(another)?;
        let abilities = Abilities::of(&component, &pre).map_err(another)?;
        let text = self.describe(&base).await?;
        if text != self.describe(&base).await? {
            return Err(LoadError::Fickle);
        }
        let manifest = Manifest::parse(&text).map_err(LoadError::Manifest)?;
        manifest.check().map_err(|problem| LoadError::Manifest(problem.to_string()))?;
        egress::validate(&manifest.endpoints).map_err(LoadError::Manifest)?;
        abilities.agree(&manifest.abilities).map_err(LoadError::Abilities)?;
        Ok(Opened { manifest, base, abilities })
    }

    /// The compiled component: from the cache, or made now, on a thread of its own.
    async fn component(self: &Arc<Self>, bytes: &[u8], digest: &str) -> Result<Component, LoadError> {
        let (sandbox, bytes, digest) = (Arc::clone(self), bytes.to_vec(), digest.to_owned());
        let work = move || {
            if let Some(component) = sandbox.cache.as_ref().and_then(|cache| cache.get(&sandbox.engine, &digest)) {
                return Ok(component);
            }
            let compiled = match &sandbox.compiler {
                Some(program) if bytes.len() > COMPILE_HERE_BYTES => compile::in_child(program, &bytes)?,
                _ => compile::here(&sandbox.engine, &bytes)?,
            };
            if let Some(cache) = &sandbox.cache {
                cache.put(&sandbox.engine, &digest, &compiled);
            }
            aot::deserialize(&sandbox.engine, &compiled).ok_or_else(|| LoadError::Compile("what was compiled does not load".to_owned()))
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| LoadError::Compile("the compiler stopped".to_owned()))?
    }

    async fn describe(&self, base: &base::BasePre<CallState>) -> Result<String, LoadError> {
        let setting = Setting {
            provider: "(being loaded)".to_owned(),
            limits: self.limits,
            manifest: Arc::new(Manifest::nothing()),
            kind: None,
            may_reveal: false,
            upstream: Arc::new(Closed(Refusal::denied("`describe` may not use the upstream"))),
            clock: Arc::new(SystemClock),
            rotation: None,
            gathers: false,
        };
        let base = base.clone();
        let (outcome, _) = call::run(&self.engine, &self.slots, setting, |store| {
            Box::pin(async move {
                let guest = base.instantiate_async(&mut *store).await?;
                guest.claviger_provider_provider().call_describe(&mut *store).await
            })
        })
        .await;
        let text = outcome.map_err(LoadError::Describe)?;
        if text.len() > MANIFEST_BYTES {
            return Err(LoadError::Manifest(format!(
                "it has {} bytes; at most {MANIFEST_BYTES} are read",
                text.len()
            )));
        }
        Ok(text)
    }
}

struct Opened {
    manifest: Manifest,
    base: base::BasePre<CallState>,
    abilities: Abilities,
}

/// The two slips that the engine would answer with the bytes that it expected.
fn check_form(bytes: &[u8]) -> Result<(), LoadError> {
    let not = |why: &str| Err(LoadError::NotAComponent(why.to_owned()));
    match bytes.split_first_chunk::<4>() {
        Some((b"\0asm", [1, 0, 0, 0, ..])) => {
            not("it is a core module; make a component of it, with `wit-component` or `cargo xtask component`")
        }
        Some((b"\0asm", _)) => Ok(()),
        _ => not("it is not WebAssembly"),
    }
}

/// A component's import list is its permission list.
fn check_imports(engine: &wasmtime::Engine, component: &Component) -> Result<(), LoadError> {
    for (import, _) in component.component_type().imports(engine) {
        let (name, version) = import.split_once('@').unwrap_or((import, ""));
        if OURS.contains(&name) {
            // 0.1.1 is this contract with additions, 0.2.0 another one.
            if !version.starts_with("0.1.") {
                return Err(LoadError::AnotherContract(format!("it imports `{import}`")));
            }
        } else if !wasi::ALLOWED.contains(&name) {
            return Err(LoadError::UnknownImport {
                import: import.to_owned(),
                allowed: wasi::ALLOWED.join(", "),
            });
        }
    }
    if component.get_export_index(None, bind::PROVIDER).is_none() {
        return Err(LoadError::AnotherContract(format!("it does not export `{}`", bind::PROVIDER)));
    }
    Ok(())
}
