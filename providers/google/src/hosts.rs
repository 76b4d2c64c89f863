//! Which of Google's hosts is asked for what.
//!
//! A key file says where to send its assertion (`token_uri`), an external account's document where to trade its token (`token_url`): both
//! are whatever the file's author wrote, so neither is ever asked. There are Google's own hosts, and there is the instance that the
//! operator listed: a private endpoint or a test's, where all services stand below one root.

use claviger_sdk::{Credential, instance_base};

/// The provider's own instance: what a credential without `url` lives at.
pub const GOOGLE: &str = "https://oauth2.googleapis.com";

/// Where the services are, for one credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hosts(Option<String>);

impl Hosts {
    /// Those of a credential.
    #[must_use]
    pub fn of(credential: &Credential) -> Self {
        Self::at(credential.text("url"))
    }

    /// Those of an address; Google's own where it is one of Google's or there is none.
    #[must_use]
    pub fn at(url: Option<&str>) -> Self {
        let base = instance_base(url, GOOGLE);
        Self((!is_googles(&base)).then_some(base))
    }

    /// Tokens for a grant or an assertion.
    #[must_use]
    pub fn token(&self) -> String {
        self.below(GOOGLE, "/token")
    }

    /// Ending a grant.
    #[must_use]
    pub fn revocation(&self) -> String {
        self.below(GOOGLE, "/revoke")
    }

    /// Trading a token of another issuer (RFC 8693).
    #[must_use]
    pub fn exchange(&self) -> String {
        self.below("https://sts.googleapis.com", "/v1/token")
    }

    /// A token of the service account `target`, for one who may impersonate it. The `-` is Google's own word for "whatever project".
    #[must_use]
    pub fn impersonation(&self, target: &str) -> String {
        let path = format!("/v1/projects/-/serviceAccounts/{target}:generateAccessToken");
        self.below("https://iamcredentials.googleapis.com", &path)
    }

    /// Whose token it is.
    #[must_use]
    pub fn userinfo(&self) -> String {
        self.below("https://openidconnect.googleapis.com", "/v1/userinfo")
    }

    /// Where a person consents.
    #[must_use]
    pub fn consent(&self) -> String {
        self.below("https://accounts.google.com", "/o/oauth2/v2/auth")
    }

    fn below(&self, google: &str, path: &str) -> String {
        format!("{}{path}", self.0.as_deref().unwrap_or(google))
    }
}

/// Whether an address is one of Google's hosts: `accounts.google.com` or `googleapis.com` and what is below it.
#[must_use]
pub fn is_googles(address: &str) -> bool {
    let Some(rest) = address.trim().strip_prefix("https://") else {
        return false;
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    host == "accounts.google.com" || host == "googleapis.com" || host.ends_with(".googleapis.com") && !host.contains(['@', ':', '\\'])
}

#[cfg(test)]
mod tests {
    use super::{Hosts, is_googles};
    use proptest::prelude::*;

    #[test]
    fn without_an_instance_everything_is_googles() {
        for url in [None, Some("https://oauth2.googleapis.com/"), Some("https://STS.googleapis.com")] {
            let hosts = Hosts::at(url);
            assert_eq!(hosts.token(), "https://oauth2.googleapis.com/token");
            assert_eq!(hosts.revocation(), "https://oauth2.googleapis.com/revoke");
            assert_eq!(hosts.exchange(), "https://sts.googleapis.com/v1/token");
            assert_eq!(
                hosts.impersonation("a@p.iam.gserviceaccount.com"),
                "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/a@p.iam.gserviceaccount.com:generateAccessToken"
            );
            assert_eq!(hosts.userinfo(), "https://openidconnect.googleapis.com/v1/userinfo");
            assert_eq!(hosts.consent(), "https://accounts.google.com/o/oauth2/v2/auth");
        }
    }

    #[test]
    fn at_an_instance_everything_is_below_its_root() {
        let hosts = Hosts::at(Some("http://127.0.0.1:9/google/"));
        for (address, path) in [
            (hosts.token(), "/token"),
            (hosts.revocation(), "/revoke"),
            (hosts.exchange(), "/v1/token"),
            (hosts.userinfo(), "/v1/userinfo"),
            (hosts.consent(), "/o/oauth2/v2/auth"),
        ] {
            assert_eq!(address, format!("http://127.0.0.1:9/google{path}"));
        }
    }

    #[test]
    fn what_only_looks_like_googles_is_not() {
        for address in [
            "http://oauth2.googleapis.com/token",
            "https://oauth2.googleapis.com.evil.test/token",
            "https://evilgoogleapis.com",
            "https://evil.test/oauth2.googleapis.com",
            "https://evil.test?.googleapis.com",
            "https://evil.test#.googleapis.com",
            "https://user@evil.test\\.googleapis.com",
            "https://oauth2.googleapis.com@evil.test/",
            "googleapis.com",
            "",
        ] {
            assert!(!is_googles(address), "{address}");
        }
        for address in [
            "https://oauth2.googleapis.com/token",
            "https://accounts.google.com/o/oauth2/token",
            "https://googleapis.com",
        ] {
            assert!(is_googles(address), "{address}");
        }
    }

    proptest! {
        /// Whatever stands in a document: it is Google's or it is an address of its own, never a mixture of both.
        #[test]
        fn an_address_is_one_or_the_other(url in ".{0,80}") {
            let hosts = Hosts::at(Some(&url));
            let token = hosts.token();
            prop_assert!(token == "https://oauth2.googleapis.com/token" || !is_googles(&token) || is_googles(&url));
        }
    }
}
