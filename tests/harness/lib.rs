//! What the black-box suites stand on: the real binary started and stopped, a client for it, and upstreams by other people.
//!
//! Everything here fails with what a reader of a test's output needs: the request that was made, the answer that came, the end of
//! the server's own log.

pub mod api;
pub mod audit;
pub mod browser;
pub mod client;
pub mod dev_file;
pub mod exchange;
pub mod github;
pub mod issuer;
pub mod leak;
pub mod node;
pub mod process;
pub mod python;
pub mod raw;
pub mod serve;
pub mod server;
pub mod upstream;

pub use client::{Answer, Client};
pub use dev_file::DevFile;
pub use issuer::Issuer;
pub use serve::Served;
pub use server::{Claviger, Setup};
pub use upstream::{Emulator, Oidc, OpenId, Prism};

/// Whether the long version of a test is wanted (`cargo xtask test --full`).
#[must_use]
pub fn full() -> bool {
    std::env::var_os("CLAVIGER_TESTS").is_some_and(|value| value == "full")
}
