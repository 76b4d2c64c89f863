//! The sliver of WASI that components of other toolchains need: a coarse clock, random bytes, streams, standard error into the log.
//!
//! No files, no sockets, no environment, no arguments: those interfaces are not linked, and `load` refuses a component that imports one.

use crate::clock::SharedClock;
use crate::runtime::state::CallState;
use std::time::Duration;
use wasmtime::component::Linker;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::random::WasiRandom;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx, WasiView};

/// What may be imported; `load` compares names without their versions.
pub const ALLOWED: [&str; 9] = [
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:random/random",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:cli/stderr",
];

/// Random bytes in one request. JavaScript seeds with 32.
const RANDOM_BYTES: u64 = 4096;

pub fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed};
    // wasmtime-wasi offers no smaller set with streams in it; what it holds beyond the list above, nobody can import.
    wasmtime_wasi::p2::add_to_linker_proxy_interfaces_async(linker)?;
    insecure::add_to_linker::<CallState, WasiRandom>(linker, |state| state.ctx().ctx.random())?;
    insecure_seed::add_to_linker::<CallState, WasiRandom>(linker, |state| state.ctx().ctx.random())
}

pub fn context(clock: &SharedClock, stderr: &MemoryOutputPipe) -> WasiCtx {
    let coarse = Coarse(clock.clone());
    WasiCtx::builder()
        .allow_tcp(false)
        .allow_udp(false)
        .max_random_size(RANDOM_BYTES)
        .wall_clock(coarse.clone())
        .monotonic_clock(coarse)
        .stderr(stderr.clone())
        .build()
}

#[derive(Clone)]
struct Coarse(SharedClock);

impl Coarse {
    fn since_epoch(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.now_ms()).unwrap_or(0))
    }
}

impl HostWallClock for Coarse {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        self.since_epoch()
    }
}

impl HostMonotonicClock for Coarse {
    fn resolution(&self) -> u64 {
        1_000_000
    }

    fn now(&self) -> u64 {
        u64::try_from(self.since_epoch().as_nanos()).unwrap_or(u64::MAX)
    }
}
