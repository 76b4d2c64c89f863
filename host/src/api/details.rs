//! What clients store with projects, agents and sessions and this server only keeps: which keys there are, and what each may be.

use super::input::{Change, Input};
use super::intake;
use super::problem::{Answer, Problem};
use crate::records::{Details, DetailsPatch};
use serde_json::Value;

/// A key that clients store.
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub holds: Holds,
}

/// What a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// A text.
    Text,
    /// A number from 0 on.
    Number,
    /// A whole number from 0 on.
    Count,
}

const fn text(name: &'static str) -> Key {
    Key { name, holds: Holds::Text }
}

const fn number(name: &'static str) -> Key {
    Key {
        name,
        holds: Holds::Number,
    }
}

const fn count(name: &'static str) -> Key {
    Key { name, holds: Holds::Count }
}

/// A project's.
pub const PROJECT: &[Key] = &[text("labels"), text("annotations"), text("prompt"), text("status")];

/// An agent's.
pub const AGENT: &[Key] = &[
    text("parent_agent_id"),
    text("owner_user_id"),
    text("display_name"),
    text("description"),
    text("prompt"),
    text("repo_url"),
    text("workflow_id"),
    text("llm_model"),
    number("llm_temperature"),
    count("llm_max_tokens"),
    text("bot_account_name"),
    text("resource_overrides"),
    text("environment_variables"),
    text("labels"),
    text("annotations"),
];

/// A session's.
pub const SESSION: &[Key] = &[
    text("description"),
    text("prompt"),
    text("repo_url"),
    text("repos"),
    text("workflow_id"),
    text("parent_session_id"),
    text("assigned_user_id"),
    text("llm_model"),
    number("llm_temperature"),
    count("llm_max_tokens"),
    count("timeout"),
    text("bot_account_name"),
    text("resource_overrides"),
    text("environment_variables"),
    text("labels"),
    text("annotations"),
];

/// The model that an agent has if nobody says which, and how it is asked.
const MODEL: (&str, f64, i64) = ("claude-sonnet-4-6", 0.7, 4000);

/// An agent's details before anybody says otherwise.
#[must_use]
pub fn of_new_agent() -> Details {
    let (model, temperature, tokens) = MODEL;
    let values = [
        ("llm_model", Value::from(model)),
        ("llm_temperature", Value::from(temperature)),
        ("llm_max_tokens", Value::from(tokens)),
    ];
    Details::default().changed(values.into_iter().map(|(key, value)| (key.to_owned(), Some(value))).collect())
}

/// Takes those keys out of a body that makes something: `null` is not given.
///
/// # Errors
/// 400 if a value is not what its key holds.
pub fn given(input: &mut Input, keys: &'static [Key]) -> Answer<DetailsPatch> {
    let mut taken = changed(input, keys)?;
    taken.retain(|_, value| value.is_some());
    Ok(taken)
}

/// Takes those keys out of a patch: `null` clears.
///
/// # Errors
/// 400 if a value is not what its key holds.
pub fn changed(input: &mut Input, keys: &'static [Key]) -> Answer<DetailsPatch> {
    let mut taken = DetailsPatch::new();
    for key in keys {
        let change = match key.holds {
            Holds::Text => match input.change(key.name)? {
                Change::Set(text) => Change::Set(Value::from(written(key.name, text)?)),
                Change::Clear => Change::Clear,
                Change::Keep => Change::Keep,
            },
            Holds::Number | Holds::Count => input.number(key.name, key.holds == Holds::Count)?,
        };
        if let Some(change) = change.into_patch() {
            taken.insert(key.name.to_owned(), change);
        }
    }
    Ok(taken)
}

/// Beside line breaks and tabs no control characters: PostgreSQL does not store the first of them, and a terminal obeys the others.
///
/// # Errors
/// 400
pub fn written(key: &str, text: String) -> Answer<String> {
    if intake::has_controls(&text) {
        return Err(Problem::validation(format!("`{key}` has control characters")));
    }
    Ok(text)
}

/// A text that a patch changes.
///
/// # Errors
/// 400 if it is none, or has control characters.
pub fn changed_text(input: &mut Input, key: &'static str) -> Answer<Option<Option<String>>> {
    Ok(match input.change(key)? {
        Change::Set(text) => Some(Some(written(key, text)?)),
        other => other.into_patch(),
    })
}

/// A text with which something is made.
///
/// # Errors
/// As [`changed_text`].
pub fn given_text(input: &mut Input, key: &'static str) -> Answer<Option<String>> {
    input.optional(key)?.map(|text| written(key, text)).transpose()
}
