//! Name → checked addresses. One look-up per request, and exactly its answers are dialled.
//!
//! A name that is looked up twice, once for the check and once for the connection, can answer differently (DNS rebinding). A
//! name with one good and one bad answer leaves the choice to chance. So: one look-up; one bad answer refuses all of them.

use super::address;
use super::budget;
use super::denied::Denied;
use super::error::EgressError;
use super::target::Target;
use futures::future::BoxFuture;
use ipnet::IpNet;
use std::io;
use std::net::{IpAddr, SocketAddr};

/// Where addresses come from. Tests give hostile answers through it.
pub trait Resolver: Send + Sync + 'static {
    /// All addresses of a host. Called once per request.
    fn lookup<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// The operating system's resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn lookup<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect()) })
    }
}

/// Addresses that passed the check, for one host. Made only by [`vetted`]; the dialler takes nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Vetted(Vec<SocketAddr>);

impl Vetted {
    pub(super) fn addresses(&self) -> &[SocketAddr] {
        &self.0
    }
}

/// Looks the target's host up, once, and checks every answer.
pub(super) async fn vetted(resolver: &dyn Resolver, target: &Target, networks: &[IpNet]) -> Result<Vetted, EgressError> {
    let host = target.host();
    let answers = match target.literal_address() {
        Some(address) => vec![address],
        None => resolver.lookup(host).await.map_err(|cause| EgressError::Dns {
            host: host.to_owned(),
            cause: cause.kind(),
        })?,
    };
    if answers.is_empty() {
        return Err(EgressError::Dns {
            host: host.to_owned(),
            cause: io::ErrorKind::NotFound,
        });
    }
    for address in &answers {
        if let Some(range) = address::refusal(*address, networks) {
            return Err(Denied::Address {
                host: host.to_owned(),
                address: *address,
                range,
            }
            .into());
        }
    }
    let mut addresses: Vec<SocketAddr> = Vec::with_capacity(budget::DIALLED_ADDRESSES);
    for address in answers.into_iter().map(|address| SocketAddr::new(address, target.port())) {
        if addresses.len() < budget::DIALLED_ADDRESSES && !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(Vetted(addresses))
}
