//! `claviger login`, `logout`, `whoami`, `context`.

use super::answers::{self, Output, line};
use super::client::{Client, Failure, OWN, Server, below, text};
use super::connection::Connection;
use super::contexts::{Context, Contexts};
use super::secret_input::{Source, from_environment, from_file, prompt};
use serde_json::{Value, json};
use std::io::IsTerminal;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Login {
    /// The server's address.
    url: String,
    /// What to call it; its host and port unless said.
    #[arg(long)]
    name: Option<String>,
    /// The token is in this file, also later.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The token is in this variable of the environment, also later.
    #[arg(long, value_name = "NAME", conflicts_with = "token_file")]
    token_env: Option<String>,
    /// Keep the token in the configuration (0600). Without it, nothing secret is kept.
    #[arg(long)]
    keep: bool,
    /// Believe these certificate authorities too (PEM).
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Send the token over plain http, beyond this machine.
    #[arg(long)]
    plain_http: bool,
    /// Refused: an argument is seen by everybody.
    #[arg(long, hide = true, num_args = 0..)]
    token: Option<Vec<String>>,
    /// Refused: an argument is seen by everybody.
    #[arg(hide = true)]
    surplus: Vec<String>,
}

impl Login {
    pub(super) async fn run(self) -> Result<(), Failure> {
        if self.token.is_some() || !self.surplus.is_empty() {
            return Err(Failure::Usage(
                "a token on the command line is seen by every process and the shell's history; leave it out to be asked, or give \
                 `--token-file` or `--token-env`. If that was a real one, replace it"
                    .to_owned(),
            ));
        }
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        let server = Server {
            url: Server::parse_url(&self.url)?,
            ca_file: self.ca_file.map(absolute),
            plain_http: self.plain_http,
        };
        let name = match self.name {
            Some(name) => checked(name)?,
            None => host_and_port(&server),
        };
        let mut contexts = Contexts::load()?;
        let (token, is_referred_to) = match (&self.token_file, &self.token_env) {
            (Some(path), _) => (from_file(path)?, true),
            (_, Some(name)) => (from_environment(name)?, true),
            _ if std::io::stdin().is_terminal() => (prompt(&format!("token for {}", server.url))?, false),
            _ => (Source::Standard.read("the token")?, false),
        };
        let known = who(&Client::new(&server, &token)?).await?;
        let context = Context {
            url: server.url.to_string(),
            ca_file: server.ca_file,
            plain_http: server.plain_http,
            token_file: self.token_file.map(absolute).filter(|_| !self.keep),
            token_env: self.token_env.filter(|_| !self.keep),
            token: Some(token).filter(|_| self.keep),
        };
        contexts.contexts.insert(name.clone(), context);
        contexts.current = Some(name.clone());
        contexts.store()?;
        if !self.keep && !is_referred_to {
            super::note("the token is not kept: you will be asked for it, or set `CLAVIGER_TOKEN`, or sign in with `--keep`");
        }
        line(&format!("signed in to {} as {}; context `{name}`", server.url, in_words(&known)))
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct Logout {
    /// Forget this one instead of the current one.
    #[arg(long, value_name = "NAME", conflicts_with = "all")]
    context: Option<String>,
    /// Forget all.
    #[arg(long)]
    all: bool,
}

impl Logout {
    pub(super) fn run(self) -> Result<(), Failure> {
        let mut contexts = Contexts::load()?;
        if self.all {
            contexts = Contexts::default();
            contexts.store()?;
            return line("signed out everywhere");
        }
        let Some(name) = self.context.or_else(|| contexts.current.clone()) else {
            return Err(Failure::NotSignedIn("nobody is signed in".to_owned()));
        };
        if contexts.contexts.remove(&name).is_none() {
            return Err(Failure::NotFound(format!(
                "no context `{name}`; `claviger context list` shows them"
            )));
        }
        contexts.current = contexts.current.filter(|current| *current != name);
        contexts.store()?;
        line(&format!("signed out of `{name}`"))
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct Whoami {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

impl Whoami {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let signed = self.connection.signed()?;
        let mut known = who(&signed.client()?).await?;
        if let Some(object) = known.as_object_mut() {
            object.insert("server".to_owned(), json!(signed.server.url));
            object.insert("context".to_owned(), json!(signed.context));
            object.insert("token_from".to_owned(), json!(signed.token_from));
        }
        self.output.one(&known)
    }
}

/// The servers that are known.
#[derive(Debug, clap::Subcommand)]
pub(super) enum ContextCommand {
    /// Lists them.
    List,
    /// Makes one the current.
    Use {
        /// Its name.
        name: String,
    },
}

impl ContextCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        let mut contexts = Contexts::load()?;
        match self {
            Self::List => {
                let mark = |name: &String| if contexts.current.as_ref() == Some(name) { "*" } else { "" };
                let mut rows: Vec<Vec<String>> = contexts
                    .contexts
                    .iter()
                    .map(|(name, context)| vec![mark(name).to_owned(), name.clone(), context.url.clone(), context.token_from()])
                    .collect();
                if rows.is_empty() {
                    super::note("none; `claviger login URL` makes one");
                    return Ok(());
                }
                rows.insert(0, ["", "NAME", "SERVER", "TOKEN"].map(str::to_owned).to_vec());
                answers::table(rows)
            }
            Self::Use { name } => {
                if !contexts.contexts.contains_key(&name) {
                    return Err(Failure::NotFound(format!(
                        "no context `{name}`; `claviger context list` shows them"
                    )));
                }
                contexts.current = Some(name.clone());
                contexts.store()?;
                line(&format!("`{name}` is the current one"))
            }
        }
    }
}

/// Whom the server takes this bearer for.
async fn who(client: &Client) -> Result<Value, Failure> {
    client.get(&below(OWN, &["whoami"]), &[]).await
}

fn in_words(known: &Value) -> String {
    let user = text(known, "user");
    let whose = if user.is_empty() { "nobody in particular" } else { user };
    answers::plain(&format!("{whose} ({})", text(known, "method")))
}

fn host_and_port(server: &Server) -> String {
    let host = server.url.host_str().unwrap_or_default();
    server.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn checked(name: String) -> Result<String, Failure> {
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(Failure::Usage("a context's name is a word".to_owned()));
    }
    Ok(name)
}
