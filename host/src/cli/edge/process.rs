//! `claviger credential-process`: one credential's token as JSON, for programs that run another one when they need a token.
//!
//! The answer is the API's own with a `version`, and has no key that the API's does not have; `--format kubernetes` makes it what a
//! kubeconfig's `exec` wants. Each run is one read: whoever calls caches it until `expires_at`.

use super::narrowing::Narrowing;
use super::place::Place;
use super::reading::{Asked, Consumer, Reading, answer, exec_credential};
use crate::cli::answers;
use crate::cli::client::Failure;
use serde_json::{Value, json};
use std::io::IsTerminal;

/// The answer's form; it grows by keys, and another number means another form.
const VERSION: u32 = 1;

#[derive(Debug, clap::Args)]
#[group(id = "which", required = true, multiple = false, args = ["credential", "provider"])]
pub(in crate::cli) struct CredentialProcess {
    #[command(flatten)]
    place: Place,
    /// This one.
    #[arg(long, value_name = "ID|NAME", conflicts_with = "project")]
    credential: Option<String>,
    /// The session's of this provider, else your own account, else the only one that you see.
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// As this needs it, instead of the token alone.
    #[arg(long, value_enum)]
    consumer: Option<Consumer>,
    /// It must last for so many seconds; at most half of its life counts.
    #[arg(long, value_name = "SECONDS")]
    min_ttl: Option<u32>,
    #[command(flatten)]
    narrowing: Narrowing,
    /// `kubernetes`: for the `exec` of a kubeconfig.
    #[arg(long, value_enum, conflicts_with = "consumer")]
    format: Option<Format>,
    /// Even on a terminal.
    #[arg(long)]
    show: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Kubernetes,
}

impl CredentialProcess {
    pub(in crate::cli) async fn run(self) -> Result<(), Failure> {
        if std::io::stdout().is_terminal() && !self.show {
            return Err(Failure::Usage(
                "a token on a terminal stays in its scrollback, so it was not read; another program is to run this, or say `--show`"
                    .to_owned(),
            ));
        }
        let client = self.place.client().await?;
        let id = match (&self.credential, &self.provider) {
            (Some(given), _) => client.credential_id(given).await?,
            (None, Some(provider)) => self.place.of_provider(&client, provider).await?,
            (None, None) => return Err(Failure::Usage("say which: `--credential` or `--provider`".to_owned())),
        };
        let asked = Asked {
            consumer: self.consumer,
            min_ttl_s: self.min_ttl,
            rejected: None,
            narrowing: Some(&self.narrowing),
        };
        if self.format == Some(Format::Kubernetes) {
            return answers::json(&exec_credential(&Reading::of(&client, &id, asked).await?)?);
        }
        let mut body = serde_json::Map::from_iter([("version".to_owned(), json!(VERSION)), ("credential_id".to_owned(), json!(id))]);
        if let Value::Object(answer) = answer(&client, &id, asked).await? {
            body.extend(answer);
        }
        answers::json(&Value::Object(body))
    }
}
