//! The last step before a child: it asks the system to end it with its parent, and becomes the command.
//!
//! A parent that is killed outright (`kill -9`, out of memory) can end nobody. So the child begins as this program, which asks for that
//! of itself, and then runs the command in its own place: what was asked for stays.

use crate::cli::client::Failure;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::ExitCode;
use tokio::process::Command;

/// Not a command for people.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Tether {
    parent: u32,
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// The command on its tether.
pub(super) fn command(command: &[OsString]) -> Result<Command, Failure> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(Failure::Usage("say which command, after `--`".to_owned()));
    };
    if !cfg!(target_os = "linux") {
        let mut plain = Command::new(program);
        plain.args(arguments);
        return Ok(plain);
    }
    // This very program, also when its file has been replaced meanwhile.
    let mut tethered = Command::new("/proc/self/exe");
    tethered.arg0("claviger").arg("tether").arg(std::process::id().to_string());
    tethered.arg("--").arg(program).args(arguments);
    Ok(tethered)
}

/// Keeps what this process was started with to itself. Programs of the same user may read each other's environment and memory, and the command is one of
/// them: it would find the bearer there that is kept out of its own. What is started from here is readable again.
///
/// # Errors
/// If the system refuses.
pub(super) fn keep_to_itself() -> Result<(), Failure> {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        set_dumpable_behavior(DumpableBehavior::NotDumpable)
            .map_err(|why| Failure::Refused(format!("this process cannot be kept from being read by others: {why}")))?;
    }
    Ok(())
}

impl Tether {
    /// Becomes the command, or tells why not, with the exit codes of a shell.
    pub(in crate::cli) fn run(self) -> ExitCode {
        #[cfg(target_os = "linux")]
        {
            use rustix::process::{Signal, getppid, set_parent_process_death_signal};
            let asked = set_parent_process_death_signal(Some(Signal::KILL));
            // Compared afterwards: a parent that ended before sends nothing any more.
            let parent = getppid().and_then(|id| u32::try_from(id.as_raw_nonzero().get()).ok());
            if asked.is_err() || parent != Some(self.parent) {
                return ExitCode::FAILURE;
            }
        }
        let Some((program, arguments)) = self.command.split_first() else {
            return ExitCode::from(2);
        };
        let why = std::process::Command::new(program).args(arguments).exec();
        crate::cli::note(&format!("claviger: `{}` cannot be started: {why}", program.display()));
        ExitCode::from(if why.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 })
    }
}
