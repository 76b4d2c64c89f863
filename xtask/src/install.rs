//! What a test run needs besides Rust: Node.js with pinned packages, and PostgreSQL for the records' suite.
//!
//! Present is quick: one look at a file. Absent is installed where that is possible without asking twice (see [`Consent`]), else
//! refused with the line to run.

use crate::toolchain::Consent;
use anyhow::{Context, Result, bail};
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Older ones lack what the upstreams' packages use.
const OLDEST_NODE_MAJOR: u32 = 18;

/// The PostgreSQL that the records' suite runs on, as Debian names it.
const POSTGRESQL_PACKAGE: &str = "postgresql-15";

/// Installs the upstreams' packages into `target/upstreams` and returns that folder.
///
/// # Errors
/// As [`npm`].
pub fn upstreams(root: &Path, target: &Path, consent: Consent) -> Result<PathBuf> {
    let (source, place) = (root.join("tests/upstreams"), target.join("upstreams"));
    let (package, lock) = (read(&source.join("package.json"))?, read(&source.join("package-lock.json"))?);
    npm(&place, &package, &lock, consent)?;
    Ok(place)
}

/// Installs what a lock file pins, digests and all, into `place/node_modules`.
///
/// The stamp is the content of both package files: an unchanged one means nothing to do, and a run that broke off leaves none.
///
/// # Errors
/// No Node.js and no leave to install it; a registry that does not answer, or answers with something else than was pinned.
pub(crate) fn npm(place: &Path, package: &str, lock: &str, consent: Consent) -> Result<()> {
    let wanted = format!("{package}{lock}");
    let stamp = place.join("installed");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    node(consent)?;
    std::fs::create_dir_all(place).with_context(|| format!("cannot create `{}`", place.display()))?;
    let _ = std::fs::remove_file(&stamp);
    for (name, content) in [("package.json", package), ("package-lock.json", lock)] {
        let path = place.join(name);
        std::fs::write(&path, content).with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    println!("installing: npm ci (in {})", place.display());
    // No package of these needs its install script, and a script is other people's code run as the developer.
    let status = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(place)
        .status()
        .context("cannot start `npm`")?;
    if !status.success() {
        bail!("`npm ci` fails in `{}`; its words are above", place.display());
    }
    std::fs::write(&stamp, wanted).with_context(|| format!("cannot write `{}`", stamp.display()))
}

pub(crate) fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))
}

fn node(consent: Consent) -> Result<()> {
    let version = || {
        let version = said_by("node", &["--version"])?;
        version.strip_prefix('v')?.split('.').next()?.parse::<u32>().ok()
    };
    let fits = || version().is_some_and(|major| major >= OLDEST_NODE_MAJOR) && said_by("npm", &["--version"]).is_some();
    if fits() {
        return Ok(());
    }
    let why = format!("The third-party upstreams and the JavaScript example need Node.js {OLDEST_NODE_MAJOR} or newer, with npm.");
    debian(consent, &why, &["nodejs", "npm"])?;
    if !fits() {
        bail!("Node.js {OLDEST_NODE_MAJOR} or newer with npm is needed, and what was installed is not that; install it by hand");
    }
    Ok(())
}

/// Sees to it that `initdb` and `postgres` are there.
///
/// # Errors
/// They are not, and may not be installed.
pub fn postgresql(consent: Consent) -> Result<()> {
    if has_postgresql() {
        return Ok(());
    }
    debian(consent, "The records' suite also runs on PostgreSQL.", &[POSTGRESQL_PACKAGE])?;
    if !has_postgresql() {
        bail!("`{POSTGRESQL_PACKAGE}` was installed, yet there is no `initdb` below `/usr/lib/postgresql`");
    }
    Ok(())
}

fn has_postgresql() -> bool {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    versions.into_iter().any(|version| version.path().join("bin/initdb").exists())
}

/// Installs Debian's packages as root; anybody else is told the line.
pub(crate) fn debian(consent: Consent, why: &str, packages: &[&str]) -> Result<()> {
    let line = format!("apt-get install -y --no-install-recommends {}", packages.join(" "));
    let is_root = said_by("id", &["-u"]).is_some_and(|id| id == "0");
    let can = is_root && said_by("apt-get", &["--version"]).is_some();
    if !can || !agreed(consent, why, &line) {
        bail!("{why} Run this, then this command again:\n  sudo {line}\nor let this command do it, as root: add `--yes`");
    }
    println!("installing: {line}");
    let install = || {
        let mut apt = Command::new("apt-get");
        apt.env("DEBIAN_FRONTEND", "noninteractive");
        apt.args(["install", "-y", "--no-install-recommends"]).args(packages);
        apt.status().is_ok_and(|status| status.success())
    };
    // A machine that never looked has no list of packages yet.
    if install() || (said_by("apt-get", &["update"]).is_some() && install()) {
        return Ok(());
    }
    bail!("`{line}` fails; its words are above");
}

fn agreed(consent: Consent, why: &str, line: &str) -> bool {
    match consent {
        Consent::Given => true,
        Consent::Withheld => false,
        Consent::Ask => {
            print!("{why} Run `{line}` now? [y/N] ");
            let mut answer = String::new();
            let read = std::io::stdout()
                .flush()
                .and_then(|()| std::io::stdin().lock().read_line(&mut answer));
            read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
        }
    }
}

pub(crate) fn said_by(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
