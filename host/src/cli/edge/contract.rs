//! What a sidecar is started with: the variables that the platform's control plane sets, and the checks that its sidecars make.

use crate::cli::client::{Failure, Server};
use crate::cli::secret_input::{from_environment, from_file};
use crate::secret::Secret;
use std::collections::BTreeMap;
use std::path::Path;
use url::Url;

/// Where a control plane puts the session's bearer, and who renews it writes it again.
const BOT_TOKEN_FILE: &str = "/var/run/secrets/ambient/bot-token";
const BOT_TOKEN: &str = "BOT_TOKEN";
const EXCHANGE_URL: &str = "AMBIENT_CP_TOKEN_URL";
const EXCHANGE_KEY: &str = "AMBIENT_CP_TOKEN_PUBLIC_KEY";

/// What the child must not have: with these it could read tokens itself, of whoever's turn comes next.
pub(super) const NOT_THE_CHILDS: [&str; 3] = [BOT_TOKEN, EXCHANGE_URL, EXCHANGE_KEY];

/// A sidecar's own.
pub(super) struct Contract {
    /// The one that it holds tokens of.
    pub provider: String,
    /// The session's id for its credential.
    pub id: String,
    /// The API.
    pub server: Server,
}

impl Contract {
    /// Reads the variables.
    pub(super) fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Failure> {
        let needed = |name: &str| {
            let value = variable(name).filter(|value| !value.is_empty());
            value.ok_or_else(|| {
                Failure::Usage(format!(
                    "`{name}` is not set; a sidecar is started by a control plane, which sets it"
                ))
            })
        };
        let provider = needed("CREDENTIAL_PROVIDER")?;
        let ids: BTreeMap<String, String> = serde_json::from_str(&needed("CREDENTIAL_IDS")?)
            .map_err(|_| Failure::Usage("`CREDENTIAL_IDS` is no JSON object of providers and ids".to_owned()))?;
        let id = ids.get(&provider).filter(|id| is_id(id)).cloned();
        let id = id.ok_or_else(|| Failure::Usage(format!("`CREDENTIAL_IDS` has no id for `{provider}`")))?;
        let url = Server::parse_url(&needed("AMBIENT_API_URL")?)?;
        if !is_inside(&url) {
            return Err(Failure::Usage(format!(
                "`AMBIENT_API_URL` names `{}`, and a session's bearer goes to `localhost`, `127.0.0.1`, `*.svc` and `*.svc.cluster.local` only",
                url.host_str().unwrap_or_default()
            )));
        }
        let server = Server {
            url,
            ca_file: None,
            // Inside a cluster it is mostly http; the list of hosts says how far.
            plain_http: true,
        };
        Ok(Self { provider, id, server })
    }
}

/// The session's bearer.
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

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

fn is_inside(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    matches!(host, "localhost" | "127.0.0.1") || host.ends_with(".svc") || host.ends_with(".svc.cluster.local")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(changed: &[(&str, &str)]) -> Result<Contract, Failure> {
        let mut set = BTreeMap::from([
            ("CREDENTIAL_PROVIDER", "github"),
            ("CREDENTIAL_IDS", r#"{"github": "sABC"}"#),
            ("AMBIENT_API_URL", "http://api.claviger.svc.cluster.local:8000"),
        ]);
        set.extend(changed.iter().copied());
        Contract::read(|name| set.get(name).map(|value| (*value).to_owned()))
    }

    #[test]
    fn the_platforms_variables_are_read_and_checked() {
        let contract = read(&[]).unwrap();
        assert_eq!((contract.provider.as_str(), contract.id.as_str()), ("github", "sABC"));
        for (name, value) in [
            ("CREDENTIAL_PROVIDER", ""),
            ("CREDENTIAL_PROVIDER", "jira"),
            ("CREDENTIAL_IDS", "nonsense"),
            ("CREDENTIAL_IDS", r#"{"github": "../token"}"#),
            ("AMBIENT_API_URL", ""),
            ("AMBIENT_API_URL", "https://api.example.com"),
            ("AMBIENT_API_URL", "http://evilsvc"),
            ("AMBIENT_API_URL", "http://user@localhost"),
            ("AMBIENT_API_URL", "http://localhost.evil.example"),
        ] {
            assert!(matches!(read(&[(name, value)]), Err(Failure::Usage(_))), "{name}={value}");
        }
    }
}
