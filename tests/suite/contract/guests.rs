//! A component's import list is its permission list, in whatever language it was written.

use anyhow::{Context, Result, bail};
use claviger_tests::process::target_dir;
use wit_component::DecodedWasm;

/// What a component imports and exports.
fn interfaces(name: &str) -> Result<(Vec<String>, Vec<String>)> {
    let path = target_dir()?.join("providers-test").join(format!("{name}.wasm"));
    let bytes = std::fs::read(&path).with_context(|| format!("no `{}`; `cargo xtask test` builds it", path.display()))?;
    let DecodedWasm::Component(resolve, world) = wit_component::decode(&bytes)? else {
        bail!("`{name}` is no component");
    };
    let world = &resolve.worlds[world];
    let named = |keys: &mut dyn Iterator<Item = &wit_parser::WorldKey>| -> Vec<String> {
        let mut names: Vec<String> = keys.map(|key| resolve.name_world_key(key)).collect();
        names.sort();
        names
    };
    Ok((named(&mut world.imports.keys()), named(&mut world.exports.keys())))
}

#[test]
fn guests_of_other_languages_use_the_contract_and_nothing_else() -> Result<()> {
    let of = |names: &[&str]| -> Vec<String> { names.iter().map(|name| format!("claviger:provider/{name}@0.1.0")).collect() };
    for name in ["drop-in-javascript", "drop-in-python"] {
        let (imports, exports) = interfaces(name)?;
        assert_eq!(imports, of(&["clock", "failures", "log", "secrets", "types", "upstream"]), "{name}");
        // componentize-py adds an instance of its own, `exports`, which nobody calls.
        let ours: Vec<String> = exports.into_iter().filter(|name| name != "exports").collect();
        assert_eq!(ours, of(&["connect", "identify", "provider", "revoke"]), "{name}");
    }
    Ok(())
}

#[test]
fn the_same_provider_is_the_same_to_an_operator() -> Result<()> {
    let manifest = |language: &str| {
        let path = crate::source::root().join(format!("examples/drop-in-{language}/manifest.json"));
        std::fs::read_to_string(&path).with_context(|| format!("no `{}`", path.display()))
    };
    assert_eq!(manifest("javascript")?, manifest("python")?);
    Ok(())
}
