//! Rows → plain data. What does not read is told by table and column, never by content.

use super::error::{RecordsError, Result};
use super::model::{ConsentStage, CredentialPolicy, CredentialState, Phase, Scope, StandsFor, Trigger};
use crate::ids::{Generation, InvalidId};
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::any::AnyRow;

/// A closed set that is stored as words.
pub(super) trait Stored: Copy + Sized + 'static {
    /// Every value with its word.
    const WORDS: &'static [(Self, &'static str)];

    fn word(self) -> &'static str
    where
        Self: PartialEq,
    {
        Self::WORDS.iter().find(|(value, _)| *value == self).map_or("", |(_, word)| word)
    }

    fn from_word(text: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(_, word)| *word == text).map(|(value, _)| *value)
    }
}

impl Stored for CredentialState {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Usable, "usable"),
        // Seen by what is stored beside it, so it has no word of its own.
        (Self::Empty, "usable"),
        (Self::NeedsReconnect, "needs-reconnect"),
        (Self::Indeterminate, "indeterminate"),
    ];
}

impl Stored for ConsentStage {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Started, "started"),
        (Self::Returned, "returned"),
        (Self::Exchanging, "exchanging"),
        (Self::Choosing, "choosing"),
    ];
}

impl Stored for Scope {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Global, "global"),
        (Self::Project, "project"),
        (Self::Agent, "agent"),
        (Self::Session, "session"),
        (Self::Credential, "credential"),
    ];
}

impl Stored for CredentialPolicy {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Bindings, "bindings"),
        (Self::SenderOnly, "sender-only"),
        (Self::Owner, "owner"),
    ];
}

impl Stored for Trigger {
    const WORDS: &'static [(Self, &'static str)] = &[(Self::Person, "person"), (Self::ApiKey, "api-key"), (Self::Schedule, "schedule")];
}

impl Stored for Phase {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Pending, "pending"),
        (Self::Creating, "creating"),
        (Self::Running, "running"),
        (Self::Stopping, "stopping"),
        (Self::Stopped, "stopped"),
        (Self::Completed, "completed"),
        (Self::Failed, "failed"),
    ];
}

impl Stored for StandsFor {
    const WORDS: &'static [(Self, &'static str)] = &[(Self::Key, "key"), (Self::Person, "person"), (Self::Service, "service")];
}

/// A row of a table.
pub(super) struct Fields<'r> {
    pub(super) row: &'r AnyRow,
    pub(super) table: &'static str,
}

impl Fields<'_> {
    fn damaged(&self, column: &'static str, reason: impl Into<String>) -> RecordsError {
        RecordsError::Damaged {
            table: self.table,
            column,
            reason: reason.into(),
        }
    }

    pub(super) fn maybe_text(&self, column: &'static str) -> Result<Option<String>> {
        self.row.try_get(column).map_err(|_| self.damaged(column, "is missing or no text"))
    }

    pub(super) fn text(&self, column: &'static str) -> Result<String> {
        self.maybe_text(column)?.ok_or_else(|| self.damaged(column, "is empty"))
    }

    pub(super) fn maybe_int(&self, column: &'static str) -> Result<Option<i64>> {
        self.row
            .try_get(column)
            .map_err(|_| self.damaged(column, "is missing or no number"))
    }

    pub(super) fn int(&self, column: &'static str) -> Result<i64> {
        self.maybe_int(column)?.ok_or_else(|| self.damaged(column, "is empty"))
    }

    pub(super) fn flag(&self, column: &'static str) -> Result<bool> {
        self.int(column).map(|number| number != 0)
    }

    pub(super) fn generation(&self, column: &'static str) -> Result<Generation> {
        self.int(column).map(Generation)
    }

    pub(super) fn id<T: TryFrom<String, Error = InvalidId>>(&self, column: &'static str) -> Result<T> {
        T::try_from(self.text(column)?).map_err(|error| self.damaged(column, error.to_string()))
    }

    pub(super) fn maybe_id<T: TryFrom<String, Error = InvalidId>>(&self, column: &'static str) -> Result<Option<T>> {
        let text = self.maybe_text(column)?;
        text.map(T::try_from)
            .transpose()
            .map_err(|error| self.damaged(column, error.to_string()))
    }

    pub(super) fn word<T: Stored>(&self, column: &'static str) -> Result<T> {
        T::from_word(&self.text(column)?).ok_or_else(|| self.damaged(column, "holds an unknown word"))
    }

    pub(super) fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<T> {
        serde_json::from_str(&self.text(column)?).map_err(|_| self.damaged(column, "is not the JSON that belongs there"))
    }

    pub(super) fn maybe_json<T: DeserializeOwned>(&self, column: &'static str) -> Result<Option<T>> {
        let text = self.maybe_text(column)?;
        text.map(|text| serde_json::from_str(&text))
            .transpose()
            .map_err(|_| self.damaged(column, "is not the JSON that belongs there"))
    }
}

pub(super) fn int(row: &AnyRow, table: &'static str, column: &'static str) -> Result<i64> {
    Fields { row, table }.int(column)
}

/// Reads every row with `read`.
pub(super) fn each<T>(rows: &[AnyRow], table: &'static str, read: impl Fn(&Fields<'_>) -> Result<T>) -> Result<Vec<T>> {
    rows.iter().map(|row| read(&Fields { row, table })).collect()
}
