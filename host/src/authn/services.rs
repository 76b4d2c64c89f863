//! The services that the operator configured: found by issuer and subject, or by an API key of theirs; never by a name.

use crate::config;
use crate::identity::{Caller, CallerKind, KeyScopes, Permission};
use crate::ids::Username;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// All services. Cloning shares them.
#[derive(Clone, Default)]
pub struct Services(Arc<Inner>);

#[derive(Default)]
struct Inner {
    by_name: HashMap<Username, KeyScopes>,
    by_subject: HashMap<String, HashMap<String, Username>>,
    /// Names that no person may have: those of today, and those of services that were taken out of the configuration, whose role bindings may
    /// still be there.
    reserved: HashSet<Username>,
}

impl Services {
    /// From the configuration, and the names that services had before.
    #[must_use]
    pub fn new(configured: &[config::Service], former: impl IntoIterator<Item = Username>) -> Self {
        let mut inner = Inner::default();
        for service in configured {
            // `config` has read them once: what does not parse there is refused.
            let permissions = service.permissions.iter().filter_map(|text| Permission::parse(text)).collect();
            inner.by_name.insert(service.name.clone(), KeyScopes::Only(permissions));
            if let (Some(issuer), Some(subject)) = (&service.issuer, &service.subject) {
                let of_issuer = inner.by_subject.entry(issuer.clone()).or_default();
                of_issuer.insert(subject.clone(), service.name.clone());
            }
        }
        inner.reserved = inner.by_name.keys().cloned().chain(former).collect();
        Self(Arc::new(inner))
    }

    /// Whether no person may have this name.
    #[must_use]
    pub fn is_reserved(&self, name: &Username) -> bool {
        self.0.reserved.contains(name)
    }

    /// The service with this issuer and subject.
    pub(super) fn with_subject(&self, issuer: &str, subject: &str) -> Option<Caller> {
        let name = self.0.by_subject.get(issuer)?.get(subject)?;
        self.named(name, KeyScopes::All)
    }

    /// Whether a service of this name is configured now.
    #[must_use]
    pub fn is_configured(&self, name: &Username) -> bool {
        self.0.by_name.contains_key(name)
    }

    /// The service of this name: for a bearer that was found to be its own, and is limited to `scopes`.
    pub(super) fn named(&self, name: &Username, scopes: KeyScopes) -> Option<Caller> {
        let scopes = scopes.and(self.0.by_name.get(name)?.clone());
        Some(Caller::authenticated(CallerKind::Service {
            name: name.clone(),
            scopes,
        }))
    }
}
