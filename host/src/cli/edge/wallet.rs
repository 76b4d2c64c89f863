//! The tokens that a child is given: read together before it starts, each read again before it ends.

use super::narrowing::Narrowing;
use super::place::Place;
use super::reading::{Asked, Consumer, Reading};
use super::renewal::{MIN_TTL_S, RETRY_MS, again_at_ms};
use crate::cli::client::{Client, Failure};
use crate::clock::{Clock, Millis, SystemClock};
use crate::ids::ProviderName;
use futures::future::join_all;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::process::Command;

/// One of them, as the command line names it.
#[derive(Debug, Clone)]
pub(super) struct Want {
    /// Which.
    pub named: Named,
    /// Whether the child starts without it.
    pub is_optional: bool,
    /// The variable with the path of a file that has the token; without, the child gets the provider's own variables.
    pub file_variable: Option<String>,
}

/// How a credential is named.
#[derive(Debug, Clone)]
pub(super) enum Named {
    /// By its provider.
    Provider(String),
    /// By its id or name.
    Credential(String),
}

struct Held {
    want: Want,
    /// `None`: an optional one that there is not.
    id: Option<String>,
    reading: Option<Reading>,
    again_at_ms: Millis,
}

/// All of them.
pub(super) struct Wallet {
    place: Place,
    /// Of each token.
    narrowing: Narrowing,
    held: Vec<Held>,
    /// Private, and gone with this value; only if a file was asked for.
    folder: Option<TempDir>,
}

/// What reading again brought, in the order of what was due.
pub(super) struct Renewed(Vec<(usize, Result<Reading, Failure>)>);

impl Named {
    fn shown(&self) -> &str {
        match self {
            Self::Provider(name) | Self::Credential(name) => name,
        }
    }
}

impl Want {
    async fn find(&self, place: &Place, client: &Client) -> Result<String, Failure> {
        match &self.named {
            Named::Provider(provider) => place.of_provider(client, provider).await,
            Named::Credential(given) => client.credential_id(given).await,
        }
    }

    async fn read(&self, client: &Client, id: &str, narrowing: &Narrowing) -> Result<Reading, Failure> {
        let asked = Asked {
            consumer: self.file_variable.is_none().then_some(Consumer::Environment),
            min_ttl_s: Some(MIN_TTL_S),
            rejected: None,
            narrowing: Some(narrowing),
        };
        let reading = Reading::of(client, id, asked).await?;
        reading.is_fit_for_a_process()?;
        Ok(reading)
    }

    /// The same failure, with whose it is.
    fn about(&self, why: Failure) -> Failure {
        let name = self.named.shown().to_owned();
        why.about(&name)
    }
}

impl Wallet {
    /// Reads all of them, side by side. The first that is not there and has to be is the refusal.
    pub(super) async fn open(place: Place, wants: Vec<Want>, narrowing: Narrowing) -> Result<Self, Failure> {
        let client = place.client().await?;
        let reads = wants.iter().map(|want| async {
            let id = want.find(&place, &client).await?;
            let reading = want.read(&client, &id, &narrowing).await?;
            Ok((id, reading))
        });
        let read = join_all(reads).await;
        let now_ms = SystemClock.now_ms();
        let mut held = Vec::new();
        for (want, read) in wants.into_iter().zip(read) {
            let (id, reading) = match read {
                Ok((id, reading)) => (Some(id), Some(reading)),
                Err(Failure::NotFound(_)) if want.is_optional => (None, None),
                Err(why) => return Err(want.about(why)),
            };
            let again_at_ms = again_at_ms(now_ms, reading.as_ref().and_then(Reading::expires_at_ms));
            held.push(Held {
                want,
                id,
                reading,
                again_at_ms,
            });
        }
        let folder = if held.iter().any(|held| held.want.file_variable.is_some()) {
            Some(private_folder()?)
        } else {
            None
        };
        let wallet = Self {
            place,
            narrowing,
            held,
            folder,
        };
        wallet.held.iter().try_for_each(|held| wallet.write(held))?;
        Ok(wallet)
    }

    /// Whether there are files, which a child sees change.
    pub(super) const fn has_files(&self) -> bool {
        self.folder.is_some()
    }

    /// When the next one is to be read again; `None` if there is none.
    pub(super) fn due_at_ms(&self) -> Option<Millis> {
        let there = self.held.iter().filter(|held| held.id.is_some());
        there.map(|held| held.again_at_ms).min()
    }

    /// Reads again what is due. The bearer is looked up anew: it may have been renewed as well.
    pub(super) async fn read_again(&self, now_ms: Millis) -> Renewed {
        let due = self.held.iter().enumerate().filter(|(_, held)| held.again_at_ms <= now_ms);
        let due: Vec<(usize, &Held, &str)> = due.filter_map(|(at, held)| Some((at, held, held.id.as_deref()?))).collect();
        if due.is_empty() {
            return Renewed(Vec::new());
        }
        let client = self.place.client().await;
        let reads = due.into_iter().map(|(at, held, id)| {
            let client = client.as_ref();
            async move {
                let read = match client {
                    Ok(client) => held.want.read(client, id, &self.narrowing).await,
                    Err(why) => Err(why.clone()),
                };
                (at, read)
            }
        });
        Renewed(join_all(reads).await)
    }

    /// Takes what was read; whether the child has to be told. What could not be read stays as it is, and is tried again.
    pub(super) fn take(&mut self, renewed: Renewed) -> bool {
        let now_ms = SystemClock.now_ms();
        let mut is_other = false;
        let mut files = Vec::new();
        for (at, read) in renewed.0 {
            let Some(held) = self.held.get_mut(at) else { continue };
            match read {
                Ok(reading) => {
                    held.again_at_ms = again_at_ms(now_ms, reading.expires_at_ms());
                    if held.reading.as_ref().map(Reading::digest) != Some(reading.digest()) {
                        is_other = true;
                        held.reading = Some(reading);
                        files.push(at);
                    }
                }
                Err(why) => {
                    held.again_at_ms = now_ms + RETRY_MS;
                    crate::cli::note(&format!("claviger: not renewed: {}", held.want.about(why)));
                }
            }
        }
        for held in files.into_iter().filter_map(|at| self.held.get(at)) {
            if let Err(why) = self.write(held) {
                crate::cli::note(&format!("claviger: {why}"));
            }
        }
        is_other
    }

    /// Gives a child what is its own.
    pub(super) fn surround(&self, command: &mut Command) {
        // The first named wins, so it is placed last.
        for held in self.held.iter().rev() {
            match (&held.want.file_variable, &held.reading) {
                (None, Some(reading)) => reading.place_into(command),
                (Some(variable), Some(_)) => {
                    if let Some(path) = self.path_of(held) {
                        command.env(variable, path);
                    }
                }
                (_, None) => {}
            }
        }
    }

    fn path_of(&self, held: &Held) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.path().join(held.want.named.shown()))
    }

    fn write(&self, held: &Held) -> Result<(), Failure> {
        match (&held.want.file_variable, &held.reading, self.path_of(held)) {
            (Some(_), Some(reading), Some(path)) => reading.write_to(&path).map_err(|why| held.want.about(why)),
            _ => Ok(()),
        }
    }
}

/// In memory where the system has such a place, and nobody else's in any case.
fn private_folder() -> Result<TempDir, Failure> {
    let at = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let at = at
        .filter(|path| path.is_absolute() && path.is_dir())
        .unwrap_or_else(std::env::temp_dir);
    let mut builder = tempfile::Builder::new();
    builder.prefix("claviger-").permissions(Permissions::from_mode(0o700));
    let made = builder.tempdir_in(&at);
    made.map_err(|why| Failure::Refused(format!("no private folder can be made in `{}`: {why}", at.display())))
}

/// Reads `NAME=VARIABLE`.
pub(super) fn file_wanted(text: &str) -> Result<(String, String), String> {
    let refuse = || "looks like `kubeconfig=KUBECONFIG`: a provider, and the variable for the file's path".to_owned();
    let (provider, variable) = text.split_once('=').ok_or_else(refuse)?;
    let provider = ProviderName::parse(provider).map_err(|why| why.to_string())?;
    if !super::reading::is_variable(variable) || matches!(provider.as_str(), "." | "..") {
        return Err(refuse());
    }
    Ok((provider.to_string(), variable.to_owned()))
}
