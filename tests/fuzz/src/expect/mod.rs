//! What must hold after a call, whatever the upstream answered.

mod accounts;
mod failure;
mod requests;
mod token;

pub use accounts::{accounts, ended, identity};
pub use token::token;

use crate::scenario::{Answer, Scenario};
use crate::setup::{CANARY, Setup};
use claviger_sdk::testing::Sent;
use serde_json::Value;

/// A call, from outside.
pub struct Seen<'a> {
    /// The credential.
    pub setup: &'a Setup,
    /// Its kind, as the manifest has it.
    pub kind: &'a Value,
    /// The provider's.
    pub manifest: &'a Value,
    /// What was asked and answered.
    pub scenario: &'a Scenario,
    /// What the provider sent.
    pub sent: Vec<Sent>,
    /// What it logged.
    pub lines: Vec<(String, String)>,
}

impl Seen<'_> {
    /// Requests with their answers, as far as there were any.
    pub(crate) fn exchanges(&self) -> impl Iterator<Item = (&Sent, &Answer)> {
        self.sent.iter().zip(&self.scenario.answers)
    }

    /// The last answer that was read.
    pub(crate) fn last(&self) -> Option<&Answer> {
        self.exchanges().last().map(|(_, answer)| answer)
    }

    /// The manifest's endpoint of this name.
    pub(crate) fn endpoint(&self, name: &str) -> Option<&Value> {
        let endpoints = self.manifest.get("endpoints")?.as_array()?;
        endpoints
            .iter()
            .find(|endpoint| endpoint.get("name").and_then(Value::as_str) == Some(name))
    }

    /// No stored secret is in this text, unless the upstream was made to say it.
    pub(crate) fn no_secret(&self, what: &str, text: &str) {
        let echoed = self.scenario.answers.iter().any(|answer| {
            answer.body.contains(CANARY) || answer.headers.iter().any(|(_, value)| value.contains(CANARY)) || answer.body.contains("\\u")
        });
        assert!(echoed || !text.contains(CANARY), "{what} holds a stored secret: {text}");
    }
}

/// One line, as Git and people read it: nothing that breaks it, no angle bracket, which ends a name in a commit.
pub(crate) fn is_line(text: &str) -> bool {
    !text.trim().is_empty() && !text.chars().any(|c| c.is_control() || c == '<' || c == '>')
}
