//! The sandbox from outside: what good providers do in it, and what hostile ones cannot. One program, for linking wasmtime takes longest.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that fails panics, its fixture included"
)]

mod abilities;
mod fixture;
mod github;
mod google;
mod guests;
mod hostile;
mod providers;
