//! What the host notes about a call while it runs. It outlives the store, which a timeout drops without asking.

use super::fault::{Incident, IncidentKind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// More incidents than this say nothing new.
const INCIDENTS: usize = 16;

#[derive(Default)]
pub(super) struct Record(Mutex<Notes>);

#[derive(Default)]
struct Notes {
    incidents: Vec<Incident>,
    reveals: u32,
    last_words: Option<String>,
    may_have_acted: bool,
    in_flight: bool,
    settled: Option<oneshot::Receiver<()>>,
}

impl Record {
    fn notes(&self) -> MutexGuard<'_, Notes> {
        // Nothing panics while it holds this; if something did, the notes are still the best there is.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn incident(&self, kind: IncidentKind, detail: impl Into<String>) {
        let mut notes = self.notes();
        if notes.incidents.len() < INCIDENTS {
            notes.incidents.push(Incident {
                kind,
                detail: detail.into(),
            });
        }
    }

    pub(super) fn revealed(&self) {
        let mut notes = self.notes();
        notes.reveals = notes.reveals.saturating_add(1);
    }

    pub(super) fn reveals(&self) -> u32 {
        self.notes().reveals
    }

    pub(super) fn said(&self, line: String) {
        self.notes().last_words = Some(line);
    }

    pub(super) fn last_words(&self) -> Option<String> {
        self.notes().last_words.clone()
    }

    /// A request is leaving: until it is answered, its outcome is unknown.
    pub(super) fn leaving(&self) {
        self.notes().in_flight = true;
    }

    /// It has come back, or has not left.
    pub(super) fn returned(&self, may_have_acted: bool) {
        let mut notes = self.notes();
        notes.in_flight = false;
        notes.may_have_acted |= may_have_acted;
    }

    pub(super) fn may_have_acted(&self) -> bool {
        let notes = self.notes();
        notes.may_have_acted || notes.in_flight
    }

    pub(super) fn incidents(&self) -> Vec<Incident> {
        self.notes().incidents.clone()
    }

    /// A rotation runs on by itself; this is how its end is known.
    pub(super) fn settling(&self, settled: oneshot::Receiver<()>) {
        self.notes().settled = Some(settled);
    }

    pub(super) fn take_settled(&self) -> Option<oneshot::Receiver<()>> {
        self.notes().settled.take()
    }
}
