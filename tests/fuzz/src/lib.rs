//! Fuzz targets for everything that reads an upstream's answer, and for the filter that a client writes.
//!
//! A target takes any bytes, makes a [`Scenario`](scenario::Scenario) of them, runs the code that reads answers and panics if something that
//! must always hold does not. The same functions run in two places: under libFuzzer, built with coverage by `cargo xtask fuzz`, and over the
//! committed corpus in every `cargo test` (`tests/replay.rs`), without it.
//!
//! The providers run natively, whole, on the SDK's test host. The host's own readers (`runtime::answer`, `runtime::echo`, the manifest) are
//! compiled here from their own files, because the package they belong to takes wasmtime along, which would be built a second time for the
//! instrumented build.
// `cargo test --lib` compiles even a library that says it has no tests. Those of the host's files run where they belong.
#![cfg(not(test))]
#![expect(
    clippy::panic,
    reason = "a target that found something says so by panicking, for that is what the fuzzer catches"
)]

pub mod expect;
mod likeness;
pub mod mutate;
pub mod provider;
pub mod scenario;
pub mod setup;
pub mod setups;
pub mod times;

/// The host's files, where they lie.
#[expect(dead_code, unused_imports, reason = "the host uses all of it; the targets use what reads")]
#[path = "../../../host/src"]
mod host {
    pub mod clock;
    pub mod ids;
    pub mod json;
    pub mod manifest;
    pub mod secret;

    pub mod api {
        pub mod search;

        #[path = "../../../tests/fuzz/src/searches.rs"]
        pub mod searches;
    }

    pub mod runtime {
        pub mod answer;
        pub mod echo;
        pub mod held;
        pub mod pointer;

        #[path = "../../../tests/fuzz/src/answers.rs"]
        pub mod answers;
        #[path = "../../../tests/fuzz/src/echoes.rs"]
        pub mod echoes;
    }
}

// The host's files name each other from their own crate's root.
use host::{api, clock, ids, json, manifest, runtime, secret};

/// A target's name and function.
pub type Target = (&'static str, fn(&[u8]));

/// All targets. Each has a folder of this name in `corpus/`.
pub const TARGETS: [Target; 8] = [
    ("github", provider::github),
    ("gitlab", provider::gitlab),
    ("jira", provider::jira),
    ("google", provider::google),
    ("answer", runtime::answers::target),
    ("echo", runtime::echoes::target),
    ("times", times::target),
    ("search", api::searches::target),
];

/// The target of this name.
#[must_use]
pub fn target(name: &str) -> Option<fn(&[u8])> {
    TARGETS.iter().find(|(known, _)| *known == name).map(|(_, run)| *run)
}
