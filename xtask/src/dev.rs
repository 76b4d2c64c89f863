//! `cargo xtask dev`: builds what is needed and becomes `claviger dev`.

use crate::providers::{self, Workspace};
use anyhow::{Context, Result, bail};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// What the command takes.
#[derive(clap::Args, Debug, Clone, Default)]
pub struct Options {
    /// Tell the whole story once, and end with 0 or 1.
    #[arg(long)]
    tour: bool,
    /// Install what is missing without asking.
    #[arg(long)]
    yes: bool,
    /// For `claviger dev`, after `--`.
    #[arg(last = true)]
    rest: Vec<String>,
}

/// Does not return unless something is wrong: the process becomes the server, and signals and exit codes are its own.
///
/// # Errors
/// Something that is needed is missing or does not build.
pub fn run(options: &Options) -> Result<()> {
    let workspace = Workspace::read()?;
    providers::build(&providers::Options { yes: options.yes })?;
    // All packages are selected, though only one binary of them: that way the dependencies have the features that
    // `cargo xtask test` gives them, and neither command rebuilds what the other built.
    let status = workspace
        .cargo()
        .args(["build", "--workspace", "--bin", "claviger"])
        .status()
        .context("cannot start `cargo build`")?;
    if !status.success() {
        bail!("the host does not build");
    }
    let binary = workspace.target.join("debug/claviger");
    let mut claviger = Command::new(&binary);
    claviger.arg("dev");
    if options.tour {
        claviger.arg("--tour");
    }
    let error = claviger.args(&options.rest).exec();
    Err(error).with_context(|| format!("cannot start `{}`", binary.display()))
}
