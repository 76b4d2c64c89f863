//! `claviger exec`: a command with people's tokens in its environment, and in no other process's.
//!
//! The environment of a running process cannot be changed from outside. So a renewal reaches a child through a file, by a new start, or not
//! at all; `--on-renewal` says which, and by default the child keeps what it was started with.

use super::child::{Running, Signals, exit_code, signal_named};
use super::narrowing::Narrowing;
use super::place::Place;
use super::platform::NOT_THE_CHILDS;
use super::tether;
use super::wallet::{Named, Wallet, Want, file_wanted};
use crate::cli::client::Failure;
use crate::cli::connection::{TOKEN, TOKEN_FILE};
use crate::clock::{Clock, SystemClock};
use rustix::process::Signal;
use std::ffi::OsString;
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;
use tokio::process::Command;

/// A machine that slept does not count the time; so nobody sleeps long here.
const LOOK_EVERY: Duration = Duration::from_secs(30);

#[derive(Debug, clap::Args)]
#[group(id = "what", required = true, multiple = true, args = ["provider", "optional", "credential", "file"])]
pub(in crate::cli) struct Exec {
    #[command(flatten)]
    place: Place,
    /// The variables of this provider's token. May be repeated; of two that set one variable, the first counts.
    #[arg(long, value_name = "NAME")]
    provider: Vec<String>,
    /// The same, if there is one.
    #[arg(long, value_name = "NAME")]
    optional: Vec<String>,
    /// The variables of this credential's token. May be repeated.
    #[arg(long, value_name = "ID|NAME")]
    credential: Vec<String>,
    /// This provider's token in a file, 0600 and rewritten at each renewal; the variable has its path. May be repeated.
    #[arg(long, value_name = "NAME=VARIABLE", value_parser = file_wanted)]
    file: Vec<(String, String)>,
    #[command(flatten)]
    narrowing: Narrowing,
    /// What happens to the command when a token is renewed: `none`, `restart`, `signal:HUP`. Without files, `none` renews nothing.
    #[arg(long, value_name = "WHAT", default_value = "none", value_parser = OnRenewal::parse)]
    on_renewal: OnRenewal,
    /// Leave your own bearer (`CLAVIGER_TOKEN`), and what a session's comes from, in the command's environment.
    #[arg(long)]
    keep_bearer: bool,
    /// The command, after `--`.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// How a renewal reaches the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnRenewal {
    None,
    Restart,
    Signal(Signal),
}

impl OnRenewal {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::None),
            "restart" => Ok(Self::Restart),
            _ => text
                .strip_prefix("signal:")
                .and_then(signal_named)
                .map(Self::Signal)
                .ok_or_else(|| "must be `none`, `restart` or a signal as `signal:HUP`".to_owned()),
        }
    }
}

impl Exec {
    fn wants(&self) -> Vec<Want> {
        let want = |named, is_optional, file_variable| Want {
            named,
            is_optional,
            file_variable,
        };
        let provider = |name: &String| Named::Provider(name.clone());
        let required = self.provider.iter().map(|name| want(provider(name), false, None));
        let credentials = self
            .credential
            .iter()
            .map(|name| want(Named::Credential(name.clone()), false, None));
        let optional = self.optional.iter().map(|name| want(provider(name), true, None));
        let files = self
            .file
            .iter()
            .map(|(name, variable)| want(provider(name), false, Some(variable.clone())));
        required.chain(credentials).chain(optional).chain(files).collect()
    }

    pub(in crate::cli) async fn run(self) -> Result<ExitCode, Failure> {
        tether::keep_to_itself()?;
        let mut wallet = Wallet::open(self.place.clone(), self.wants(), self.narrowing.clone()).await?;
        let mut signals = Signals::caught()?;
        let mut child = self.start(&wallet)?;
        loop {
            if let Some(status) = self.until_renewal(&mut wallet, &mut child, &mut signals).await? {
                return Ok(exit_code(status));
            }
            match self.on_renewal {
                OnRenewal::None => {}
                OnRenewal::Signal(signal) => child.signal(signal),
                OnRenewal::Restart => {
                    child.end().await?;
                    child = self.start(&wallet)?;
                }
            }
        }
    }

    fn start(&self, wallet: &Wallet) -> Result<Running, Failure> {
        Running::start(&self.command, |command| {
            if !self.keep_bearer {
                without_bearer(command);
            }
            wallet.surround(command);
        })
    }

    /// `None` when there are other tokens, else how the child ended.
    async fn until_renewal(&self, wallet: &mut Wallet, child: &mut Running, signals: &mut Signals) -> Result<Option<ExitStatus>, Failure> {
        let renews = self.on_renewal != OnRenewal::None || wallet.has_files();
        loop {
            let held = &*wallet;
            let renewal = async {
                match held.due_at_ms().filter(|_| renews) {
                    None => std::future::pending().await,
                    Some(due_at_ms) => {
                        let wait_ms = u64::try_from(due_at_ms - SystemClock.now_ms()).unwrap_or(0);
                        tokio::time::sleep(Duration::from_millis(wait_ms).min(LOOK_EVERY)).await;
                        held.read_again(SystemClock.now_ms()).await
                    }
                }
            };
            let renewed = {
                tokio::pin!(renewal);
                loop {
                    tokio::select! {
                        status = child.ended() => return status.map(Some),
                        signal = signals.next() => if !child.hears(signal) { child.signal(signal) },
                        renewed = &mut renewal => break renewed,
                    }
                }
            };
            if wallet.take(renewed) {
                return Ok(None);
            }
        }
    }
}

/// What a token is read with reads other tokens too: it is not the child's.
pub(super) fn without_bearer(command: &mut Command) {
    for name in [TOKEN, TOKEN_FILE].into_iter().chain(NOT_THE_CHILDS) {
        command.env_remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_renewal_reaches_the_command() {
        assert_eq!(OnRenewal::parse("signal:HUP"), Ok(OnRenewal::Signal(Signal::HUP)));
        assert_eq!(OnRenewal::parse("signal:SIGUSR1"), Ok(OnRenewal::Signal(Signal::USR1)));
        assert_eq!(OnRenewal::parse("restart"), Ok(OnRenewal::Restart));
        for text in ["", "signal", "signal:", "signal:KILL", "HUP", "kill"] {
            assert!(OnRenewal::parse(text).is_err(), "{text}");
        }
    }
}
