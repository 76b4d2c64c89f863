//! Keeps what is in memory current: the authorisation index and the stored bearers follow the records' change sequence.
//!
//! A write of this replica is followed before it is answered ([`Follower::catch_up`]), so whoever writes can read what they wrote. Writes of
//! other replicas arrive with the next poll, within a second. If the database cannot be asked, the index grows old, and after five
//! seconds `access` refuses: nothing here has to decide that.

use crate::access::index::IndexError;
use crate::access::{Change, Index, LiveIndex, Snapshot};
use crate::authn::{StoredBearers, Workloads};
use crate::clock::SharedClock;
use crate::records::{self, Records, RecordsError, Update, Updates};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

/// How often the change sequence is asked. Revocation elsewhere must be effective within a second.
const POLL: Duration = Duration::from_millis(500);

/// Why the records could not be followed.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The database.
    #[error("the records cannot be followed: {0}")]
    Records(#[from] RecordsError),
    /// The index.
    #[error(transparent)]
    Index(#[from] IndexError),
}

/// Follows the records. Cloning shares it.
#[derive(Clone)]
pub struct Follower(Arc<Inner>);

struct Inner {
    records: Records,
    index: LiveIndex,
    bearers: StoredBearers,
    workloads: Workloads,
    clock: SharedClock,
    /// The last change that was taken in. Held across queries on purpose: two catching up at once would apply changes out of order.
    /// Readers of the index never take it.
    seen: Mutex<Seen>,
    /// How many rounds of asking have begun.
    begun: AtomicU64,
}

/// What was taken in.
struct Seen {
    /// Up to this change.
    seq: i64,
    /// In this round.
    round: u64,
}

impl Follower {
    /// Reads everything once.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn start(
        records: Records,
        (bearers, workloads): (StoredBearers, Workloads),
        clock: SharedClock,
    ) -> Result<(Self, LiveIndex), FollowError> {
        let at_ms = clock.now_ms();
        let snapshot = records.snapshot().await?;
        let seen = Mutex::new(Seen {
            seq: snapshot.seq,
            round: 0,
        });
        bearers.replace(snapshot.api_keys.clone());
        workloads.replace(&snapshot.sessions);
        let index = LiveIndex::new(Index::build(decisive(snapshot), at_ms));
        let follower = Self(Arc::new(Inner {
            records,
            index: index.clone(),
            bearers,
            workloads,
            clock,
            seen,
            begun: AtomicU64::new(0),
        }));
        Ok((follower, index))
    }

    /// Takes in all that was committed before this call.
    ///
    /// # Errors
    /// If the database cannot be asked, or the index was damaged by a panic.
    pub async fn catch_up(&self) -> Result<(), FollowError> {
        let inner = &*self.0;
        let called = inner.begun.load(Ordering::Acquire);
        let mut seen = inner.seen.lock().await;
        // Of a crowd that waits, one asks: a round that began after this call has what it came for.
        if seen.round > called {
            return Ok(());
        }
        let round = inner.begun.fetch_add(1, Ordering::AcqRel) + 1;
        let asked_at_ms = inner.clock.now_ms();
        match inner.records.updates_since(seen.seq).await? {
            Updates::Upto { seq, updates } => {
                if updates.iter().any(|update| matches!(update, Update::ApiKey(..))) {
                    inner.bearers.replace(inner.records.api_keys().await?);
                }
                for update in &updates {
                    if let Update::Session(project, id, session) = update {
                        inner.workloads.update(project, id, session.as_ref());
                    }
                }
                inner.index.apply(updates.into_iter().filter_map(change), asked_at_ms)?;
                seen.seq = seq;
            }
            Updates::TooFarBehind => {
                let snapshot = inner.records.snapshot().await?;
                seen.seq = snapshot.seq;
                inner.bearers.replace(snapshot.api_keys.clone());
                inner.workloads.replace(&snapshot.sessions);
                inner.index.rebuild(decisive(snapshot), asked_at_ms);
            }
        }
        seen.round = round;
        Ok(())
    }

    /// Polls until the task is dropped.
    pub async fn run(self) {
        let mut failing = false;
        loop {
            tokio::time::sleep(POLL).await;
            match self.catch_up().await {
                Ok(()) if failing => {
                    failing = false;
                    tracing::info!("the records can be followed again");
                }
                Ok(()) => {}
                Err(error) if !failing => {
                    failing = true;
                    tracing::error!(%error, "after five seconds no token is handed out");
                }
                Err(_) => {}
            }
        }
    }
}

/// What of the records decides.
fn decisive(snapshot: records::Snapshot) -> Snapshot {
    Snapshot {
        roles: snapshot.roles,
        credentials: snapshot.credentials,
        projects: snapshot.projects,
        agents: snapshot.agents,
        sessions: snapshot.sessions,
        turns: snapshot.turns,
        bindings: snapshot.bindings,
        deactivated: snapshot.deactivated,
    }
}

fn change(update: Update) -> Option<Change> {
    Some(match update {
        Update::Role(id, role) => role.map_or(Change::RemoveRole(id), Change::PutRole),
        Update::Credential(id, credential) => credential.map_or(Change::RemoveCredential(id), Change::PutCredential),
        Update::Project(id, project) => project.map_or(Change::RemoveProject(id), Change::PutProject),
        Update::Agent(id, agent) => agent.map_or(Change::RemoveAgent(id), Change::PutAgent),
        Update::Session(project, id, session) => session.map_or(Change::RemoveSession(project, id), Change::PutSession),
        Update::Turn(id, turn) => turn.map_or(Change::RemoveTurn(id), Change::PutTurn),
        Update::Binding(id, binding) => binding.map_or(Change::RemoveBinding(id), Change::PutBinding),
        // Somebody whose row is gone was not deactivated; what they may do is in their bindings.
        Update::User(username, user) => Change::PersonActive(username, user.is_none_or(|user| user.active)),
        Update::ApiKey(..) => return None,
    })
}
