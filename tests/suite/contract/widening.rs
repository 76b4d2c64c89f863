//! Whether one JSON schema accepts all that another does, by the keywords that a manifest's schema uses; any other keyword is an error, so that a
//! rule that is not compared cannot look like one that is.
//!
//! It errs to the safe side: what it cannot prove wider, it refuses.

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value};

/// Proves that `new` accepts whatever `old` accepts.
///
/// # Errors
/// The first place where it may not.
pub fn is_wider(old: &Value, new: &Value) -> Result<()> {
    Pair { old, new }.wider(old, new, "", 0)
}

/// The two documents, for what their rules refer to.
struct Pair<'a> {
    old: &'a Value,
    new: &'a Value,
}

/// Of rules that are absent.
const NOTHING: Value = Value::Null;

fn list(rule: &Value) -> Vec<&Value> {
    match rule {
        Value::Array(items) => items.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

fn members(rule: &Value) -> Map<String, Value> {
    rule.as_object().cloned().unwrap_or_default()
}

impl Pair<'_> {
    fn wider(&self, old: &Value, new: &Value, at: &str, depth: usize) -> Result<()> {
        ensure!(depth < 32, "{at}: the schema is too deep, or refers to itself");
        let old = follow(self.old, old)?;
        let new = follow(self.new, new)?;
        for keyword in members(new).keys() {
            let rule = |of: &Value| of.get(keyword).cloned().unwrap_or(NOTHING);
            let (before, now) = (rule(old), rule(new));
            let place = format!("{at}/{keyword}");
            match keyword.as_str() {
                "$schema" | "$id" | "$defs" | "title" | "description" => {}
                "properties" => self.properties(old, new, &place, depth)?,
                "items" => self.wider(&before, &now, &place, depth + 1)?,
                "additionalProperties" => match (&before, &now) {
                    (_, Value::Bool(true)) | (Value::Bool(false), Value::Bool(false)) => {}
                    (Value::Object(_), Value::Object(_)) => self.wider(&before, &now, &place, depth + 1)?,
                    _ => bail!("{place}: more is refused than before"),
                },
                "type" | "enum" => {
                    let given = match (&before, old.get("const")) {
                        (Value::Null, Some(only)) if keyword == "enum" => vec![only],
                        _ => list(&before),
                    };
                    ensure!(!given.is_empty(), "{place}: there was no such rule before");
                    let allowed = list(&now);
                    let gone = given.iter().find(|value| !allowed.contains(value));
                    ensure!(gone.is_none(), "{place}: {gone:?} was accepted before");
                }
                "const" | "pattern" => ensure!(before == now, "{place}: it was {before}"),
                "required" => {
                    let before = list(&before);
                    let added = list(&now).into_iter().find(|name| !before.contains(name)).cloned();
                    ensure!(added.is_none(), "{place}: {added:?} was not required before");
                }
                "minimum" | "minItems" => ensure!(
                    before.as_i64() >= now.as_i64() && !before.is_null(),
                    "{place}: less was accepted before"
                ),
                "maximum" => ensure!(
                    before.as_i64() <= now.as_i64() && !before.is_null(),
                    "{place}: more was accepted before"
                ),
                "oneOf" => {
                    // Each choice of before is among today's. That none of today's overlap is the schema's own affair.
                    for (index, choice) in list(&before).into_iter().enumerate() {
                        let fits = list(&now)
                            .into_iter()
                            .any(|other| self.wider(choice, other, &place, depth + 1).is_ok());
                        ensure!(fits, "{place}/{index}: this was a choice before");
                    }
                    ensure!(!before.is_null(), "{place}: there was no such rule before");
                }
                other => bail!("{at}: the comparison knows no `{other}`"),
            }
        }
        Ok(())
    }

    fn properties(&self, old: &Value, new: &Value, place: &str, depth: usize) -> Result<()> {
        let properties = |of: &Value| members(of.get("properties").unwrap_or(&NOTHING));
        let (before, now) = (properties(old), properties(new));
        for (name, rules) in &before {
            let rules_now = now.get(name).with_context(|| format!("{place}/{name}: it is gone"))?;
            self.wider(rules, rules_now, &format!("{place}/{name}"), depth + 1)?;
        }
        // A new name narrows nothing only where the old schema refused it.
        let open = old.get("additionalProperties") != Some(&Value::Bool(false));
        let added = now.keys().find(|name| open && !before.contains_key(*name));
        ensure!(added.is_none(), "{place}: {added:?} had no rule before and was accepted");
        Ok(())
    }
}

/// What rules stand for that only refer to others.
fn follow<'a>(document: &'a Value, rules: &'a Value) -> Result<&'a Value> {
    match rules.get("$ref").and_then(Value::as_str) {
        None => Ok(rules),
        Some(name) => {
            let pointer = name.strip_prefix('#').with_context(|| format!("`{name}` refers elsewhere"))?;
            document.pointer(pointer).with_context(|| format!("`{name}` refers to nothing"))
        }
    }
}
