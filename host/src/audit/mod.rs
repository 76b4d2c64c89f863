//! The trail: one line per access, chained by keyed hashes, durable before a token leaves.
//!
//! A read begins with [`Audit::begin`], which writes nothing, and ends with [`Audit::finish`], which writes exactly one record and returns
//! a [`Receipt`] once that record is as durable as the operator wants. Without a receipt no lease opens. If the record cannot be
//! written, there is no token: the error says which file and why, and the reader gets 503.
//!
//! No record holds a name or a secret. People stand in it as keyed hashes, tokens as keyed fingerprints; who has the keyring can find a
//! person (`claviger audit principal`), nobody else can guess one.
//!
//! Unauthenticated noise is counted, not chained: it must not be able to fill the disk.

mod event;
mod keys;
mod line;
mod segment;
mod sink;
mod verify;

pub use event::{Access, Administrative, Granted, MintOutcome, Pending, Refused, Released};
pub use keys::{AuditKeys, principal_hashes};
pub use sink::AuditError;
pub use verify::{Broken, Report, VerifyError, verify};

use crate::clock::SharedClock;
use crate::config;
use crate::ids::RequestId;
use crate::records::model::Credential;
use sink::Sink;
use std::path::Path;
use std::sync::Arc;

/// The proof that a record is durable. Only [`Audit::finish`] makes one.
///
/// ```compile_fail
/// let receipt = claviger::audit::Receipt { sequence: 1 };
/// ```
#[derive(Debug)]
#[must_use]
pub struct Receipt {
    sequence: u64,
}

impl Receipt {
    /// The record's place in the chain.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }
}

/// The trail of this replica. Cloning shares it.
#[derive(Clone)]
pub struct Audit(Arc<Inner>);

struct Inner {
    sink: Sink,
    keys: AuditKeys,
    clock: SharedClock,
}

impl Audit {
    /// Opens the folder and continues its chain. A last line that a crash tore is cut off; anything else that is wrong with the last
    /// record refuses the start.
    ///
    /// # Errors
    /// [`AuditError`], naming the file.
    pub fn open(folder: &Path, config: &config::Audit, keys: AuditKeys, clock: SharedClock) -> Result<Self, AuditError> {
        let sink = Sink::open(folder, config, keys.clone(), Arc::clone(&clock))?;
        Ok(Self(Arc::new(Inner { sink, keys, clock })))
    }

    /// Begins a read. Nothing is written until [`Audit::finish`].
    pub fn begin<'a>(&self, access: Access<'a>) -> Pending<'a> {
        Pending::new(access)
    }

    /// Writes the one record of a read that brings a token.
    ///
    /// # Errors
    /// If it is not durable: then nothing may leave.
    pub async fn finish(&self, granted: Granted<'_>) -> Result<Receipt, AuditError> {
        let sequence = self.0.sink.append(|line| granted.write(line, &self.0.keys))?;
        self.0.sink.durable(sequence).await?;
        Ok(Receipt { sequence })
    }

    /// Writes the one record of a read that brings none.
    ///
    /// # Errors
    /// If it is not durable.
    pub async fn refuse(&self, refused: Refused<'_>) -> Result<(), AuditError> {
        let sequence = self.0.sink.append(|line| refused.write(line, &self.0.keys))?;
        self.0.sink.durable(sequence).await
    }

    /// Notes that a mint begins. Not waited for: the finish is, and readers' records cite it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn mint_begun(&self, credential: &Credential) -> Result<String, AuditError> {
        let mint = RequestId::make(&*self.0.clock).to_string();
        self.0.sink.append(|line| event::write_mint_begin(line, &mint, credential))?;
        Ok(mint)
    }

    /// Notes how a mint ended.
    ///
    /// # Errors
    /// If the record is not durable.
    pub async fn mint_finished(&self, mint: &str, credential: &Credential, outcome: MintOutcome<'_>) -> Result<(), AuditError> {
        let sequence = self
            .0
            .sink
            .append(|line| event::write_mint_finish(line, mint, credential, &outcome))?;
        self.0.sink.durable(sequence).await
    }

    /// Records a change made by a person or an operator, before it is made.
    ///
    /// # Errors
    /// If the record is not durable: then the change must not be made.
    pub async fn administrative(&self, event: Administrative<'_>) -> Result<(), AuditError> {
        let sequence = self.0.sink.append(|line| event.write(line, &self.0.keys))?;
        self.0.sink.durable(sequence).await
    }
}

#[cfg(test)]
mod tests;
