//! Where an instance's REST interface is.

use claviger_sdk::instance_base;

const GITHUB: &str = "https://github.com";
const GITHUB_API: &str = "https://api.github.com";

/// The base of the REST interface for a credential's `url`: its own host for github.com, a host of the tenant for data
/// residency, `/api/v3` below the address for Enterprise Server. Compared whole, never by part of a name: `github.evil.test`
/// is nobody's friend.
#[must_use]
pub fn api_base(url: Option<&str>) -> String {
    let base = instance_base(url, GITHUB);
    if base == GITHUB || base == GITHUB_API {
        return GITHUB_API.to_owned();
    }
    match tenant(&base) {
        Some(tenant) => format!("https://api.{tenant}.ghe.com"),
        None => format!("{base}/api/v3"),
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
    use super::api_base;

    #[test]
    fn each_deployment_has_its_own() {
        for (url, expected) in [
            (None, "https://api.github.com"),
            (Some("https://github.com"), "https://api.github.com"),
            (Some("https://GitHub.com/"), "https://api.github.com"),
            (Some("https://octo.ghe.com"), "https://api.octo.ghe.com"),
            (Some("https://api.octo.ghe.com"), "https://api.octo.ghe.com"),
            (Some("https://git.example.com"), "https://git.example.com/api/v3"),
            (Some("http://127.0.0.1:4010/github"), "http://127.0.0.1:4010/github/api/v3"),
            (Some("https://github.evil.test"), "https://github.evil.test/api/v3"),
            (Some("https://evil.test/.ghe.com"), "https://evil.test/.ghe.com/api/v3"),
        ] {
            assert_eq!(api_base(url), expected, "{url:?}");
        }
    }
}
