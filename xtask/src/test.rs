//! `cargo xtask test`: installs what is missing, builds, runs everything.
//!
//! `cargo test` and not a runner of its own: it is there wherever cargo is, it runs the documentation's examples too, and the
//! black-box suite is one binary whose tests already run side by side.

use crate::providers::{self, Workspace};
use crate::toolchain::Consent;
use crate::{fuzz, guests, install, python, tally::Tally};
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

/// What the command takes.
#[derive(clap::Args, Debug, Clone, Default)]
pub struct Options {
    /// Also what takes long: more cases of the property tests, longer storms.
    #[arg(long)]
    full: bool,
    /// Install what is missing without asking.
    #[arg(long)]
    yes: bool,
    /// Only tests whose name contains this.
    filter: Option<String>,
    /// For the test binaries, after `--`.
    #[arg(last = true)]
    rest: Vec<String>,
}

/// Runs all tests.
///
/// # Errors
/// Something that is needed is missing, does not build, or fails.
pub fn run(options: &Options) -> Result<()> {
    let consent = Consent::from_flag(options.yes);
    let workspace = Workspace::read()?;

    step("providers", || providers::build(&providers::Options { yes: options.yes }).map(drop))?;
    step("upstreams", || {
        install::upstreams(&workspace.root, &workspace.target, consent)?;
        python::clients(&workspace.root, &workspace.target, consent)?;
        python::schemathesis(&workspace.root, &workspace.target, consent).map(drop)
    })?;
    step("runner", || python::runner(&workspace.root, &workspace.target, consent))?;
    step("guests", || guests::examples(&workspace.root, &workspace.target, consent).map(drop))?;
    step("postgresql", || install::postgresql(consent))?;
    step("build", || build(&workspace))?;
    let tally = step("tests", || test(&workspace, options))?;
    println!("{tally}");
    if !tally.is_green() {
        bail!("tests fail; their words are above");
    }
    if options.full && options.filter.is_none() {
        step("fuzz", || fuzz::all(options.yes))?;
    }
    Ok(())
}

/// The same features as the tests are built with: all packages are selected and no development dependency adds a feature
/// that an ordinary one does not have, so nothing is compiled twice.
fn build(workspace: &Workspace) -> Result<()> {
    let status = workspace
        .cargo()
        .args(["build", "--workspace", "--bins"])
        .status()
        .context("cannot start `cargo build`")?;
    if !status.success() {
        bail!("the workspace does not build");
    }
    Ok(())
}

fn test(workspace: &Workspace, options: &Options) -> Result<Tally> {
    let mut tally = Tally::default();
    for folder in [&workspace.root, &workspace.root.join(providers::OUTSIDE.0)] {
        test_in(folder, workspace, options, &mut tally)?;
    }
    Ok(tally)
}

fn test_in(folder: &Path, workspace: &Workspace, options: &Options, tally: &mut Tally) -> Result<()> {
    let mut cargo = workspace.cargo();
    cargo.current_dir(folder).env("CARGO_TARGET_DIR", &workspace.target);
    cargo.args(["test", "--workspace", "--no-fail-fast"]);
    if let Some(filter) = &options.filter {
        cargo.arg(filter);
    }
    cargo.arg("--").args(&options.rest);
    if options.full {
        cargo.env("CLAVIGER_TESTS", "full").env("PROPTEST_CASES", "10000");
    }
    let mut child = cargo.stdout(Stdio::piped()).spawn().context("cannot start `cargo test`")?;
    let output = child.stdout.take().context("`cargo test` has no output")?;
    for line in BufReader::new(output).lines() {
        let line = line.context("cannot read what `cargo test` says")?;
        tally.read(&line);
        println!("{line}");
    }
    let status = child.wait().context("cannot wait for `cargo test`")?;
    if !status.success() {
        tally.note_failure();
    }
    Ok(())
}

/// One heading and how long it took.
fn step<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("── {name}");
    std::io::stdout().flush()?;
    let begin = Instant::now();
    let outcome = work()?;
    println!("── {name}: {:.1} s", begin.elapsed().as_secs_f32());
    Ok(outcome)
}
