//! The targets under libFuzzer. `CLAVIGER_FUZZ` names the one that runs; `cargo xtask fuzz` sets it.
#![no_main]
#![expect(clippy::expect_used, reason = "without a target there is nothing to run")]

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use std::sync::OnceLock;

fn name() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| std::env::var("CLAVIGER_FUZZ").expect("CLAVIGER_FUZZ names a target"))
}

fuzz_target!(|data: &[u8]| {
    static RUN: OnceLock<fn(&[u8])> = OnceLock::new();
    RUN.get_or_init(|| claviger_fuzz::target(name()).expect("there is no such target"))(data);
});

// Bytes changed blindly seldom stay JSON; so two of three changes are made to the scenario, the third to its bytes.
fuzz_mutator!(|data: &mut [u8], size: usize, most: usize, seed: u32| {
    if seed % 3 != 0
        && let Some(next) = claviger_fuzz::mutate::scenario(name(), &data[..size], most, seed)
    {
        data[..next.len()].copy_from_slice(&next);
        return next.len();
    }
    fuzzer_mutate(data, size, most)
});
