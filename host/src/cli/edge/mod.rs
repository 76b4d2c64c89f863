//! At the edge: where a token is used. Git's helper, a process with its credentials in its environment, JSON for other programs.
//!
//! What is read here goes to another program and nowhere else: never into an argument, never into this process's own environment, and into a
//! file only where that was asked for.

mod child;
mod contract;
mod door;
mod exchanger;
mod exec;
mod git_credential;
mod git_protocol;
mod narrowing;
mod place;
mod platform;
mod process;
mod reading;
mod rejections;
mod renewal;
mod runner;
mod sidecar;
mod tether;
mod wallet;

pub(super) use exec::Exec;
pub(super) use git_credential::GitCredential;
pub(super) use process::CredentialProcess;
pub(super) use sidecar::Sidecar;
pub(super) use tether::Tether;
