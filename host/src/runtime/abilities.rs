//! The optional interfaces of a component, each bound on its own.

use super::bind::{CONNECT, IDENTIFY, REVOKE, connecting, identifying, revoking};
use super::state::CallState;
use crate::manifest::Ability;
use wasmtime::component::{Component, InstancePre};

/// What a component exports beside the base.
pub(super) struct Abilities {
    pub(super) identifying: Option<identifying::IdentifyingPre<CallState>>,
    pub(super) revoking: Option<revoking::RevokingPre<CallState>>,
    pub(super) connecting: Option<connecting::ConnectingPre<CallState>>,
}

impl Abilities {
    /// Binds what is exported.
    ///
    /// # Errors
    /// If an export of one of these names has another type.
    pub(super) fn of(component: &Component, pre: &InstancePre<CallState>) -> wasmtime::Result<Self> {
        let exports = |name| component.get_export_index(None, name).is_some();
        Ok(Self {
            identifying: exports(IDENTIFY)
                .then(|| identifying::IdentifyingPre::new(pre.clone()))
                .transpose()?,
            revoking: exports(REVOKE).then(|| revoking::RevokingPre::new(pre.clone())).transpose()?,
            connecting: exports(CONNECT).then(|| connecting::ConnectingPre::new(pre.clone())).transpose()?,
        })
    }

    /// Whether the manifest, which the operator approved, says the same.
    ///
    /// # Errors
    /// What the manifest says too much or too little.
    pub(super) fn agree(&self, promised: &[Ability]) -> Result<(), String> {
        let exported = [
            (Ability::Identify, "identify", self.identifying.is_some()),
            (Ability::Revoke, "revoke", self.revoking.is_some()),
            (Ability::Connect, "connect", self.connecting.is_some()),
        ];
        for (ability, name, exported) in exported {
            match (promised.contains(&ability), exported) {
                (true, false) => return Err(format!("promises `{name}`, which the component does not export")),
                (false, true) => return Err(format!("does not mention `{name}`, which the component exports")),
                _ => {}
            }
        }
        Ok(())
    }
}
