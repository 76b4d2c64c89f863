//! What a sidecar is started with.

use super::exchanger::Exchanger;
use super::platform::{BOT_TOKEN, Platform};
use crate::cli::client::{Failure, Server};
use crate::cli::secret_input::{from_environment, from_file};
use crate::secret::Secret;
use std::path::Path;

/// Where a control plane without exchange puts the session's bearer, and who renews it writes it again.
const BOT_TOKEN_FILE: &str = "/var/run/secrets/ambient/bot-token";

/// A sidecar's own.
pub(super) struct Contract {
    /// The one that it holds tokens of.
    pub provider: String,
    /// The session's id for its credential.
    pub id: String,
    /// The API.
    pub server: Server,
    /// Where its bearer comes from; without, from `BOT_TOKEN` or its file, read each time.
    pub exchanger: Option<Exchanger>,
}

impl Contract {
    /// Reads the variables.
    pub(super) fn read(platform: &Platform<impl Fn(&str) -> Option<String>>) -> Result<Self, Failure> {
        let provider = platform.needed("CREDENTIAL_PROVIDER")?;
        let id = platform.ids()?.remove(&provider);
        let id = id.ok_or_else(|| Failure::Usage(format!("`CREDENTIAL_IDS` has no id for `{provider}`")))?;
        Ok(Self {
            provider,
            id,
            server: platform.api("AMBIENT_API_URL", None)?,
            exchanger: platform.exchange(None)?,
        })
    }
}

/// The bearer of a control plane without exchange.
pub(super) fn bot_token() -> Result<Secret, Failure> {
    let file = Path::new(BOT_TOKEN_FILE);
    let token = if file.exists() {
        from_file(file)?
    } else {
        from_environment(BOT_TOKEN)?
    };
    if token.is_empty() {
        return Err(Failure::NotSignedIn(format!("`{BOT_TOKEN}` is empty")));
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn read(changed: &[(&str, &str)]) -> Result<Contract, Failure> {
        let mut set = BTreeMap::from([
            ("SESSION_ID", "s-1"),
            ("CREDENTIAL_PROVIDER", "github"),
            ("CREDENTIAL_IDS", r#"{"github": "sABC"}"#),
            ("AMBIENT_API_URL", "http://api.claviger.svc.cluster.local:8000"),
        ]);
        set.extend(changed.iter().copied());
        Contract::read(&Platform(|name: &str| set.get(name).map(|value| (*value).to_owned())))
    }

    #[test]
    fn the_platforms_variables_are_read_and_checked() {
        let contract = read(&[]).unwrap();
        assert_eq!((contract.provider.as_str(), contract.id.as_str()), ("github", "sABC"));
        assert!(contract.exchanger.is_none());
        for (name, value) in [
            ("CREDENTIAL_PROVIDER", ""),
            ("CREDENTIAL_PROVIDER", "jira"),
            ("CREDENTIAL_IDS", ""),
            ("CREDENTIAL_IDS", "nonsense"),
            ("CREDENTIAL_IDS", r#"{"github": "../token"}"#),
            ("AMBIENT_API_URL", ""),
            ("AMBIENT_API_URL", "https://api.example.com"),
            ("AMBIENT_API_URL", "http://evilsvc"),
            ("AMBIENT_API_URL", "http://user@localhost"),
            ("AMBIENT_API_URL", "http://localhost.evil.example"),
            // An exchange without its key.
            ("AMBIENT_CP_TOKEN_URL", "http://localhost/token"),
        ] {
            assert!(matches!(read(&[(name, value)]), Err(Failure::Usage(_))), "{name}={value}");
        }
    }

    #[test]
    fn the_paths_are_below_the_address_once() {
        for base in [
            "http://localhost:8000",
            "http://localhost:8000/",
            "http://localhost:8000/api",
            "http://localhost:8000/api/",
        ] {
            let contract = read(&[("AMBIENT_API_URL", base)]).unwrap();
            assert_eq!(contract.server.url.as_str(), "http://localhost:8000/", "{base}");
        }
    }
}
