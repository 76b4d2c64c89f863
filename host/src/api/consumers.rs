//! How a token looks to those who read it: the manifest's mapping, applied.

use crate::broker::Token;
use crate::clock::rfc3339;
use crate::manifest::Source;
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
}

/// The answer's body. The token is exposed here and nowhere else in the API: straight into the bytes that are sent, for a tree of values would
/// leave copies of it behind.
pub(super) struct Body<'a> {
    pub(super) shape: Shape,
    pub(super) credential: &'a Credential,
    pub(super) token: Token<'a>,
}

impl Body<'_> {
    fn mapping(&self) -> &BTreeMap<String, Source> {
        let consumers = &self.token.manifest.consumers;
        match self.shape {
            Shape::Token => &consumers.token,
            Shape::Session => &consumers.session,
        }
    }

    /// Whether this key is the wire's own here, so that no mapping may set it.
    fn is_fixed(&self, key: &str) -> bool {
        self.shape == Shape::Token
            && match key {
                "credential_id" | "provider" | "token" | "generation" => true,
                "expires_at" => self.token.expires_at_ms.is_some(),
                _ => false,
            }
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
                Some(text) => body.serialize_entry(key, &text.split_whitespace().collect::<Vec<_>>()),
                None => Ok(()),
            },
        }
    }
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        let mut body = output.serialize_map(None)?;
        if self.shape == Shape::Token {
            body.serialize_entry("credential_id", &self.credential.id)?;
            body.serialize_entry("provider", &self.credential.provider)?;
            body.serialize_entry("token", self.token.value.expose())?;
            body.serialize_entry("generation", &self.token.generation)?;
            if let Some(expires_at_ms) = self.token.expires_at_ms {
                body.serialize_entry("expires_at", &rfc3339(expires_at_ms))?;
            }
        }
        for (key, source) in self.mapping().iter().filter(|(key, _)| !self.is_fixed(key)) {
            self.put(&mut body, key, source)?;
        }
        body.end()
    }
}
