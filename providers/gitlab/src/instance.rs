//! Where a GitLab lives, and how the programs that work with it want that said.

use claviger_sdk::{Credential, instance_base};

/// Where a credential without `url` lives.
const GITLAB: &str = "https://gitlab.com";

/// The instance's address, its relative root kept: `https://host.example/gitlab`.
pub fn base(credential: &Credential) -> String {
    instance_base(credential.text("url"), GITLAB)
}

/// An address below the instance's API.
pub fn api(credential: &Credential, path: &str) -> String {
    format!("{}/api/v4{path}", base(credential))
}

/// The parts of an instance's address, as Git names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// `https`
    pub protocol: String,
    /// `host.example:8443`, the port only where the address has one.
    pub host: String,
    /// The relative root without slashes around it: `gitlab`.
    pub path: Option<String>,
}

impl Parts {
    /// Takes an address as [`base`] makes it apart; `None` if it is none.
    #[must_use]
    pub fn of(address: &str) -> Option<Self> {
        let (protocol, rest) = address.split_once("://")?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = Some(path.trim_matches('/').to_owned()).filter(|path| !path.is_empty());
        (!protocol.is_empty() && !host.is_empty()).then(|| Self {
            protocol: protocol.to_owned(),
            host: host.to_owned(),
            path,
        })
    }

    /// The host without its port, as it stands in addresses of mail.
    #[must_use]
    pub fn name(&self) -> &str {
        // An address of version 6 has colons of its own.
        match self.host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => &self.host,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Parts;

    #[test]
    fn git_sees_host_with_port_and_the_relative_root_as_path() {
        for (address, protocol, host, name, path) in [
            ("https://gitlab.com", "https", "gitlab.com", "gitlab.com", None),
            (
                "https://git.example:8443/gitlab",
                "https",
                "git.example:8443",
                "git.example",
                Some("gitlab"),
            ),
            ("http://127.0.0.1:4010/a/b", "http", "127.0.0.1:4010", "127.0.0.1", Some("a/b")),
            ("https://[::1]:8080", "https", "[::1]:8080", "[::1]", None),
        ] {
            let parts = Parts::of(address).unwrap();
            assert_eq!(
                (parts.protocol.as_str(), parts.host.as_str(), parts.path.as_deref()),
                (protocol, host, path)
            );
            assert_eq!(parts.name(), name);
        }
        assert_eq!(Parts::of("nonsense"), None);
        assert_eq!(Parts::of("https:///x"), None);
    }
}
