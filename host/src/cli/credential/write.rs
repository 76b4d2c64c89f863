//! `claviger credential create` and `update`: what goes into a request's body, and from where.

use super::Which;
use crate::cli::answers::Output;
use crate::cli::client::{Failure, V1, below, text};
use crate::cli::connection::Connection;
use crate::cli::secret_input::{Source, placed};
use serde_json::{Map, Value};

/// What both take.
#[derive(Debug, clap::Args)]
struct Given {
    /// Which kind of the provider's; its usual one unless said.
    #[arg(long)]
    kind: Option<String>,
    /// The instance's address.
    #[arg(long)]
    url: Option<String>,
    #[arg(long)]
    email: Option<String>,
    #[arg(long)]
    description: Option<String>,
    /// A text that clients use as they like.
    #[arg(long)]
    labels: Option<String>,
    /// Another one.
    #[arg(long)]
    annotations: Option<String>,
    /// A public field of the kind. May be repeated.
    #[arg(long = "field", value_name = "NAME=VALUE")]
    fields: Vec<String>,
    /// A secret field of the kind: from a prompt or standard input (`-`), a file or a variable. May be repeated.
    #[arg(long = "secret", value_name = "NAME=-|@FILE|env:NAME")]
    secrets: Vec<String>,
    /// The token, or the whole document (a key file): from a prompt or standard input (`-`), a file or a variable.
    #[arg(long, value_name = "-|@FILE|env:NAME")]
    token: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Create {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
    #[arg(long)]
    name: String,
    /// github, gitlab, jira, google, or any other name.
    #[arg(long)]
    provider: String,
    #[command(flatten)]
    given: Given,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Update {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    output: Output,
    /// Another name.
    #[arg(long)]
    name: Option<String>,
    /// Another provider. The secrets go unless new ones come along.
    #[arg(long)]
    provider: Option<String>,
    #[command(flatten)]
    given: Given,
    /// Empties description, url, email, labels or annotations. May be repeated.
    #[arg(long, value_name = "KEY", value_parser = ["description", "url", "email", "labels", "annotations"])]
    clear: Vec<String>,
}

impl Create {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let client = self.connection.client().await?;
        let mut body = Map::new();
        body.insert("name".to_owned(), self.name.into());
        body.insert("provider".to_owned(), self.provider.into());
        let public = self.given.put(&mut body)?;
        let made = client.post(&below(V1, &["credentials"]), &Value::Object(body)).await?;
        tell_of_shown(&public, &made);
        if text(&made, "state") == "empty" {
            crate::cli::note("nothing secret is stored in it yet; `claviger credential update` with `--token` or `--secret` does that");
        }
        self.output.changed("created", &made)
    }
}

impl Update {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (client, id) = self.which.client_and_id().await?;
        let mut body = Map::new();
        for (key, value) in [("name", self.name), ("provider", self.provider)] {
            if let Some(value) = value {
                body.insert(key.to_owned(), value.into());
            }
        }
        let public = self.given.put(&mut body)?;
        for key in self.clear {
            if body.insert(key.clone(), Value::Null).is_some() {
                return Err(Failure::Usage(format!("`{key}` cannot be both set and cleared")));
            }
        }
        if body.is_empty() {
            return Err(Failure::Usage("nothing to change; say what".to_owned()));
        }
        let changed = client.patch(&below(V1, &["credentials", &id]), &Value::Object(body)).await?;
        tell_of_shown(&public, &changed);
        self.output.changed("updated", &changed)
    }
}

impl Given {
    /// Fills the body, and returns the names of the fields whose values were on the command line.
    fn put(self, body: &mut Map<String, Value>) -> Result<Vec<String>, Failure> {
        // Everything that can be refused is, before a person is asked for a secret.
        let mut fields = Map::new();
        let mut public = Vec::new();
        for field in &self.fields {
            let (name, value) = pair("--field", field)?;
            if sounds_secret(name) {
                return Err(Failure::Usage(format!(
                    "`{name}` sounds like a secret, which never belongs on the command line: `--secret {name}=-` asks for it, \
                     `{name}=@FILE` and `{name}=env:NAME` read it. If that was a real one, replace it"
                )));
            }
            if fields.insert(name.to_owned(), value.into()).is_some() {
                return Err(Failure::Usage(format!("`{name}` is there twice")));
            }
            public.push(name.to_owned());
        }
        let mut sources = Vec::new();
        for secret in &self.secrets {
            let (name, value) = pair("--secret", secret)?;
            if fields.contains_key(name) || sources.iter().any(|(known, _)| *known == name) {
                return Err(Failure::Usage(format!("`{name}` is there twice")));
            }
            sources.push((name, Source::parse(&format!("--secret {name}"), value)?));
        }
        let token = self.token.as_deref().map(|text| Source::parse("--token", text)).transpose()?;
        let of_input = sources.iter().map(|(_, source)| source).chain(&token);
        if of_input.filter(|source| **source == Source::Standard).count() > 1 && !std::io::IsTerminal::is_terminal(&std::io::stdin()) {
            return Err(Failure::Usage(
                "standard input holds one secret; take files or variables for the others".to_owned(),
            ));
        }
        for (name, source) in sources {
            fields.insert(name.to_owned(), placed(&source.read(name)?));
        }
        if let Some(source) = token {
            body.insert("token".to_owned(), placed(&source.read("the token")?));
        }
        if !fields.is_empty() {
            body.insert("fields".to_owned(), fields.into());
        }
        let texts = [
            ("kind", self.kind),
            ("url", self.url),
            ("email", self.email),
            ("description", self.description),
            ("labels", self.labels),
            ("annotations", self.annotations),
        ];
        for (key, value) in texts {
            if let Some(value) = value {
                body.insert(key.to_owned(), value.into());
            }
        }
        Ok(public)
    }
}

/// `name=value`. What does not read is not repeated: it may be a secret.
fn pair<'a>(option: &str, text: &'a str) -> Result<(&'a str, &'a str), Failure> {
    text.split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or_else(|| Failure::Usage(format!("`{option}` takes `NAME=…`, and one of those given has no name")))
}

/// The names that providers give to secrets. What this does not know is told afterwards ([`tell_of_shown`]).
pub(in crate::cli) fn sounds_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["token", "secret", "password", "private", "passphrase"]
        .iter()
        .any(|word| name.contains(word))
        || name.ends_with("key")
        || name == "credentials"
}

/// The server knows which fields are secret, and does not show those.
fn tell_of_shown(public: &[String], answer: &Value) {
    for name in public.iter().filter(|name| answer["fields"].get(name.as_str()).is_none()) {
        crate::cli::note(&format!(
            "`{name}` is a secret of this kind, and was on the command line: replace it, and give it as `--secret {name}=-`"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_told_from_those_of_public_fields() {
        for name in [
            "token",
            "private-key",
            "client-secret",
            "refresh-token",
            "service-account-key",
            "Password",
        ] {
            assert!(sounds_secret(name), "{name}");
        }
        for name in ["app-id", "installation-id", "client-id", "user-name", "owner", "site"] {
            assert!(!sounds_secret(name), "{name}");
        }
    }

    #[test]
    fn what_does_not_read_is_not_repeated() {
        let why = pair("--secret", "ghp_0123").unwrap_err().to_string();
        assert!(!why.contains("ghp_"), "{why}");
        assert_eq!(pair("--field", "a=b=c").unwrap(), ("a", "b=c"));
    }
}
