//! Which credential is meant: by its id or name, or by its provider, the caller's own or a session's. And who the caller is: whoever is signed in;
//! where nobody is, and a runner's environment is there, the session that runs.

use super::platform;
use super::runner::Runner;
use crate::cli::client::{Client, Failure, V1, below, text};
use crate::cli::connection::{Connection, Signed};
use crate::ids::{CredentialId, ProjectId, ProviderName, SessionId};
use serde_json::Value;

/// The server, and the session if it is one's credentials that are meant.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Place {
    #[command(flatten)]
    connection: Connection,
    /// The session whose credentials are meant, and its project: whose they are is settled at each read.
    #[arg(long, value_name = "ID", requires = "session")]
    project: Option<String>,
    /// See `--project`.
    #[arg(long, value_name = "ID", requires = "project")]
    session: Option<String>,
}

impl Place {
    /// Whether a session's credentials are meant.
    pub(super) fn is_session(&self) -> Result<bool, Failure> {
        Ok(self.session.is_some() || self.is_runner()?)
    }

    /// The server, with a bearer for it.
    pub(super) async fn signed(&self) -> Result<Signed, Failure> {
        match self.runner()? {
            None => self.connection.signed().await,
            Some(runner) => {
                let bearer = runner.exchanger.bearer().await?;
                Ok(Signed::with(runner.server, bearer.token, "the token exchange"))
            }
        }
    }

    /// A client for it.
    pub(super) async fn client(&self) -> Result<Client, Failure> {
        self.signed().await?.client()
    }

    fn is_runner(&self) -> Result<bool, Failure> {
        Ok(!self.connection.is_given()? && platform::of_this_process().has_exchange())
    }

    fn runner(&self) -> Result<Option<Runner>, Failure> {
        match self.is_runner()? {
            true => Runner::read(&platform::of_this_process(), self.connection.ca_file.clone()),
            false => Ok(None),
        }
    }

    /// The id that the session has for this provider's credential.
    pub(super) fn of_session(&self, provider: &str) -> Result<Option<String>, Failure> {
        let usage = |what: &str, why: &dyn std::fmt::Display| Failure::Usage(format!("`--{what}` {why}"));
        let provider = || ProviderName::parse(provider).map_err(|why| usage("provider", &why));
        let (Some(project), Some(session)) = (&self.project, &self.session) else {
            return self.runner()?.map(|runner| Ok(runner.id_of(&provider()?))).transpose();
        };
        let project = ProjectId::parse(project.as_str()).map_err(|why| usage("project", &why))?;
        let session = SessionId::parse(session.as_str()).map_err(|why| usage("session", &why))?;
        Ok(Some(CredentialId::of_session(&project, &session, &provider()?).to_string()))
    }

    /// The id of a provider's credential: the session's, else the caller's own account, else the only one that the caller sees.
    pub(super) async fn of_provider(&self, client: &Client, provider: &str) -> Result<String, Failure> {
        if let Some(id) = self.of_session(provider)? {
            return Ok(id);
        }
        let seen = client.all_at(&below(V1, &["credentials"]), &[("provider", provider)]).await?;
        match one(seen, &format!("credentials of `{provider}`"))? {
            Some(id) => Ok(id),
            None => Err(Failure::NotFound(format!(
                "no credential of `{provider}`, or none that you see; connect an account, or `claviger credential create`"
            ))),
        }
    }
}

/// The caller's own account, else the only one. To take the first of several would be to guess.
pub(super) fn one(mut seen: Vec<Value>, what: &str) -> Result<Option<String>, Failure> {
    let is_own = |item: &Value| item.get("connected").and_then(Value::as_bool) == Some(true);
    if seen.iter().filter(|item| is_own(item)).count() == 1 {
        seen.retain(is_own);
    }
    match seen.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(text(only, "id").to_owned())),
        several => {
            let ids: Vec<&str> = several.iter().map(|item| text(item, "id")).collect();
            Err(Failure::Refused(format!(
                "{} {what}; say which with `--credential`: {}",
                several.len(),
                ids.join(", ")
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ones_own_account_comes_first_and_several_are_not_guessed_at() {
        let item = |id: &str, connected: bool| json!({ "id": id, "connected": connected });
        assert_eq!(one(vec![], "x").unwrap(), None);
        assert_eq!(one(vec![item("a", false)], "x").unwrap().unwrap(), "a");
        assert_eq!(
            one(vec![item("a", false), item("b", true), item("c", false)], "x")
                .unwrap()
                .unwrap(),
            "b"
        );
        for several in [[false, false], [true, true]] {
            let seen = several.into_iter().zip(["a", "b"]).map(|(own, id)| item(id, own)).collect();
            let why = one(seen, "credentials of `x`").unwrap_err();
            assert!(why.to_string().ends_with("`--credential`: a, b"), "{why}");
        }
    }
}
