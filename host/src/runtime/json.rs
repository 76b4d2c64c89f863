//! JSON read strictly: an object that names a key twice is refused.
//!
//! Two readers of such an object may see different values; what the host checked would then not be what the upstream acts on, or what it opened not what
//! it took.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// Reads JSON without duplicate keys. serde_json bounds the depth at 128.
///
/// # Errors
/// The place and reason, without any of the text.
pub fn parse(text: &[u8]) -> Result<Value, String> {
    serde_json::from_slice::<Strict>(text).map(|strict| strict.0).map_err(|error| {
        // serde_json's own message may quote the text ("invalid type: string …"), which may be a secret.
        let reason = if error.to_string().starts_with(DUPLICATE) {
            DUPLICATE
        } else {
            "it is not JSON"
        };
        format!("{reason} (line {}, column {})", error.line(), error.column())
    })
}

const DUPLICATE: &str = "an object names a key twice";

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((key, Strict(value))) = entries.next_entry::<String, Strict>()? {
            if object.insert(key, value).is_some() {
                return Err(A::Error::custom(DUPLICATE));
            }
        }
        Ok(Value::Object(object))
    }
}

/// A JSON pointer (RFC 6901) as its segments, unescaped; `None` if it is none.
#[must_use]
pub fn segments(pointer: &str) -> Option<Vec<String>> {
    if pointer.is_empty() {
        return Some(Vec::new());
    }
    let path = pointer.strip_prefix('/')?;
    Some(
        path.split('/')
            .map(|segment| segment.replace("~1", "/").replace("~0", "~"))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_there_twice_is_refused() {
        let error = parse(br#"{"a":{"b":1,"b":"hunter2"}}"#).unwrap_err();
        assert!(error.starts_with(DUPLICATE), "{error}");
        assert!(!error.contains("hunter2"));
        assert_eq!(
            parse(br#"{"a":[1,-2,0.5,null,true,"x"]}"#).unwrap().to_string(),
            r#"{"a":[1,-2,0.5,null,true,"x"]}"#
        );
        assert!(parse(b"{} trailing").is_err());
    }
}
