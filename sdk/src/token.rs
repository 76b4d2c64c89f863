//! The token that a call returns.

use crate::{Secret, Value};

/// A token, its end, and what consumers need beside it.
pub struct Token {
    pub(crate) value: Secret,
    pub(crate) expires_at_ms: Option<u64>,
    pub(crate) fields: Vec<(String, Value)>,
}

impl Token {
    /// A token that does not end by itself.
    #[must_use]
    pub fn new(value: Secret) -> Self {
        Self {
            value,
            expires_at_ms: None,
            fields: Vec::new(),
        }
    }

    /// When it ends, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn expires_at_ms(mut self, at: Option<u64>) -> Self {
        self.expires_at_ms = at;
        self
    }

    /// A public field, by the name that the manifest's `consumers` use. Nothing is added for `None`.
    #[must_use]
    pub fn field(mut self, name: &str, text: Option<impl Into<String>>) -> Self {
        if let Some(text) = text {
            self.fields.push((name.to_owned(), Value::Text(text.into())));
        }
        self
    }
}
