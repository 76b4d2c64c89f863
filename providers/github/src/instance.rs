//! Where an instance's doors are: its REST interface, its pages (and OAuth endpoints), its Git.

use claviger_sdk::{Credential, instance_base};

const GITHUB: &str = "https://github.com";
const GITHUB_API: &str = "https://api.github.com";

/// Which of GitHub's three deployments an instance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deployment {
    /// github.com.
    Cloud,
    /// Data residency: `https://TENANT.ghe.com`.
    Tenant,
    /// Enterprise Server, at an address of its own.
    Server,
}

/// An instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Which deployment it is.
    pub deployment: Deployment,
    /// The base of its pages: `https://github.com`.
    pub web: String,
    /// The base of its REST interface: its own host for github.com, a host of the tenant for data residency, `/api/v3` below
    /// the address for Enterprise Server.
    pub api: String,
}

impl Instance {
    /// The one that a credential names.
    #[must_use]
    pub fn of(credential: &Credential) -> Self {
        Self::at(credential.text("url"))
    }

    /// The one at this address. Compared whole, never by part of a name: `github.evil.test` is nobody's friend.
    #[must_use]
    pub fn at(url: Option<&str>) -> Self {
        let base = instance_base(url, GITHUB);
        if base == GITHUB || base == GITHUB_API {
            return Self {
                deployment: Deployment::Cloud,
                web: GITHUB.to_owned(),
                api: GITHUB_API.to_owned(),
            };
        }
        match tenant(&base) {
            Some(tenant) => Self {
                deployment: Deployment::Tenant,
                web: format!("https://{tenant}.ghe.com"),
                api: format!("https://api.{tenant}.ghe.com"),
            },
            None => Self {
                deployment: Deployment::Server,
                api: format!("{base}/api/v3"),
                web: base,
            },
        }
    }

    /// `https`; `http` for an emulator on loopback alone, which the host sees to.
    #[must_use]
    pub fn scheme(&self) -> &str {
        self.web.split_once("://").map_or("https", |(scheme, _)| scheme)
    }

    /// Host, with its port if it has one, as Git asks for it.
    #[must_use]
    pub fn host(&self) -> &str {
        let rest = self.web.split_once("://").map_or(self.web.as_str(), |(_, rest)| rest);
        rest.split_once('/').map_or(rest, |(host, _)| host)
    }

    /// The relative root, without slashes at its ends. Enterprise Server has none; an emulator may.
    #[must_use]
    pub fn root(&self) -> Option<&str> {
        let rest = self.web.split_once("://").map_or(self.web.as_str(), |(_, rest)| rest);
        rest.split_once('/').map(|(_, path)| path).filter(|path| !path.is_empty())
    }

    /// The domain of the addresses that GitHub makes up for people who keep theirs private.
    #[must_use]
    pub fn noreply_domain(&self) -> String {
        let host = self.host();
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        format!("users.noreply.{name}")
    }
}

/// The tenant of `https://TENANT.ghe.com`.
fn tenant(base: &str) -> Option<&str> {
    let tenant = base.strip_prefix("https://")?.strip_suffix(".ghe.com")?;
    let tenant = tenant.strip_prefix("api.").unwrap_or(tenant);
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    (!tenant.is_empty() && tenant.chars().all(plain)).then_some(tenant)
}

#[cfg(test)]
mod tests {
    use super::{Deployment, Instance};
    use proptest::prelude::*;

    #[test]
    fn each_deployment_has_its_own_doors() {
        use Deployment::{Cloud, Server, Tenant};
        for (url, deployment, api, host, noreply) in [
            (None, Cloud, "https://api.github.com", "github.com", "github.com"),
            (
                Some("https://github.com"),
                Cloud,
                "https://api.github.com",
                "github.com",
                "github.com",
            ),
            (
                Some("https://GitHub.com/"),
                Cloud,
                "https://api.github.com",
                "github.com",
                "github.com",
            ),
            (
                Some("https://api.github.com"),
                Cloud,
                "https://api.github.com",
                "github.com",
                "github.com",
            ),
            (
                Some("https://octo.ghe.com"),
                Tenant,
                "https://api.octo.ghe.com",
                "octo.ghe.com",
                "octo.ghe.com",
            ),
            (
                Some("https://api.octo.ghe.com"),
                Tenant,
                "https://api.octo.ghe.com",
                "octo.ghe.com",
                "octo.ghe.com",
            ),
            (
                Some("https://git.example.com"),
                Server,
                "https://git.example.com/api/v3",
                "git.example.com",
                "git.example.com",
            ),
            (
                Some("https://git.example.com:8443"),
                Server,
                "https://git.example.com:8443/api/v3",
                "git.example.com:8443",
                "git.example.com",
            ),
            (
                Some("http://127.0.0.1:4010/github"),
                Server,
                "http://127.0.0.1:4010/github/api/v3",
                "127.0.0.1:4010",
                "127.0.0.1",
            ),
            (
                Some("https://github.evil.test"),
                Server,
                "https://github.evil.test/api/v3",
                "github.evil.test",
                "github.evil.test",
            ),
            (
                Some("https://evil.test/.ghe.com"),
                Server,
                "https://evil.test/.ghe.com/api/v3",
                "evil.test",
                "evil.test",
            ),
            (
                Some("https://a.b.ghe.com"),
                Server,
                "https://a.b.ghe.com/api/v3",
                "a.b.ghe.com",
                "a.b.ghe.com",
            ),
        ] {
            let instance = Instance::at(url);
            assert_eq!(
                (instance.deployment, instance.api.as_str(), instance.host()),
                (deployment, api, host),
                "{url:?}"
            );
            assert_eq!(instance.noreply_domain(), format!("users.noreply.{noreply}"), "{url:?}");
        }
        assert_eq!(Instance::at(Some("http://127.0.0.1:4010/github/")).root(), Some("github"));
        assert_eq!(Instance::at(Some("http://127.0.0.1:4010/github/")).scheme(), "http");
        assert_eq!(Instance::at(None).root(), None);
    }

    proptest! {
        /// Whatever is stored, nothing but github.com and its tenants is taken for them.
        #[test]
        fn no_other_name_is_taken_for_github(url in "\\PC{0,60}|https?://[a-z.:/@-]{0,40}(github|ghe)?\\.com[a-z./]{0,8}") {
            let instance = Instance::at(Some(&url));
            let (host, base) = (instance.host(), claviger_sdk::instance_base(Some(&url), ""));
            let tenants = [format!("https://{host}"), format!("https://api.{host}")];
            match instance.deployment {
                Deployment::Cloud => prop_assert!(base == "https://github.com" || base == "https://api.github.com"),
                Deployment::Tenant => prop_assert!(tenants.contains(&base)),
                Deployment::Server => prop_assert_eq!(&instance.web, &base),
            }
        }
    }
}
