//! The commands: what a person types, and which part of the house it wakes.
//!
//! Answers go to standard output, everything else to standard error. Exit code 1 is a refusal or failure with one sentence, 2 a command
//! line that does not read; the commands of a person, which go over the API, have more (`client::failure`).

mod admin;
mod answers;
mod api_key;
mod apply;
mod audit;
mod client;
mod connection;
mod contexts;
mod credential;
mod dev;
mod edge;
mod import;
mod login;
mod openid;
mod provider;
mod resource;
mod role_binding;
mod secret_input;
mod serve;
mod user;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// A credential provider host: the token of the person who asked, through sandboxed providers, on the record.
#[derive(Debug, Parser)]
#[command(name = "claviger", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API.
    Serve {
        /// The configuration; each of its keys can also be set as CLAVIGER_SECTION__KEY.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// The whole product on this machine, with emulated upstreams and nothing to set up.
    Dev(dev::Dev),
    /// Provider components: what they ask for, and which are approved.
    #[command(subcommand)]
    Provider(provider::Provider),
    /// The people whom the server has met.
    #[command(subcommand)]
    User(user::User),
    /// Who administers: the first administrator is made here.
    #[command(subcommand)]
    Admin(admin::Admin),
    /// Bearers for machines.
    #[command(subcommand)]
    ApiKey(api_key::ApiKey),
    /// Take over what another server stored.
    #[command(subcommand)]
    Import(import::ImportCommand),
    /// The audit trail.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Sign in to a running server, in the browser or with a token: for the commands below.
    Login(Box<login::Login>),
    /// Forget a server, and all that was kept for it.
    Logout(login::Logout),
    /// Whom the server takes you for.
    Whoami(login::Whoami),
    /// The servers that you are signed in to.
    #[command(subcommand)]
    Context(login::ContextCommand),
    /// Credentials, their tokens and who gets them.
    #[command(subcommand)]
    Credential(credential::Credential),
    /// Who has which role for what.
    #[command(subcommand)]
    RoleBinding(role_binding::RoleBinding),
    /// Projects, which own agents and sessions.
    #[command(subcommand)]
    Project(resource::Project),
    /// A project's agents.
    #[command(subcommand)]
    Agent(resource::Agent),
    /// Sessions.
    #[command(subcommand)]
    Session(resource::Session),
    /// Makes what manifests say: a second time it changes nothing.
    Apply(apply::Apply),
    /// The roles that there are.
    #[command(subcommand)]
    Role(role_binding::Role),
    /// Git's credential helper: `git config credential.helper '!claviger git-credential'`.
    GitCredential(edge::GitCredential),
    /// A token as JSON, for programs that run another one to get it.
    CredentialProcess(edge::CredentialProcess),
    /// Runs a command with tokens in its environment.
    Exec(Box<edge::Exec>),
    /// Runs a program in a session with the tokens of whoever's turn it is, as the platform's credential sidecars are started.
    Sidecar(edge::Sidecar),
    /// Not for people: the last step before the command of `exec`.
    #[command(hide = true)]
    Tether(edge::Tether),
}

/// Where a command finds the server's data.
#[derive(Debug, clap::Args)]
struct Place {
    /// The server's configuration.
    #[arg(long, value_name = "FILE", conflicts_with = "data")]
    config: Option<PathBuf>,
    /// The server's data folder, instead of a configuration.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Place {
    fn config(&self) -> anyhow::Result<crate::config::Config> {
        let defaults = match (&self.data, &self.config) {
            (Some(data), _) => {
                // A slip in the name would make a new server's folder, and the command would be done there.
                anyhow::ensure!(data.is_dir(), "the data folder `{}` does not exist", data.display());
                format!("data_dir = {}", toml::Value::from(data.display().to_string()))
            }
            (None, None) if std::env::var_os("CLAVIGER_DATA_DIR").is_none() => {
                anyhow::bail!("name the server: --config FILE or --data DIR");
            }
            (None, _) => String::new(),
        };
        Ok(crate::config::load(self.config.as_deref(), &defaults, false)?)
    }
}

/// Reads the command line and does what it says.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&anyhow::Error::new(error).context("the asynchronous runtime does not start")),
    };
    let outcome = runtime.block_on(async {
        match cli.command {
            Command::Serve { config } => serve::run(config).await,
            Command::Dev(dev) => dev.run().await,
            Command::Provider(command) => command.run().await,
            Command::User(command) => command.run().await,
            Command::Admin(command) => command.run().await,
            Command::ApiKey(command) => command.run().await,
            Command::Import(command) => command.run().await,
            Command::Audit(command) => command.run(),
            Command::Login(login) => done(login.run().await),
            Command::Logout(logout) => done(logout.run().await),
            Command::Whoami(whoami) => done(whoami.run().await),
            Command::Context(command) => done(command.run().await),
            Command::Credential(command) => done(command.run().await),
            Command::RoleBinding(command) => done(command.run().await),
            Command::Project(command) => done(command.run().await),
            Command::Agent(command) => done(command.run().await),
            Command::Session(command) => done(command.run().await),
            Command::Apply(apply) => done(apply.run().await),
            Command::Role(command) => done(command.run().await),
            Command::GitCredential(helper) => done(helper.run().await),
            Command::CredentialProcess(command) => done(command.run().await),
            Command::Exec(exec) => exec.run().await.map_err(anyhow::Error::from),
            Command::Sidecar(sidecar) => sidecar.run().await.map_err(anyhow::Error::from),
            Command::Tether(tether) => Ok(tether.run()),
        }
    });
    // What is still running holds nothing that is not durable.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    match outcome {
        Ok(code) => code,
        Err(error) => fail(&error),
    }
}

/// A person's command is over.
fn done(outcome: Result<(), client::Failure>) -> anyhow::Result<ExitCode> {
    Ok(outcome.map(|()| ExitCode::SUCCESS)?)
}

/// Asks the person at the terminal, unless they have said so already. The question goes to standard error: the answer may be piped.
#[expect(clippy::print_stderr, reason = "a question to the person at the terminal")]
fn agreed(yes: bool, question: &str) -> Result<bool, client::Failure> {
    use std::io::{BufRead, IsTerminal};
    if yes {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        return Err(client::Failure::Usage("nobody is there to be asked; add `--yes`".to_owned()));
    }
    eprint!("{question} [y/N] ");
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    Ok(read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// A word to the person who typed the command, beside its answer.
#[expect(clippy::print_stderr, reason = "standard output is for the answer")]
fn note(text: &str) {
    eprintln!("{text}");
}

#[expect(clippy::print_stderr, reason = "the last word of a command goes to the person who typed it")]
fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("claviger: {}", crate::telemetry::redact(&format!("{error:#}")));
    error
        .downcast_ref::<client::Failure>()
        .map_or(ExitCode::FAILURE, client::Failure::exit_code)
}
