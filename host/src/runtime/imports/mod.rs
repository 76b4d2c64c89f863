//! The host functions: all that a provider can do beyond computing.
//!
//! Each counts itself first. A rule that is broken by data is a failure that the guest gets; one that only a faulty or hostile guest can break ends the call.

mod clock;
mod log;
mod secrets;
mod upstream;
pub(super) mod wasi;

pub(super) use self::log::write_lines;

use super::state::CallState;

// The two interfaces with types alone have nothing to call.
impl super::bind::base::claviger::provider::failures::Host for CallState {}
impl super::bind::base::claviger::provider::types::Host for CallState {}
