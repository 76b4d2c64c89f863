//! `claviger sidecar`: an MCP server, or any other program, with the tokens of whoever's turn it is in one session.
//!
//! The program cannot be told of another token, so it is started anew with it: when the token is renewed, and when it is somebody else's. Where
//! it is nobody's the program does not run; where whose it is cannot be learned for [`UNSEEN`], it ends.

use super::child::{Running, Signals, exit_code};
use super::contract::Contract;
use super::door::Door;
use super::exec::without_bearer;
use super::platform;
use super::reading::Reading;
use super::renewal::again_at_ms;
use super::tether;
use crate::cli::client::Failure;
use crate::clock::{Clock, Millis, SystemClock};
use rustix::process::Signal;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Turns last longer than that without an answer from the API, but a program must not go on for good with a token of who knows whom.
const UNSEEN_MS: Millis = 60_000;
/// A program that ends sooner has not worked: each time it waits twice as long.
const WORKED_MS: Millis = 60_000;
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Sidecar {
    /// How often to look whose turn it is, in seconds. That long the previous one's token may go on.
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=300))]
    every: u64,
    /// Where a kubeconfig is written.
    #[arg(long, value_name = "FILE", default_value = "/tmp/.ambient_kubeconfig")]
    kubeconfig: PathBuf,
    /// The command, after `--`.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// What the child was started with.
struct Given {
    standing: String,
    digest: [u8; 32],
    again_at_ms: Millis,
    seen_at_ms: Millis,
}

/// Why the child is no longer to run as it does.
enum Turn {
    /// It ended by itself.
    Ended(ExitCode),
    /// Other tokens, or none.
    Other,
    /// This process is to end: it was told so, or its session has.
    Over(Option<Failure>),
}

impl Given {
    fn of(standing: String, reading: &Reading) -> Self {
        let now_ms = SystemClock.now_ms();
        Self {
            standing,
            digest: reading.digest(),
            again_at_ms: again_at_ms(now_ms, reading.expires_at_ms()),
            seen_at_ms: now_ms,
        }
    }
}

impl Sidecar {
    pub(in crate::cli) async fn run(self) -> Result<ExitCode, Failure> {
        tether::keep_to_itself()?;
        let contract = Contract::read(&platform::of_this_process())?;
        let mut door = Door::new(contract);
        // A control plane that does not let it in is told so by its end, as the platform's sidecars do it.
        let mut first = door.first().await?;
        let mut signals = Signals::caught()?;
        let mut backoff = BACKOFF.0;
        loop {
            let read = match first.take() {
                Some(read) => read,
                None => match self.until_there(&mut door, &mut signals).await? {
                    Some(read) => read,
                    None => return Ok(ExitCode::SUCCESS),
                },
            };
            let started_at_ms = SystemClock.now_ms();
            let mut child = self.start(&door, &read.1)?;
            let given = Given::of(read.0, &read.1);
            drop(read.1);
            let turn = self.until_other(&mut door, &mut child, &mut signals, given).await;
            child.end().await?;
            self.remove_file(&door);
            match turn? {
                Turn::Over(None) => return Ok(ExitCode::SUCCESS),
                Turn::Over(Some(why)) => return Err(why),
                Turn::Other => backoff = BACKOFF.0,
                Turn::Ended(code) => {
                    if SystemClock.now_ms() - started_at_ms > WORKED_MS {
                        backoff = BACKOFF.0;
                    }
                    crate::cli::note(&format!(
                        "claviger: the command ended ({code:?}); it starts again in {} s",
                        backoff.as_secs()
                    ));
                    if !pause(&mut signals, backoff).await {
                        return Ok(ExitCode::SUCCESS);
                    }
                    backoff = (backoff * 2).min(BACKOFF.1);
                }
            }
        }
    }

    /// Waits for a token; nothing if this process is told to end before there is one.
    async fn until_there(&self, door: &mut Door, signals: &mut Signals) -> Result<Option<(String, Reading)>, Failure> {
        let mut said = None;
        loop {
            let read = tokio::select! {
                read = door.read() => read,
                () = stopped(signals) => return Ok(None),
            };
            match read {
                Ok(read) => return Ok(Some(read)),
                Err(why) if door.is_over() => return Err(why),
                Err(why) => {
                    // Each answer has another operation id; once is enough for each class.
                    let class = std::mem::discriminant(&why);
                    if said.replace(class) != Some(class) {
                        crate::cli::note(&format!("claviger: no `{}` token: {why}", door.provider()));
                    }
                }
            }
            if !pause(signals, Duration::from_secs(self.every)).await {
                return Ok(None);
            }
        }
    }

    /// Goes on as long as the child runs with what it should have.
    async fn until_other(&self, door: &mut Door, child: &mut Running, signals: &mut Signals, mut given: Given) -> Result<Turn, Failure> {
        loop {
            let still = {
                let look = async {
                    tokio::time::sleep(Duration::from_secs(self.every)).await;
                    look(door, &mut given).await
                };
                tokio::pin!(look);
                loop {
                    tokio::select! {
                        status = child.ended() => return status.map(|status| Turn::Ended(exit_code(status))),
                        signal = signals.next() => match signal {
                            Signal::TERM | Signal::INT => return Ok(Turn::Over(None)),
                            other => child.signal(other),
                        },
                        still = &mut look => break still,
                    }
                }
            };
            match still {
                Still::Yes => {}
                Still::No => return Ok(Turn::Other),
                Still::Over(why) => return Ok(Turn::Over(Some(why))),
            }
        }
    }

    fn start(&self, door: &Door, reading: &Reading) -> Result<Running, Failure> {
        let is_document = door.provider() == "kubeconfig";
        if is_document {
            reading.write_to(&self.kubeconfig)?;
        }
        Running::start(&self.command, |command| {
            without_bearer(command);
            reading.place_into(command);
            if is_document {
                command.env("KUBECONFIG", &self.kubeconfig);
            }
        })
    }

    fn remove_file(&self, door: &Door) {
        if door.provider() == "kubeconfig" {
            // It was not there, or cannot be removed: then it is replaced before the next start.
            let _ = std::fs::remove_file(&self.kubeconfig);
        }
    }
}

/// Whether the child has what it should have.
enum Still {
    Yes,
    No,
    /// It will have nothing any more.
    Over(Failure),
}

async fn look(door: &mut Door, given: &mut Given) -> Still {
    let now_ms = SystemClock.now_ms();
    let read = match door.standing().await {
        Ok(standing) if standing == given.standing && now_ms < given.again_at_ms => {
            given.seen_at_ms = now_ms;
            return Still::Yes;
        }
        Ok(_) => door.read().await,
        Err(why) => Err(why),
    };
    match read {
        Ok((standing, reading)) if reading.digest() == given.digest => {
            *given = Given::of(standing, &reading);
            Still::Yes
        }
        Ok(_) => Still::No,
        Err(Failure::NotFound(_)) => {
            door.doubt();
            Still::No
        }
        Err(why) if door.is_over() => Still::Over(why),
        Err(why) => {
            crate::cli::note(&format!("claviger: {why}"));
            if now_ms - given.seen_at_ms < UNSEEN_MS {
                Still::Yes
            } else {
                Still::No
            }
        }
    }
}

/// Whether the time passed; not if this process is to end.
async fn pause(signals: &mut Signals, time: Duration) -> bool {
    tokio::select! {
        () = tokio::time::sleep(time) => true,
        () = stopped(signals) => false,
    }
}

async fn stopped(signals: &mut Signals) {
    while !matches!(signals.next().await, Signal::TERM | Signal::INT) {}
}
