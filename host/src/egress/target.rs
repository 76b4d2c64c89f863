//! A request's address in the only form that is accepted.
//!
//! Two programs that read one address differently are how such checks are passed: the check sees one host, the socket another.
//! So what is not already in normal form is refused instead of being repaired.

use super::budget;
use super::denied::Denied;
use url::{Host, Url};

/// A parsed, normal address.
#[derive(Debug, Clone)]
pub(super) struct Target(Url);

impl Target {
    pub(super) fn parse(text: &str) -> Result<Self, Denied> {
        let refuse = |why| Err(Denied::Url { why });
        if text.len() > budget::URL_BYTES {
            return refuse("it is longer than 8 KiB");
        }
        let Ok(url) = Url::parse(text) else {
            return refuse("it does not read as an absolute address");
        };
        if !matches!(url.scheme(), "https" | "http") {
            return refuse("only https is spoken");
        }
        if url.fragment().is_some() {
            return refuse("it has a fragment");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("it carries a user or a password");
        }
        match url.host() {
            Some(Host::Domain(name)) if name.ends_with('.') => return refuse("its host ends with a dot"),
            Some(Host::Domain(name)) if !super::instance::plain_host(name) => return refuse("its host is no plain domain name"),
            Some(_) => {}
            None => return refuse("it names no host"),
        }
        if url.as_str() != text {
            return refuse(
                "it is not in normal form: host in lower case, no default port, no `.` or `..` segments, all else percent-encoded",
            );
        }
        if url.path().contains("//") {
            return refuse("its path has an empty segment");
        }
        if url.query().is_some_and(|query| query.contains(';')) {
            return refuse("its query has a `;`, which some servers take for `&`: write `%3B`");
        }
        Ok(Self(url))
    }

    pub(super) fn url(&self) -> &Url {
        &self.0
    }

    pub(super) fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    pub(super) fn literal_address(&self) -> Option<std::net::IpAddr> {
        match self.0.host()? {
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
            Host::Domain(_) => None,
        }
    }

    pub(super) fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or(443)
    }

    pub(super) fn path(&self) -> &str {
        self.0.path()
    }

    pub(super) fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    pub(super) fn is_default_port(&self) -> bool {
        self.0.port().is_none()
    }

    pub(super) fn is_domain(&self) -> bool {
        matches!(self.0.host(), Some(Host::Domain(_)))
    }

    pub(super) fn same_origin(&self, root: &Url) -> bool {
        self.0.scheme() == root.scheme() && self.0.host() == root.host() && self.port() == root.port_or_known_default().unwrap_or(443)
    }

    /// Scheme, host and port, for messages.
    pub(super) fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    pub(super) fn query_keys(&self) -> impl Iterator<Item = String> + '_ {
        self.0.query_pairs().map(|(key, _)| key.into_owned())
    }
}

/// The segments of a path that begins with a slash.
pub(super) fn segments(path: &str) -> impl Iterator<Item = String> + '_ {
    path.split('/').skip(1).map(str::to_owned)
}

/// A segment that a manifest may write out: nothing that needs encoding, nothing that means something to a server.
pub(super) fn literal(segment: &str) -> bool {
    !segment.is_empty()
        && segment != "."
        && segment != ".."
        && segment
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~:@!$'()*+,=".contains(&b))
}

/// Whether what stands for `{x}` is one segment to every server, however often it decodes and wherever it cuts.
pub(super) fn one_segment(raw: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~:@!$&'()*+,=%".contains(&b);
    if raw.is_empty() || !raw.bytes().all(allowed) {
        return false;
    }
    let Some(decoded) = decode(raw) else { return false };
    let Ok(text) = std::str::from_utf8(&decoded) else { return false };
    // `;` ends a segment for servers with path parameters; a decoded `%` would be another layer of encoding.
    !text.trim_matches('.').is_empty() && !text.chars().any(|c| c.is_control() || "/\\%;?#".contains(c))
}

fn decode(raw: &str) -> Option<Vec<u8>> {
    let mut bytes = raw.bytes();
    let mut decoded = Vec::with_capacity(raw.len());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let high = char::from(bytes.next()?).to_digit(16)?;
            let low = char::from(bytes.next()?).to_digit(16)?;
            decoded.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            decoded.push(byte);
        }
    }
    Some(decoded)
}
