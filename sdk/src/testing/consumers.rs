//! The manifest's consumer mapping, applied to a token.

use super::token_text;
use crate::{Token, Value as FieldValue};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The provider's mapping, each key replaced by the kind's own where it has one.
pub(super) fn body(manifest: &Value, kind: Option<&str>, consumer: &str, token: &Token) -> Value {
    let of = |holder: &Value| {
        holder
            .pointer(&format!("/consumers/{consumer}"))
            .and_then(Value::as_object)
            .cloned()
    };
    let mut mapping = of(manifest).unwrap_or_default();
    let mut kinds = manifest.get("kinds").and_then(Value::as_array).into_iter().flatten();
    let own = kinds.find(|entry| entry.get("name").and_then(Value::as_str) == kind).and_then(of);
    mapping.extend(own.unwrap_or_default());
    Value::Object(
        mapping
            .iter()
            .filter_map(|(key, source)| Some((key.clone(), value(source, token)?)))
            .collect::<Map<_, _>>(),
    )
}

fn value(source: &Value, token: &Token) -> Option<Value> {
    match source.as_str() {
        Some("token") => return Some(token_text(token).into()),
        Some("expires-at") => return token.expires_at_ms.and_then(rfc3339).map(Value::from),
        _ => {}
    }
    let field = |of: &Value| {
        let name = of.get("name")?.as_str()?;
        token.fields.iter().find_map(|(field, value)| match value {
            FieldValue::Text(text) if field == name => Some(text.clone()),
            _ => None,
        })
    };
    if let Some(literal) = source.get("literal") {
        return Some(literal.clone());
    }
    if let Some(of) = source.get("token-where") {
        return field(of).map(|_| token_text(token).into());
    }
    if let Some(of) = source.get("words") {
        return field(of).map(|words| words.split_whitespace().collect());
    }
    let of = source.get("field")?;
    field(of)
        .map(Value::from)
        .or_else(|| of.get("default").filter(|default| default.is_string()).cloned())
}

fn rfc3339(at_ms: u64) -> Option<String> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at_ms) * 1_000_000)
        .ok()?
        .format(&Rfc3339)
        .ok()
}
