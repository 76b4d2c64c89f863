//! The one constructor of wasmtime's engine, so that no flag can be forgotten.
//!
//! Epochs need three things that fail silently when one is missing: the flag, a thread that ticks, and a deadline in each store. The flag and
//! the thread are here; `call` sets the deadline, and nothing else makes stores. If the machine cannot reserve the address space for
//! pooled memories (small containers, some ARM boards), instances are allocated on demand, slower, and the log says so.

use super::limits::{CONCURRENT_CALLS, FIBER_STACK_BYTES, Limits, MEMORY_CEILING_MIB, TICK, WASM_STACK_BYTES};
use wasmtime::{Config, Engine, Instance, InstanceAllocationStrategy, Module, PoolingAllocationConfig, Store};

/// The engine could not be made.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// wasmtime refuses the configuration on this machine.
    #[error("WebAssembly cannot run on this machine: {0}")]
    Unsupported(String),
    /// The thread that measures guest time did not start; without it an endless loop would never end.
    #[error("the thread that measures the providers' time did not start: {0}")]
    Ticker(std::io::Error),
}

/// How instances get their memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allocation {
    /// From slots reserved at start: 8 to 15 µs for a store and an instance.
    Pooled,
    /// From the operating system each time.
    OnDemand,
}

/// Makes the engine and starts its ticker, which ends with the engine.
///
/// # Errors
/// See [`EngineError`].
pub fn make(allocation: Allocation) -> Result<(Engine, Allocation), EngineError> {
    let (engine, allocation) = match allocation {
        Allocation::Pooled => match pooled() {
            Ok(engine) => (engine, Allocation::Pooled),
            Err(error) => {
                tracing::warn!(error = %error, "providers' memory cannot be pooled on this machine; calls will be slower");
                (on_demand()?, Allocation::OnDemand)
            }
        },
        Allocation::OnDemand => (on_demand()?, Allocation::OnDemand),
    };
    start_ticker(&engine)?;
    tracing::debug!(?allocation, "the WebAssembly engine is ready");
    Ok((engine, allocation))
}

fn config() -> Config {
    let mut config = Config::new();
    config.epoch_interruption(true);
    config.concurrency_support(false);
    config.wasm_memory64(false);
    config.wasm_multi_memory(false);
    config.wasm_tail_call(false);
    // Relaxed operations answer differently on different processors.
    config.wasm_relaxed_simd(false);
    config.max_wasm_stack(WASM_STACK_BYTES);
    config.async_stack_size(FIBER_STACK_BYTES);
    // A fiber's stack may have held a secret; the next call must not find it.
    config.async_stack_zeroing(true);
    config
}

fn pooled() -> wasmtime::Result<Engine> {
    let limits = Limits::default();
    let mut pool = PoolingAllocationConfig::new();
    let calls = CONCURRENT_CALLS;
    pool.total_component_instances(calls);
    pool.total_stacks(calls);
    // Rust components have three core instances, JavaScript four, Python 38: 16 on average is enough for a mixed load, and a call that
    // finds none waits for its turn like any other.
    pool.total_core_instances(calls * 16);
    pool.total_memories(calls * 2);
    pool.total_tables(calls * 8);
    pool.max_core_instances_per_component(u32::try_from(limits.instances).unwrap_or(u32::MAX));
    pool.max_memories_per_component(u32::try_from(limits.memories).unwrap_or(u32::MAX));
    pool.max_tables_per_component(u32::try_from(limits.tables).unwrap_or(u32::MAX));
    pool.table_elements(limits.table_elements);
    pool.max_memory_size(usize::try_from(MEMORY_CEILING_MIB).unwrap_or(0) * 1024 * 1024);
    // What stays resident between calls is cleared with memset instead of a system call; 1 MiB cost 25 µs a call.
    pool.linear_memory_keep_resident(64 * 1024);
    pool.table_keep_resident(16 * 1024);
    let mut config = config();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    let engine = Engine::new(&config)?;
    probe(&engine)?;
    Ok(engine)
}

fn on_demand() -> Result<Engine, EngineError> {
    let engine = Engine::new(&config()).map_err(|error| EngineError::Unsupported(format!("{error:#}")))?;
    probe(&engine).map_err(|error| EngineError::Unsupported(format!("{error:#}")))?;
    Ok(engine)
}

/// Some machines reserve the pool without complaint and fail at the first memory: so make one. (`\0asm`, version 1, one memory of a page.)
fn probe(engine: &Engine) -> wasmtime::Result<()> {
    const ONE_MEMORY: &[u8] = &[0, b'a', b's', b'm', 1, 0, 0, 0, 5, 3, 1, 0, 1];
    let module = Module::new(engine, ONE_MEMORY)?;
    let mut store = Store::new(engine, ());
    store.set_epoch_deadline(1_000);
    Instance::new(&mut store, &module, &[]).map(drop)
}

/// An operating system's thread, not a task: a runtime whose workers are all busy in guests must still tick.
fn start_ticker(engine: &Engine) -> Result<(), EngineError> {
    let engine = engine.weak();
    let tick = move || {
        loop {
            std::thread::sleep(TICK);
            let Some(engine) = engine.upgrade() else { return };
            engine.increment_epoch();
        }
    };
    std::thread::Builder::new()
        .name("provider-time".to_owned())
        .spawn(tick)
        .map(drop)
        .map_err(EngineError::Ticker)
}
