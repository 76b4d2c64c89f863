//! What clients store beside what decides: a project's labels, an agent's prompt and model, a session's environment.
//!
//! Kept apart from the records that decide, so that those stay small in memory: the index never has it.

use super::error::{RecordsError, Result};
use super::row::Fields;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Texts and numbers by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details(Map<String, Value>);

/// What changes about details: `None` clears.
pub type DetailsPatch = BTreeMap<String, Option<Value>>;

/// A record with what clients store beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detailed<T> {
    /// What decides.
    pub record: T,
    /// The rest.
    pub details: Details,
}

impl Details {
    /// A text of this name.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// A number of this name.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<f64> {
        self.0.get(name)?.as_f64()
    }

    /// Everything, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0.iter()
    }

    /// The same after a change.
    #[must_use]
    pub fn changed(mut self, patch: DetailsPatch) -> Self {
        for (name, value) in patch {
            match value {
                Some(value) => self.0.insert(name, value),
                None => self.0.remove(&name),
            };
        }
        self
    }

    pub(super) fn written(&self) -> Result<String> {
        serde_json::to_string(&self.0).map_err(|_| RecordsError::Inconsistent("the details do not serialise"))
    }
}

impl<T> Detailed<T> {
    pub(super) fn read(row: &Fields<'_>, read: impl FnOnce(&Fields<'_>) -> Result<T>) -> Result<Self> {
        Ok(Self {
            record: read(row)?,
            details: Details(row.json("details")?),
        })
    }
}
