//! What a provider component for Claviger is written with.
//!
//! A provider turns a stored credential into a token. It implements [`Provider`] (and [`Identify`], [`Revoke`], [`Connect`], where it can),
//! and calls [`export_provider!`] once. Everything else here is for its two jobs: describing a request with secrets that it
//! cannot read, and saying what an answer means.
//!
//! The same code runs in two places. Built for `wasm32`, calls go to the host through the contract in `wit/`. Built for
//! anything else, they go to the [`testing`] host of the current thread, so a provider's tests are ordinary `cargo test`.
//!
//! What fails is a [`Failure`]; one that the host reports is passed on with `?`. A panic ends the call: its text reaches the
//! operator's log, and the reader gets an error that names the provider.

#[cfg(target_arch = "wasm32")]
extern crate self as claviger_sdk;

mod account;
mod body;
mod credential;
mod export;
mod failure;
mod instance;
mod jwt;
mod narrowing;
pub mod oauth;
mod reply;
mod request;
mod response;
mod secret;
mod timestamp;
mod token;

#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod guest;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

#[cfg(target_arch = "wasm32")]
use guest as host;
#[cfg(not(target_arch = "wasm32"))]
use testing as host;

pub use account::{Account, Identity, is_address};
pub use body::{Body, Form, Json, query};
pub use credential::{Credential, Value};
pub use export::{Connect, Identify, Provider, Revoke};
pub use failure::{Failure, Retry, codes};
pub use instance::instance_base;
pub use jwt::sign_rs256;
pub use narrowing::Narrowing;
pub use reply::Reply;
pub use request::Request;
pub use response::Response;
pub use secret::{Encoding, Part, Secret, join};
pub use timestamp::{date_ms, date_of_ms, http_date_ms, rfc3339_ms};
pub use token::Token;

#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub use wit_bindgen;

/// The host's clock, in milliseconds since the Unix epoch.
#[must_use]
pub fn now_ms() -> u64 {
    host::now_ms()
}

/// How urgent a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// For authors.
    Debug,
    /// Worth knowing.
    Info,
    /// Something that an operator should look at.
    Warn,
    /// Something that stopped the call.
    Error,
}

impl Level {
    /// As the contract writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// A line for the operator. The host takes out the secrets of this call and cuts what is too long.
pub fn log(level: Level, message: &str) {
    host::log(level.as_str(), message);
}
