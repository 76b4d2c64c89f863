//! Why the door stayed shut. Each case names the rule; none repeats what a provider put into a path, a value or a body.

use std::net::IpAddr;

/// A request that was refused before anything was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The address is not in the one form that is accepted.
    #[error("the address of the request is refused: {why}")]
    Url {
        /// The rule.
        why: &'static str,
    },
    /// The credential's `url` is nowhere the operator allows.
    #[error(
        "`{url}` is no allowed instance of `{provider}`; an operator can allow it with `[[instance]]`, `provider = \"{provider}\"`, `url = \"{url}\"`"
    )]
    Instance {
        /// The provider.
        provider: String,
        /// The address, normalised.
        url: String,
    },
    /// The credential's `url` does not read as an instance's address.
    #[error("the instance's address is refused: {why}")]
    InstanceUrl {
        /// The rule.
        why: &'static str,
    },
    /// No approved endpoint is at this host.
    #[error("no approved endpoint is at `{host}`{hint}")]
    Host {
        /// Scheme, host and port.
        host: String,
        /// What would have helped.
        hint: &'static str,
    },
    /// The host is approved, this path there is not.
    #[error("the path is no approved one at `{host}`; approved there: {approved}")]
    Path {
        /// Scheme, host and port.
        host: String,
        /// The templates of the endpoints at this host.
        approved: String,
    },
    /// The path is approved, this method there is not.
    #[error("the method `{method}` is not approved for this path; endpoint `{endpoint}` wants `{wanted}`")]
    Method {
        /// What was asked.
        method: String,
        /// The endpoint with this path.
        endpoint: String,
        /// What it allows.
        wanted: String,
    },
    /// A query key that the endpoint does not list.
    #[error("endpoint `{endpoint}` approves no query key `{key}`")]
    Query {
        /// The endpoint.
        endpoint: String,
        /// The key, if it is a plain word.
        key: String,
    },
    /// The name leads to an address that may not be dialled.
    #[error(
        "`{host}` resolves to `{address}`, which is {range} and not reachable from here; an operator can list its network under `networks` of the provider's `[[instance]]`"
    )]
    Address {
        /// The host.
        host: String,
        /// One answer of the resolver.
        address: IpAddr,
        /// The range it is in.
        range: &'static str,
    },
    /// A header that the host controls, or that is no header.
    #[error("the header `{name}` is refused: {why}")]
    Header {
        /// Its name, if it is a plain word.
        name: String,
        /// The rule.
        why: &'static str,
    },
    /// A body that is too large, or where none may be.
    #[error("the body is refused: {why}")]
    Body {
        /// The rule.
        why: &'static str,
    },
}

impl Denied {
    /// The rule in one word, for logs, metrics and tests.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Url { .. } => "url",
            Self::Instance { .. } | Self::InstanceUrl { .. } => "instance",
            Self::Host { .. } => "host",
            Self::Path { .. } => "path",
            Self::Method { .. } => "method",
            Self::Query { .. } => "query",
            Self::Address { .. } => "address",
            Self::Header { .. } => "header",
            Self::Body { .. } => "body",
        }
    }
}

/// A word that a provider chose, fit to be repeated in a message: short, and of harmless characters.
pub(super) fn word(text: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "-_.[]".contains(c);
    if !text.is_empty() && text.len() <= 64 && text.chars().all(harmless) {
        text.to_owned()
    } else {
        "(unprintable)".to_owned()
    }
}
