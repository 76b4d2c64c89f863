//! `claviger credential token`: the one command whose answer is a secret.
//!
//! On a pipe the token alone, without a line break, so that `$(…)` and files have exactly it. On a terminal it would stay in the scrollback:
//! there it is not even read without `--show`.

use super::Which;
use crate::cli::answers;
use crate::cli::client::{Failure, V1, below};
use serde_json::Value;
use std::io::IsTerminal;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Token {
    #[command(flatten)]
    which: Which,
    /// As this project's: only if it is the credential that resolves there.
    #[arg(long)]
    project: Option<String>,
    /// It must last for so many seconds; at most half of its life counts.
    #[arg(long, value_name = "SECONDS")]
    min_ttl: Option<u32>,
    /// Only for this repository, where the provider can narrow. May be repeated.
    #[arg(long)]
    repository: Vec<String>,
    /// Only with this permission, as `contents:read`. May be repeated.
    #[arg(long, value_name = "NAME:LEVEL")]
    permission: Vec<String>,
    /// Only with this scope. May be repeated.
    #[arg(long)]
    scope: Vec<String>,
    /// The generation of a token that the upstream rejected: get another.
    #[arg(long, value_name = "GENERATION")]
    rejected: Option<u64>,
    /// As `session`, `environment` or `git` need it, in JSON.
    #[arg(long)]
    consumer: Option<String>,
    /// `json`: the whole answer, with the generation and the end.
    #[arg(short = 'o', long = "output", value_parser = ["json"], value_name = "FORMAT")]
    output: Option<String>,
    /// Even on a terminal.
    #[arg(long)]
    show: bool,
}

impl Token {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let on_terminal = std::io::stdout().is_terminal();
        if on_terminal && !self.show {
            return Err(Failure::Usage(
                "a token on a terminal stays in its scrollback, so it was not read; use a pipe or `$(…)`, or say `--show`".to_owned(),
            ));
        }
        let (client, id) = self.which.client_and_id().await?;
        let min_ttl = self.min_ttl.map(|seconds| seconds.to_string());
        let rejected = self.rejected.map(|generation| generation.to_string());
        let mut query: Vec<(&str, &str)> = Vec::new();
        let single = [("min_ttl", &min_ttl), ("rejected", &rejected), ("consumer", &self.consumer)];
        query.extend(single.iter().filter_map(|(key, value)| Some((*key, value.as_deref()?))));
        let several = [
            ("repository", &self.repository),
            ("permission", &self.permission),
            ("scope", &self.scope),
        ];
        for (key, values) in several {
            query.extend(values.iter().map(|value| (key, value.as_str())));
        }
        let answer = match &self.project {
            Some(project) => {
                client
                    .get(&below(V1, &["projects", project, "credentials", &id, "token"]), &query)
                    .await?
            }
            None => client.get(&below(V1, &["credentials", &id, "token"]), &query).await?,
        };
        if self.output.is_some() || self.consumer.is_some() {
            return answers::json(&answer);
        }
        let token = answer.get("token").and_then(Value::as_str).unwrap_or_default();
        if token.is_empty() {
            return Err(Failure::Refused(
                "nothing is stored in this credential; `claviger credential update` with `--token` or `--secret` does that".to_owned(),
            ));
        }
        if on_terminal {
            crate::cli::note("this is a secret, and stays in the scrollback:");
            return answers::line(token);
        }
        answers::write(token)
    }
}
