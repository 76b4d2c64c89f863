//! `claviger import acp`: what an existing platform stored, taken over into this server's records.
//!
//! It is shown first, and done only with `--write`, in one transaction. What is here already is left alone, so it can be run again. The server
//! must not run meanwhile: the folder's lock is taken. No secret is ever shown, nor any value of the dump but ids.

mod dump;
mod envelope;
mod plan;
mod rows;

use super::Place;
use super::answers::plain;
use super::secret_input::from_file;
use crate::records::{Imported, Taken};
use crate::secret::Secret;
use crate::server::Offline;
use anyhow::Context as _;
use envelope::OldKeyring;
use plan::{Old, Plan, Said};
use ring::digest::{Context, SHA256};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{BufReader, Read};
use std::path::PathBuf;
use std::process::ExitCode;

/// Where the platform's operators have their keyring.
const KEYRING_VARIABLE: &str = "CREDENTIAL_ENCRYPTION_KEYRING";
/// So many of one reason are named; the others are counted. `-o json` names all.
const NAMED: usize = 5;

/// Takes over what another server stored.
#[derive(Debug, clap::Subcommand)]
pub(super) enum ImportCommand {
    /// The Ambient Code Platform's database, from a plain dump of PostgreSQL.
    ///
    /// Shows what would be done; `--write` does it, in one transaction. People, projects, agents, credentials, roles and role bindings keep their
    /// ids and ages. Sessions do not come along, nor what they were granted. Run it again at any time: what is here stays as it is.
    ///
    /// Make the dump with `pg_dump --format=plain --data-only`; stop this server first.
    Acp(Acp),
}

#[derive(Debug, clap::Args)]
pub(super) struct Acp {
    /// The dump, or `-` for standard input.
    #[arg(value_name = "FILE|-")]
    file: String,
    #[command(flatten)]
    place: Place,
    /// Do it. Without this it is only shown.
    #[arg(long)]
    write: bool,
    /// The platform's keyring (JSON, version to base64 key); else the variable CREDENTIAL_ENCRYPTION_KEYRING has it.
    #[arg(long, value_name = "FILE")]
    old_keyring: Option<PathBuf>,
    /// Take tokens that the platform stored unsealed.
    #[arg(long)]
    allow_plaintext: bool,
    /// The schema that the tables are in.
    #[arg(long, default_value = "public")]
    schema: String,
    /// `json`: everything that was done and left out, for programs.
    #[arg(short = 'o', long = "output", value_parser = ["json"], value_name = "FORMAT")]
    output: Option<String>,
}

impl ImportCommand {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let Self::Acp(acp) = self;
        acp.run().await
    }
}

impl Acp {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let config = self.place.config()?;
        let keyring = match &self.old_keyring {
            Some(path) => OldKeyring::parse(&from_file(path)?)?,
            None => match std::env::var(KEYRING_VARIABLE).ok().filter(|json| !json.is_empty()) {
                Some(json) => OldKeyring::parse(&Secret::new(json))?,
                None => OldKeyring::default(),
            },
        };
        let old = Old {
            keyring,
            plaintext: self.allow_plaintext,
        };
        let (tables, sha256) = self.read()?;
        let sessions = tables.get("sessions").map_or(0, dump::Table::len);
        let offline = Offline::open(&config).await?;
        let mut plan = plan::plan(&tables, &offline, &old).await?;
        drop(tables);
        let shown = offline.try_import(&plan.import).await?;
        let is_new = counts(&shown).iter().any(|(_, added, _, _)| *added > 0);
        let done = if self.write && is_new {
            offline.import(&plan.import, &sha256).await?
        } else {
            shown
        };
        refused(&mut plan, &done);
        self.tell(&plan, &done, sessions)?;
        Ok(ExitCode::SUCCESS)
    }

    fn read(&self) -> anyhow::Result<(BTreeMap<String, dump::Table>, String)> {
        let input: Box<dyn Read> = if self.file == "-" {
            Box::new(std::io::stdin().lock())
        } else {
            Box::new(std::fs::File::open(&self.file).with_context(|| format!("`{}` cannot be read", self.file))?)
        };
        let mut digest = Context::new(&SHA256);
        let mut hashed = Hashed {
            input,
            digest: &mut digest,
        };
        let read = dump::read(BufReader::with_capacity(1 << 16, &mut hashed), &self.schema, &plan::TABLES);
        let tables = read.with_context(|| format!("`{}` is no plain dump of PostgreSQL", self.file))?;
        Ok((tables, hex::encode(digest.finish())))
    }

    #[expect(clippy::print_stdout, reason = "the command's answer")]
    fn tell(&self, plan: &Plan, done: &Imported, sessions: usize) -> anyhow::Result<()> {
        let counts = counts(done);
        let added: usize = counts.iter().map(|(_, added, _, _)| added).sum();
        if self.output.is_some() {
            let said = |all: &[Said]| {
                all.iter()
                    .map(|said| json!({ "what": said.what, "why": said.why }))
                    .collect::<Vec<_>>()
            };
            let of = |(word, added, here, _): &(&str, usize, usize, usize)| ((*word).to_owned(), json!({ "new": added, "here": here }));
            let answer = json!({
                "written": self.write && added > 0,
                "counts": counts.iter().map(of).collect::<serde_json::Map<_, _>>(),
                "left_out": said(&plan.left_out),
                "look": said(&plan.look),
                "sessions": sessions,
            });
            println!("{}", serde_json::to_string_pretty(&answer)?);
            return Ok(());
        }
        for (word, added, here, _) in counts {
            println!("{word:<14} {added} new, {here} here already");
        }
        if sessions > 0 {
            println!("{sessions} sessions do not come along: start them anew");
        }
        list("left out", &plan.left_out);
        list("look at", &plan.look);
        println!(
            "{}",
            match (added, self.write) {
                (0, _) => "nothing to import: all that comes along is here".to_owned(),
                (_, true) => format!("{added} records imported"),
                (_, false) => format!("{added} records would be imported; nothing was written. `--write` does it"),
            }
        );
        Ok(())
    }
}

/// By kind: how many are new, here already, refused by what is here.
fn counts(done: &Imported) -> [(&'static str, usize, usize, usize); 6] {
    let of = |word, all: &[Taken]| {
        let count = |wanted: fn(&Taken) -> bool| all.iter().filter(|taken| wanted(taken)).count();
        (
            word,
            count(|taken| matches!(taken, Taken::Added)),
            count(|taken| matches!(taken, Taken::Here)),
            count(|taken| matches!(taken, Taken::Refused(_))),
        )
    };
    [
        of("people", &done.users),
        of("roles", &done.roles),
        of("projects", &done.projects),
        of("agents", &done.agents),
        of("credentials", &done.credentials),
        of("role bindings", &done.bindings),
    ]
}

/// What the records refused is left out as well.
fn refused(plan: &mut Plan, done: &Imported) {
    let import = &plan.import;
    let mut said = Vec::new();
    let mut add = |word: &str, id: &str, taken: &Taken| {
        if let Taken::Refused(why) = taken {
            said.push(Said {
                what: format!("{word} {id}"),
                why: why.clone(),
            });
        }
    };
    import
        .users
        .iter()
        .zip(&done.users)
        .for_each(|(of, taken)| add("person", of.id.as_str(), taken));
    import
        .roles
        .iter()
        .zip(&done.roles)
        .for_each(|(of, taken)| add("role", of.id.as_str(), taken));
    let projects = import.projects.iter().zip(&done.projects);
    projects.for_each(|(of, taken)| add("project", of.record.id.as_str(), taken));
    let agents = import.agents.iter().zip(&done.agents);
    agents.for_each(|(of, taken)| add("agent", of.record.id.as_str(), taken));
    let credentials = import.credentials.iter().zip(&done.credentials);
    credentials.for_each(|((of, _), taken)| add("credential", of.id.as_str(), taken));
    let bindings = import.bindings.iter().zip(&done.bindings);
    bindings.for_each(|(of, taken)| add("role binding", of.id.as_str(), taken));
    plan.left_out.extend(said);
}

/// By reason, with the first few of each.
#[expect(clippy::print_stdout, reason = "the command's answer")]
fn list(heading: &str, all: &[Said]) {
    let mut by_why: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for said in all {
        by_why.entry(&said.why).or_default().push(&said.what);
    }
    for (why, what) in by_why {
        let more = match what.len().checked_sub(NAMED) {
            None | Some(0) => String::new(),
            Some(more) => format!(" and {more} more"),
        };
        let named = what.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
        println!("{heading}: {}", plain(&format!("{named}{more}: {why}")));
    }
}

/// Digests what is read, for the trail.
struct Hashed<'a> {
    input: Box<dyn Read>,
    digest: &'a mut Context,
}

impl Read for Hashed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.digest.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}
