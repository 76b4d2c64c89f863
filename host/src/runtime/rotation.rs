//! What the broker hands into a call whose kind rotates: a record of the one use of a secret that can be used once.
//!
//! The order is the point. Intent is durable before the request leaves; what came back is durable before the guest sees it. So a crash, a trap or a
//! cancelled call finds either an intent without an outcome (*indeterminate*: the manifest says whether one retry is safe) or the new secret.

use crate::clock::Millis;
use crate::secret::Secret;
use futures::future::BoxFuture;

/// A step could not be made durable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the rotation could not be recorded: {0}")]
pub struct RotationError(pub String);

/// The journal of one flight. Each method is awaited to its end before the call goes on; a call uses it once.
pub trait RotationLog: Send + Sync + 'static {
    /// "About to spend the stored secret": durable when it returns.
    fn intend(&self) -> BoxFuture<'_, Result<(), RotationError>>;

    /// The request did not leave: the secret is as good as before.
    fn not_sent(&self) -> BoxFuture<'_, ()>;

    /// The request left and no readable answer came: nobody knows what the secret is worth.
    fn unanswered(&self) -> BoxFuture<'_, ()>;

    /// The upstream answered, and not with a new secret. What the status means for the secret is the broker's to decide.
    fn refused(&self, status: u16) -> BoxFuture<'_, ()>;

    /// The upstream answered: stored fields, token, outcome and generation become one transaction.
    fn rotated(&self, rotated: Rotated) -> BoxFuture<'_, Result<(), RotationError>>;
}

/// What a request brought for the stored credential.
#[derive(Default)]
pub struct Rotated {
    /// New values of stored fields. Empty if the upstream kept the old one (RFC 6749 section 6 allows it).
    pub fields: Vec<(String, Secret)>,
    /// The access token, if the answer had one.
    pub token: Option<Secret>,
    /// When it ends.
    pub expires_at_ms: Option<Millis>,
}
