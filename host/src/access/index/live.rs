//! The index that requests share while the follower keeps it current.

use super::{Change, Index, Snapshot};
use crate::clock::Millis;
use std::sync::{Arc, RwLock};

/// Why the index could not be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// A change was interrupted half-way.
    #[error("the authorisation index is damaged; restart the server")]
    Damaged,
}

/// A shared index. Readers hold it for the microseconds of one decision, the follower for those of one change; nobody across an
/// await.
#[derive(Debug, Clone, Default)]
pub struct LiveIndex(Arc<RwLock<Index>>);

impl LiveIndex {
    /// A shared index.
    #[must_use]
    pub fn new(index: Index) -> Self {
        Self(Arc::new(RwLock::new(index)))
    }

    /// Asks the index.
    ///
    /// # Errors
    /// If a change was interrupted by a panic: an index in an unknown state answers nothing.
    pub fn read<T>(&self, ask: impl FnOnce(&Index) -> T) -> Result<T, IndexError> {
        self.0.read().map(|index| ask(&index)).map_err(|_| IndexError::Damaged)
    }

    /// Takes in changes in their order, and notes that everything up to `synced_at_ms` has been seen.
    ///
    /// # Errors
    /// If an earlier change was interrupted.
    pub fn apply(&self, changes: impl IntoIterator<Item = Change>, synced_at_ms: Millis) -> Result<(), IndexError> {
        let mut index = self.0.write().map_err(|_| IndexError::Damaged)?;
        for change in changes {
            index.apply(change);
        }
        index.synced(synced_at_ms);
        Ok(())
    }

    /// Starts anew from a snapshot, also after damage.
    pub fn rebuild(&self, snapshot: Snapshot, at_ms: Millis) {
        let fresh = Index::build(snapshot, at_ms);
        match self.0.write() {
            Ok(mut index) => *index = fresh,
            Err(poisoned) => {
                *poisoned.into_inner() = fresh;
                self.0.clear_poison();
            }
        }
    }
}
