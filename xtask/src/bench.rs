//! `cargo xtask bench`: builds everything for release and runs `claviger-bench` (`tests/bench/`) against it.

use crate::providers::{self, Workspace};
use anyhow::{Context, Result, bail};
use std::process::{Command, Stdio};

/// What the command takes.
#[derive(clap::Args, Debug, Clone, Default)]
pub struct Options {
    /// Print one JSON object and nothing else.
    #[arg(long)]
    json: bool,
    /// Fail where a number misses its target.
    #[arg(long)]
    check: bool,
    /// Seconds per measurement.
    #[arg(long, default_value_t = 5)]
    seconds: u32,
    /// Install what is missing without asking.
    #[arg(long)]
    yes: bool,
}

/// Runs the benchmark.
///
/// # Errors
/// Something does not build, the benchmark breaks off, or, with `--check`, a target is missed.
pub fn run(options: &Options) -> Result<()> {
    let workspace = Workspace::read()?;
    providers::build(&providers::Options { yes: options.yes })?;
    let status = workspace
        .cargo()
        .args(["build", "--release", "--workspace", "--bin", "claviger", "--bin", "claviger-bench"])
        // Standard output is for the numbers.
        .stdout(Stdio::null())
        .status()
        .context("cannot start `cargo build --release`")?;
    if !status.success() {
        bail!("the workspace does not build for release");
    }
    let binaries = workspace.target.join("release");
    let mut bench = Command::new(binaries.join("claviger-bench"));
    bench.args(["--seconds", &options.seconds.to_string()]);
    if options.json {
        bench.arg("--json");
    }
    if options.check {
        bench.arg("--check");
    }
    let status = bench.status().context("cannot start `claviger-bench`")?;
    if !status.success() {
        bail!("the benchmark fails ({status})");
    }
    Ok(())
}
