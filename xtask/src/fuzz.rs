//! `cargo xtask fuzz`: the targets of `tests/fuzz` under libFuzzer.
//!
//! Coverage comes from LLVM's own pass, whose flags the stable compiler takes. They are given to everything that runs on the target, so what
//! is built with them lies in a target folder of its own, and naming the target keeps them from build scripts.

use crate::install;
use crate::providers::Workspace;
use crate::toolchain::Consent;
use anyhow::{Context, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// The flags that cargo-fuzz sets, without a sanitizer: there is no unsafe code here for one to watch.
const COVERAGE: [&str; 7] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
];
/// Inputs for each target, unless somebody says otherwise.
const RUNS: u64 = 1_000_000;
/// Bytes of one input: several answers of an upstream.
const LONGEST: u32 = 4096;
/// Seconds after which one input counts as a hang; the usual one takes less than a millisecond.
const HANGS: u32 = 10;

/// What the command takes.
#[derive(clap::Args, Debug, Clone)]
pub struct Options {
    /// One target instead of all: `github`, `gitlab`, `jira`, `google`, `answer`, `echo`, `times`, `search`.
    target: Option<String>,
    /// Inputs for each target.
    #[arg(long, default_value_t = RUNS)]
    runs: u64,
    /// Run these inputs instead of making new ones: what a crash left, a seed.
    #[arg(long, requires = "target")]
    input: Vec<PathBuf>,
    /// Install what is missing without asking.
    #[arg(long)]
    yes: bool,
}

/// Builds the targets and runs them, one after another.
///
/// # Errors
/// Something is missing or does not build, or an input was found that breaks what must hold.
pub fn run(options: &Options) -> Result<()> {
    let workspace = Workspace::read()?;
    let fuzzer = build(&workspace, Consent::from_flag(options.yes))?;
    let known = targets(&workspace.root)?;
    if let Some(target) = &options.target {
        ensure!(known.contains(target), "there is no target `{target}`, but {}", known.join(", "));
    }
    let wanted: Vec<&String> = known
        .iter()
        .filter(|name| options.target.as_ref().is_none_or(|target| target == *name))
        .collect();
    for target in wanted {
        fuzz(&workspace, &fuzzer, target, options)?;
    }
    Ok(())
}

/// Every target, a million inputs each.
///
/// # Errors
/// As [`run`].
pub fn all(yes: bool) -> Result<()> {
    run(&Options {
        target: None,
        runs: RUNS,
        input: Vec::new(),
        yes,
    })
}

/// The folders of the corpus, which are called like their targets.
fn targets(root: &Path) -> Result<Vec<String>> {
    let corpus = root.join("tests/fuzz/corpus");
    let entries = std::fs::read_dir(&corpus).with_context(|| format!("cannot read `{}`", corpus.display()))?;
    let mut names: Vec<String> = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    Ok(names)
}

fn build(workspace: &Workspace, consent: Consent) -> Result<PathBuf> {
    if install::said_by("c++", &["--version"]).is_none() {
        install::debian(consent, "libFuzzer is built with a C++ compiler.", &["g++"])?;
    }
    let version = install::said_by("rustc", &["-vV"]).context("there is no `rustc`")?;
    let machine = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .context("`rustc -vV` names no host")?;
    let target = workspace.target.join("fuzz");
    let mut cargo = workspace.cargo();
    cargo
        .args([
            "build",
            "--profile",
            "fuzz",
            "--package",
            "claviger-fuzz",
            "--features",
            "libfuzzer",
        ])
        .args(["--target", machine])
        .env("CARGO_TARGET_DIR", &target)
        .env("CARGO_ENCODED_RUSTFLAGS", COVERAGE.join("\x1f"));
    for name in ["RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"] {
        cargo.env_remove(name);
    }
    if !cargo.status().context("cannot start `cargo build`")?.success() {
        bail!("the fuzz targets do not build");
    }
    Ok(target.join(machine).join("fuzz/claviger-fuzz"))
}

fn fuzz(workspace: &Workspace, fuzzer: &Path, target: &str, options: &Options) -> Result<()> {
    let package = workspace.root.join("tests/fuzz");
    let found = workspace.target.join("fuzz/found").join(target);
    let grown = workspace.target.join("fuzz/corpus").join(target);
    for folder in [&found, &grown] {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
    }
    let mut command = Command::new(fuzzer);
    command.current_dir(&package).env("CLAVIGER_FUZZ", target);
    command.arg(format!("-artifact_prefix={}/", found.display()));
    command.args([format!("-timeout={HANGS}"), format!("-max_len={LONGEST}")]);
    if options.input.is_empty() {
        command
            .args([
                format!("-runs={}", options.runs),
                "-dict=words.dict".to_owned(),
                "-print_final_stats=1".to_owned(),
            ])
            // What it finds worth keeping goes to the first folder; the committed seeds are read.
            .arg(&grown)
            .arg(Path::new("corpus").join(target));
    } else {
        let here = std::env::current_dir().context("there is no current folder")?;
        command.args(options.input.iter().map(|input| here.join(input)));
    }
    println!("── fuzz {target}");
    let begin = Instant::now();
    let status = command.status().with_context(|| format!("cannot start `{}`", fuzzer.display()))?;
    if !status.success() {
        bail!(
            "target `{target}` found something; it lies in `{}`. Look at it with `cargo xtask fuzz {target} --input FILE`, mend the code, and keep \
             the file in `tests/fuzz/corpus/{target}/`",
            found.display()
        );
    }
    println!("── fuzz {target}: {:.1} s", begin.elapsed().as_secs_f32());
    Ok(())
}
