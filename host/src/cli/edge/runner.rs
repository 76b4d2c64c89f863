//! A runner's environment as an identity: a command that runs in a session's pod is that session, with nothing said and nobody signed in.

use super::exchanger::Exchanger;
use super::platform::Platform;
use crate::cli::client::{Failure, Server};
use crate::ids::{CredentialId, ProjectId, ProviderName, SessionId};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The session that a pod runs.
pub(super) struct Runner {
    /// The API.
    pub server: Server,
    /// The way to its bearer.
    pub exchanger: Exchanger,
    project: ProjectId,
    session: SessionId,
    ids: BTreeMap<String, String>,
}

impl Runner {
    /// Reads the variables; nothing if there is no exchange.
    pub(super) fn read(platform: &Platform<impl Fn(&str) -> Option<String>>, ca_file: Option<PathBuf>) -> Result<Option<Self>, Failure> {
        let Some(exchanger) = platform.exchange(ca_file.clone())? else {
            return Ok(None);
        };
        let project = match platform.optional("PROJECT_NAME") {
            Some(project) => project,
            None => platform.needed("AGENTIC_SESSION_NAMESPACE")?,
        };
        let is_none = |name: &str, why: &dyn std::fmt::Display| Failure::Usage(format!("the runner's {name} {why}"));
        Ok(Some(Self {
            server: platform.api("BACKEND_API_URL", ca_file)?,
            exchanger,
            project: ProjectId::parse(project).map_err(|why| is_none("project", &why))?,
            session: SessionId::parse(platform.session()?).map_err(|why| is_none("session", &why))?,
            ids: platform.ids()?,
        }))
    }

    /// The id that the session has for this provider's credential.
    pub(super) fn id_of(&self, provider: &ProviderName) -> String {
        let given = self.ids.get(provider.as_str()).cloned();
        given.unwrap_or_else(|| CredentialId::of_session(&self.project, &self.session, provider).to_string())
    }
}
