//! `cargo xtask component FOLDER`: a provider crate outside this workspace, built as the built-in ones are.

use crate::providers::{self, Workspace};
use crate::toolchain::{Consent, Toolchain};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// What the command takes.
#[derive(clap::Args, Debug, Clone, Default)]
pub struct Options {
    /// The crate's folder.
    folder: PathBuf,
    /// Where the component goes; `target/components/PACKAGE.wasm` if absent.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Install what is missing without asking.
    #[arg(long)]
    yes: bool,
}

/// Builds the crate and returns the component's path.
///
/// # Errors
/// As [`providers::build`]; a folder that is not one crate.
pub fn run(options: Options) -> Result<PathBuf> {
    let workspace = Workspace::read()?;
    let toolchain = Toolchain::find_or_install(&Consent::from_flag(options.yes))?;
    let components = workspace.target.join("components");
    build(&toolchain, &workspace, &options.folder, |package| {
        options.out.unwrap_or_else(|| components.join(format!("{package}.wasm")))
    })
}

/// Builds the crate in `folder` into the file that `out` names for its package.
///
/// # Errors
/// As [`run`].
pub(crate) fn build(toolchain: &Toolchain, workspace: &Workspace, folder: &Path, out: impl FnOnce(&str) -> PathBuf) -> Result<PathBuf> {
    let folder = folder
        .canonicalize()
        .with_context(|| format!("cannot read the crate in `{}`", folder.display()))?;
    let package = package(&providers::metadata(&folder)?, &folder.join("Cargo.toml"))?;
    providers::compile(toolchain, workspace, &folder, &[&package])?;
    providers::encode(workspace, &folder, &package, &out(&package))
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
        None => bail!("`{}` is no package; name the folder of one crate", manifest.display()),
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
