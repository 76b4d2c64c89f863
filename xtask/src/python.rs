//! Python packages in virtual environments of their own: the clients that the tests hand tokens to (`target/upstreams/python`), schemathesis
//! (`target/schemathesis`), the tools of the Python example (`guests`), and those that the Python package for runners is checked with
//! (`target/runner-python`).
//!
//! Present is quick: one look at a stamp. Only wheels whose digests are in the requirements are installed, so no package runs code of its
//! own here.

use crate::install::{debian, read, said_by};
use crate::toolchain::Consent;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What `sdk/python` asks for; the packages themselves would do with 3.10.
const OLDEST_PYTHON_MINOR: u32 = 11;

/// Installs the clients and returns the environment's folder.
///
/// # Errors
/// As [`environment`].
pub fn clients(root: &Path, target: &Path, consent: Consent) -> Result<PathBuf> {
    let requirements = root.join("tests/upstreams/requirements.txt");
    let place = target.join("upstreams/python");
    environment(&place, &requirements, &read(&requirements)?, consent)?;
    Ok(place)
}

/// Installs what the Python package for runners is checked with.
///
/// # Errors
/// As [`environment`].
pub fn runner(root: &Path, target: &Path, consent: Consent) -> Result<()> {
    let requirements = root.join("sdk/python/requirements.txt");
    environment(&target.join("runner-python"), &requirements, &read(&requirements)?, consent)
}

/// Installs schemathesis, apart from the clients: it wants other versions of what they share. Returns the environment's folder.
///
/// # Errors
/// As [`environment`].
pub fn schemathesis(root: &Path, target: &Path, consent: Consent) -> Result<PathBuf> {
    let requirements = root.join("tests/upstreams/schemathesis.txt");
    let place = target.join("schemathesis");
    environment(&place, &requirements, &read(&requirements)?, consent)?;
    Ok(place)
}

/// Makes an environment at `place` with what the file `requirements` pins; `wanted` is its content.
///
/// # Errors
/// No Python and no leave to install it; a registry that does not answer, or answers with something else than was pinned.
pub(crate) fn environment(place: &Path, requirements: &Path, wanted: &str, consent: Consent) -> Result<()> {
    let stamp = place.join("installed");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    if !is_new_enough() {
        debian(
            consent,
            &format!("The Python clients, the Python example and the package for runners need Python 3.{OLDEST_PYTHON_MINOR} or newer."),
            &["python3", "python3-venv"],
        )?;
    }
    // Debian's python3 has the module and lacks what it copies from, which only trying tells; the words of the first try would mislead.
    if !venv(place, true)? {
        debian(
            consent,
            "Python packages are installed into virtual environments.",
            &["python3-venv"],
        )?;
        if !venv(place, false)? {
            bail!("`python3 -m venv` fails in `{}`; its words are above", place.display());
        }
    }
    println!("installing: pip install --require-hashes (in {})", place.display());
    let status = Command::new(place.join("bin/python"))
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"])
        .args(["--require-hashes", "--only-binary", ":all:", "--requirement"])
        .arg(requirements)
        .status()
        .context("cannot start `pip`")?;
    if !status.success() {
        bail!("`pip install` fails in `{}`; its words are above", place.display());
    }
    std::fs::write(&stamp, wanted).with_context(|| format!("cannot write `{}`", stamp.display()))
}

fn is_new_enough() -> bool {
    let version = said_by("python3", &["-c", "import sys; print(*sys.version_info[:2])"]);
    version.is_some_and(|version| {
        let mut parts = version.split(' ').map(|part| part.parse::<u32>().unwrap_or_default());
        (parts.next(), parts.next()) >= (Some(3), Some(OLDEST_PYTHON_MINOR))
    })
}

/// Makes the environment anew; whether that worked.
fn venv(place: &Path, is_quiet: bool) -> Result<bool> {
    let mut python = Command::new("python3");
    python.args(["-m", "venv", "--clear"]).arg(place);
    if is_quiet {
        python.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    }
    Ok(python.status().context("cannot start `python3`")?.success())
}
