//! Who may do what: roles, bindings, scope resolution, and the one decision that yields a [`Permit`].
//!
//! Everything here is pure or in memory. [`decide()`] takes an [`EffectiveUser`](crate::identity::EffectiveUser), which only
//! `identity` builds, and returns either a [`Permit`], which nothing else can build and without which neither cache nor broker
//! answers, or a [`Denial`] with a stable code; and with it the trace of every step, for `explain`. [`permit()`] decides alike and
//! leaves the trace out.
//!
//! The data is an [`Index`] in memory, kept current by [`Change`]s. If it is more than [`MAX_BEHIND_MS`] behind, every decision
//! is a refusal.

pub mod decide;
pub mod explain;
pub mod index;
pub mod manage;
pub mod permit;
pub mod rebinding;
pub mod resolve;
pub mod resources;
pub mod roles;

pub use decide::{Decision, Target, TokenRequest, decide, permit};
pub use index::{Change, Index, LiveIndex, MAX_BEHIND_MS, Snapshot};
pub use permit::{Denial, MaintenancePermit, Permit, Reason};
pub use resolve::{Resolution, Tier, resolve};

use crate::ids::{BindingId, CredentialId};

/// One step of a decision or of a resolution, in the order in which it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What was looked at: `agent`, `project`, `global`, `connected-account`, `own-binding`, `session-grant`, `open-turn` …
    pub rule: &'static str,
    /// How it ended.
    pub verdict: Verdict,
    /// The credential it was about.
    pub credential: Option<CredentialId>,
    /// The binding it was about.
    pub binding: Option<BindingId>,
    /// Why: a stable code.
    pub why: &'static str,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// This decided.
    Won,
    /// Another one was more specific or earlier.
    Lost,
    /// It did not apply.
    Skipped,
}

#[cfg(test)]
mod tests;
