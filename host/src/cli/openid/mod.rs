//! Signing in at an issuer (OpenID Connect): a person in their browser, or a program with its client's secret.
//!
//! The issuer is found by its discovery document, which has to name the very issuer that the person named. Everything goes over https, or
//! over plain http to this machine's loopback. No answer of the issuer is repeated but its error's code and description, without
//! control characters; no secret is in any message.

mod authorization;
mod callback;
mod issuer;
mod renewal;

pub(super) use authorization::{Authorization, authorize};
pub(super) use issuer::Issuer;
pub(super) use renewal::current;
