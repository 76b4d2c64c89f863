//! Bodies with secrets in them: the placement rules of the contract, kept by construction.

use crate::{Encoding, Part, Secret};
use serde_json::Value;

/// A body that a [`Request`](crate::Request) can carry.
pub trait Body<'a> {
    /// The content type that goes with it.
    const CONTENT_TYPE: &'static str;

    /// Its parts.
    fn parts(self) -> Vec<Part<'a>>;
}

/// An `application/x-www-form-urlencoded` body. A secret is the whole value of its key.
#[derive(Default)]
pub struct Form<'a>(Vec<Part<'a>>);

impl<'a> Form<'a> {
    /// An empty form.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A key with a public value.
    #[must_use]
    pub fn text(mut self, key: &str, value: &str) -> Self {
        let more = format!("{}{}={}", self.separator(), encoded(key), encoded(value));
        append(&mut self.0, &more);
        self
    }

    /// A key with a secret value.
    #[must_use]
    pub fn secret(mut self, key: &str, value: &'a Secret) -> Self {
        let more = format!("{}{}=", self.separator(), encoded(key));
        append(&mut self.0, &more);
        self.0.push(Part::Secret(value, Encoding::FormUrlencoded));
        self
    }

    fn separator(&self) -> &'static str {
        if self.0.is_empty() { "" } else { "&" }
    }
}

impl<'a> Body<'a> for Form<'a> {
    const CONTENT_TYPE: &'static str = "application/x-www-form-urlencoded";

    fn parts(self) -> Vec<Part<'a>> {
        self.0
    }
}

/// A JSON object as body. A secret is the whole value of a member of the outermost object.
pub struct Json<'a>(Vec<Part<'a>>);

impl<'a> Json<'a> {
    /// An empty object.
    #[must_use]
    pub fn new() -> Self {
        Self(vec![Part::Text("{".to_owned())])
    }

    /// A member with a public value.
    #[must_use]
    pub fn value(mut self, key: &str, value: &Value) -> Self {
        let lead = self.lead(key);
        append(&mut self.0, &format!("{lead}{value}"));
        self
    }

    /// A member with a secret string as its value.
    #[must_use]
    pub fn secret(mut self, key: &str, value: &'a Secret) -> Self {
        let lead = self.lead(key);
        append(&mut self.0, &lead);
        self.0.push(Part::Secret(value, Encoding::JsonString));
        self
    }

    /// A member whose value is an array of secret strings: `json:/key/0` and so on in the manifest.
    #[must_use]
    pub fn secrets(mut self, key: &str, values: &[&'a Secret]) -> Self {
        let lead = self.lead(key);
        append(&mut self.0, &format!("{lead}["));
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                append(&mut self.0, ",");
            }
            self.0.push(Part::Secret(value, Encoding::JsonString));
        }
        append(&mut self.0, "]");
        self
    }

    fn lead(&self, key: &str) -> String {
        let first = matches!(self.0.as_slice(), [Part::Text(text)] if text == "{");
        format!("{}{}:", if first { "" } else { "," }, Value::from(key))
    }
}

impl Default for Json<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> Body<'a> for Json<'a> {
    const CONTENT_TYPE: &'static str = "application/json";

    fn parts(mut self) -> Vec<Part<'a>> {
        append(&mut self.0, "}");
        self.0
    }
}

/// Public keys and values as the query of an address, without the question mark. A secret has no place in one: addresses are logged.
#[must_use]
pub fn query(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Neighbouring literals become one: fewer strings cross the boundary.
fn append(parts: &mut Vec<Part<'_>>, more: &str) {
    if let Some(Part::Text(text)) = parts.last_mut() {
        text.push_str(more);
    } else {
        parts.push(Part::Text(more.to_owned()));
    }
}
