//! `egress` as the door of a call.

use super::answer::RawAnswer;
use super::outbound::{Door, Outgoing, Refusal, Upstream};
use crate::egress::{Body, Denied, Egress, EgressError, Headers, Instance, Reached, approve};
use crate::manifest::{Endpoint, Manifest};
use futures::future::BoxFuture;
use std::sync::Arc;
use zeroize::Zeroizing;

impl Door for Egress {
    fn open(&self, provider: &str, manifest: &Arc<Manifest>, url: Option<&str>) -> Result<Arc<dyn Upstream>, Refusal> {
        let instance = self.instance_for(provider, manifest, url)?;
        Ok(Arc::new(WayOut {
            egress: self.clone(),
            instance,
        }))
    }
}

/// The way to one instance.
struct WayOut {
    egress: Egress,
    instance: Instance,
}

impl Upstream for WayOut {
    fn approve<'m>(&self, manifest: &'m Manifest, method: &str, url: &str) -> Result<&'m Endpoint, Refusal> {
        Ok(approve(&manifest.endpoints, &self.instance, method, url)?.endpoint())
    }

    fn send(self: Arc<Self>, manifest: Arc<Manifest>, request: Outgoing) -> BoxFuture<'static, Result<RawAnswer, Refusal>> {
        Box::pin(async move { self.exchange(&manifest, request).await.map_err(|error| refusal(&error)) })
    }
}

impl WayOut {
    async fn exchange(&self, manifest: &Manifest, request: Outgoing) -> Result<RawAnswer, EgressError> {
        let approved = approve(&manifest.endpoints, &self.instance, &request.method, &request.url)?;
        let bytes = |text: &str| Zeroizing::new(text.as_bytes().to_vec());
        let headers = Headers::check(request.headers.into_iter().map(|(name, value)| (name, bytes(value.expose()))))?;
        let body = Body::check(bytes(request.body.expose()))?;
        let answer = self.egress.send(&approved, headers, body, request.within).await?;
        let wanted = approved
            .endpoint()
            .open_headers
            .iter()
            .map(|name| name.to_ascii_lowercase())
            .chain(["content-type".to_owned()]);
        let headers = wanted.filter_map(|name| answer.header(&name).map(|value| (name, value))).collect();
        Ok(RawAnswer {
            status: answer.status(),
            headers,
            body: answer.into_body(),
        })
    }
}

fn refusal(error: &EgressError) -> Refusal {
    Refusal {
        code: error.code(),
        message: error.to_string(),
        may_have_acted: error.reached() == Reached::Unanswered,
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        Self::denied(denied.to_string())
    }
}
