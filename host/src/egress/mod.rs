//! The one door to the outside. Nothing else in this program opens a connection to an upstream.
//!
//! What goes through it was approved by an operator: the endpoint (host, path, method, query keys) of the provider's manifest,
//! the credential's instance, and the address that the name resolved to at that moment. It knows nothing of WebAssembly and
//! never sees a record; secrets arrive as bytes inside headers and body and appear in no error and no log line.
//!
//! The order of the checks is in the types: [`Egress::instance_for`] makes an [`Instance`], [`approve`] turns it into an
//! [`Approved`], [`Headers::check`] and [`Body::check`] make the rest, and [`Egress::send`] takes nothing else. It resolves once,
//! checks every answer and dials exactly those.
//!
//! On failure: [`EgressError`] says what, and through [`EgressError::reached`] whether the upstream may have acted. Nothing is
//! ever sent twice, no redirect is followed, and every wait has the bound written in [`budget`].

pub mod address;
mod answer;
mod body;
pub mod budget;
mod denied;
mod dial;
mod document;
mod endpoint;
mod error;
mod headers;
mod instance;
mod resolve;
mod target;
mod tls;

pub use answer::Answer;
pub use body::Body;
pub use denied::Denied;
pub use document::Document;
pub use endpoint::{Approved, approve, validate};
pub use error::{EgressError, Reached};
pub use headers::Headers;
pub use instance::{Address, Instance};
pub use resolve::{Resolver, SystemResolver};
pub use tls::{StartError, client_config, install_crypto};

use crate::config;
use crate::manifest::Manifest;
use ipnet::IpNet;
use std::sync::Arc;
use std::time::Duration;
use target::Target;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// The way out. Cheap to clone; all clones share one bound on requests under way.
#[derive(Clone)]
pub struct Egress {
    listed: Arc<instance::Listed>,
    resolver: Arc<dyn Resolver>,
    tls: Arc<rustls::ClientConfig>,
    in_flight: Arc<Semaphore>,
}

impl Egress {
    /// Reads the operator's instances and certificate authorities.
    ///
    /// # Errors
    /// [`StartError`]: a file that does not read, an instance with an impossible address.
    pub fn new(egress: &config::Egress, instances: &[config::Instance], resolver: Arc<dyn Resolver>) -> Result<Self, StartError> {
        let listed = instance::Listed::new(instances)?;
        let tls = Arc::new(tls::client_config(&egress.ca_files)?);
        Ok(Self {
            listed: Arc::new(listed),
            resolver,
            tls,
            in_flight: Arc::new(Semaphore::new(budget::IN_FLIGHT)),
        })
    }

    /// The instance that a credential of this provider lives at, if the operator allows it. `provider` is the credential's, by
    /// which the operator lists instances; `url` is the credential's, if it names one.
    ///
    /// Allowed is what is listed, the manifest's own default, and what lies under a host that the approved manifest names.
    ///
    /// # Errors
    /// [`Denied::Instance`] with what an operator would have to write; [`Denied::InstanceUrl`] if it is no such address.
    pub fn instance_for(&self, provider: &str, manifest: &Manifest, url: Option<&str>) -> Result<Instance, Denied> {
        self.listed.allow(provider, manifest, url)
    }

    /// Sends one request, once, and takes in its answer. `within` shortens [`budget::REQUEST`], it never lengthens it.
    ///
    /// Dropping the future ends the connection; the upstream may then have acted ([`Reached::Unanswered`]).
    ///
    /// # Errors
    /// [`EgressError`]. An answer of any status, redirects included, is none.
    pub async fn send(&self, approved: &Approved<'_>, headers: Headers, body: Body, within: Duration) -> Result<Answer, EgressError> {
        body.fits(approved.method())?;
        let host = approved.target().origin();
        let request = (approved.method(), approved.target());
        let outcome = self
            .once(
                request,
                approved.instance().networks(),
                (headers, body),
                within.min(budget::REQUEST),
            )
            .await;
        match &outcome {
            Ok(answer) => tracing::debug!(
                provider.name = approved.instance().provider(),
                endpoint = approved.endpoint().name,
                upstream = host,
                status = answer.status(),
                "upstream answered"
            ),
            Err(error) => tracing::debug!(
                provider.name = approved.instance().provider(),
                endpoint = approved.endpoint().name,
                upstream = host,
                code = error.code(),
                "upstream gave no usable answer"
            ),
        }
        outcome
    }

    /// Fetches a document that the operator named in the configuration. It goes where the operator said, or
    /// where such a document said.
    ///
    /// # Errors
    /// [`EgressError`]. An answer of any status, redirects included, is none.
    pub async fn fetch(&self, document: &Document, headers: Headers) -> Result<Answer, EgressError> {
        let request = (&http::Method::GET, document.target());
        self.once(request, document.networks(), (headers, Body::default()), budget::REQUEST)
            .await
    }

    async fn once(
        &self,
        (method, target): (&http::Method, &Target),
        networks: &[IpNet],
        content: (Headers, Body),
        total: Duration,
    ) -> Result<Answer, EgressError> {
        let host = target.origin();
        let connect = total.min(budget::CONNECT);
        let started = Instant::now();
        let before = async {
            let slot = self
                .in_flight
                .acquire()
                .await
                .map_err(|_| EgressError::Busy { host: host.clone() })?;
            Ok::<_, EgressError>((slot, resolve::vetted(self.resolver.as_ref(), target, networks).await?))
        };
        let Ok(ready) = tokio::time::timeout(connect, before).await else {
            return Err(EgressError::Timeout {
                host,
                stage: "connect",
                limit_ms: connect.as_millis(),
                reached: Reached::NotSent,
            });
        };
        let (_slot, vetted) = ready?;
        let spent = started.elapsed();
        let (connect, total) = (connect.saturating_sub(spent), total.saturating_sub(spent));
        dial::send(&self.tls, (method, target), &vetted, content, connect, total).await
    }
}

#[cfg(test)]
mod tests;
