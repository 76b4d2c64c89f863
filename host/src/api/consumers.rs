//! How a token looks to those who read it: the manifest's mapping, applied.

use super::documents::{self, Fields, Instances};
use super::problem::Problem;
use crate::broker::{Lease, Token};
use crate::clock::rfc3339;
use crate::ids::CredentialId;
use crate::manifest::{Consumers, Manifest, Source};
use crate::records::model::Credential;
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::collections::BTreeMap;

/// Which answer is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// The token read: the wire's three keys, and what makes sidecars work beside them.
    Token,
    /// The session endpoint: what the provider says, nothing else.
    Session,
    /// Variables for a process that works with the token.
    Environment,
    /// What Git's credential protocol is answered.
    Git,
    /// The session endpoint's form of an MCP server's fields.
    Server,
    /// The token and nothing beside it.
    Bare,
}

impl Shape {
    /// What `consumer=` calls it.
    pub(super) fn named(consumer: &str) -> Option<Self> {
        match consumer {
            "session" => Some(Self::Session),
            "environment" => Some(Self::Environment),
            "git" => Some(Self::Git),
            _ => None,
        }
    }

    const fn of(self, consumers: &Consumers) -> &BTreeMap<String, Source> {
        match self {
            Self::Token => &consumers.token,
            Self::Session | Self::Server | Self::Bare => &consumers.session,
            Self::Environment => &consumers.environment,
            Self::Git => &consumers.git,
        }
    }

    /// Whether its values are single lines, ended by a line break or a NUL.
    const fn is_of_lines(self) -> bool {
        matches!(self, Self::Environment | Self::Git)
    }
}

/// The provider's mapping, each key replaced by the kind's own where it has one.
fn mapping<'a>(shape: Shape, manifest: &'a Manifest, kind: &str) -> impl Iterator<Item = (&'a String, &'a Source)> {
    let own = manifest
        .kind(kind)
        .and_then(|kind| kind.consumers.as_ref())
        .map(|own| shape.of(own));
    let replaced = move |key: &str| own.is_some_and(|own| own.contains_key(key));
    let general = shape.of(&manifest.consumers).iter().filter(move |(key, _)| !replaced(key));
    own.into_iter().flatten().chain(general)
}

/// The reason code of [`unknown`].
pub(super) const NO_SUCH_CONSUMER: &str = "no-such-consumer";

/// Why no token of this kind can be had in this shape, before one is obtained for nothing.
pub(super) fn unknown(shape: Shape, manifest: &Manifest, credential: &Credential) -> Option<Problem> {
    let says_nothing_else = matches!(shape, Shape::Server | Shape::Bare);
    if says_nothing_else || mapping(shape, manifest, &credential.kind).next().is_some() {
        return None;
    }
    let (provider, kind) = (&credential.provider, &credential.kind);
    let reason = match shape {
        Shape::Git => format!("a `{kind}` credential of `{provider}` opens no Git repository"),
        _ => format!("`{provider}` does not say how a `{kind}` token is used this way; read it without `consumer`"),
    };
    Some(Problem::nothing_there(reason).coded(NO_SUCH_CONSUMER))
}

/// The reason code of [`misfit`].
pub(super) const NOT_ONE_LINE: &str = "not-one-line";

/// Why this token cannot be answered in this shape: a line break would begin another variable, or another answer to Git.
pub(super) fn misfit(shape: Shape, credential: &Credential, lease: &Lease) -> Option<Problem> {
    if !shape.is_of_lines() {
        return None;
    }
    let field = |name: &str| lease.fields().get(name);
    let (key, _) = mapping(shape, lease.manifest(), &credential.kind).find(|(_, source)| match source {
        Source::Token => !lease.is_one_line(),
        Source::TokenWhere { name } => field(name).is_some() && !lease.is_one_line(),
        Source::Field { name, default } => field(name).or(default.as_ref()).is_some_and(|text| !is_one_line(text)),
        Source::Literal(text) => !is_one_line(text),
        // Its line breaks separate words like any other blank.
        Source::Words { name } => field(name).is_some_and(|text| text.contains('\0')),
        Source::ExpiresAt => false,
    })?;
    let reason = format!("the value of `{key}` has line breaks, which cannot be carried this way; read it without `consumer`");
    Some(Problem::bad_request(reason).coded(NOT_ONE_LINE))
}

fn is_one_line(text: &str) -> bool {
    !text.contains(['\0', '\n', '\r'])
}

/// The answer's body. The token is exposed here and nowhere else in the API: straight into the bytes that are sent, for a tree of values would
/// leave copies of it behind.
pub(super) struct Body<'a> {
    pub(super) shape: Shape,
    /// The id by which it was asked for.
    pub(super) id: &'a CredentialId,
    pub(super) credential: &'a Credential,
    pub(super) token: Token<'a>,
}

impl Body<'_> {
    /// Whether this key is the wire's own here, so that no mapping may set it.
    fn is_fixed(&self, key: &str) -> bool {
        self.shape == Shape::Token
            && match key {
                "credential_id" | "provider" | "token" | "generation" => true,
                "expires_at" => self.token.expires_at_ms.is_some(),
                _ => false,
            }
    }

    /// Whether no component serves the provider by name.
    fn is_of_no_component(&self) -> bool {
        !documents::is_own(self.token.manifest, &self.credential.provider)
    }

    /// Whether the wire has this key here.
    fn has(&self, key: &str) -> bool {
        let is_listed = self.shape != Shape::Session || !self.is_of_no_component();
        !self.is_fixed(key) && (is_listed || documents::has_key(&self.credential.provider, key))
    }

    /// Gerrit's list, which is no object.
    fn instances(&self) -> Option<Instances> {
        let is_list = self.shape == Shape::Session && self.is_of_no_component() && self.credential.provider.as_str() == documents::GERRIT;
        is_list.then(|| Instances::read(self.token.value)).flatten()
    }

    fn put<M: SerializeMap>(&self, body: &mut M, key: &str, source: &Source) -> Result<(), M::Error> {
        let field = |name: &str| self.token.fields.get(name);
        match source {
            Source::Token => body.serialize_entry(key, self.token.value.expose()),
            Source::Literal(text) => body.serialize_entry(key, text),
            Source::ExpiresAt => match self.token.expires_at_ms {
                Some(at_ms) => body.serialize_entry(key, &rfc3339(at_ms)),
                None => Ok(()),
            },
            Source::Field { name, default } => match field(name).or(default.as_ref()) {
                Some(text) => body.serialize_entry(key, text),
                None => Ok(()),
            },
            Source::TokenWhere { name } => match field(name) {
                Some(_) => body.serialize_entry(key, self.token.value.expose()),
                None => Ok(()),
            },
            Source::Words { name } => match field(name) {
                // A variable, and a line of Git's, is text.
                Some(text) if self.shape.is_of_lines() => {
                    let words: Vec<&str> = text.split_whitespace().collect();
                    body.serialize_entry(key, &words.join(" "))
                }
                Some(text) => body.serialize_entry(key, &text.split_whitespace().collect::<Vec<_>>()),
                None => Ok(()),
            },
        }
    }
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        if let Some(instances) = self.instances() {
            return instances.serialize(output);
        }
        let mapped = Mapped(self);
        let mut body = output.serialize_map(None)?;
        match self.shape {
            Shape::Server => {
                body.serialize_entry("serverName", &documents::server_of(&self.credential.provider))?;
                body.serialize_entry("fields", &Fields::of(self.token.value))?;
                return body.end();
            }
            Shape::Bare => {
                body.serialize_entry("token", self.token.value.expose())?;
                return body.end();
            }
            Shape::Session => {
                mapped.put_into(&mut body)?;
                return body.end();
            }
            Shape::Token => {
                body.serialize_entry("credential_id", self.id)?;
                body.serialize_entry("provider", &self.credential.provider)?;
                body.serialize_entry("token", self.token.value.expose())?;
            }
            Shape::Environment => body.serialize_entry("environment", &mapped)?,
            Shape::Git => body.serialize_entry("git", &mapped)?,
        }
        body.serialize_entry("generation", &self.token.generation)?;
        if let Some(expires_at_ms) = self.token.expires_at_ms {
            body.serialize_entry("expires_at", &rfc3339(expires_at_ms))?;
        }
        if self.shape == Shape::Token {
            mapped.put_into(&mut body)?;
        }
        body.end()
    }
}

/// What the manifest says of a body.
struct Mapped<'a>(&'a Body<'a>);

impl Mapped<'_> {
    fn put_into<M: SerializeMap>(&self, output: &mut M) -> Result<(), M::Error> {
        let Self(body) = self;
        let mut has_password = false;
        for (key, source) in mapping(body.shape, body.token.manifest, &body.credential.kind).filter(|(key, _)| body.has(key)) {
            has_password |= key == "password";
            body.put(output, key, source)?;
        }
        // Git (2.40 and later) drops what has expired instead of trying it.
        match body.token.expires_at_ms {
            Some(at_ms) if has_password && body.shape == Shape::Git => {
                output.serialize_entry("password_expiry_utc", &(at_ms / 1000).to_string())
            }
            _ => Ok(()),
        }
    }
}

impl Serialize for Mapped<'_> {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        let mut map = output.serialize_map(None)?;
        self.put_into(&mut map)?;
        map.end()
    }
}
