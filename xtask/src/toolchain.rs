//! What compiles guests: the `wasm32-unknown-unknown` target of the toolchain in use, or, where that cannot be downloaded,
//! Debian's Rust, which brings the sources of the standard library.
//!
//! With neither there, the command installs one if it may: on a terminal it asks; as root without one it needs `--yes` or
//! `CI=true`. Where it may not, it fails with the lines to run.

use anyhow::{Context, Result, bail};
use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const TARGET: &str = "wasm32-unknown-unknown";
const DEBIAN_PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_STD: &str = "/usr/lib/rustlib/src/rust/library/std/Cargo.toml";

/// The oldest minor version of Rust that this workspace compiles with (`rust-version` in `Cargo.toml`).
const OLDEST_MINOR: u32 = 95;

/// A way to compile guests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Toolchain {
    /// The toolchain in use has the target.
    Target,
    /// Debian's compiler builds the standard library from its sources, and this linker, which Debian's lacks, links.
    Debian {
        /// `rust-lld` of the toolchain in use, or `wasm-ld`.
        linker: PathBuf,
    },
}

/// Whether something may be installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// Somebody said so beforehand.
    Given,
    /// There is a terminal to ask on.
    Ask,
    /// Nobody to ask.
    Withheld,
}

impl Consent {
    /// By the flag, the environment and the terminal.
    pub fn from_flag(yes: bool) -> Self {
        if yes || std::env::var_os("CI").is_some_and(|value| value == "true" || value == "1") {
            Self::Given
        } else if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
            Self::Ask
        } else {
            Self::Withheld
        }
    }

    fn to(self, command: &str) -> bool {
        match self {
            Self::Given => true,
            Self::Withheld => false,
            Self::Ask => {
                print!("Providers need a compiler for {TARGET}. Run `{command}` now? [y/N] ");
                let mut answer = String::new();
                let read = std::io::stdout()
                    .flush()
                    .and_then(|()| std::io::stdin().lock().read_line(&mut answer));
                read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
            }
        }
    }
}

impl Toolchain {
    /// The way that works here, installed if need be.
    ///
    /// # Errors
    /// None works and none may be, or can be, installed; the message has the commands to run.
    pub fn find_or_install(consent: &Consent) -> Result<Self> {
        if let Some(found) = Self::find() {
            return Ok(found);
        }
        let by_rustup = format!("rustup target add {TARGET}");
        if runs("rustup", &["--version"]) && consent.to(&by_rustup) {
            say(&by_rustup);
            // A machine without a way to Rust's download server fails here after its own timeout; Debian's packages are next.
            let _ = Command::new("rustup").args(["target", "add", TARGET]).status();
            if let Some(found) = Self::find() {
                return Ok(found);
            }
        }
        let by_apt = format!("apt-get install -y --no-install-recommends {}", DEBIAN_PACKAGES.join(" "));
        if runs("apt-get", &["--version"]) && is_root() && consent.to(&by_apt) {
            say(&by_apt);
            if !apt(&["install", "-y", "--no-install-recommends"], &DEBIAN_PACKAGES) {
                say("apt-get update");
                apt(&["update"], &[]);
                apt(&["install", "-y", "--no-install-recommends"], &DEBIAN_PACKAGES);
            }
            if let Some(found) = Self::find() {
                return Ok(found);
            }
        }
        bail!(
            "no compiler for {TARGET}, which providers are built with; run one of these, then this command again:\n  \
             {by_rustup}\n  sudo {by_apt}\nor let this command do it: `cargo xtask providers --yes` (the second as root)"
        )
    }

    fn find() -> Option<Self> {
        let sysroot = PathBuf::from(said_by("rustc", &["--print", "sysroot"])?);
        let libraries = sysroot.join("lib/rustlib").join(TARGET).join("lib");
        // Debian's own folder of that name would be there without std; a real target has it.
        if std::fs::read_dir(libraries).is_ok_and(|files| files.flatten().any(|f| f.file_name().to_string_lossy().starts_with("libstd-"))) {
            return Some(Self::Target);
        }
        let recent = minor_version(&said_by(DEBIAN_RUSTC, &["--version"])?)? >= OLDEST_MINOR;
        if !recent || !Path::new(DEBIAN_STD).exists() || !Path::new(DEBIAN_CARGO).exists() {
            return None;
        }
        let host = said_by("rustc", &["-vV"])?
            .lines()
            .find_map(|line| line.strip_prefix("host: ").map(str::to_owned))?;
        let bundled = sysroot.join("lib/rustlib").join(host).join("bin/rust-lld");
        let linker = if bundled.exists() { bundled } else { on_path("wasm-ld")? };
        Some(Self::Debian { linker })
    }

    /// For messages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Target => "cargo",
            Self::Debian { .. } => DEBIAN_CARGO,
        }
    }

    /// A cargo of this toolchain, its environment set.
    pub fn cargo(&self) -> Command {
        match self {
            Self::Target => Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())),
            Self::Debian { linker } => {
                let mut cargo = Command::new(DEBIAN_CARGO);
                // `cargo xtask` runs under rustup's cargo, which names itself and its compiler in the environment.
                cargo.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO").env_remove("RUSTDOC");
                cargo
                    .env("RUSTC", DEBIAN_RUSTC)
                    .env("RUSTC_BOOTSTRAP", "1")
                    .env("PATH", with_usr_bin_first());
                cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
                cargo
            }
        }
    }

    /// What `cargo build` takes besides.
    pub fn arguments(&self) -> &'static [&'static str] {
        match self {
            Self::Target => &[],
            Self::Debian { .. } => &["-Zbuild-std=std,panic_abort"],
        }
    }
}

fn say(command: &str) {
    println!("installing: {command}");
}

fn apt(command: &[&str], packages: &[&str]) -> bool {
    let status = Command::new("apt-get")
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(command)
        .args(packages)
        .status();
    status.is_ok_and(|status| status.success())
}

fn runs(program: &str, arguments: &[&str]) -> bool {
    let status = Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

fn said_by(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

fn is_root() -> bool {
    said_by("id", &["-u"]).is_some_and(|id| id == "0")
}

fn on_path(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(program))
        .find(|path| path.exists())
}

fn with_usr_bin_first() -> std::ffi::OsString {
    let mut path = std::ffi::OsString::from("/usr/bin");
    if let Some(rest) = std::env::var_os("PATH") {
        path.push(":");
        path.push(rest);
    }
    path
}

/// `rustc 1.96.0 (…)` → 96.
fn minor_version(text: &str) -> Option<u32> {
    let version = text.strip_prefix("rustc 1.").context("not `rustc 1.…`").ok()?;
    version.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{Consent, minor_version};

    #[test]
    fn reads_the_compilers_version() {
        assert_eq!(
            minor_version("rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)"),
            Some(96)
        );
        assert_eq!(minor_version("rustc 1.63.0"), Some(63));
        assert_eq!(minor_version("gcc 12"), None);
    }

    #[test]
    fn installs_nothing_unasked() {
        assert!(!Consent::Withheld.to("true"));
        assert!(Consent::Given.to("true"));
    }
}
