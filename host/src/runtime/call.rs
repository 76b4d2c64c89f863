//! One call is one store: made for it, bounded in every direction, dropped on every path.
//!
//! Two clocks run. The epoch counts the guest's own time in ticks and yields at each, so that the second one, an ordinary timeout over the whole
//! call, fires even in a busy loop and also while the guest waits for a host function, where no epoch is looked at.

use super::fault::{Cause, classify};
use super::imports;
use super::limits::{CONCURRENT_CALLS, Limits, SETTLE};
use super::record::Record;
use super::state::{CallState, Setting, stop};
use futures::future::BoxFuture;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};
use wasmtime::{Engine, Store, UpdateDeadline};

/// Runs `body` in a fresh store. What it returns as an error is classified; what the host noted meanwhile comes along in any case.
pub(super) async fn run<T: Send>(
    engine: &Engine,
    slots: &Arc<Semaphore>,
    setting: Setting,
    body: impl for<'a> FnOnce(&'a mut Store<CallState>) -> BoxFuture<'a, wasmtime::Result<T>> + Send,
) -> (Result<T, Cause>, Arc<Record>) {
    let limits = setting.limits;
    let record = Arc::new(Record::default());
    let state = CallState::new(setting, Arc::clone(&record));
    let outcome = bounded(engine, slots, limits, state, &record, body).await;
    settle(&record).await;
    (outcome, record)
}

async fn bounded<T: Send>(
    engine: &Engine,
    slots: &Arc<Semaphore>,
    limits: Limits,
    state: CallState,
    record: &Record,
    body: impl for<'a> FnOnce(&'a mut Store<CallState>) -> BoxFuture<'a, wasmtime::Result<T>> + Send,
) -> Result<T, Cause> {
    let limit_ms = u64::try_from(limits.call.as_millis()).unwrap_or(u64::MAX);
    let deadline = Instant::now() + limits.call;
    let Ok(Ok(_slot)) = timeout_at(deadline, slots.acquire()).await else {
        return Err(Cause::Busy {
            limit_ms,
            slots: CONCURRENT_CALLS,
        });
    };
    let within = timeout_at(deadline, async {
        let mut store = open(engine, limits, state);
        let outcome = body(&mut store).await;
        imports::write_lines(store.data_mut());
        outcome
    });
    match within.await {
        Ok(outcome) => outcome.map_err(|error| classify(&error, &limits, record.last_words().as_deref())),
        Err(_) => Err(Cause::TimedOut { limit_ms }),
    }
}

fn open(engine: &Engine, limits: Limits, state: CallState) -> Store<CallState> {
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.limiter);
    store.set_hostcall_fuel(limits.host_call_bytes);
    store.set_max_component_handles(limits.handles);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |mut context| {
        let used = &mut context.data_mut().used;
        if !std::mem::take(&mut used.waited) {
            used.cpu_ticks += 1;
        }
        if used.cpu_ticks > limits.cpu_ticks() {
            return Err(stop(Cause::CpuExceeded { limit_ms: limits.cpu_ms }));
        }
        Ok(UpdateDeadline::Yield(1))
    });
    store
}

/// Waits for a rotation that the call began and did not live to see.
async fn settle(record: &Record) {
    if let Some(settled) = record.take_settled()
        && timeout(SETTLE, settled).await.is_err()
    {
        tracing::error!("a rotation has not come to its end; its intent stays in the journal");
    }
}
