//! `claviger login`, `logout`, `whoami`, `context`.

use super::answers::{self, Output, line};
use super::client::{Client, Failure, OWN, Server, below, text};
use super::connection::Connection;
use super::contexts::{Context, Contexts, SignIn};
use super::openid::{Authorization, Issuer, authorize};
use super::secret_input::{Source, from_environment, from_file, prompt};
use crate::clock::{SystemClock, rfc3339};
use crate::secret::Secret;
use serde_json::{Value, json};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

/// Signs in to a running server.
///
/// With `--issuer` in the browser: the address is shown and opened, and what the issuer gives is kept in the configuration (0600) until it
/// ends. Without it, with a token that you have: asked for without echo, or from a file or a variable.
#[derive(Debug, clap::Args)]
pub(super) struct Login {
    /// The server's address.
    url: String,
    /// What to call it; its host and port unless said.
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    issuer: AtIssuer,
    /// The token is in this file, also later.
    #[arg(long, value_name = "FILE", conflicts_with = "issuer")]
    token_file: Option<PathBuf>,
    /// The token is in this variable of the environment, also later.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["token_file", "issuer"])]
    token_env: Option<String>,
    /// Keep the token in the configuration (0600). Without it, nothing secret is kept.
    #[arg(long, conflicts_with = "issuer")]
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

/// Signing in at an issuer.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "At an issuer")]
struct AtIssuer {
    /// Sign in there (OpenID Connect): the address under which it has `/.well-known/openid-configuration`.
    #[arg(long, value_name = "URL", requires = "client_id")]
    issuer: Option<String>,
    /// Whom the issuer takes this program for.
    #[arg(long, value_name = "ID", requires = "issuer")]
    client_id: Option<String>,
    /// What to ask for; `openid` unless said, in the browser.
    #[arg(long, requires = "issuer")]
    scope: Option<String>,
    /// Whom the token is for, if the issuer wants to be told (RFC 8707).
    #[arg(long, value_name = "URI", requires = "issuer")]
    resource: Option<String>,
    /// Only show the address.
    #[arg(long, requires = "issuer", conflicts_with = "client_credentials")]
    no_browser: bool,
    /// Keep the refresh token too: whoever has it stays signed in as you. Every command then renews the token when it ends.
    #[arg(long, requires = "issuer", conflicts_with = "client_credentials")]
    keep_refresh_token: bool,
    /// The port of 127.0.0.1 that the browser comes back to, if the issuer takes only one; any that is free unless said.
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true, requires = "issuer")]
    callback_port: u16,
    /// How long to wait for the browser, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=3600))]
    wait: u64,
    /// Sign in as the program, with its secret: asked for without echo, or from a file or a variable.
    #[arg(long, requires = "issuer")]
    client_credentials: bool,
    /// The program's secret is in this file, also when the token ends.
    #[arg(long, value_name = "FILE", requires = "client_credentials")]
    client_secret_file: Option<PathBuf>,
    /// The program's secret is in this variable of the environment, also when the token ends.
    #[arg(long, value_name = "NAME", requires = "client_credentials", conflicts_with = "client_secret_file")]
    client_secret_env: Option<String>,
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
        let server = Server {
            url: Server::parse_url(&self.url)?,
            ca_file: self.ca_file.map(absolute),
            plain_http: self.plain_http,
        };
        let name = match self.name {
            Some(name) => checked(name)?,
            None => host_and_port(&server),
        };
        // A configuration that cannot be used is found out before anybody signs in.
        Contexts::load()?;
        let mut context = Context {
            url: server.url.to_string(),
            ca_file: server.ca_file.clone(),
            plain_http: server.plain_http,
            token_file: None,
            token_env: None,
            token: None,
            sign_in: None,
        };
        let mut is_asked_again = false;
        let token = if self.issuer.issuer.is_some() {
            let (token, sign_in) = self.issuer.sign_in(context.ca_file.as_ref()).await?;
            context.sign_in = Some(sign_in);
            context.token = Some(token.clone());
            token
        } else {
            let (token, is_referred_to) = match (&self.token_file, &self.token_env) {
                (Some(path), _) => (from_file(path)?, true),
                (_, Some(name)) => (from_environment(name)?, true),
                _ if std::io::stdin().is_terminal() => (prompt(&format!("token for {}", server.url))?, false),
                _ => (Source::Standard.read("the token")?, false),
            };
            context.token = Some(token.clone()).filter(|_| self.keep);
            context.token_file = self.token_file.map(absolute).filter(|_| !self.keep);
            context.token_env = self.token_env.filter(|_| !self.keep);
            is_asked_again = !self.keep && !is_referred_to;
            token
        };
        let known = who(&Client::new(&server, &token)?).await?;
        let _lock = Contexts::lock().await?;
        let mut contexts = Contexts::load()?;
        contexts.contexts.insert(name.clone(), context);
        contexts.current = Some(name.clone());
        contexts.store()?;
        if is_asked_again {
            super::note("the token is not kept: you will be asked for it, or set `CLAVIGER_TOKEN`, or sign in with `--keep`");
        }
        line(&format!("signed in to {} as {}; context `{name}`", server.url, in_words(&known)))
    }
}

impl AtIssuer {
    /// A token, and what is remembered of how it came.
    async fn sign_in(self, ca_file: Option<&PathBuf>) -> Result<(Secret, SignIn), Failure> {
        let (address, client_id) = (self.issuer.unwrap_or_default(), self.client_id.unwrap_or_default());
        let issuer = Issuer::discover(&address, ca_file).await?;
        let mut scope = self.scope;
        let granted = if self.client_credentials {
            let secret = match (&self.client_secret_file, &self.client_secret_env) {
                (Some(path), _) => from_file(path)?,
                (_, Some(name)) => from_environment(name)?,
                _ => Source::Standard.read(&format!("secret of {client_id}"))?,
            };
            let text = |text: &str| Secret::new(text.to_owned());
            let mut form = vec![
                ("grant_type", text("client_credentials")),
                ("client_id", text(&client_id)),
                ("client_secret", secret),
            ];
            form.extend(scope.as_deref().map(|scope| ("scope", text(scope))));
            form.extend(self.resource.as_deref().map(|resource| ("resource", text(resource))));
            issuer.token(&form, &SystemClock).await?
        } else {
            let mut wanted = scope.unwrap_or_else(|| "openid".to_owned());
            if self.keep_refresh_token && !wanted.split(' ').any(|word| word == "offline_access") {
                wanted.push_str(" offline_access");
            }
            let asked = Authorization {
                client_id: &client_id,
                scope: &wanted,
                resource: self.resource.as_deref(),
                port: self.callback_port,
                opens: !self.no_browser,
                within: Duration::from_secs(self.wait),
            };
            let granted = authorize(&issuer, &asked, &SystemClock).await?;
            scope = Some(wanted);
            granted
        };
        let refresh_token = granted.refresh.filter(|_| self.keep_refresh_token);
        if self.keep_refresh_token && refresh_token.is_none() {
            super::note("the issuer gave no refresh token; you will have to sign in again when the token ends");
        }
        let sign_in = SignIn {
            issuer: issuer.name,
            client_id,
            scope,
            resource: self.resource,
            expires_at: granted.expires_at_ms.map(rfc3339),
            refresh_token,
            client_secret_file: self.client_secret_file.map(absolute),
            client_secret_env: self.client_secret_env,
        };
        Ok((granted.access, sign_in))
    }
}

fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
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
    pub(super) async fn run(self) -> Result<(), Failure> {
        let _lock = Contexts::lock().await?;
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
        let signed = self.connection.signed().await?;
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
    pub(super) async fn run(self) -> Result<(), Failure> {
        let _lock = Contexts::lock().await?;
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
