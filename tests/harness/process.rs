//! Where the binary is, and how a process that was started here ends.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::SystemTime;

/// `target/<profile>`, seen from this program: a test lies in its `deps`, a binary in itself.
fn profile_dir() -> Result<PathBuf> {
    let program = std::env::current_exe().context("cannot tell where this program is")?;
    let place = program.parent().context("this program lies nowhere")?;
    let profile = if place.ends_with("deps") { place.parent() } else { Some(place) };
    let profile = profile.with_context(|| format!("`{}` does not lie below `target/<profile>`", program.display()))?;
    Ok(profile.to_owned())
}

/// `target`.
///
/// # Errors
/// This program does not lie below it.
pub fn target_dir() -> Result<PathBuf> {
    let profile = profile_dir()?;
    let target = profile.parent().map(Path::to_owned);
    target.with_context(|| format!("`{}` does not lie in `target`", profile.display()))
}

/// The `claviger` that was built together with this program.
///
/// # Errors
/// It is not there, or older than the host's sources.
pub fn claviger() -> Result<PathBuf> {
    let binary = profile_dir()?.join("claviger");
    if !binary.exists() {
        bail!(
            "no `{}`; `cargo xtask test` builds it, or `cargo build --workspace --bins`",
            binary.display()
        );
    }
    // A test against yesterday's binary proves nothing about today's code.
    let built = modified(&binary);
    if let Some(newer) = newest_source().filter(|(_, at)| Some(*at) > built) {
        bail!(
            "`{}` is older than `{}`; build with `cargo xtask test` or `cargo build --workspace --bins`",
            binary.display(),
            newer.0.display()
        );
    }
    Ok(binary)
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|file| file.modified()).ok()
}

/// The host's source file that was changed last.
fn newest_source() -> Option<(PathBuf, SystemTime)> {
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).parent()?.join("host/src")];
    let mut newest: Option<(PathBuf, SystemTime)> = None;
    while let Some(folder) = open.pop() {
        for path in std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                open.push(path);
            } else if let Some(at) = modified(&path).filter(|at| newest.as_ref().is_none_or(|(_, newest)| at > newest)) {
                newest = Some((path, at));
            }
        }
    }
    newest
}

/// A process with its own group, ended with its whole group when dropped.
pub struct Running {
    child: Child,
    name: String,
}

impl Running {
    /// Starts it in a group of its own.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(command: &mut Command) -> Result<Self> {
        use std::os::unix::process::CommandExt;
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.process_group(0).spawn().with_context(|| format!("cannot start `{name}`"))?;
        Ok(Self { child, name })
    }

    /// Its id, which is its group's too.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// `Some` once it has ended.
    ///
    /// # Errors
    /// The system does not say.
    pub fn ended(&mut self) -> Result<Option<std::process::ExitStatus>> {
        self.child.try_wait().with_context(|| format!("cannot look after `{}`", self.name))
    }

    /// Sends a signal, as `kill` names it, to the whole group.
    pub fn signal(&self, signal: &str) {
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill")
            .args([&format!("-{signal}"), "--", &group])
            .stderr(Stdio::null())
            .status();
    }

    /// `kill -9`, and waits until nothing of it is left to hold a lock.
    pub fn kill(&mut self) {
        self.signal("KILL");
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        self.kill();
    }
}
