//! Whether what readers get can be carried to them: names that a process and Git understand, texts without line breaks.

use super::{Checked, MOST, problem};
use crate::manifest::{Consumers, Source};
use std::collections::BTreeMap;

/// What Git's credential protocol knows and a provider may say; when a password ends is the host's to say.
const GIT: [&str; 5] = ["protocol", "host", "path", "username", "password"];

/// Checks all four mappings.
pub(super) fn check(place: &str, consumers: &Consumers) -> Checked {
    for (name, mapping) in [
        ("session", &consumers.session),
        ("token", &consumers.token),
        ("environment", &consumers.environment),
        ("git", &consumers.git),
    ] {
        mapping_of(&format!("{place}, {name}"), mapping)?;
    }
    if let Some(name) = consumers.environment.keys().find(|name| !is_variable(name)) {
        return problem(
            format!("{place}, environment"),
            format!("{name:?} is no name of a variable: letters, digits and `_`, no digit first"),
        );
    }
    if let Some(key) = consumers.git.keys().find(|key| !GIT.contains(&key.as_str())) {
        return problem(
            format!("{place}, git"),
            format!("{key:?} is none of {}", GIT.map(|key| format!("`{key}`")).join(", ")),
        );
    }
    Ok(())
}

fn mapping_of(place: &str, mapping: &BTreeMap<String, Source>) -> Checked {
    if mapping.len() > MOST {
        return problem(place, format!("{} keys; {MOST} are allowed", mapping.len()));
    }
    for (key, source) in mapping {
        if key.is_empty() || key.len() > 64 || key.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return problem(place, format!("the key {key:?} must have 1 to 64 characters and no blanks"));
        }
        let text = match source {
            Source::Literal(text) => Some(text),
            Source::Field { default, .. } => default.as_ref(),
            Source::Token | Source::TokenWhere { .. } | Source::ExpiresAt | Source::Words { .. } => None,
        };
        if text.is_some_and(|text| text.chars().any(char::is_control)) {
            return problem(place, format!("the text of `{key}` has control characters"));
        }
    }
    Ok(())
}

fn is_variable(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(consumers: serde_json::Value) -> String {
        let consumers: Consumers = serde_json::from_value(consumers).unwrap();
        check("consumers", &consumers).map_or_else(|problem| problem.to_string(), |()| String::new())
    }

    #[test]
    fn names_are_those_that_processes_and_git_know() {
        assert_eq!(
            refused(json!({ "session": { "userName": "token" }, "environment": { "_A9": "token" }, "git": { "username": "token" } })),
            ""
        );
        for name in ["", "9A", "A-B", "A=B", "Ä"] {
            assert!(
                refused(json!({ "environment": { name: "token" } })).starts_with("consumers, environment: "),
                "{name}"
            );
        }
        for key in ["quit", "Password", "password_expiry_utc", "capability[]"] {
            assert!(
                refused(json!({ "git": { key: "token" } })).contains("is none of `protocol`"),
                "{key}"
            );
        }
        assert!(refused(json!({ "session": { "a b": "token" } })).contains("no blanks"));
    }

    #[test]
    fn texts_have_no_line_breaks_and_lists_an_end() {
        assert!(refused(json!({ "session": { "a": { "literal": "x\ny" } } })).contains("control"));
        assert!(refused(json!({ "token": { "a": { "field": { "name": "f", "default": "\u{1b}[2J" } } } })).contains("control"));
        let many: serde_json::Map<String, serde_json::Value> = (0..65).map(|n| (format!("k{n}"), json!("token"))).collect();
        assert!(refused(json!({ "session": many })).contains("65 keys"));
    }
}
