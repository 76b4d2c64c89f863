//! A document against `wit/manifest.schema.json`: the keywords that this schema uses, and an error for any other, so that a
//! rule that is not checked cannot look like one that is.

use serde_json::Value;

/// The first rule that the document breaks, with its place.
pub(super) fn check(document: &Value) -> Result<(), String> {
    let schema = serde_json::from_str(include_str!("../../../wit/manifest.schema.json"));
    let schema: Value = schema.map_err(|error| format!("the schema is no JSON: {error}"))?;
    valid(document, &schema, &schema, "")
}

fn valid(value: &Value, rules: &Value, root: &Value, at: &str) -> Result<(), String> {
    for (keyword, rule) in rules.as_object().into_iter().flatten() {
        let holds = match keyword.as_str() {
            // `pattern` needs an engine for regular expressions; the host's own reading is the judge of those texts.
            "$schema" | "$id" | "$defs" | "title" | "description" | "pattern" => true,
            "$ref" => {
                let target = rule
                    .as_str()
                    .and_then(|name| name.strip_prefix('#'))
                    .and_then(|pointer| root.pointer(pointer));
                valid(value, target.ok_or("the schema refers to nothing")?, root, at)?;
                true
            }
            "type" => match rule {
                Value::Array(kinds) => kinds.iter().any(|kind| is_of(value, kind)),
                kind => is_of(value, kind),
            },
            "const" => value == rule,
            "enum" => rule.as_array().is_some_and(|allowed| allowed.contains(value)),
            "minimum" => value
                .as_i64()
                .is_none_or(|number| rule.as_i64().is_some_and(|least| number >= least)),
            "maximum" => value.as_i64().is_none_or(|number| rule.as_i64().is_some_and(|most| number <= most)),
            "minItems" => value
                .as_array()
                .is_none_or(|items| rule.as_u64().is_some_and(|least| items.len() as u64 >= least)),
            "required" => value.as_object().is_none_or(|object| {
                let mut names = rule.as_array().into_iter().flatten().filter_map(Value::as_str);
                names.all(|name| object.contains_key(name))
            }),
            "oneOf" => {
                let mut choices = rule.as_array().into_iter().flatten();
                choices.by_ref().filter(|choice| valid(value, choice, root, at).is_ok()).count() == 1
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    valid(item, rule, root, &format!("{at}/{index}"))?;
                }
                true
            }
            "properties" => {
                for (name, of) in rule.as_object().into_iter().flatten() {
                    if let Some(member) = value.get(name) {
                        valid(member, of, root, &format!("{at}/{name}"))?;
                    }
                }
                true
            }
            "additionalProperties" => {
                let known = rules.get("properties");
                for (name, member) in value.as_object().into_iter().flatten() {
                    if known.and_then(|known| known.get(name)).is_some() {
                        continue;
                    }
                    if *rule == Value::Bool(false) {
                        return Err(format!("`{at}/{name}` is not known"));
                    }
                    valid(member, rule, root, &format!("{at}/{name}"))?;
                }
                true
            }
            other => return Err(format!("the schema uses `{other}`, which is not checked here")),
        };
        if !holds {
            return Err(format!("`{at}` breaks `{keyword}`: {rule}"));
        }
    }
    Ok(())
}

fn is_of(value: &Value, kind: &Value) -> bool {
    match kind.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("null") => value.is_null(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use serde_json::{Value, json};

    fn least() -> Value {
        json!({
            "manifest": 1, "provider": "p", "version": "1", "title": "P", "default-kind": "k",
            "kinds": [{ "name": "k", "title": "K", "token": "static", "token-fills": "token", "fields": [] }],
            "consumers": { "session": { "token": "token", "none": { "literal": "" } } },
        })
    }

    #[test]
    fn the_least_manifest_is_one() {
        assert_eq!(check(&least()), Ok(()));
    }

    #[test]
    fn each_rule_can_be_broken() {
        let with = |pointer: &str, value: Value| {
            let mut changed = least();
            *changed.pointer_mut(pointer).unwrap() = value;
            check(&changed).unwrap_err()
        };
        assert_eq!(with("/manifest", json!(2)), "`/manifest` breaks `const`: 1");
        assert!(with("/provider", json!(7)).starts_with("`/provider` breaks `type`"));
        assert!(with("/kinds/0", json!({})).starts_with("`/kinds/0` breaks `required`"));
        assert!(with("/kinds/0/token", json!("lent")).starts_with("`/kinds/0/token` breaks `enum`"));
        assert!(with("/consumers/session/token", json!("tokens")).starts_with("`/consumers/session/token` breaks `oneOf`"));
        let mut more = least();
        more["sudo"] = json!(true);
        assert_eq!(check(&more).unwrap_err(), "`/sudo` is not known");
    }
}
