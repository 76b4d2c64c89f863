//! What the platform's control plane puts into the environment of its pods, read with the checks that its own programs make.

use super::exchanger::Exchanger;
use crate::cli::client::{Failure, Server};
use std::collections::BTreeMap;
use std::path::PathBuf;
use url::Url;

/// The session's bearer, where no exchange renews it.
pub(super) const BOT_TOKEN: &str = "BOT_TOKEN";
const EXCHANGE_URL: &str = "AMBIENT_CP_TOKEN_URL";
const EXCHANGE_KEY: &str = "AMBIENT_CP_TOKEN_PUBLIC_KEY";
const IDS: &str = "CREDENTIAL_IDS";
const SESSION: &str = "SESSION_ID";

/// What no child of these commands has: with these it could read tokens itself, of whoever's turn comes next.
pub(super) const NOT_THE_CHILDS: [&str; 3] = [BOT_TOKEN, EXCHANGE_URL, EXCHANGE_KEY];

/// Variables, by name.
pub(super) struct Platform<F>(pub F);

/// Those of this process.
pub(super) fn of_this_process() -> Platform<impl Fn(&str) -> Option<String>> {
    Platform(|name: &str| std::env::var(name).ok())
}

impl<F: Fn(&str) -> Option<String>> Platform<F> {
    /// A variable that may be absent; an empty one is.
    pub(super) fn optional(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    /// One that has to be there.
    pub(super) fn needed(&self, name: &str) -> Result<String, Failure> {
        let value = self.optional(name);
        value.ok_or_else(|| Failure::Usage(format!("`{name}` is not set; the control plane that starts this sets it")))
    }

    /// The session.
    pub(super) fn session(&self) -> Result<String, Failure> {
        self.needed(SESSION)
    }

    /// The ids that the session has for its credentials, by provider. Nothing if there is no such variable.
    pub(super) fn ids(&self) -> Result<BTreeMap<String, String>, Failure> {
        let Some(text) = self.optional(IDS) else {
            return Ok(BTreeMap::new());
        };
        let ids: BTreeMap<String, String> =
            serde_json::from_str(&text).map_err(|_| Failure::Usage(format!("`{IDS}` is no JSON object of providers and ids")))?;
        match ids.iter().find(|(_, id)| !is_id(id)) {
            Some((provider, _)) => Err(Failure::Usage(format!("`{IDS}` has no id for `{provider}`, but something else"))),
            None => Ok(ids),
        }
    }

    /// The API. A session's bearer goes to no host outside the cluster. The older operator's address ends in `/api`, under which the paths are there twice.
    pub(super) fn api(&self, name: &str, ca_file: Option<PathBuf>) -> Result<Server, Failure> {
        let text = self.needed(name)?;
        let base = text.trim_end_matches('/');
        let url = Server::parse_url(base.strip_suffix("/api").unwrap_or(base)).map_err(|why| why.about(name))?;
        if !is_inside(&url) {
            return Err(Failure::Usage(format!(
                "`{name}` names `{}`, and a session's bearer goes to {INSIDE} only",
                url.host_str().unwrap_or_default()
            )));
        }
        Ok(Server {
            url,
            ca_file,
            // Inside a cluster it is mostly http; the list of hosts says how far.
            plain_http: true,
        })
    }

    /// Whether there is an exchange.
    pub(super) fn has_exchange(&self) -> bool {
        self.optional(EXCHANGE_URL).is_some()
    }

    /// The exchange, if there is one.
    pub(super) fn exchange(&self, ca_file: Option<PathBuf>) -> Result<Option<Exchanger>, Failure> {
        let Some(url) = self.optional(EXCHANGE_URL) else {
            return Ok(None);
        };
        let (key, session) = (self.needed(EXCHANGE_KEY)?, self.session()?);
        Exchanger::new((EXCHANGE_URL, &url), (EXCHANGE_KEY, &key), session, ca_file).map(Some)
    }
}

/// The hosts of [`is_inside`], in words.
pub(super) const INSIDE: &str = "`localhost`, `127.0.0.1`, `*.svc` and `*.svc.cluster.local`";

/// Whether a host is inside the cluster, by the list that the platform's programs have.
pub(super) fn is_inside(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    matches!(host, "localhost" | "127.0.0.1") || host.ends_with(".svc") || host.ends_with(".svc.cluster.local")
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}
