//! What schemas are put together from: values, lists of properties, bodies that make and bodies that change.

use crate::api::details::{Holds, Key};
use serde_json::{Map, Value, json};

/// Names, and what each holds.
pub(super) type Properties = Vec<(&'static str, Value)>;

pub(super) fn text() -> Value {
    json!({ "type": "string" })
}

pub(super) fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

pub(super) fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

pub(super) fn flag() -> Value {
    json!({ "type": "boolean" })
}

/// Any names, a text each.
pub(super) fn texts() -> Value {
    json!({ "type": "object", "additionalProperties": text() })
}

pub(super) fn words(words: &[&str]) -> Value {
    json!({ "type": "string", "enum": words })
}

pub(super) fn kept(keys: &'static [Key]) -> Properties {
    let schema = |holds| match holds {
        Holds::Text => text(),
        Holds::Number => json!({ "type": "number", "minimum": 0, "maximum": 1_000_000_000 }),
        Holds::Count => json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX }),
    };
    keys.iter().map(|key| (key.name, schema(key.holds))).collect()
}

pub(super) fn both(mut one: Properties, other: Properties) -> Properties {
    one.extend(other);
    one
}

pub(super) fn object(required: &[&str], properties: Properties) -> Value {
    let properties: Map<String, Value> = properties.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
    let mut schema = json!({ "type": "object", "properties": properties });
    if let (false, Some(object)) = (required.is_empty(), schema.as_object_mut()) {
        object.insert("required".to_owned(), json!(required));
    }
    schema
}

/// A body that makes something: what it does not know it refuses.
pub(super) fn body(required: &[&str], properties: Properties) -> Value {
    let mut schema = object(required, properties);
    if let Some(object) = schema.as_object_mut() {
        object.insert("additionalProperties".to_owned(), json!(false));
    }
    schema
}

/// With `fields` an item has what was asked for; then nothing of this is required.
pub(super) fn open(required: &[&str], properties: Properties) -> Value {
    let mut schema = object(required, properties);
    if let Some(object) = schema.as_object_mut() {
        object.insert("additionalProperties".to_owned(), json!(true));
    }
    schema
}

/// A body that changes something: `null` clears.
pub(super) fn patch(properties: Properties) -> Value {
    let nullable = properties.into_iter().map(|(name, mut schema)| {
        if let Some(object) = schema.as_object_mut() {
            object.insert("nullable".to_owned(), json!(true));
        }
        (name, schema)
    });
    object(&[], nullable.collect())
}

/// A record as it is answered.
pub(super) fn record(kind: &str, required: &[&str], properties: Properties) -> Value {
    let envelope = vec![
        ("id", text()),
        ("kind", words(&[kind])),
        ("href", text()),
        ("created_at", time()),
        ("updated_at", time()),
    ];
    let always = ["id", "kind", "href", "created_at", "updated_at"];
    let required: Vec<&str> = always.into_iter().chain(required.iter().copied()).collect();
    body(&required, both(envelope, properties))
}
