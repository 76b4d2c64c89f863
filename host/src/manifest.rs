//! The manifest: the one document in which a provider says what it is, what it stores and where it wants to go.
//!
//! A component returns it from `describe()`; the operator approves it; the lock file keeps the approved copy. If the two ever
//! differ, the component is not loaded. The schema for authors is `wit/manifest.schema.json`; these types are its reading.
//! Unknown keys are refused: a permission that this host does not understand must not be approved by accident.

mod check;
mod closed;
mod consumers;
mod endpoint;

pub use check::Problem;
pub use closed::{is_closed_header, is_closed_name};
pub use consumers::{Consumers, Source};
pub use endpoint::{Endpoint, Expiry, ExpiryUnit, PlacedAs, Placement, Take, Taken};

use serde::{Deserialize, Serialize};

/// The manifest format this host reads.
pub const FORMAT: u32 = 1;

/// The name that a minted token has as a field.
pub const CURRENT_TOKEN: &str = "current-token";
/// The text beside it: when it ends, in milliseconds since the epoch.
pub const CURRENT_TOKEN_EXPIRES: &str = "current-token-expires-at-ms";
/// In an exchange: the authorisation code (RFC 6749, 4.1.2).
pub const CODE: &str = "code";
/// In an exchange: the secret behind the code challenge (RFC 7636, 4.1).
pub const CODE_VERIFIER: &str = "code-verifier";

/// A provider's whole description.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Manifest {
    /// Always [`FORMAT`].
    pub manifest: u32,
    /// The provider's name, as credentials name it: `github`.
    pub provider: String,
    /// The component's own version.
    pub version: String,
    /// For people: `GitHub`.
    pub title: String,
    /// Where the provider lives when a credential names no `url`: `https://github.com`. Absent for a provider that must be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The kind that a credential without `kind` has.
    pub default_kind: String,
    /// The kinds of credential it understands.
    pub kinds: Vec<Kind>,
    /// Where it may send requests. Nothing else leaves the host.
    #[serde(default)]
    pub endpoints: Vec<Endpoint>,
    /// What a reader may ask to narrow. Anything else is a 400.
    #[serde(default)]
    pub narrowing: Vec<Narrowing>,
    /// The optional interfaces it exports.
    #[serde(default)]
    pub abilities: Vec<Ability>,
    /// Whether it asks to read secrets as text. Marked at approval, and granted apart.
    #[serde(default)]
    pub reveal: bool,
    /// What it needs beyond the usual limits; capped by the host's ceiling.
    #[serde(default)]
    pub limits: WantedLimits,
    /// How its tokens look to those who read them.
    pub consumers: Consumers,
}

/// One kind of credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Kind {
    /// `personal-access-token`
    pub name: String,
    /// For people.
    pub title: String,
    /// Whether the token is what was stored, or made from it.
    pub token: TokenSource,
    /// The field that the wire's `token` key fills.
    pub token_fills: String,
    /// True if what is pasted there may be a JSON document, which is then split by the fields' pointers and not kept.
    #[serde(default)]
    pub document: bool,
    /// What is stored.
    pub fields: Vec<Field>,
    /// How the stored secret changes with use, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<Rotation>,
    /// How a person makes one by consenting in a browser, if they can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect: Option<Consent>,
    /// What its tokens look like where they differ from the provider's [`Manifest::consumers`]: a key here takes the place of the same key
    /// there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consumers: Option<Consumers>,
}

/// How a person consents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Consent {
    /// The endpoint that the browser is sent to, by its name.
    pub authorise: String,
    /// Whether the upstream checks a code challenge (RFC 7636, S256).
    #[serde(default)]
    pub pkce: bool,
}

/// Where a kind's token comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenSource {
    /// The stored secret *is* the token: the field that [`Kind::token_fills`] names has the class *static*.
    Static,
    /// Taken from an upstream's answer.
    Minted,
}

/// One stored field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Field {
    /// `private-key`. `url` and `email` are filled from the credential's own keys of that name.
    pub name: String,
    /// For people.
    pub label: String,
    /// Sealed, write-only, and given to the provider as a handle.
    #[serde(default)]
    pub secret: bool,
    /// A credential without it is refused.
    #[serde(default)]
    pub required: bool,
    /// The operator's client secret or id: filled from `[[instance]]` when the credential has none, class *client*.
    #[serde(default)]
    pub client: bool,
    /// Never stored: read anew for each call from where the operator configured it for this very credential (`[[source]]`).
    #[serde(default)]
    pub configured: bool,
    /// One line without spaces, as tokens are: what a paste brought along at its ends is cut off, and what has spaces or control
    /// characters inside is refused. A provider could not do it: it never sees a secret's text.
    #[serde(default)]
    pub single_line: bool,
    /// What it usually looks like. Advisory: a mismatch is a warning, never a refusal, for upstreams change their formats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Where it stands in a pasted document, as a JSON pointer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
}

/// How a kind's stored secret changes when it is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rotation {
    /// The field that each use replaces.
    pub field: String,
    /// What to do when a use was sent and not answered: seconds in which the spent secret may be sent once more. Zero: never.
    #[serde(default)]
    pub retry_grace_seconds: u64,
    /// Whether a refresh ends the access token handed out before.
    #[serde(default)]
    pub ends_previous: bool,
}

/// What a reader may narrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Narrowing {
    /// `repository=name`
    Repository,
    /// `permission=contents:read`
    Permission,
    /// `scope=…`
    Scope,
}

/// An optional interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ability {
    /// Lets a person make a credential by consenting in a browser.
    Connect,
    /// Says whom the upstream takes a credential for.
    Identify,
    /// Ends a credential at the upstream.
    Revoke,
}

/// Limits that a provider asks for; `None` is the usual.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct WantedLimits {
    /// Linear memory, in MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u32>,
    /// Time on the processor in one call, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_ms: Option<u32>,
    /// Requests to the upstream in one call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream_calls: Option<u32>,
}

impl Manifest {
    /// Reads a manifest's form.
    ///
    /// # Errors
    /// The place and reason, if the text is not JSON of this shape.
    pub fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| format!("the manifest does not read: {error}"))
    }

    /// A manifest that allows nothing: what a component has before it was asked for its own.
    #[must_use]
    pub fn nothing() -> Self {
        Self {
            manifest: FORMAT,
            provider: String::new(),
            version: String::new(),
            title: String::new(),
            instance: None,
            default_kind: String::new(),
            kinds: Vec::new(),
            endpoints: Vec::new(),
            narrowing: Vec::new(),
            abilities: Vec::new(),
            reveal: false,
            limits: WantedLimits::default(),
            consumers: Consumers::default(),
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn kind(&self, name: &str) -> Option<&Kind> {
        self.kinds.iter().find(|kind| kind.name == name)
    }
}

impl Kind {
    /// The field of this name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}
