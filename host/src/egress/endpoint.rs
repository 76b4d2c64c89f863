//! Which endpoint of the approved manifest a request is, if any. Pure: no look-up, no clock.
//!
//! Matching is on the parsed address, never on text: scheme, host, port, then segment by segment. The address must already be
//! in its normal form (what `url` writes is what was given), so that no two programs can read it differently: capitals, `..`,
//! backslashes, tabs, a default port, unnormalised international names all fail here. Literal segments are compared byte by
//! byte; `{x}` takes exactly one segment, which may be percent-encoded but not hide a slash, a dot segment or another layer.

use super::denied::{Denied, word};
use super::instance::{Instance, plain_host};
use super::target::{self, Target};
use crate::manifest::Endpoint;
use url::Url;

const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/// A request that an endpoint of the approved manifest allows. Made only by [`approve`].
#[derive(Debug, Clone)]
pub struct Approved<'m> {
    endpoint: &'m Endpoint,
    method: http::Method,
    target: Target,
    instance: Instance,
}

impl<'m> Approved<'m> {
    /// The endpoint: where secrets may stand, and what may be read of the answer.
    #[must_use]
    pub fn endpoint(&self) -> &'m Endpoint {
        self.endpoint
    }

    /// The instance that it was approved for.
    #[must_use]
    pub fn instance(&self) -> &Instance {
        &self.instance
    }

    pub(super) fn method(&self) -> &http::Method {
        &self.method
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }
}

/// One entry of an endpoint's `bases`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Base {
    /// `https://api.github.com`, with the segments of a path behind it.
    Exact { host: String, path: Vec<String> },
    /// `https://*.example.com`: one or more labels before the suffix, which is kept with its dot.
    Suffix { suffix: String, path: Vec<String> },
    /// `{instance}`, with the segments of a path behind it.
    Instance { path: Vec<String> },
}

impl Base {
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        if let Some(path) = text.strip_prefix("{instance}") {
            return Ok(Self::Instance { path: literal_path(path)? });
        }
        let rest = text
            .strip_prefix("https://")
            .ok_or("a base begins with `https://` or `{instance}`")?;
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let path = literal_path(path)?;
        match host.strip_prefix("*.") {
            Some(suffix) if plain_host(suffix) && suffix.contains('.') => Ok(Self::Suffix {
                suffix: format!(".{suffix}"),
                path,
            }),
            Some(_) => Err("a `*.` stands before a domain of two labels or more"),
            None if plain_host(host) && host.contains('.') && !ends_in_number(host) => Ok(Self::Exact {
                host: host.to_owned(),
                path,
            }),
            None => Err("a base names a domain in lower case, without port, user or address"),
        }
    }

    /// Whether an instance at this address lies under this base.
    pub(super) fn covers(&self, address: &Url) -> bool {
        address.scheme() == "https" && address.port().is_none() && self.host_matches(address.host_str().unwrap_or_default())
    }

    fn host_matches(&self, name: &str) -> bool {
        match self {
            Self::Exact { host, .. } => host == name,
            Self::Suffix { suffix, .. } => name.len() > suffix.len() && name.ends_with(suffix.as_str()),
            Self::Instance { .. } => false,
        }
    }

    /// The segments that stand before the endpoint's own path, if the request is at this base.
    fn prefix(&self, target: &Target, instance: &Instance) -> Option<Vec<String>> {
        match self {
            Self::Exact { path, .. } | Self::Suffix { path, .. } => {
                let standard = target.is_https() && target.is_default_port() && target.is_domain();
                (standard && self.host_matches(target.host())).then(|| path.clone())
            }
            Self::Instance { path } => {
                let root = instance.root()?;
                let same = target.same_origin(root) && (target.is_https() || instance.plain_http());
                same.then(|| {
                    target::segments(root.path().trim_end_matches('/'))
                        .chain(path.iter().cloned())
                        .collect()
                })
            }
        }
    }
}

fn ends_in_number(host: &str) -> bool {
    host.rsplit('.')
        .next()
        .is_some_and(|label| label.bytes().all(|b| b.is_ascii_digit()))
}

fn literal_path(path: &str) -> Result<Vec<String>, &'static str> {
    if path.is_empty() {
        return Ok(Vec::new());
    }
    let segments: Vec<String> = target::segments(path).collect();
    if path.starts_with('/') && segments.iter().all(|segment| target::literal(segment)) {
        Ok(segments)
    } else {
        Err("a base's path is `/` and plain segments, without a slash at its end")
    }
}

/// Whether the endpoints can be approved at all: every base and path reads, every method is known, every name is there once.
///
/// # Errors
/// The endpoint and the rule, for the author.
pub fn validate(endpoints: &[Endpoint]) -> Result<(), String> {
    let mut names = std::collections::BTreeSet::new();
    for endpoint in endpoints {
        let name = &endpoint.name;
        let fail = |why: &str| Err(format!("endpoint `{}`: {why}", word(name)));
        if name.is_empty() || !names.insert(name) {
            return fail("a name is needed, and each only once");
        }
        if !METHODS.contains(&endpoint.method.as_str()) {
            return fail("the method is one of GET, HEAD, POST, PUT, PATCH, DELETE");
        }
        if endpoint.bases.is_empty() {
            return fail("at least one base is needed");
        }
        for base in &endpoint.bases {
            if let Err(why) = Base::parse(base) {
                return fail(why);
            }
        }
        if template(&endpoint.path).is_none() {
            return fail("the path is `/` and plain segments or `{x}`, one whole segment each");
        }
    }
    Ok(())
}

/// One segment of an endpoint's path.
enum Segment<'t> {
    Literal(&'t str),
    Any,
}

fn template(path: &str) -> Option<Vec<Segment<'_>>> {
    let path = path.strip_prefix('/')?;
    let count = path.split('/').count();
    path.split('/')
        .enumerate()
        .map(
            |(at, segment)| match segment.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')) {
                Some(name) if !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b)) => {
                    Some(Segment::Any)
                }
                Some(_) => None,
                None if segment.is_empty() && at + 1 == count => Some(Segment::Literal("")),
                None => target::literal(segment).then_some(Segment::Literal(segment)),
            },
        )
        .collect()
}

/// How many literal segments match, or `None` if the path is another.
fn path_matches(prefix: &[String], template: &[Segment<'_>], actual: &[&str]) -> Option<usize> {
    if actual.len() != prefix.len() + template.len() {
        return None;
    }
    let (head, tail) = actual.split_at(prefix.len());
    if head.iter().zip(prefix).any(|(a, b)| a != b) {
        return None;
    }
    let mut literals = prefix.len();
    for (segment, wanted) in tail.iter().zip(template) {
        match wanted {
            Segment::Literal(text) if segment == text => literals += 1,
            Segment::Any if target::one_segment(segment) => {}
            Segment::Literal(_) | Segment::Any => return None,
        }
    }
    Some(literals)
}

/// Finds the endpoint that this request is. Of several, the one with most literal segments; among equals, the first.
///
/// # Errors
/// [`Denied`], with the rule that came closest to matching.
pub fn approve<'m>(endpoints: &'m [Endpoint], instance: &Instance, method: &str, url: &str) -> Result<Approved<'m>, Denied> {
    let target = Target::parse(url)?;
    let actual: Vec<&str> = target.path().strip_prefix('/').unwrap_or_default().split('/').collect();
    let mut at_host: Vec<&Endpoint> = Vec::new();
    let mut at_path: Option<&Endpoint> = None;
    let mut best: Option<(usize, &Endpoint)> = None;
    for endpoint in endpoints {
        let Some(template) = template(&endpoint.path) else { continue };
        for base in endpoint.bases.iter().filter_map(|text| Base::parse(text).ok()) {
            let Some(prefix) = base.prefix(&target, instance) else { continue };
            at_host.push(endpoint);
            let Some(literals) = path_matches(&prefix, &template, &actual) else {
                continue;
            };
            at_path = at_path.or(Some(endpoint));
            if endpoint.method == method && METHODS.contains(&method) && best.is_none_or(|(most, _)| literals > most) {
                best = Some((literals, endpoint));
            }
        }
    }
    let Some((_, endpoint)) = best else {
        return Err(match (at_path, at_host.as_slice()) {
            (Some(endpoint), _) => Denied::Method {
                method: word(method),
                endpoint: endpoint.name.clone(),
                wanted: endpoint.method.clone(),
            },
            (None, []) => Denied::Host {
                host: target.origin(),
                hint: hint(&target, instance, endpoints),
            },
            (None, some) => {
                let mut approved: Vec<String> = some.iter().map(|endpoint| format!("`{}`", endpoint.path)).collect();
                approved.dedup();
                Denied::Path {
                    host: target.origin(),
                    approved: approved.join(", "),
                }
            }
        });
    };
    for key in target.query_keys() {
        if !endpoint.query.contains(&key) {
            return Err(Denied::Query {
                endpoint: endpoint.name.clone(),
                key: word(&key),
            });
        }
    }
    let method = http::Method::from_bytes(method.as_bytes()).map_err(|_| Denied::Url {
        why: "the method is no method",
    })?;
    Ok(Approved {
        endpoint,
        method,
        target,
        instance: instance.clone(),
    })
}

fn hint(target: &Target, instance: &Instance, endpoints: &[Endpoint]) -> &'static str {
    let on_instance = endpoints
        .iter()
        .flat_map(|endpoint| &endpoint.bases)
        .any(|base| base.starts_with("{instance}"));
    if on_instance && instance.address().is_none() {
        "; the credential names no `url`"
    } else if !target.is_https() {
        "; only https is spoken"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests;
