//! `cargo xtask component FOLDER`: a provider outside this workspace. A crate is built as the built-in ones are; for other languages see `guests`.

use crate::guests::{self, Language};
use crate::providers::{self, Workspace};
use crate::toolchain::{Consent, Toolchain};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// What the command takes.
#[derive(clap::Args, Debug, Clone, Default)]
pub struct Options {
    /// The provider's folder.
    folder: PathBuf,
    /// Where the component goes; `target/components/NAME.wasm` if absent: the package's name, or the folder's.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Install what is missing without asking.
    #[arg(long)]
    yes: bool,
}

/// Builds the provider and returns the component's path.
///
/// # Errors
/// As [`providers::build`] or [`guests::build`]; a folder that is neither one crate nor has a build script.
pub fn run(options: Options) -> Result<PathBuf> {
    let workspace = Workspace::read()?;
    let consent = Consent::from_flag(options.yes);
    let components = workspace.target.join("components");
    let out = |name: &str| options.out.unwrap_or_else(|| components.join(format!("{name}.wasm")));
    let folder = canonical(&options.folder)?;
    match Language::of(&folder) {
        Some(language) => guests::build(language, &folder, &workspace.target, consent, out),
        None => build(&Toolchain::find_or_install(&consent)?, &workspace, &folder, out),
    }
}

/// Builds the crate in `folder` into the file that `out` names for its package.
///
/// # Errors
/// As [`run`].
pub(crate) fn build(toolchain: &Toolchain, workspace: &Workspace, folder: &Path, out: impl FnOnce(&str) -> PathBuf) -> Result<PathBuf> {
    let folder = canonical(folder)?;
    let package = package(&providers::metadata(&folder)?, &folder.join("Cargo.toml"))?;
    providers::compile(toolchain, workspace, &folder, &[&package])?;
    providers::encode(workspace, &folder, &package, &out(&package))
}

fn canonical(folder: &Path) -> Result<PathBuf> {
    folder
        .canonicalize()
        .with_context(|| format!("cannot read the provider in `{}`", folder.display()))
}

/// The name of the package whose `Cargo.toml` that is.
fn package(metadata: &Value, manifest: &Path) -> Result<String> {
    let packages = metadata.get("packages").and_then(Value::as_array);
    let found = packages
        .into_iter()
        .flatten()
        .find(|package| package.get("manifest_path").and_then(Value::as_str).map(Path::new) == Some(manifest));
    match found.and_then(|package| package.get("name")?.as_str()) {
        Some(name) => Ok(name.to_owned()),
        None => bail!(
            "`{}` is no package; name the folder of one crate, or of a provider with `build.mjs` or `build.py`",
            manifest.display()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::package;
    use serde_json::json;
    use std::path::Path;

    #[test]
    fn the_package_is_the_folders_own() {
        let metadata = json!({ "packages": [
            { "name": "other", "manifest_path": "/a/other/Cargo.toml" },
            { "name": "mine", "manifest_path": "/a/mine/Cargo.toml" },
        ] });
        assert_eq!(package(&metadata, Path::new("/a/mine/Cargo.toml")).unwrap(), "mine");
        let error = package(&metadata, Path::new("/a/Cargo.toml")).unwrap_err().to_string();
        assert!(error.contains("`/a/Cargo.toml` is no package"), "{error}");
    }
}
