//! What all providers share: the engine, the linked interfaces, the slots for calls, the cache of compiled code.

use super::aot::Cache;
use super::bind::base;
use super::engine::{self, Allocation, EngineError};
use super::imports::wasi;
use super::limits::{CONCURRENT_CALLS, Limits};
use super::state::CallState;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Semaphore;
use wasmtime::Engine;
use wasmtime::component::{HasSelf, Linker};

/// The shared part of the runtime.
pub struct Sandbox {
    pub(super) engine: Engine,
    pub(super) linker: Linker<CallState>,
    pub(super) limits: Limits,
    pub(super) slots: Arc<Semaphore>,
    pub(super) cache: Option<Cache>,
    pub(super) compiler: Option<PathBuf>,
    pub(super) allocation: Allocation,
}

/// How to set up a [`Sandbox`].
pub struct Options {
    /// How instances get their memory.
    pub allocation: Allocation,
    /// What a call may use before a lock file raises it.
    pub limits: Limits,
    /// Where compiled code is kept; without it, every start compiles.
    pub cache: Option<Cache>,
    /// The program that compiles large components (`PROGRAM provider compile FILE`, machine code on its standard output): this one,
    /// usually. Without it they are compiled here.
    pub compiler: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            allocation: Allocation::Pooled,
            limits: Limits::default(),
            cache: None,
            compiler: None,
        }
    }
}

impl Sandbox {
    /// Makes the engine and links what a provider may import.
    ///
    /// # Errors
    /// [`EngineError`], if this machine cannot run WebAssembly.
    pub fn new(options: Options) -> Result<Arc<Self>, EngineError> {
        let (engine, allocation) = engine::make(options.allocation)?;
        let linker = link(&engine).map_err(|error| EngineError::Unsupported(format!("{error:#}")))?;
        Ok(Arc::new(Self {
            engine,
            linker,
            limits: options.limits,
            slots: Arc::new(Semaphore::new(usize::try_from(CONCURRENT_CALLS).unwrap_or(1))),
            cache: options.cache,
            compiler: options.compiler,
            allocation,
        }))
    }

    /// How instances get their memory, for `readyz` and the log.
    #[must_use]
    pub fn allocation(&self) -> Allocation {
        self.allocation
    }
}

fn link(engine: &Engine) -> wasmtime::Result<Linker<CallState>> {
    let mut linker = Linker::new(engine);
    base::Base::add_to_linker::<CallState, HasSelf<CallState>>(&mut linker, |state| state)?;
    wasi::link(&mut linker)?;
    Ok(linker)
}
