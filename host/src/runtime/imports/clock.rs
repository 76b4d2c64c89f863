//! The clock: whole milliseconds, coarse on purpose (no fine timer beside secrets).

use crate::runtime::bind::base::claviger::provider::clock;
use crate::runtime::state::CallState;

impl clock::Host for CallState {
    fn now_ms(&mut self) -> wasmtime::Result<u64> {
        self.count()?;
        Ok(u64::try_from(self.clock.now_ms()).unwrap_or(0))
    }
}
