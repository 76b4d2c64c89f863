//! The trail: one line per access, chained by keyed hashes, durable before a token leaves.
//!
//! A read begins with [`Audit::begin`], which writes nothing, and ends with [`Audit::finish`], which writes exactly one record and returns
//! a [`Receipt`] once that record is as durable as the operator wants. Without a receipt no lease opens. If the record cannot be
//! written within two seconds (disk full or gone, file removed under the server), there is no token: the error says which file and
//! why, and the reader gets 503. A read that is dropped half-way, because its client went away, is recorded as abandoned.
//!
//! No record holds a name or a secret. People stand in it as keyed hashes, tokens as keyed fingerprints; who has the keyring can find a
//! person (`claviger audit principal`), nobody else can guess one.
//!
//! Unauthenticated noise is counted, not chained: it must not be able to fill the disk.

mod administrative;
mod chain;
mod error;
mod event;
mod keys;
mod line;
mod segments;
mod sink;
mod verify;

#[cfg(test)]
mod tests;

pub use administrative::Administrative;
pub use error::AuditError;
pub use event::{Access, Granted, MintOutcome, Pending, Refused, Released};
pub use keys::{AuditKeys, principal_hashes};
pub use verify::{Broken, Head, Report, verify};

use crate::clock::SharedClock;
use crate::config;
use crate::ids::RequestId;
use crate::records::model::Credential;
use line::Line;
use sink::{Sink, Written};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The proof that a granted read is on record. Only [`Audit::finish`] makes one, of the sink's own word.
///
/// ```compile_fail
/// // Its fields are private and it has no constructor.
/// fn forge(written: ()) -> claviger::audit::Receipt { claviger::audit::Receipt { written } }
/// ```
#[derive(Debug)]
#[must_use]
pub struct Receipt {
    #[expect(dead_code, reason = "held, not read: it cannot be made without a written record")]
    written: Written,
}

/// The trail of this replica. Cloning shares it; the last clone to go writes what is queued and closes it.
#[derive(Clone)]
pub struct Audit(Arc<Inner>);

struct Inner {
    sink: Sink,
    keys: AuditKeys,
    clock: SharedClock,
    /// Whether the last record that was waited for could not be written.
    failing: AtomicBool,
}

/// Whether there is a trail in the folder already.
///
/// # Errors
/// If the folder cannot be read.
pub fn is_begun(folder: &Path) -> Result<bool, AuditError> {
    segments::any(folder)
}

impl Audit {
    /// Opens the folder (made 0700 if absent) and continues the chain that lies in it, or starts one. A last line that a crash tore is cut
    /// off, and a record says so; anything else that is wrong with the last record refuses the start.
    ///
    /// # Errors
    /// [`AuditError`], naming the file.
    pub fn open(folder: &Path, config: &config::Audit, keys: AuditKeys, clock: SharedClock) -> Result<Self, AuditError> {
        let opened = segments::open(folder, config.segment_bytes, &keys)?;
        let chain = chain::Chain::new(opened.chain, opened.tail, &keys)?;
        let sink = Sink::start(opened.segments, chain, config.durability, Arc::clone(&clock))?;
        let failing = AtomicBool::new(false);
        let audit = Self(Arc::new(Inner {
            sink,
            keys,
            clock,
            failing,
        }));
        if opened.torn_bytes > 0 {
            let mut line = Line::new();
            event::write_recovered(&mut line, opened.torn_bytes);
            audit.sink().append_unwatched(&line)?;
        }
        Ok(audit)
    }

    /// Begins a read. Nothing is written until [`Audit::finish`] or [`Audit::refuse`].
    pub fn begin<'a>(&self, access: Access<'a>) -> Pending<'a> {
        Pending::new(self.clone(), access)
    }

    /// Writes the one record of a read that brings a token.
    ///
    /// # Errors
    /// If it is not durable: then nothing may leave.
    pub async fn finish(&self, granted: Granted<'_>) -> Result<Receipt, AuditError> {
        let written = self.append(|line| granted.write(line, self.keys())).await?;
        Ok(Receipt { written })
    }

    /// Writes the one record of a read that brings none.
    ///
    /// # Errors
    /// If it is not durable.
    pub async fn refuse(&self, refused: Refused<'_>) -> Result<(), AuditError> {
        self.append(|line| refused.write(line, self.keys())).await.map(drop)
    }

    /// Notes that a mint begins. Not waited for: the finish is, and readers' records cite it.
    ///
    /// # Errors
    /// If the trail is known not to take records: then nothing should be minted either.
    pub fn mint_begun(&self, credential: &Credential) -> Result<String, AuditError> {
        let mint = RequestId::make(&*self.0.clock).to_string();
        let mut line = Line::new();
        event::write_mint_begin(&mut line, &mint, credential);
        self.sink().append_unwatched(&line).inspect_err(|error| self.note(Some(error)))?;
        Ok(mint)
    }

    /// Notes how a mint ended.
    ///
    /// # Errors
    /// If the record is not durable.
    pub async fn mint_finished(&self, mint: &str, credential: &Credential, outcome: MintOutcome<'_>) -> Result<(), AuditError> {
        self.append(|line| event::write_mint_finish(line, mint, credential, &outcome))
            .await
            .map(drop)
    }

    /// Records a change made by a person or an operator, before it is made.
    ///
    /// # Errors
    /// If the record is not durable: then the change must not be made.
    pub async fn administrative(&self, event: Administrative<'_>) -> Result<(), AuditError> {
        self.append(|line| event.write(line, self.keys())).await.map(drop)
    }

    /// Whether the last record could be written. While it could not, no token leaves.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        !self.0.failing.load(Ordering::Relaxed)
    }

    /// While records cannot be written, tries one: nobody is sent to a server that is not ready, so no reader would find out that it is again.
    pub async fn probe(&self) {
        if !self.is_writable() {
            // Its outcome is noted as every record's is.
            let _ = self.append(event::write_resumed).await;
        }
    }

    async fn append(&self, write: impl FnOnce(&mut Line)) -> Result<Written, AuditError> {
        let mut line = Line::new();
        write(&mut line);
        let written = self.sink().append(&line).await;
        self.note(written.as_ref().err());
        written
    }

    /// Says once when it begins to fail, and once when that is over.
    fn note(&self, error: Option<&AuditError>) {
        if self.0.failing.swap(error.is_some(), Ordering::Relaxed) == error.is_some() {
            return;
        }
        match error {
            Some(error) => tracing::error!(%error, "audit records cannot be written; until they can, no token is handed out"),
            None => tracing::info!("audit records are written again"),
        }
    }

    fn keys(&self) -> &AuditKeys {
        &self.0.keys
    }

    fn sink(&self) -> &Sink {
        &self.0.sink
    }
}
