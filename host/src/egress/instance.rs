//! Which instance of a provider a credential lives at, and whether the operator allows it.
//!
//! A credential's `url` is chosen by whoever stored it, and the host will send that credential's secret there. So it is taken only
//! if the operator listed exactly this instance, if it is where the approved manifest says the provider lives, or if it lies
//! under a host that the approved manifest names itself (`https://*.atlassian.net`). Everything else is refused, which also
//! keeps this server from being used to knock on doors of the inner network.

use super::denied::Denied;
use super::endpoint::Base;
use super::tls::StartError;
use crate::config;
use crate::manifest::Manifest;
use ipnet::IpNet;
use std::fmt;
use std::sync::Arc;
use url::{Host, Url};

/// An instance's address in its one form: scheme and host in lower case, no default port, no slash at the end, a path (the
/// relative root) of plain segments.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address(Url);

impl Address {
    /// Reads and normalises an address. Two spellings of one instance give equal values.
    ///
    /// # Errors
    /// [`Denied::InstanceUrl`], naming the rule.
    pub fn parse(text: &str) -> Result<Self, Denied> {
        let refuse = |why| Err(Denied::InstanceUrl { why });
        if text.len() > super::budget::URL_BYTES || text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
            return refuse("it is too long or has spaces, control characters or backslashes");
        }
        if text.contains('%') || text.contains("/.") {
            return refuse("its path may have neither percent-encoding nor segments that begin with a dot");
        }
        let Ok(mut url) = Url::parse(text) else {
            return refuse("it is no address such as `https://gitlab.example.org`");
        };
        if !matches!(url.scheme(), "https" | "http") {
            return refuse("it must begin with `https://`");
        }
        if !url.username().is_empty() || url.password().is_some() || text.contains('@') {
            return refuse("it may not carry a user or a password");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return refuse("it may have neither a query nor a fragment");
        }
        match url.host() {
            Some(Host::Domain(name)) if name.is_empty() || name.ends_with('.') => return refuse("its host may not end with a dot"),
            Some(Host::Domain(name)) if !plain_host(name) => return refuse("its host is no plain domain name"),
            Some(_) => {}
            None => return refuse("it names no host"),
        }
        if url.port() == Some(0) {
            return refuse("its port is 0");
        }
        let path = url.path().trim_end_matches('/').to_owned();
        let plain = |segment: &str| !segment.is_empty() && segment.chars().all(|c| c.is_ascii_alphanumeric() || "._~-".contains(c));
        if !path.is_empty() && !path.split('/').skip(1).all(plain) {
            return refuse("its path may have only letters, digits, `.`, `_`, `~` and `-` between single slashes");
        }
        url.set_path(&path);
        Ok(Self(url))
    }

    /// The address without a slash at its end: `https://gitlab.example.org/root`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    pub(super) fn url(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What makes an instance an allowed one.
#[derive(Debug, Clone)]
enum Standing {
    /// The operator listed it.
    Listed(Arc<config::Instance>),
    /// The manifest says that the provider lives there.
    Default,
    /// It lies under a base that the approved manifest names: `{instance}` does not stand for it, that base does.
    Covered,
    /// Neither the credential nor the manifest names one. Only endpoints with a host of their own can be reached.
    Nowhere,
}

/// An allowed instance. Made only by [`super::Egress::instance_for`], so holding one is the proof.
#[derive(Debug, Clone)]
pub struct Instance {
    provider: Arc<str>,
    address: Option<Address>,
    networks: Arc<[IpNet]>,
    standing: Standing,
}

impl Instance {
    /// The provider it is an instance of.
    #[must_use]
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// Where it is; part of cache keys. `None` if neither the credential nor the manifest says.
    #[must_use]
    pub fn address(&self) -> Option<&Address> {
        self.address.as_ref()
    }

    /// The operator's entry for it: the client id and secret that belong to this instance alone.
    #[must_use]
    pub fn listed(&self) -> Option<&config::Instance> {
        match &self.standing {
            Standing::Listed(entry) => Some(entry),
            _ => None,
        }
    }

    /// Networks that its names may resolve to although they are not global.
    pub(super) fn networks(&self) -> &[IpNet] {
        &self.networks
    }

    /// The address that `{instance}` stands for.
    pub(super) fn root(&self) -> Option<&Url> {
        match self.standing {
            Standing::Listed(_) | Standing::Default => self.address.as_ref().map(Address::url),
            Standing::Covered | Standing::Nowhere => None,
        }
    }

    /// Whether plain http may be spoken: the development server's own instances, on loopback.
    pub(super) fn plain_http(&self) -> bool {
        self.listed().is_some_and(|entry| entry.plain_http)
    }
}

/// The operator's list, normalised once.
#[derive(Debug, Default)]
pub(super) struct Listed(Vec<(Address, Arc<config::Instance>, Arc<[IpNet]>)>);

impl Listed {
    pub(super) fn new(instances: &[config::Instance]) -> Result<Self, StartError> {
        let read = |entry: &config::Instance| {
            let address = Address::parse(entry.url.as_str()).map_err(|cause| StartError::Instance {
                provider: entry.provider.clone(),
                cause,
            })?;
            let mut networks = entry.networks.clone();
            if entry.plain_http {
                // Plain http is loopback by definition (`config` refuses all else), so listing the network again would be noise.
                networks.extend(["127.0.0.0/8", "::1/128"].iter().filter_map(|text| text.parse::<IpNet>().ok()));
            }
            Ok((address, Arc::new(entry.clone()), networks.into()))
        };
        instances.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn allow(&self, provider: &str, manifest: &Manifest, url: Option<&str>) -> Result<Instance, Denied> {
        let none: Arc<[IpNet]> = Arc::new([]);
        let instance = |address, networks, standing| Instance {
            provider: provider.into(),
            address,
            networks,
            standing,
        };
        // A provider that goes nowhere has no instance; a `url` is then only data for its readers.
        if manifest.endpoints.is_empty() {
            return Ok(instance(None, none, Standing::Nowhere));
        }
        let default = manifest.instance.as_deref().map(Address::parse).transpose()?;
        let Some(address) = url.map(Address::parse).transpose()?.or_else(|| default.clone()) else {
            return Ok(instance(None, none, Standing::Nowhere));
        };
        let entry = self
            .0
            .iter()
            .find(|(listed, entry, _)| *listed == address && entry.provider == provider);
        if let Some((_, entry, networks)) = entry {
            return Ok(instance(Some(address), Arc::clone(networks), Standing::Listed(Arc::clone(entry))));
        }
        if address.url().scheme() == "https" {
            if default.as_ref() == Some(&address) {
                return Ok(instance(Some(address), none, Standing::Default));
            }
            let mut bases = manifest
                .endpoints
                .iter()
                .flat_map(|endpoint| &endpoint.bases)
                .filter_map(|base| Base::parse(base).ok());
            if bases.any(|base| base.covers(address.url())) {
                return Ok(instance(Some(address), none, Standing::Covered));
            }
        }
        Err(Denied::Instance {
            provider: provider.to_owned(),
            url: address.as_str().to_owned(),
        })
    }
}

/// Lower-case labels of letters, digits and inner hyphens: what `url` makes of a good name, and nothing that only looks like one.
pub(super) fn plain_host(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    name.len() <= 253 && name.split('.').all(label)
}
