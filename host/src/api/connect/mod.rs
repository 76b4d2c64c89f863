//! Connecting an account: with a token that the person has, or by consenting in a browser.
//!
//! What protects a consent (RFC 6749 section 10.12, RFC 9700 section 4.7): its `state` is random, kept hashed and good for one return; where the
//! upstream can, the exchange proves itself with PKCE; the browser that consented is shown a code, and only the bearer that started, with that code,
//! completes it, once, within ten minutes. So a link that is sent to somebody else connects nobody: not their account to the sender's profile, for the
//! sender does not see the code, and not the sender's to theirs, for it is not their bearer's consent.

mod account;
mod callback;
mod code;
mod complete;
pub mod copies;
mod document;
mod forms;
pub mod github;
mod given;
pub mod instances;
pub mod overview;
mod pace;
pub mod servers;
mod start;
mod trial;

pub use account::{disconnect, status};
pub use callback::returned;
pub use complete::complete;
pub(super) use pace::Trials;
pub use start::connect;
pub use trial::test;

/// The names under which a consent keeps its secrets.
mod kept {
    pub(super) const VERIFIER: &str = "verifier";
    pub(super) const CODE: &str = "code";
    pub(super) const CONFIRMATION: &str = "confirmation";
    pub(super) const TOKEN: &str = "token";
    /// Before the name of a stored field.
    pub(super) const FIELD: &str = "field:";
}
