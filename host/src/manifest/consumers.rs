//! How a provider's tokens look to those who read them: which key of an answer holds what.
//!
//! Readers differ in the names they know, and each provider knows its own; so the mapping is the manifest's and not the host's. A source that
//! does not read ends the reading of the whole manifest; a key without a value is left out of the answer.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a token looks to its readers: key of the answer → where its value comes from. Keys without a value are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Consumers {
    /// The body of the session endpoint (`…/agentic-sessions/{s}/credentials/{provider}`).
    #[serde(default)]
    pub session: BTreeMap<String, Source>,
    /// What the token read answers beside `credential_id`, `provider`, `token`, `generation` and `expires_at`.
    #[serde(default)]
    pub token: BTreeMap<String, Source>,
    /// The environment of a process that works with the token.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, Source>,
    /// What Git's credential protocol is answered; empty for a token that opens no repository.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub git: BTreeMap<String, Source>,
}

/// Where a value of an answer comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Source {
    /// The token itself.
    Token,
    /// When it ends, RFC 3339; left out if it does not.
    ExpiresAt,
    /// A fixed text.
    Literal(String),
    /// A field of the minted token, by the provider's name for it.
    Field {
        /// Its name.
        name: String,
        /// What stands there when the provider gave none; without it the key is left out.
        #[serde(default)]
        default: Option<String>,
    },
    /// The token, where the minted token has a field of this name.
    TokenWhere {
        /// Its name.
        name: String,
    },
    /// A field with words separated by spaces, as an array.
    Words {
        /// Its name.
        name: String,
    },
}
