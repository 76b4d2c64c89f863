//! `cargo xtask providers`: the provider crates, built for `wasm32-unknown-unknown` and made components.
//!
//! Cargo decides what is stale. A component is written only if its bytes changed, so that whoever embeds it by its
//! modification time (`host/build.rs`) has nothing to do either.

use crate::toolchain::{Consent, Toolchain};
use crate::{component, outside};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-unknown-unknown";
const PROFILE: &str = "guest";

/// What the command takes.
#[derive(clap::Args, Debug, Clone, Default)]
pub struct Options {
    /// Install what is missing without asking.
    #[arg(long)]
    pub yes: bool,
}

/// Builds all providers and returns the components' paths, in the order of their names.
///
/// # Errors
/// No toolchain for guests and no leave to install one; a crate that does not compile; a component that wants more than the
/// contract gives.
pub fn build(options: &Options) -> Result<Vec<PathBuf>> {
    let workspace = Workspace::read()?;
    let toolchain = Toolchain::find_or_install(&Consent::from_flag(options.yes))?;
    let names: Vec<&str> = workspace.providers.iter().map(|package| package.name.as_str()).collect();
    compile(&toolchain, &workspace, &workspace.root, &names)?;

    let mut components = Vec::new();
    for Package { name, out } in &workspace.providers {
        let file = format!("{}.wasm", name.trim_start_matches("provider-"));
        components.push(encode(&workspace, &workspace.root, name, &workspace.target.join(out).join(file))?);
    }
    let (folder, out) = OUTSIDE;
    components.push(outside::build(&toolchain, &workspace, &workspace.root.join(folder), |package| {
        workspace.target.join(out).join(format!("{package}.wasm"))
    })?);
    Ok(components)
}

/// Compiles packages of the workspace in `folder`, ours or somebody else's.
pub(crate) fn compile(toolchain: &Toolchain, workspace: &Workspace, folder: &Path, packages: &[&str]) -> Result<()> {
    let mut cargo = toolchain.cargo();
    cargo
        .current_dir(folder)
        .arg("build")
        .arg("--config")
        .arg(workspace.root.join("xtask/guest.toml"))
        .args(["--profile", PROFILE, "--target", TARGET]);
    cargo
        .args(toolchain.arguments())
        .env("CARGO_TARGET_DIR", guest_target(workspace, folder));
    for package in packages {
        cargo.args(["--package", package]);
    }
    // Flags for the host's processor do not fit the guest. And the paths of this machine are none of a component's business:
    // without them the same sources make the same bytes, hence the same digest, wherever they lie.
    let mut remapped: Vec<String> = remaps(&workspace.root)
        .map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()))
        .collect();
    if !folder.starts_with(&workspace.root) {
        remapped.push(format!("--remap-path-prefix={}=/provider", folder.display()));
    }
    cargo.env("CARGO_ENCODED_RUSTFLAGS", remapped.join("\x1f"));
    for name in ["RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_TARGET"] {
        cargo.env_remove(name);
    }
    let status = cargo.status().with_context(|| format!("cannot start `{}`", toolchain.name()))?;
    if !status.success() {
        bail!("`{}` does not compile for {TARGET} ({})", packages.join("`, `"), toolchain.name());
    }
    Ok(())
}

/// Where guests of this folder are built. What lies outside the repository is compiled with a flag more (its own path, remapped), and
/// cargo would build everything anew whenever the flags change: each such folder has a place of its own.
fn guest_target(workspace: &Workspace, folder: &Path) -> PathBuf {
    if folder.starts_with(&workspace.root) {
        return workspace.target.join("guest");
    }
    let name: String = folder
        .to_string_lossy()
        .chars()
        .map(|c| if c.is_alphanumeric() { c } else { '-' })
        .collect();
    workspace.target.join("guest-outside").join(name.trim_matches('-'))
}

/// Makes a component of what was compiled in `folder`, and returns where it is.
pub(crate) fn encode(workspace: &Workspace, folder: &Path, package: &str, out: &Path) -> Result<PathBuf> {
    let modules = guest_target(workspace, folder).join(TARGET).join(PROFILE);
    let module = modules.join(format!("{}.wasm", package.replace('-', "_")));
    let bytes = component::encode(&module).with_context(|| format!("package `{package}` does not make a component"))?;
    if let Some(folder) = out.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
    }
    write_if_changed(out, &bytes)?;
    Ok(out.to_owned())
}

fn remaps(root: &Path) -> impl Iterator<Item = (PathBuf, &'static str)> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    let sources = (PathBuf::from("/usr/lib/rustlib/src/rust"), "/rust");
    [(root.to_owned(), "/claviger"), sources]
        .into_iter()
        .chain(home.map(|home| (home, "/cargo")))
}

/// Through a temporary name, so that nobody ever reads half a component.
fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<()> {
    if std::fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let part = path.with_extension(format!("wasm.{}", std::process::id()));
    std::fs::write(&part, bytes)
        .and_then(|()| std::fs::rename(&part, path))
        .with_context(|| format!("cannot write `{}`", path.display()))
}

/// What cargo says about this workspace.
pub struct Workspace {
    /// The folder of the workspace's `Cargo.toml`.
    pub root: PathBuf,
    /// Where cargo builds.
    pub target: PathBuf,
    providers: Vec<Package>,
}

/// Where guests lie, and the folder of `target` that their components go to. What is in the first is embedded by `host/build.rs`; the
/// second is for the sandbox's tests alone.
const GUESTS: [(&str, &str); 2] = [("providers", "providers"), ("tests/hostile", "providers-test")];

/// The provider outside the workspace, built for the tests as its author would build it.
pub(crate) const OUTSIDE: (&str, &str) = ("examples/drop-in-rust", "providers-test");

/// A guest crate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Package {
    name: String,
    out: &'static str,
}

impl Workspace {
    /// A cargo that works in this workspace, as if it had been called from a shell: what cargo tells the package that it runs, this one, is taken
    /// out. Some build scripts (ring's) ask to run again when such a variable changes, and with ring goes everything above it.
    pub fn cargo(&self) -> Command {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(&self.root);
        let told = |name: &str| name == "OUT_DIR" || name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(told) {
                cargo.env_remove(name);
            }
        }
        cargo
    }

    /// Asks cargo.
    ///
    /// # Errors
    /// Cargo does not answer, or no provider belongs to the workspace.
    pub fn read() -> Result<Self> {
        let metadata = metadata(Path::new(env!("CARGO_MANIFEST_DIR")))?;
        let path = |key: &str| metadata.get(key).and_then(Value::as_str).map(PathBuf::from);
        let root = path("workspace_root").context("`cargo metadata` names no workspace")?;
        let target = path("target_directory").context("`cargo metadata` names no target directory")?;
        let packages = metadata.get("packages").and_then(Value::as_array);
        let mut providers: Vec<Package> = packages
            .into_iter()
            .flatten()
            .filter_map(|package| {
                let manifest = Path::new(package.get("manifest_path")?.as_str()?);
                let (_, out) = GUESTS.into_iter().find(|(folder, _)| manifest.starts_with(root.join(folder)))?;
                Some(Package {
                    name: package.get("name")?.as_str()?.to_owned(),
                    out,
                })
            })
            .collect();
        providers.sort();
        if providers.is_empty() {
            bail!("no package of the workspace lies below `{}`", root.join("providers").display());
        }
        Ok(Self { root, target, providers })
    }
}

/// What cargo says about the workspace that `folder` belongs to.
///
/// # Errors
/// There is none, or it does not read.
pub(crate) fn metadata(folder: &Path) -> Result<Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(folder)
        .output()
        .with_context(|| format!("cannot start `cargo metadata` in `{}`", folder.display()))?;
    if !output.status.success() {
        bail!("`cargo metadata` fails: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    serde_json::from_slice(&output.stdout).context("`cargo metadata` does not answer with JSON")
}
