//! From a core module to a component that imports nothing but the contract.

use anyhow::{Context, Result, bail};
use std::path::Path;
use wit_component::{ComponentEncoder, DecodedWasm};

/// The contract's package. A component's import list is its permission list, so nothing else may be in it.
const CONTRACT: &str = "claviger:provider/";

/// The interface that every provider exports.
const PROVIDER: &str = "claviger:provider/provider@";

/// The component of a core module, checked.
///
/// # Errors
/// The module cannot be read or encoded, or the component imports or lacks what it must not; the import is named.
pub fn encode(module: &Path) -> Result<Vec<u8>> {
    let core = std::fs::read(module).with_context(|| format!("cannot read `{}`", module.display()))?;
    let component = ComponentEncoder::default().validate(true).module(&core)?.encode()?;
    check(&component)?;
    Ok(component)
}

/// Whether that is a component that imports nothing but the contract, and a provider.
///
/// # Errors
/// It is not; the import is named.
pub(crate) fn check(component: &[u8]) -> Result<()> {
    let DecodedWasm::Component(resolve, world) = wit_component::decode(component)? else {
        bail!("it is a WIT package, not a component");
    };
    let world = resolve.worlds.get(world).context("it has no world")?;
    for key in world.imports.keys() {
        let name = resolve.name_world_key(key);
        if !name.starts_with(CONTRACT) {
            bail!("it imports `{name}`, which no provider may; remove the dependency that wants it");
        }
    }
    if !world.exports.keys().any(|key| resolve.name_world_key(key).starts_with(PROVIDER)) {
        bail!("it does not export `{PROVIDER}…`; in Rust, call `claviger_sdk::export_provider!` in it");
    }
    Ok(())
}
