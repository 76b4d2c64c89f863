//! A child process that works with tokens: started, signalled, ended, and gone when this process is.
//!
//! Where nobody sits at a terminal it has a process group of its own, so that what it starts ends with it. At a terminal it stays in the
//! foreground's group: in another one it could not read what is typed.

use crate::cli::client::Failure;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};
use std::task::Poll;
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::signal::unix::{self, SignalKind};

/// What an orchestrator leaves a container is 30 s; a child that needs more than a third of it is killed.
const GRACE: Duration = Duration::from_secs(10);

/// A running child.
pub(super) struct Running {
    child: Child,
    id: Option<Pid>,
    has_group: bool,
}

impl Running {
    /// Starts a command; `surround` gives it its environment.
    pub(super) fn start(command: &[OsString], surround: impl FnOnce(&mut Command)) -> Result<Self, Failure> {
        let mut tethered = super::tether::command(command)?;
        surround(&mut tethered);
        let has_group = !std::io::stdin().is_terminal();
        if has_group {
            tethered.process_group(0);
        }
        let child = tethered.kill_on_drop(true).spawn();
        let child = child.map_err(|why| Failure::Refused(format!("the command cannot be started: {why}")))?;
        let id = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        Ok(Self { child, id, has_group })
    }

    /// Waits until it has ended. May be given up and begun again.
    pub(super) async fn ended(&mut self) -> Result<ExitStatus, Failure> {
        let status = self.child.wait().await;
        status.map_err(|why| Failure::Refused(format!("the command cannot be waited for: {why}")))
    }

    /// Passes a signal on.
    pub(super) fn signal(&self, signal: Signal) {
        let Some(id) = self.id.filter(|_| self.child.id().is_some()) else {
            return;
        };
        // One that has just ended is not there to be told.
        let _ = if self.has_group {
            kill_process_group(id, signal)
        } else {
            kill_process(id, signal)
        };
    }

    /// Whether the terminal tells the child of this signal itself.
    pub(super) fn hears(&self, signal: Signal) -> bool {
        !self.has_group && matches!(signal, Signal::INT | Signal::QUIT)
    }

    /// Ends it, with all of its group, and waits until it is gone.
    pub(super) async fn end(&mut self) -> Result<ExitStatus, Failure> {
        self.signal(Signal::TERM);
        let status = match tokio::time::timeout(GRACE, self.ended()).await {
            Ok(status) => status?,
            Err(_) => {
                self.signal(Signal::KILL);
                self.ended().await?
            }
        };
        // What it started and left behind has the same tokens.
        if let (true, Some(id)) = (self.has_group, self.id) {
            let _ = kill_process_group(id, Signal::KILL);
        }
        Ok(status)
    }
}

/// The child's exit code, as a shell would give it.
pub(super) fn exit_code(status: ExitStatus) -> ExitCode {
    let by_signal = || status.signal().map_or(1, |signal| 128 + signal);
    ExitCode::from(u8::try_from(status.code().unwrap_or_else(by_signal)).unwrap_or(1))
}

/// The signals that are passed on.
pub(super) struct Signals {
    streams: Vec<(Signal, unix::Signal)>,
}

impl Signals {
    /// From here on they no longer end this process.
    pub(super) fn caught() -> Result<Self, Failure> {
        let kinds = [
            (Signal::TERM, SignalKind::terminate()),
            (Signal::INT, SignalKind::interrupt()),
            (Signal::HUP, SignalKind::hangup()),
            (Signal::QUIT, SignalKind::quit()),
            (Signal::USR1, SignalKind::user_defined1()),
            (Signal::USR2, SignalKind::user_defined2()),
        ];
        let streams = kinds.into_iter().map(|(signal, kind)| Ok((signal, unix::signal(kind)?)));
        let streams = streams.collect::<std::io::Result<_>>();
        let streams = streams.map_err(|why| Failure::Refused(format!("signals cannot be caught: {why}")))?;
        Ok(Self { streams })
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> Signal {
        std::future::poll_fn(|context| {
            for (signal, stream) in &mut self.streams {
                if let Poll::Ready(Some(())) = stream.poll_recv(context) {
                    return Poll::Ready(*signal);
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// A signal by its name.
pub(super) fn signal_named(name: &str) -> Option<Signal> {
    match name.strip_prefix("SIG").unwrap_or(name) {
        "HUP" => Some(Signal::HUP),
        "INT" => Some(Signal::INT),
        "QUIT" => Some(Signal::QUIT),
        "TERM" => Some(Signal::TERM),
        "USR1" => Some(Signal::USR1),
        "USR2" => Some(Signal::USR2),
        _ => None,
    }
}
