//! From the environment and the configuration to a client: which server, and which token.
//!
//! `CLAVIGER_URL` and `CLAVIGER_TOKEN` win. A token that was given for one server never goes to another: with `CLAVIGER_URL` alone, the token of a
//! context is used only if that context is of the same address.

use super::client::{Client, Failure, Server};
use super::contexts::{Context, Contexts};
use super::openid;
use super::secret_input::{from_environment, from_file, prompt};
use crate::clock::SystemClock;
use crate::secret::Secret;
use std::io::IsTerminal;
use std::path::PathBuf;

/// The server's address.
pub(super) const URL: &str = "CLAVIGER_URL";
/// The bearer.
pub(super) const TOKEN: &str = "CLAVIGER_TOKEN";
/// A file that has it, read each time: what renews a runner's bearer writes it there.
pub(super) const TOKEN_FILE: &str = "CLAVIGER_TOKEN_FILE";
/// A context's name.
const CONTEXT: &str = "CLAVIGER_CONTEXT";

/// Which server.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Connection {
    /// A server that `claviger login` knows by this name, instead of the current one.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// Believe these certificate authorities too (PEM).
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Send the token over plain http, beyond this machine.
    #[arg(long)]
    plain_http: bool,
}

/// A server, and where its token comes from.
pub(super) struct Signed {
    /// The context's name, if it is one.
    pub context: Option<String>,
    /// Where.
    pub server: Server,
    /// In words.
    pub token_from: String,
    token: Secret,
}

impl Signed {
    /// With a bearer that comes from elsewhere.
    pub(super) fn with(server: Server, token: Secret, token_from: &str) -> Self {
        Self {
            context: None,
            server,
            token_from: token_from.to_owned(),
            token,
        }
    }

    /// A client for it.
    pub(super) fn client(&self) -> Result<Client, Failure> {
        Client::new(&self.server, &self.token)
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl Connection {
    /// A client for the server that is meant.
    pub(super) async fn client(&self) -> Result<Client, Failure> {
        self.signed().await?.client()
    }

    /// The server that is meant, with a token for it, renewed if it has ended and can be.
    pub(super) async fn signed(&self) -> Result<Signed, Failure> {
        let (name, context) = self.context()?;
        let given = variable(URL).map(|url| Server::parse_url(&url)).transpose()?;
        let of_context = context.as_ref().map(Context::server).transpose()?;
        let same = match (&given, &of_context) {
            (Some(url), Some(server)) => *url == server.url,
            _ => true,
        };
        if !same && self.context.is_some() {
            return Err(Failure::Usage(format!(
                "`--context` and `{URL}` name two servers; say which by leaving one out"
            )));
        }
        let mut server = match (given, of_context) {
            (None, Some(server)) => server,
            (Some(_), Some(server)) if same => server,
            (Some(url), _) => Server {
                url,
                ca_file: None,
                plain_http: false,
            },
            (None, None) => {
                return Err(Failure::NotSignedIn(format!(
                    "no server is known; `claviger login URL`, or set `{URL}` and `{TOKEN}`"
                )));
            }
        };
        server.ca_file = self.ca_file.clone().or(server.ca_file);
        server.plain_http |= self.plain_http;
        let context = context.filter(|_| same);
        let name = name.filter(|_| same);
        let (token, token_from) = token(name.as_deref(), context, &server).await?;
        Ok(Signed {
            context: name,
            server,
            token_from,
            token,
        })
    }

    /// Whether anything says who is meant: a variable, an option or a context that somebody signed in to.
    pub(super) fn is_given(&self) -> Result<bool, Failure> {
        let by_variable = [URL, TOKEN, TOKEN_FILE].into_iter().any(|name| variable(name).is_some());
        Ok(by_variable || self.context()?.1.is_some())
    }

    /// The context that is meant, if there is one.
    fn context(&self) -> Result<(Option<String>, Option<Context>), Failure> {
        let mut file = Contexts::load()?;
        let named = self.context.clone().or_else(|| variable(CONTEXT));
        let is_named = named.is_some();
        let Some(name) = named.or_else(|| file.current.clone()) else {
            return Ok((None, None));
        };
        match file.contexts.remove(&name) {
            Some(context) => Ok((Some(name), Some(context))),
            None if is_named => Err(Failure::Usage(format!("no context `{name}`; `claviger context list` shows them"))),
            None => Ok((None, None)),
        }
    }
}

async fn token(name: Option<&str>, context: Option<Context>, server: &Server) -> Result<(Secret, String), Failure> {
    if variable(TOKEN).is_some() {
        return Ok((from_environment(TOKEN)?, format!("the variable `{TOKEN}`")));
    }
    if let Some(path) = variable(TOKEN_FILE) {
        return Ok((from_file(path.as_ref())?, format!("the file `{path}`")));
    }
    let context = match (name, context) {
        (Some(name), Some(context)) => Some(openid::current(name, context, &SystemClock).await?),
        (_, context) => context,
    };
    let kept = match &context {
        Some(Context { token: Some(token), .. }) => Some(token.clone()),
        Some(Context {
            token_file: Some(path), ..
        }) => Some(from_file(path)?),
        Some(Context { token_env: Some(name), .. }) => Some(from_environment(name)?),
        _ => None,
    };
    match (kept, context) {
        (Some(token), Some(context)) if !token.is_empty() => Ok((token, context.token_from())),
        _ if std::io::stdin().is_terminal() => {
            let token = prompt(&format!("token for {}", server.url))?;
            Ok((token, "the prompt".to_owned()))
        }
        _ => Err(Failure::NotSignedIn(format!(
            "no token for `{}`: set `{TOKEN}`, or `claviger login` with `--issuer`, `--token-file`, `--token-env` or `--keep`",
            server.url
        ))),
    }
}
