//! `claviger dev`.

use crate::dev::{self, Options};
use crate::server;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use url::Url;

#[derive(Debug, clap::Args)]
pub(super) struct Dev {
    /// Keep the data here instead of in a temporary folder.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Everything that `claviger serve` takes.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Tell the whole story once, and end.
    #[arg(long)]
    tour: bool,
    /// Run the emulated upstream alone.
    #[arg(long, conflicts_with_all = ["data", "config", "tour", "upstream", "plugin"])]
    upstream_only: bool,
    /// Where the emulated upstream listens.
    #[arg(long, requires = "upstream_only", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Use an emulated upstream that runs already.
    #[arg(long, value_name = "URL")]
    upstream: Option<Url>,
    /// Load this component, with everything that it asks for.
    #[arg(long, value_name = "FILE")]
    plugin: Option<PathBuf>,
    /// Load it again whenever it changes.
    #[arg(long, requires = "plugin")]
    watch: bool,
}

impl Dev {
    #[expect(clippy::print_stdout, reason = "the command's answer")]
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        if self.upstream_only {
            dev::upstream_only(self.listen, |address| println!("{address}")).await?;
            return Ok(ExitCode::SUCCESS);
        }
        let options = Options {
            data: self.data,
            config: self.config,
            upstream: self.upstream,
            plugin: self.plugin,
            watch: self.watch,
        };
        let development = dev::start(options).await?;
        if self.tour {
            let told = dev::tour(&development).await;
            development.stop().await;
            told?;
            return Ok(ExitCode::SUCCESS);
        }
        print_commands(&development);
        server::until_told_to_stop().await;
        development.stop().await;
        Ok(ExitCode::SUCCESS)
    }
}

/// What the printed commands make.
const NEW: &str = r#"{"name": "mine", "provider": "github", "token": "ghp_example0123456789example0123456789"}"#;
/// What they change about it.
const CHANGE: &str = r#"{"description": "tried on a Sunday"}"#;

#[expect(clippy::print_stdout, reason = "the command's answer")]
fn print_commands(development: &dev::Development) {
    let (handout, data) = (&development.handout, development.data.display());
    // As it was started: `claviger` is on nobody's path while it is built from the sources.
    let program = std::env::current_exe().map_or_else(|_| "claviger".to_owned(), |path| path.display().to_string());
    let credentials = format!("{}/api/ambient/v1/credentials", handout.url);
    println!(
        "claviger dev: the API is at {}, the emulated upstream at {}",
        handout.url, handout.upstream
    );
    println!("NOT FOR REAL SECRETS: the keys lie beside the data, in {data}\n");
    println!("Bearers and ids are in {data}/dev.json. To try:\n");
    println!("  DEV={data}/dev.json");
    println!("  bearer() {{ python3 -c \"import json,sys; print(json.load(open('$DEV'))['people'][sys.argv[1]]['bearer'])\" $1; }}\n");
    println!("  # what Alice has, and one of her tokens");
    println!("  curl -s -H \"Authorization: Bearer $(bearer alice)\" {credentials}");
    if let Some(id) = handout.credentials.get("alice-github") {
        println!("  curl -s -H \"Authorization: Bearer $(bearer alice)\" {credentials}/{id}/token");
        println!("  # the same for Bob: 404");
        println!("  curl -s -H \"Authorization: Bearer $(bearer bob)\" {credentials}/{id}/token");
    }
    println!("  # a credential that Alice makes, and changes");
    println!(
        "  ID=$(curl -s -H \"Authorization: Bearer $(bearer alice)\" {credentials} -d '{NEW}' | python3 -c \"import json,sys; print(json.load(sys.stdin)['id'])\")"
    );
    println!("  curl -s -X PATCH -H \"Authorization: Bearer $(bearer alice)\" {credentials}/$ID -d '{CHANGE}'");
    if let Some(session) = handout.sessions.first() {
        println!("  # Bob's own token in the session that he shares with Alice");
        println!(
            "  curl -s -H \"Authorization: Bearer $(bearer bob)\" {}/api/projects/{}/agentic-sessions/{}/credentials/github",
            handout.url, session.project, session.id
        );
    }
    println!("  # who read what, and whether the trail is whole");
    println!("  cat {data}/audit/*.jsonl");
    println!("  {program} audit verify --data {data}\n");
    println!("Stop with Ctrl-C.");
}
