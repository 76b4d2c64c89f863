//! The servers that a person uses, by name: `$XDG_CONFIG_HOME/claviger/config.toml`.
//!
//! A token is in it only if the person asked to keep it, or signed in at an issuer, which is asking for one; else it names a file or a variable, or nothing. The file is the person's alone: one
//! that others may read is refused rather than used, whatever is in it, for somebody could have put a server of theirs there as well. It
//! is replaced as a whole, so a crash leaves the old one.

use super::client::{Failure, Server};
use crate::secret::Secret;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;
use std::time::Duration;

/// What the file says.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Contexts {
    /// The one that commands use.
    pub current: Option<String>,
    /// By name.
    #[serde(default)]
    pub contexts: BTreeMap<String, Context>,
}

/// One server, and where the token for it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Context {
    /// The server's base address.
    pub url: String,
    /// Certificate authorities beside the machine's.
    pub ca_file: Option<PathBuf>,
    /// Whether the token may go over plain http.
    #[serde(default)]
    pub plain_http: bool,
    /// A file that has the token.
    pub token_file: Option<PathBuf>,
    /// A variable that has it.
    pub token_env: Option<String>,
    /// The token itself.
    pub token: Option<Secret>,
    /// How an issuer gave it, and how it gives the next one.
    pub sign_in: Option<SignIn>,
}

/// Where a kept token comes from, when an issuer gave it.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    /// The issuer's address.
    pub issuer: String,
    /// Whom the issuer takes this program for.
    pub client_id: String,
    /// What was asked for.
    pub scope: Option<String>,
    /// Whom the token is for (RFC 8707).
    pub resource: Option<String>,
    /// When the token ends, if the issuer said so (RFC 3339).
    pub expires_at: Option<String>,
    /// What brings the next token, only if the person asked to keep it.
    pub refresh_token: Option<Secret>,
    /// A file with the client's secret: the client signs in as itself.
    pub client_secret_file: Option<PathBuf>,
    /// A variable with it.
    pub client_secret_env: Option<String>,
}

impl Context {
    /// Where it is.
    pub(super) fn server(&self) -> Result<Server, Failure> {
        Ok(Server {
            url: Server::parse_url(&self.url)?,
            ca_file: self.ca_file.clone(),
            plain_http: self.plain_http,
        })
    }

    /// Where its token comes from, in words.
    pub(super) fn token_from(&self) -> String {
        match (&self.token, &self.token_file, &self.token_env) {
            (Some(_), _, _) if self.sign_in.is_some() => self.sign_in.iter().map(SignIn::in_words).collect(),
            (Some(_), _, _) => "kept in the configuration".to_owned(),
            (_, Some(path), _) => format!("the file `{}`", path.display()),
            (_, _, Some(name)) => format!("the variable `{name}`"),
            _ => "asked for each time".to_owned(),
        }
    }
}

impl SignIn {
    fn in_words(&self) -> String {
        let until = self.expires_at.as_deref().map(|at| format!(" until {at}")).unwrap_or_default();
        let next = if self.can_renew() { ", renewed when it ends" } else { "" };
        format!("the issuer `{}`{until}{next}", self.issuer)
    }

    /// Whether the next token can be had without the person.
    pub(super) const fn can_renew(&self) -> bool {
        self.refresh_token.is_some() || self.client_secret_file.is_some() || self.client_secret_env.is_some()
    }

    fn document(&self) -> toml::Table {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let texts = [
            ("issuer", Some(self.issuer.clone())),
            ("client_id", Some(self.client_id.clone())),
            ("scope", self.scope.clone()),
            ("resource", self.resource.clone()),
            ("expires_at", self.expires_at.clone()),
            ("refresh_token", self.refresh_token.as_ref().map(|token| token.expose().to_owned())),
            ("client_secret_file", path(&self.client_secret_file)),
            ("client_secret_env", self.client_secret_env.clone()),
        ];
        texts
            .into_iter()
            .filter_map(|(key, text)| Some((key.to_owned(), text?.into())))
            .collect()
    }
}

/// How long a command waits for another one that writes the configuration: a renewal's two answers, and some.
const LOCKED_WITHIN: Duration = Duration::from_secs(150);

impl Contexts {
    /// Keeps other commands from replacing the file until the guard is dropped: what is read under it is written back under it.
    pub(super) async fn lock() -> Result<File, Failure> {
        let path = Self::path()?.with_extension("lock");
        let failed = |why: &dyn std::fmt::Display| Failure::Refused(format!("`{}` cannot be locked: {why}", path.display()));
        if let Some(folder) = path.parent() {
            let mut builder = std::fs::DirBuilder::new();
            builder.recursive(true).mode(0o700).create(folder).map_err(|why| failed(&why))?;
        }
        let mut options = File::options();
        let file = options.create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = file.map_err(|why| failed(&why))?;
        let locked = async {
            loop {
                match file.try_lock() {
                    Ok(()) => return Ok(()),
                    Err(TryLockError::WouldBlock) => tokio::time::sleep(Duration::from_millis(20)).await,
                    Err(TryLockError::Error(why)) => return Err(why),
                }
            }
        };
        match tokio::time::timeout(LOCKED_WITHIN, locked).await {
            Ok(outcome) => outcome.map_err(|why| failed(&why))?,
            Err(_) => return Err(failed(&"another command holds it")),
        }
        Ok(file)
    }

    /// Where the file is.
    pub(super) fn path() -> Result<PathBuf, Failure> {
        let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        folder("XDG_CONFIG_HOME")
            .or_else(|| folder("HOME").map(|home| home.join(".config")))
            .map(|base| base.join("claviger").join("config.toml"))
            .ok_or_else(|| Failure::Usage("neither `XDG_CONFIG_HOME` nor `HOME` is set; where is the configuration?".to_owned()))
    }

    /// What the file says; nothing if it is not there.
    pub(super) fn load() -> Result<Self, Failure> {
        let path = Self::path()?;
        let refuse = |why: &dyn std::fmt::Display| Failure::Refused(format!("`{}` {why}", path.display()));
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(why) if why.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(why) => return Err(refuse(&format!("cannot be read: {why}"))),
        };
        // Of the opened file: one of that name could be another by now.
        let mode = file.metadata().map_err(|why| refuse(&why))?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(refuse(&format!(
                "may be read or written by others (mode {mode:03o}); look whether it is as you left it, then `chmod 600` it"
            )));
        }
        let mut text = zeroize::Zeroizing::new(String::new());
        file.read_to_string(&mut text).map_err(|why| refuse(&why))?;
        // The parser's own words would show the line, and with it a token.
        toml::from_str(&text).map_err(|why| {
            let at = why
                .span()
                .map_or(0, |span| text.bytes().take(span.start).filter(|byte| *byte == b'\n').count() + 1);
            refuse(&format!("does not read: line {at} is not what `claviger login` writes"))
        })
    }

    /// Replaces the file.
    pub(super) fn store(&self) -> Result<(), Failure> {
        let path = Self::path()?;
        let failed = |why: &dyn std::fmt::Display| Failure::Refused(format!("`{}` cannot be written: {why}", path.display()));
        let folder = path.parent().unwrap_or(&path);
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(folder).map_err(|why| failed(&why))?;
        let text = zeroize::Zeroizing::new(toml::to_string(&self.document()).map_err(|why| failed(&why))?);
        // A temporary file is made with mode 0600, and keeps it when it takes the other's place.
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|why| failed(&why))?;
        file.write_all(text.as_bytes()).map_err(|why| failed(&why))?;
        file.as_file().sync_all().map_err(|why| failed(&why))?;
        file.persist(&path).map_err(|why| failed(&why.error))?;
        Ok(())
    }

    fn document(&self) -> toml::Table {
        let mut contexts = toml::Table::new();
        for (name, context) in &self.contexts {
            let mut table = toml::Table::new();
            let mut put = |key: &str, value: toml::Value| table.insert(key.to_owned(), value);
            put("url", context.url.clone().into());
            if let Some(path) = &context.ca_file {
                put("ca_file", path.display().to_string().into());
            }
            if context.plain_http {
                put("plain_http", true.into());
            }
            if let Some(path) = &context.token_file {
                put("token_file", path.display().to_string().into());
            }
            if let Some(name) = &context.token_env {
                put("token_env", name.clone().into());
            }
            if let Some(token) = &context.token {
                put("token", token.expose().into());
            }
            if let Some(sign_in) = &context.sign_in {
                table.insert("sign_in".to_owned(), sign_in.document().into());
            }
            contexts.insert(name.clone(), table.into());
        }
        let mut document = toml::Table::new();
        if let Some(current) = &self.current {
            document.insert("current".to_owned(), current.clone().into());
        }
        document.insert("contexts".to_owned(), contexts.into());
        document
    }
}
