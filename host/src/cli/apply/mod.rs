//! `claviger apply -f`: what a folder of manifests says shall be there, is there afterwards.
//!
//! Everything is read and checked before the first request. What is there already and is as it shall be is left alone, so a second apply
//! changes nothing and says so. Secrets are in no manifest: a manifest says which variable or file has them. The server shows none either, so they
//! cannot be compared; they are sent when a credential is made, empty, or moved elsewhere, and again only with `--secrets`.

mod credential;
mod keys;
mod manifest;
mod place;
mod read;
mod role_binding;

use super::answers;
use super::client::Failure;
use super::connection::Connection;
use manifest::Manifest;
use serde_json::json;

/// Makes what manifests say: projects, then agents, credentials and role bindings. What is as it shall be is left alone, so a second
/// apply changes nothing. Nothing is ever deleted.
#[derive(Debug, clap::Args)]
pub(super) struct Apply {
    #[command(flatten)]
    connection: Connection,
    /// A manifest (YAML of several documents, or JSON), a folder of them, or `-` for standard input. May be repeated.
    #[arg(short, long = "filename", value_name = "FILE|DIR|-", required = true)]
    file: Vec<String>,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// The project of agents whose manifest names none; else the only one of the manifests.
    #[arg(long)]
    project: Option<String>,
    /// Send the secrets of credentials that are there already, too.
    #[arg(long)]
    secrets: bool,
    /// `json`: what was done, for programs.
    #[arg(short = 'o', long = "output", value_parser = ["json"], value_name = "FORMAT")]
    output: Option<String>,
    /// Nothing but failures.
    #[arg(short, long, conflicts_with = "output")]
    quiet: bool,
}

/// How it is done.
#[derive(Debug, Clone, Copy)]
struct Manner {
    dry_run: bool,
    secrets: bool,
}

/// What came of one manifest.
enum Outcome {
    Created,
    Updated(Vec<String>),
    Unchanged,
}

/// What was applied: its id if it has one yet, and what came of it.
struct Applied {
    id: Option<String>,
    outcome: Outcome,
}

impl Apply {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let mut manifests = Vec::new();
        for file in &self.file {
            for document in read::documents(file)? {
                manifests.push(Manifest::parse(document)?);
            }
        }
        if manifests.is_empty() {
            return Err(Failure::Usage("no manifest is there".to_owned()));
        }
        manifest::place_agents(&mut manifests, self.project.as_deref())?;
        manifest::refuse_repeated(&manifests)?;
        // A binding may name what another manifest makes, wherever that stands.
        manifests.sort_by_key(Manifest::rank);
        let client = self.connection.client().await?;
        let manner = Manner {
            dry_run: self.dry_run,
            secrets: self.secrets,
        };
        let mut done: Vec<(String, Applied)> = Vec::new();
        for manifest in &manifests {
            let name = manifest.name();
            let made = done.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>();
            let applied = match manifest {
                Manifest::Project(project) => place::project(&client, project, manner).await,
                Manifest::Agent(agent) => place::agent(&client, agent, &made, manner).await,
                Manifest::Credential(credential) => credential::apply(&client, credential, manner).await,
                Manifest::RoleBinding(binding) => role_binding::apply(&client, binding, &made, manner).await,
            };
            match applied {
                Ok(applied) => {
                    self.tell(&name, &applied)?;
                    done.push((name, applied));
                }
                Err(why) => {
                    let before = done.iter().filter(|(_, applied)| !matches!(applied.outcome, Outcome::Unchanged));
                    let before: Vec<&str> = before.map(|(name, _)| name.as_str()).collect();
                    let already = match (before.is_empty(), self.dry_run) {
                        (true, _) => "nothing was changed before it".to_owned(),
                        (_, true) => format!("before it would be done: {}", before.join(", ")),
                        (_, false) => format!("done before it: {}", before.join(", ")),
                    };
                    super::note(&answers::plain(&format!("at {} ({name}); {already}", manifest.place())));
                    return Err(why);
                }
            }
        }
        self.sum_up(&done)
    }

    fn tell(&self, name: &str, applied: &Applied) -> Result<(), Failure> {
        if self.output.is_some() || self.quiet {
            return Ok(());
        }
        let would = if self.dry_run { "would be " } else { "" };
        let what = match &applied.outcome {
            Outcome::Created => format!("{would}created"),
            Outcome::Updated(keys) => format!("{would}updated ({})", keys.join(", ")),
            Outcome::Unchanged => "unchanged".to_owned(),
        };
        answers::line(&answers::plain(&format!("{name} {what}")))
    }

    fn sum_up(&self, done: &[(String, Applied)]) -> Result<(), Failure> {
        let count = |of: fn(&Outcome) -> bool| done.iter().filter(|(_, applied)| of(&applied.outcome)).count();
        let created = count(|outcome| matches!(outcome, Outcome::Created));
        let updated = count(|outcome| matches!(outcome, Outcome::Updated(_)));
        let unchanged = count(|outcome| matches!(outcome, Outcome::Unchanged));
        if self.output.is_some() {
            let items: Vec<_> = done
                .iter()
                .map(|(name, applied)| {
                    let (outcome, changed) = match &applied.outcome {
                        Outcome::Created => ("created", None),
                        Outcome::Updated(keys) => ("updated", Some(keys)),
                        Outcome::Unchanged => ("unchanged", None),
                    };
                    json!({ "name": name, "id": applied.id, "outcome": outcome, "changed": changed })
                })
                .collect();
            return answers::json(&json!({ "dry_run": self.dry_run, "items": items }));
        }
        if self.quiet {
            return Ok(());
        }
        answers::line(&match (created + updated, self.dry_run) {
            (0, _) => format!("nothing to change: {unchanged} as they shall be"),
            (_, true) => format!("{created} would be created, {updated} updated, {unchanged} unchanged; nothing was done"),
            (_, false) => format!("{created} created, {updated} updated, {unchanged} unchanged"),
        })
    }
}
