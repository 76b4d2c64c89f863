//! The way out, as a call sees it: a door that opens for one instance, and requests through it.
//!
//! `egress` is the real one. The seam exists so that a call can be tested against answers that no honest upstream gives, and so that this module, which
//! knows what may be in a request, and that one, which knows where it may go, stay apart.

use super::answer::RawAnswer;
use crate::manifest::{Endpoint, Manifest};
use crate::secret::Secret;
use futures::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// Opens the way out for one call.
pub trait Door: Send + Sync + 'static {
    /// The way to the instance that a credential of `provider` names by `url`, or to the manifest's own.
    ///
    /// # Errors
    /// If the operator does not allow that instance.
    fn open(&self, provider: &str, manifest: &Arc<Manifest>, url: Option<&str>) -> Result<Arc<dyn Upstream>, Refusal>;
}

/// The way out of one call.
pub trait Upstream: Send + Sync + 'static {
    /// Which endpoint of the approved manifest this request is.
    ///
    /// # Errors
    /// If it is none.
    fn approve<'m>(&self, manifest: &'m Manifest, method: &str, url: &str) -> Result<&'m Endpoint, Refusal>;

    /// Sends one request, once. Dropping the future may leave the upstream with it.
    fn send(self: Arc<Self>, manifest: Arc<Manifest>, request: Outgoing) -> BoxFuture<'static, Result<RawAnswer, Refusal>>;
}

/// A request, secrets in place.
pub struct Outgoing {
    /// The method.
    pub method: String,
    /// The address.
    pub url: String,
    /// Headers, names in lower case.
    pub headers: Vec<(String, Secret)>,
    /// The body.
    pub body: Secret,
    /// The time that is left for it.
    pub within: Duration,
}

/// No answer, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// One of the codes of `wit/upstream.wit`: `egress-denied`, `timeout`, `connect`, `tls`, `too-large`, `protocol`.
    pub code: &'static str,
    /// For the operator, without secrets.
    pub message: String,
    /// Whether the request may have arrived.
    pub may_have_acted: bool,
}

impl Refusal {
    /// A refusal before anything was sent.
    #[must_use]
    pub fn denied(message: impl Into<String>) -> Self {
        Self {
            code: "egress-denied",
            message: message.into(),
            may_have_acted: false,
        }
    }
}

/// No way out, and why: for `describe`, which has nothing to ask, and for a credential whose instance the operator does not allow. The
/// latter matters when something is sent, not before: a static token needs no upstream.
pub(super) struct Closed(pub(super) Refusal);

impl Upstream for Closed {
    fn approve<'m>(&self, _: &'m Manifest, _: &str, _: &str) -> Result<&'m Endpoint, Refusal> {
        Err(self.0.clone())
    }

    fn send(self: Arc<Self>, _: Arc<Manifest>, _: Outgoing) -> BoxFuture<'static, Result<RawAnswer, Refusal>> {
        Box::pin(async move { Err(self.0.clone()) })
    }
}

/// Scheme, host and port, to compare.
pub(super) fn parse(url: &str) -> Result<Url, Refusal> {
    Url::parse(url).map_err(|_| Refusal::denied("the address of the request does not read"))
}
