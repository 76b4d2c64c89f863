//! What the operator decides, read once at start, checked, and typed from then on.
//!
//! Every key of `claviger.toml` can also be set as `CLAVIGER_SECTION__KEY`. Unknown keys are refused: a misspelt safety switch
//! that is silently ignored is worse than a server that does not start.

#[cfg(test)]
mod documented;
mod issuer;
mod load;
mod source;

pub use issuer::{ANY_AUDIENCE, Algorithm, Issuer, IssuerKind, Service};
pub use load::{ConfigError, load};
pub use source::{LONGEST_SOURCE, Source, SourceError, read_line};

use crate::secret::Secret;
use ipnet::IpNet;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;
use url::Url;

/// Everything the operator can set.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the database, the cache, the audit trail, providers and keys live. Made (0700) if absent.
    pub data_dir: PathBuf,
    /// The API.
    #[serde(default)]
    pub api: Api,
    /// Metrics, on a port of their own.
    #[serde(default)]
    pub metrics: Metrics,
    /// Where runners get their session's bearer.
    #[serde(default)]
    pub exchange: Exchange,
    /// Where records are kept.
    #[serde(default)]
    pub database: Database,
    /// Keys for sealing.
    #[serde(default)]
    pub keyring: Keyring,
    /// The audit trail.
    #[serde(default)]
    pub audit: Audit,
    /// The way out.
    #[serde(default)]
    pub egress: Egress,
    /// Tokens and their refresh.
    #[serde(default)]
    pub broker: Broker,
    /// Shared sessions.
    #[serde(default)]
    pub sessions: Sessions,
    /// What is written to standard error.
    #[serde(default)]
    pub log: Log,
    /// Upstream instances beside the providers' defaults. Listed means allowed.
    #[serde(default, rename = "instance")]
    pub instances: Vec<Instance>,
    /// Issuers of signed bearers.
    #[serde(default, rename = "issuer")]
    pub issuers: Vec<Issuer>,
    /// Programs that call under a name of their own.
    #[serde(default, rename = "service")]
    pub services: Vec<Service>,
    /// Where fields that are never stored are read from, each for one credential.
    #[serde(default, rename = "source")]
    pub sources: Vec<Source>,
}

/// The API's address and bounds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Api {
    /// Where it listens.
    pub listen: SocketAddr,
    /// A larger request body is a 413, in bytes.
    pub max_body_bytes: usize,
    /// How browsers reach this server, as it is registered with upstreams: `{public_url}/oauth2callback` is where a consent comes back to.
    /// Without it nobody can connect an account by consenting. The development server knows its own.
    pub public_url: Option<Url>,
    /// What the session endpoint names when a person has not connected an account.
    pub connect_hint: String,
}

impl Default for Api {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8000)),
            // A Google key file is 2.4 KiB, a kubeconfig with certificates 20 KiB.
            max_body_bytes: 1024 * 1024,
            public_url: None,
            connect_hint: "Settings, Integrations".to_owned(),
        }
    }
}

/// Where metrics are served.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Metrics {
    /// Where it listens.
    pub listen: SocketAddr,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 4433)),
        }
    }
}

/// Where runners get their session's bearer: a listener of its own. There is none unless the operator says where.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Exchange {
    /// Where it listens.
    pub listen: Option<SocketAddr>,
    /// How runners reach it: what `AMBIENT_CP_TOKEN_URL` begins with. The development server knows its own.
    pub url: Option<Url>,
    /// Whether `/token` without a session's secret is served: whoever reaches the listener and knows a session's id gets its bearer there.
    pub bare_token: bool,
}

/// Where records are kept.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// `postgres://…`; absent means SQLite in the data folder. May hold a password, hence a secret.
    pub url: Option<Secret>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("url", &self.url.as_ref().map(|_| "set")).finish()
    }
}

/// Where the sealing keys come from: a JSON object, version → base64 of 32 bytes, with the version that writes.
///
/// The names that the platform's operators know, `CREDENTIAL_ENCRYPTION_KEYRING` and `CREDENTIAL_ENCRYPTION_KEY_VERSION`, are read
/// when neither is set here.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Keyring {
    /// The JSON itself.
    pub keys: Option<Secret>,
    /// A file with the JSON, readable by its owner alone; seen from the configuration file's folder.
    pub file: Option<PathBuf>,
    /// The version that seals; the highest if absent.
    pub version: Option<u32>,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyring")
            .field("file", &self.file)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// How safe a record must be before the token leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// On the disk (`fdatasync`, many records at once): survives a power cut.
    #[default]
    Synced,
    /// Given to the operating system: survives a crash of this process, not of the machine.
    Written,
}

/// The audit trail.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    /// See [`Durability`].
    pub durability: Durability,
    /// A segment file is closed when it has this many bytes.
    pub segment_bytes: u64,
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            durability: Durability::Synced,
            segment_bytes: 64 * 1024 * 1024,
        }
    }
}

/// The way out.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Egress {
    /// More certificate authorities, PEM files.
    pub ca_files: Vec<PathBuf>,
}

/// When tokens are refreshed and how long a reader waits.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Broker {
    /// A token with less than this left is not handed out, in seconds; or a quarter of its life, where that is less.
    pub stale_before_expiry_s: u64,
    /// A token with less than this left is refreshed in the background, in seconds; or half of its life, where that is less.
    pub refresh_before_expiry_s: u64,
    /// How long a reader waits for a flight, in milliseconds. Runners give up at 10 s.
    pub wait_ms: u64,
}

impl Default for Broker {
    fn default() -> Self {
        // Five minutes is what runners call "soon"; a minute covers a slow clock and the request that follows.
        Self {
            stale_before_expiry_s: 60,
            refresh_before_expiry_s: 300,
            wait_ms: 8_000,
        }
    }
}

/// What shared sessions may do beyond the rule.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sessions {
    /// With no turn open, a session may read its creator's connected accounts.
    pub legacy_creator_fallback: bool,
    /// Projects may choose the `owner` policy.
    pub allow_owner_policy: bool,
    /// A turn is opened only with the sender's own bearer, beside the trusted proxy's.
    pub require_sender_bearer: bool,
}

/// What is written to standard error.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// A filter as `tracing` reads it: `info`, `claviger=debug`.
    pub filter: String,
    /// Lines of JSON instead of text.
    pub json: bool,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            filter: "info".to_owned(),
            json: false,
        }
    }
}

/// One allowed upstream instance of a provider, and the operator's client there.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// The provider.
    pub provider: String,
    /// Its address; a path is a relative root.
    pub url: Url,
    /// Networks that its name may resolve to although they are not global.
    #[serde(default)]
    pub networks: Vec<IpNet>,
    /// The operator's OAuth client there.
    #[serde(default)]
    pub client_id: Option<String>,
    /// A file with the client's secret.
    #[serde(default)]
    pub client_secret_file: Option<PathBuf>,
    /// The name of an environment variable with the client's secret.
    #[serde(default)]
    pub client_secret_env: Option<String>,
    /// The secret, once read. Never a key of the file.
    #[serde(skip)]
    pub client_secret: Option<Secret>,
    /// Whether plain http is allowed: only the development server's own, on loopback.
    #[serde(skip)]
    pub plain_http: bool,
}

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instance")
            .field("provider", &self.provider)
            .field("url", &self.url.as_str())
            .field("networks", &self.networks)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}
