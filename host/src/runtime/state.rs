//! What one store holds: the tables, the counters, and everything that a host function needs to know about its call.

use super::bind::{Failure, Retry};
use super::echo::Finder;
use super::fault::{Cause, IncidentKind, Stop};
use super::held::HostSecret;
use super::limits::{KNOWN_BYTES, Limits};
use super::outbound::Upstream;
use super::record::Record;
use super::rotation::{Rotated, RotationLog};
use crate::clock::SharedClock;
use crate::manifest::{Kind, Manifest};
use crate::secret::Secret;
use std::sync::Arc;
use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

/// The data of one store.
pub struct CallState {
    pub(super) provider: String,
    pub(super) limits: Limits,
    pub(super) manifest: Arc<Manifest>,
    /// The kind of credential; none in `describe`.
    pub(super) kind: Option<Kind>,
    pub(super) may_reveal: bool,
    pub(super) upstream: Arc<dyn Upstream>,
    pub(super) clock: SharedClock,
    pub(super) rotation: Option<Arc<dyn RotationLog>>,
    /// In an exchange: what the answers brought for the credential that is being made.
    pub(super) gathered: Option<Rotated>,
    pub(super) record: Arc<Record>,
    pub(super) table: ResourceTable,
    pub(super) limiter: Limiter,
    pub(super) used: Used,
    /// Every secret of this call, for the search.
    known: Vec<Secret>,
    known_bytes: usize,
    finder: Finder,
    /// So many of the known ones are in the finder.
    finder_has: usize,
    wasi: Option<WasiCtx>,
    pub(super) stderr: MemoryOutputPipe,
}

/// What a call has used so far.
#[derive(Debug, Default)]
pub(super) struct Used {
    pub(super) host_calls: u32,
    pub(super) signatures: u32,
    pub(super) upstream_calls: u32,
    pub(super) rotations: u32,
    pub(super) sent_bytes: usize,
    pub(super) received_bytes: usize,
    pub(super) log_lines: u32,
    pub(super) log_bytes: usize,
    pub(super) cpu_ticks: u32,
    /// The guest waited: the next tick is not its own.
    pub(super) waited: bool,
}

/// What makes a state.
pub(super) struct Setting {
    pub(super) provider: String,
    pub(super) limits: Limits,
    pub(super) manifest: Arc<Manifest>,
    pub(super) kind: Option<Kind>,
    pub(super) may_reveal: bool,
    pub(super) upstream: Arc<dyn Upstream>,
    pub(super) clock: SharedClock,
    pub(super) rotation: Option<Arc<dyn RotationLog>>,
    /// Whether what answers bring for stored fields is gathered: there is no record yet that a journal could be about, or the kind does not
    /// rotate and needs none.
    pub(super) gathers: bool,
}

impl CallState {
    pub(super) fn new(setting: Setting, record: Arc<Record>) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(setting.limits.handles);
        Self {
            limiter: Limiter {
                limits: setting.limits,
                memory_bytes: 0,
            },
            stderr: MemoryOutputPipe::new(setting.limits.log_bytes),
            provider: setting.provider,
            limits: setting.limits,
            manifest: setting.manifest,
            kind: setting.kind,
            may_reveal: setting.may_reveal,
            upstream: setting.upstream,
            clock: setting.clock,
            rotation: setting.rotation,
            gathered: setting.gathers.then(Rotated::default),
            record,
            table,
            used: Used::default(),
            known: Vec::new(),
            known_bytes: 0,
            finder: Finder::default(),
            finder_has: 0,
            wasi: None,
        }
    }

    /// Counts a host call.
    pub(super) fn count(&mut self) -> wasmtime::Result<()> {
        self.used.host_calls += 1;
        if self.used.host_calls > self.limits.host_calls {
            return Err(stop(Cause::HostCallFlood {
                what: "all host functions",
                limit: self.limits.host_calls,
            }));
        }
        Ok(())
    }

    /// Keeps a secret and gives its handle.
    pub(super) fn hold(&mut self, secret: HostSecret) -> wasmtime::Result<Resource<HostSecret>> {
        // What was made of text alone is the guest's own.
        if !secret.origins.is_empty() {
            self.know(&secret.value)?;
        }
        let limit = self.limits.handles;
        self.table.push(secret).map_err(|_| stop(Cause::HandleFlood { limit }))
    }

    /// Remembers a secret, so that it is found wherever it shows up, also after its handle is gone.
    pub(super) fn know(&mut self, secret: &Secret) -> wasmtime::Result<()> {
        let text = secret.expose();
        if self.known.iter().any(|known| known.expose() == text) {
            return Ok(());
        }
        self.known_bytes += text.len();
        if self.known_bytes > KNOWN_BYTES {
            return Err(stop(Cause::HostCallData { limit_bytes: KNOWN_BYTES }));
        }
        self.known.push(secret.clone());
        Ok(())
    }

    /// Searches for the secrets of this call.
    pub(super) fn finder(&mut self) -> &Finder {
        for secret in self.known.iter().skip(self.finder_has) {
            self.finder.add(secret);
        }
        self.finder_has = self.known.len();
        &self.finder
    }

    /// A failure that the host reports to the guest, noted as an incident where it is one.
    pub(super) fn fail(&self, code: &str, message: String, incident: Option<IncidentKind>) -> Failure {
        if let Some(kind) = incident {
            self.record.incident(kind, message.clone());
        }
        let retry = match code {
            "timeout" | "connect" | "tls" | "protocol" | "storage" => Retry::Later(None),
            _ => Retry::Never,
        };
        Failure {
            code: code.to_owned(),
            message,
            retry,
            upstream_may_have_acted: self.record.may_have_acted(),
            details: Vec::new(),
        }
    }
}

/// Ends the guest with a cause that is found again at the end of the call.
pub(super) fn stop(cause: Cause) -> wasmtime::Error {
    wasmtime::Error::new(Stop(cause))
}

impl WasiView for CallState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let ctx = self
            .wasi
            .get_or_insert_with(|| super::imports::wasi::context(&self.clock, &self.stderr));
        WasiCtxView {
            ctx,
            table: &mut self.table,
        }
    }
}

/// Counts what a store allocates. wasmtime's own `StoreLimits` would do, but its refusal is text; this one is typed, and
/// adds the memories of all instances up.
pub(super) struct Limiter {
    limits: Limits,
    memory_bytes: usize,
}

impl wasmtime::ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let wanted = self.memory_bytes.saturating_add(desired.saturating_sub(current));
        if wanted > self.limits.memory_bytes {
            return Err(exceeded("memory", wanted, self.limits.memory_bytes));
        }
        self.memory_bytes = wanted;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(error.context("memory could not grow"))
    }

    fn table_growing(&mut self, _current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        if desired > self.limits.table_elements {
            return Err(exceeded("table elements", desired, self.limits.table_elements));
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.limits.instances
    }

    fn tables(&self) -> usize {
        self.limits.tables
    }

    fn memories(&self) -> usize {
        self.limits.memories
    }
}

fn exceeded(what: &'static str, wanted_bytes: usize, limit_bytes: usize) -> wasmtime::Error {
    stop(Cause::MemoryExceeded {
        what,
        wanted_bytes,
        limit_bytes,
    })
}
