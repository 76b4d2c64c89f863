//! A document at an address that the operator wrote: an issuer's configuration, its keys.

use super::denied::Denied;
use super::target::Target;
use ipnet::IpNet;

/// Where a document is fetched, checked as far as that goes without looking the name up.
#[derive(Debug, Clone)]
pub struct Document {
    target: Target,
    networks: Vec<IpNet>,
}

impl Document {
    /// At this address. `networks` are those that its name may resolve to although they are not global; `plain_http` allows http on this
    /// machine: for the development server alone.
    ///
    /// # Errors
    /// [`Denied::Url`], naming the rule.
    pub fn at(address: &str, networks: &[IpNet], plain_http: bool) -> Result<Self, Denied> {
        let target = Target::parse(address)?;
        let mut networks = networks.to_vec();
        if !target.is_https() {
            if !plain_http {
                return Err(Denied::Url {
                    why: "only https is spoken",
                });
            }
            // Whatever was listed: plain http never leaves this machine.
            networks = ["127.0.0.0/8", "::1/128"].iter().filter_map(|text| text.parse().ok()).collect();
            let local = target.literal_address().is_some_and(|address| address.is_loopback());
            if !local && target.host() != "localhost" {
                return Err(Denied::Url {
                    why: "http is spoken with this machine alone",
                });
            }
        }
        Ok(Self { target, networks })
    }

    /// The document at an address that this one names. Its networks are for it alone: one that names another host does not lead into
    /// them.
    ///
    /// # Errors
    /// As [`Document::at`].
    pub fn names(&self, address: &str, plain_http: bool) -> Result<Self, Denied> {
        let mut named = Self::at(address, &[], plain_http)?;
        if named.same_origin(self) {
            named.networks.clone_from(&self.networks);
        }
        Ok(named)
    }

    /// Whether the other one has the same scheme, host and port.
    #[must_use]
    pub fn same_origin(&self, other: &Self) -> bool {
        self.target.same_origin(other.target.url())
    }

    /// Scheme, host and port, for messages.
    #[must_use]
    pub fn origin(&self) -> String {
        self.target.origin()
    }

    pub(super) const fn target(&self) -> &Target {
        &self.target
    }

    pub(super) fn networks(&self) -> &[IpNet] {
        &self.networks
    }
}

#[cfg(test)]
mod tests {
    use super::Document;

    #[test]
    fn https_everywhere_and_http_on_this_machine_alone() {
        assert!(Document::at("https://sso.example.com/.well-known/openid-configuration", &[], false).is_ok());
        for (address, dev) in [
            ("http://sso.example.com/keys", true),
            ("http://127.0.0.1:8080/keys", false),
            ("http://10.0.0.1/keys", true),
            ("https://user@sso.example.com/keys", false),
            ("file:///etc/passwd", true),
            ("https://SSO.example.com/keys", false),
        ] {
            assert!(Document::at(address, &[], dev).is_err(), "{address}");
        }
        assert!(Document::at("http://127.0.0.1:8080/keys", &[], true).is_ok());
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let at = |address| Document::at(address, &[], false).unwrap();
        assert!(at("https://a.example/x").same_origin(&at("https://a.example/y?z=1")));
        for other in ["https://b.example/x", "https://a.example:8443/x"] {
            assert!(!at("https://a.example/x").same_origin(&at(other)), "{other}");
        }
    }

    #[test]
    fn networks_are_for_the_host_that_they_were_written_for() {
        let inside: ipnet::IpNet = "10.96.0.0/12".parse().unwrap();
        let at = |address: &str| Document::at(address, &[inside], false).unwrap();
        let configuration = at("https://sso.example.com/.well-known/openid-configuration");
        let same = configuration.names("https://sso.example.com/keys", false).unwrap();
        assert_eq!(same.networks(), [inside]);
        for elsewhere in [
            "https://vault.example.com/keys",
            "https://sso.example.com:8443/keys",
            "https://10.96.0.1/keys",
        ] {
            assert!(configuration.names(elsewhere, false).unwrap().networks().is_empty(), "{elsewhere}");
        }
        assert!(configuration.names("http://sso.example.com/keys", false).is_err());
    }
}
