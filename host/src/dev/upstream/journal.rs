//! The requests seen, without a secret in them.

use super::Provider;
use super::call::Call;
use super::faults::Order;
use super::reply::{Reply, Who};
use crate::clock::Millis;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::VecDeque;

/// More than this and the oldest go.
const KEPT: usize = 10_000;

/// One request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// 1 for the first.
    pub number: u64,
    /// When it came, by the emulator's clock.
    pub at_ms: Millis,
    /// The provider it was for.
    pub provider: Option<Provider>,
    /// What it asked for: `installation-token`, `token`, `user`, …
    pub operation: Option<&'static str>,
    /// Its method.
    pub method: String,
    /// Its path, without a query.
    pub path: String,
    /// Whose credential it carried.
    pub credential: Option<Who>,
    /// What it asked to narrow: `repositories`, `repository_ids`, `permissions`, `scope`.
    pub asked: Value,
    /// What was answered, also where the answer was lost.
    pub status: u16,
    /// The fault that struck it, as it was ordered.
    pub fault: Option<Order>,
}

#[derive(Default)]
pub(super) struct Journal {
    seen: u64,
    entries: VecDeque<Entry>,
}

impl Journal {
    pub(super) fn add(
        &mut self,
        at_ms: Millis,
        provider: Option<Provider>,
        operation: Option<&'static str>,
        call: &Call,
        reply: &Reply,
        fault: Option<&Order>,
    ) {
        self.seen += 1;
        let mut asked = json!({});
        for key in ["repositories", "repository_ids", "permissions", "scope"] {
            if let Some(value) = call.value(key) {
                asked[key] = value.clone();
            }
        }
        self.entries.push_back(Entry {
            number: self.seen,
            at_ms,
            provider,
            operation,
            method: call.method.to_string(),
            path: call.path.clone(),
            credential: reply.who.as_deref().cloned(),
            asked,
            status: reply.status,
            fault: fault.cloned(),
        });
        if self.entries.len() > KEPT {
            self.entries.pop_front();
        }
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        self.entries.iter().cloned().collect()
    }
}
