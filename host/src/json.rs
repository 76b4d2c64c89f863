//! JSON read strictly: an object that names a key twice is refused, at every depth.
//!
//! Of `{"sub":"alice","sub":"bob"}` one library takes the first and another the last. What the host checked would then not be what the upstream
//! acts on, and a signed token that says two things says nothing.

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

/// The same, of an object alone.
#[must_use]
pub fn object(text: &[u8]) -> Option<Map<String, Value>> {
    match parse(text) {
        Ok(Value::Object(object)) => Some(object),
        _ => None,
    }
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

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("no finite number"))
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

    #[test]
    fn a_name_comes_once_at_every_depth() {
        assert!(object(br#"{"sub":"a","aud":["x",{"y":1}],"exp":1.5,"n":null,"b":true}"#).is_some());
        for text in [
            r#"{"sub":"a","sub":"a"}"#,
            r#"{"a":{"b":1,"b":2}}"#,
            r#"{"a":[{"b":1,"b":2}]}"#,
            "{\"sub\":\"a\",\"s\\u0075b\":\"b\"}",
            r#"{"sub":"a"} "#.trim_end().to_owned().as_str().strip_suffix('}').unwrap(),
            r#"{"sub":"a"}{}"#,
            "[]",
            "null",
            "",
        ] {
            assert!(object(text.as_bytes()).is_none(), "{text}");
        }
        assert!(object(b"{\"sub\":\"\xff\"}").is_none());
        assert!(object(format!("{}{}", "{\"a\":".repeat(200), "1".to_owned() + &"}".repeat(200)).as_bytes()).is_none());
    }

    proptest::proptest! {
        #[test]
        fn what_is_read_is_what_everybody_reads(text in r#"\{("[a-c]":([0-9]{1,3}|"[a-z]{0,3}"|\[1,2\]|\{"x":null\}),?){0,3}\}"#) {
            if let Some(read) = object(text.as_bytes()) {
                proptest::prop_assert_eq!(serde_json::Value::Object(read), serde_json::from_str::<serde_json::Value>(&text).unwrap());
            }
        }
    }
}
