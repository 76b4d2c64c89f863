//! The stored credential, as the host gives it to a call.

use crate::{Failure, Secret};

/// A field's value.
pub enum Value {
    /// Public text.
    Text(String),
    /// A secret.
    Secret(Secret),
}

/// What is stored: a kind and its fields, and besides `url` and, where a token of an earlier call is still good,
/// `current-token` with `current-token-expires-at-ms`.
pub struct Credential {
    kind: String,
    fields: Vec<(String, Value)>,
}

impl Credential {
    /// A credential of these fields.
    #[must_use]
    pub fn new(kind: impl Into<String>, fields: Vec<(String, Value)>) -> Self {
        Self { kind: kind.into(), fields }
    }

    /// The kind, as the manifest names it.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// A public field, without surrounding whitespace. An empty one counts as absent.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.fields.iter().find_map(|(field, value)| match value {
            Value::Text(text) if field == name => Some(text.trim()).filter(|text| !text.is_empty()),
            _ => None,
        })
    }

    /// A public field that a call cannot do without.
    ///
    /// # Errors
    /// `invalid-credential`, naming the field.
    pub fn require_text(&self, name: &str) -> Result<&str, Failure> {
        self.text(name).ok_or_else(|| missing(&self.kind, name))
    }

    /// A secret field.
    #[must_use]
    pub fn secret(&self, name: &str) -> Option<&Secret> {
        self.fields.iter().find_map(|(field, value)| match value {
            Value::Secret(secret) if field == name => Some(secret),
            _ => None,
        })
    }

    /// A secret field that a call cannot do without.
    ///
    /// # Errors
    /// `invalid-credential`, naming the field.
    pub fn require_secret(&self, name: &str) -> Result<&Secret, Failure> {
        self.secret(name).ok_or_else(|| missing(&self.kind, name))
    }

    /// Takes a secret field out, to return it as the token.
    ///
    /// # Errors
    /// `invalid-credential`, naming the field.
    pub fn take_secret(&mut self, name: &str) -> Result<Secret, Failure> {
        let at = self
            .fields
            .iter()
            .position(|(field, value)| field == name && matches!(value, Value::Secret(_)));
        match at.map(|at| self.fields.swap_remove(at)) {
            Some((_, Value::Secret(secret))) => Ok(secret),
            _ => Err(missing(&self.kind, name)),
        }
    }

    /// A public field that ends up in somebody's Git configuration: one line, without the angle brackets that would end a name.
    ///
    /// # Errors
    /// `invalid-credential`, naming the field.
    pub fn identity(&self, name: &str) -> Result<Option<&str>, Failure> {
        match self.text(name) {
            Some(text) if text.chars().any(|c| c.is_control() || c == '<' || c == '>') => Err(Failure::invalid_credential(format!(
                "field `{name}` has a control character or an angle bracket, which Git would misread; store it again without"
            ))),
            other => Ok(other),
        }
    }
}

fn missing(kind: &str, name: &str) -> Failure {
    Failure::invalid_credential(format!(
        "a credential of kind `{kind}` needs the field `{name}`; store it and read again"
    ))
}
