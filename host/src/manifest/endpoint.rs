//! Where a provider wants to go: one request, where secrets may stand in it, and what of its answer may be read or taken.
//!
//! This is what an operator approves, so nothing is implied: a method, a header or a pointer that is not named here is not allowed. What does
//! not read, or has a key that this host does not know, ends the reading of the whole manifest.

use serde::{Deserialize, Serialize};

/// One place at an upstream where the provider may send a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Endpoint {
    /// For messages: `installation-token`.
    pub name: String,
    /// `POST`
    pub method: String,
    /// Where it is, without the path: `https://api.github.com` (exact host), `https://*.example.com` (one or more labels), or
    /// `{instance}`, the address in the credential's `url`, with its path kept, where the operator listed that instance; a path may
    /// follow: `{instance}/api/v3`.
    pub bases: Vec<String>,
    /// After the base: `/app/installations/{id}/access_tokens`. `{x}` is exactly one segment.
    pub path: String,
    /// The query keys that may be used. No secret can ever be in one.
    #[serde(default)]
    pub query: Vec<String>,
    /// Where secrets may stand in this request.
    #[serde(default)]
    pub places: Vec<Placement>,
    /// JSON pointers that the provider may read in the answer. `*` is any element of an array or any member of an object.
    #[serde(default)]
    pub opens: Vec<String>,
    /// Headers that it may read.
    #[serde(default)]
    pub open_headers: Vec<String>,
    /// What it may take from the answer as a secret.
    #[serde(default)]
    pub takes: Vec<Take>,
}

/// One secret in one position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Placement {
    /// The stored field it comes from; [`CURRENT_TOKEN`](super::CURRENT_TOKEN) for what was minted; [`CODE`](super::CODE) and
    /// [`CODE_VERIFIER`](super::CODE_VERIFIER) in an exchange.
    pub field: String,
    /// As it is, as a signature made with it, or as part of something joined.
    #[serde(default, rename = "as")]
    pub form: PlacedAs,
    /// `header:authorization`, `form:refresh_token` or `json:/assertion`.
    pub at: String,
    /// For a header: what stands before the secret, spaces included: `Bearer `.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
}

/// In what form a stored field is placed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlacedAs {
    /// The secret itself.
    #[default]
    Plain,
    /// A JWS made with it.
    Signed,
    /// Joined with something else: a Basic credential.
    Joined,
}

/// A field of an answer that is a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Take {
    /// What the provider calls it.
    pub name: String,
    /// Where it stands in the answer.
    pub pointer: String,
    /// What it is.
    #[serde(rename = "is")]
    pub what: Taken,
}

/// What a taken secret is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Taken {
    /// The token, which may be returned.
    Token {
        /// When it ends, if the answer says so.
        #[serde(default)]
        expires: Option<Expiry>,
    },
    /// Replaces the stored field of this name: durable before the provider sees it.
    Replaces {
        /// The stored field.
        field: String,
        /// Its end, where the field is itself the token.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires: Option<Expiry>,
    },
}

/// How an answer tells a token's end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Expiry {
    /// Where it stands.
    pub pointer: String,
    /// What it means.
    #[serde(rename = "as")]
    pub unit: ExpiryUnit,
    /// For [`ExpiryUnit::Seconds`]: where the answer says from when (epoch seconds); else from now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
}

/// How an end is written. Numbers may come as strings (GitHub has done so).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExpiryUnit {
    /// So many seconds from a start.
    Seconds,
    /// Seconds since the epoch.
    EpochSeconds,
    /// An RFC 3339 time.
    Rfc3339,
    /// A day, `2027-01-31`. It ends as that day begins, in UTC, which is how GitLab counts.
    Date,
}
