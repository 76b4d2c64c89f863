//! How a token looks to those who read it: the manifest's mapping, applied.

use crate::broker::Token;
use crate::clock::rfc3339;
use crate::manifest::Source;
use crate::records::model::Credential;
use serde_json::{Map, Value, json};

/// Which answer is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// The token read: the wire's three keys, and what makes sidecars work beside them.
    Token,
    /// The session endpoint: what the provider says, nothing else.
    Session,
}

/// The answer's body. The token is exposed here and nowhere else in the API.
pub(super) fn answer(shape: Shape, credential: &Credential, token: Token<'_>) -> Value {
    let mapping = match shape {
        Shape::Token => &token.manifest.consumers.token,
        Shape::Session => &token.manifest.consumers.session,
    };
    let mut body = Map::new();
    if shape == Shape::Token {
        body.insert("credential_id".to_owned(), json!(credential.id));
        body.insert("provider".to_owned(), json!(credential.provider));
        body.insert("token".to_owned(), json!(token.value.expose()));
        body.insert("generation".to_owned(), json!(token.generation));
        if let Some(expires_at_ms) = token.expires_at_ms {
            body.insert("expires_at".to_owned(), json!(rfc3339(expires_at_ms)));
        }
    }
    for (key, source) in mapping {
        if let Some(value) = value_of(source, &token)
            && !body.contains_key(key)
        {
            body.insert(key.clone(), value);
        }
    }
    Value::Object(body)
}

fn value_of(source: &Source, token: &Token<'_>) -> Option<Value> {
    Some(match source {
        Source::Token => json!(token.value.expose()),
        Source::ExpiresAt => json!(rfc3339(token.expires_at_ms?)),
        Source::Literal(text) => json!(text),
        Source::Field { name, default } => json!(token.fields.get(name).or(default.as_ref())?),
        Source::TokenWhere { name } => json!(token.fields.contains_key(name).then(|| token.value.expose())?),
        Source::Words { name } => json!(token.fields.get(name)?.split_whitespace().collect::<Vec<_>>()),
    })
}
