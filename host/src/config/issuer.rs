//! Who is believed when they say who somebody is: `[[issuer]]` and `[[service]]`.

use crate::ids::Username;
use ipnet::IpNet;
use serde::Deserialize;
use std::path::PathBuf;
use url::Url;

/// An audience that stands for any, and for none. It has to be written: a token made for another program is otherwise refused.
pub const ANY_AUDIENCE: &str = "*";

/// A longer leeway would let tokens be used long before they were meant to, in seconds.
const LONGEST_LEEWAY_S: u64 = 300;
/// An issuer is asked for its keys once a day at least, in seconds.
const LONGEST_REFRESH_S: u64 = 86_400;
/// Keys that nobody could confirm for a week are not believed any more, in seconds.
const LONGEST_KEEP_S: u64 = 7 * 86_400;

/// An issuer of signed bearers (JWTs).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// Exactly what its tokens have in `iss`. Without `jwks_url` and `jwks_file`, also where its configuration is found.
    pub url: String,
    /// Whom its tokens speak for.
    #[serde(default)]
    pub kind: IssuerKind,
    /// Where its keys are, instead of what its configuration names.
    #[serde(default)]
    pub jwks_url: Option<Url>,
    /// A file with its keys, instead of an address.
    #[serde(default)]
    pub jwks_file: Option<PathBuf>,
    /// A file with a bearer to ask for the keys with, read anew each time: a Kubernetes API server wants one.
    #[serde(default)]
    pub bearer_file: Option<PathBuf>,
    /// What a token's `aud` has to name, one of them. `*` is any.
    pub audiences: Vec<String>,
    /// The algorithms that are accepted.
    #[serde(default = "default_algorithms")]
    pub algorithms: Vec<Algorithm>,
    /// The claims that may name the person, the first that is there counts.
    #[serde(default = "default_claims")]
    pub username_claims: Vec<String>,
    /// What stands before its people's names. Exactly one issuer may do without.
    #[serde(default)]
    pub prefix: Option<String>,
    /// How far its clock may be ahead, in seconds: `nbf` and `iat` may lie so far in the future. An end is an end.
    #[serde(default = "default_leeway")]
    pub leeway_s: u64,
    /// Networks that its host may resolve to although they are not global.
    #[serde(default)]
    pub networks: Vec<IpNet>,
    /// How often its keys are fetched, in seconds.
    #[serde(default = "default_refresh")]
    pub refresh_s: u64,
    /// How long the last known keys are believed while it cannot be reached, in seconds.
    #[serde(default = "default_keep")]
    pub keep_s: u64,
    /// Whether plain http is allowed: only the development server's own, on loopback.
    #[serde(skip)]
    pub plain_http: bool,
}

/// Whom an issuer's tokens speak for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IssuerKind {
    /// People, and the services that are configured.
    #[default]
    People,
    /// Kubernetes service accounts: a running session's, or a configured service's. Never a person.
    Kubernetes,
}

/// A signature algorithm (RFC 7518, RFC 8037). There is no `none` and no HMAC among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "the names are the standard's")]
pub enum Algorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

impl Algorithm {
    /// Every one, with its name in a token's header.
    pub const ALL: [(Self, &'static str); 9] = [
        (Self::RS256, "RS256"),
        (Self::RS384, "RS384"),
        (Self::RS512, "RS512"),
        (Self::PS256, "PS256"),
        (Self::PS384, "PS384"),
        (Self::PS512, "PS512"),
        (Self::ES256, "ES256"),
        (Self::ES384, "ES384"),
        (Self::EdDSA, "EdDSA"),
    ];

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(algorithm, _)| *algorithm)
    }
}

/// A program that calls under a name of its own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// As role bindings name it. No person may have this name.
    pub name: Username,
    /// The issuer of its tokens, by its `url`. Without issuer and subject nobody can be it yet.
    #[serde(default)]
    pub issuer: Option<String>,
    /// Exactly what its tokens have in `sub`.
    #[serde(default)]
    pub subject: Option<String>,
    /// What it may do: a service needs no role bindings but for reading tokens, so this is all that limits it. Nothing unless it is written. No
    /// wildcard covers `credential:fetch_token` or `turn:open`.
    #[serde(default)]
    pub permissions: Vec<String>,
}

fn default_algorithms() -> Vec<Algorithm> {
    vec![Algorithm::RS256, Algorithm::ES256]
}

fn default_claims() -> Vec<String> {
    vec!["username".to_owned(), "preferred_username".to_owned()]
}

const fn default_leeway() -> u64 {
    30
}

const fn default_refresh() -> u64 {
    300
}

const fn default_keep() -> u64 {
    86_400
}

/// A key of the configuration and what is wrong with it.
type Refused = (String, String);

/// Whether the issuers make sense, each and together.
pub(super) fn check(issuers: &mut [Issuer], services: &[Service], plain_http: bool) -> Result<(), Refused> {
    for issuer in issuers.iter_mut() {
        check_issuer(issuer, plain_http).map_err(|why| (format!("issuer {}", issuer.url), why))?;
    }
    for (at, issuer) in issuers.iter().enumerate() {
        let refuse = |why: String| Err((format!("issuer {}", issuer.url), why));
        let others = || issuers.iter().take(at);
        if others().any(|other| other.url == issuer.url) {
            return refuse("is there twice".to_owned());
        }
        if issuer.kind != IssuerKind::People {
            continue;
        }
        for other in others().filter(|other| other.kind == IssuerKind::People) {
            match (&other.prefix, &issuer.prefix) {
                (None, None) => {
                    return refuse(format!(
                        "has no `prefix`, and neither has {}: of all issuers the names of one are bare, else two people were one",
                        other.url
                    ));
                }
                (Some(one), Some(two)) if one.starts_with(two.as_str()) || two.starts_with(one.as_str()) => {
                    return refuse(format!("has a `prefix` that runs into that of {}", other.url));
                }
                _ => {}
            }
        }
    }
    for (at, service) in services.iter().enumerate() {
        let earlier = services.get(..at).unwrap_or_default();
        check_service(service, earlier, issuers).map_err(|why| (format!("service {}", service.name), why))?;
    }
    Ok(())
}

fn check_issuer(issuer: &mut Issuer, plain_http: bool) -> Result<(), String> {
    let address = Url::parse(&issuer.url).map_err(|_| "has a `url` that is no address".to_owned())?;
    if address.query().is_some() || address.fragment().is_some() || !address.username().is_empty() || address.password().is_some() {
        return Err("has a `url` with user, query or fragment".to_owned());
    }
    if issuer.jwks_url.is_some() && issuer.jwks_file.is_some() {
        return Err("has both `jwks_url` and `jwks_file`; keep one".to_owned());
    }
    // With a file nothing is fetched, so the name need not lead anywhere.
    if issuer.jwks_file.is_none() {
        let fetched = issuer.jwks_url.as_ref().unwrap_or(&address);
        match fetched.scheme() {
            "https" => {}
            "http" if plain_http && super::load::is_loopback(fetched) => issuer.plain_http = true,
            _ => return Err("must be fetched by https; only `claviger dev` may use http, and only on loopback".to_owned()),
        }
    }
    if issuer.audiences.is_empty() || issuer.audiences.iter().any(String::is_empty) {
        return Err(format!(
            "needs `audiences`: what its tokens for this server have in `aud`, or `[\"{ANY_AUDIENCE}\"]` for all that it ever issues"
        ));
    }
    if issuer.algorithms.is_empty() {
        return Err("accepts no algorithm".to_owned());
    }
    if issuer.leeway_s > LONGEST_LEEWAY_S {
        return Err(format!("has a `leeway_s` above {LONGEST_LEEWAY_S}"));
    }
    if !(1..=LONGEST_REFRESH_S).contains(&issuer.refresh_s) {
        return Err(format!("has a `refresh_s` that is not between 1 and {LONGEST_REFRESH_S}"));
    }
    if issuer.keep_s < issuer.refresh_s || issuer.keep_s > LONGEST_KEEP_S {
        return Err(format!("has a `keep_s` that is not between its `refresh_s` and {LONGEST_KEEP_S}"));
    }
    match issuer.kind {
        IssuerKind::Kubernetes if issuer.prefix.is_some() || issuer.username_claims != default_claims() => {
            Err("names nobody: `prefix` and `username_claims` are for people".to_owned())
        }
        IssuerKind::Kubernetes => Ok(()),
        IssuerKind::People if issuer.username_claims.is_empty() || issuer.username_claims.iter().any(String::is_empty) => {
            Err("has no `username_claims`".to_owned())
        }
        IssuerKind::People => match &issuer.prefix {
            Some(prefix) if prefix.len() > 64 || Username::parse(prefix.as_str()).is_err() => {
                Err("has a `prefix` that is empty, longer than 64 bytes or no part of a name; leave it out for bare names".to_owned())
            }
            _ => Ok(()),
        },
    }
}

fn check_service(service: &Service, earlier: &[Service], issuers: &[Issuer]) -> Result<(), String> {
    if earlier.iter().any(|other| other.name == service.name) {
        return Err("is there twice".to_owned());
    }
    match (&service.issuer, &service.subject) {
        (None, None) => {}
        (Some(issuer), Some(subject)) => {
            if subject.is_empty() {
                return Err("has an empty `subject`".to_owned());
            }
            if !issuers.iter().any(|known| known.url == *issuer) {
                return Err(format!("has an `issuer` that no `[[issuer]]` has as its `url`: {issuer}"));
            }
            let same = |other: &&Service| other.issuer == service.issuer && other.subject == service.subject;
            if let Some(other) = earlier.iter().find(same) {
                return Err(format!("has issuer and subject of the service {}", other.name));
            }
        }
        _ => return Err("needs both `issuer` and `subject`, or neither and API keys".to_owned()),
    }
    for permission in &service.permissions {
        let word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        let reads = permission
            .split_once(':')
            .is_some_and(|(resource, action)| [resource, action].into_iter().all(|side| side == "*" || word(side)));
        if !reads {
            return Err(format!(
                "has a permission `{permission}`; one is `resource:action`, either side may be `*`"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::config::load;

    fn refused(text: &str) -> String {
        load(None, &format!("data_dir = '/x'\n{text}"), false).unwrap_err().to_string()
    }

    fn people(url: &str, more: &str) -> String {
        format!("[[issuer]]\nurl = '{url}'\naudiences = ['claviger']\n{more}\n")
    }

    #[test]
    fn one_issuer_s_names_are_bare() {
        let two = people("https://a.example", "") + &people("https://b.example", "");
        assert!(refused(&two).contains("prefix"), "{}", refused(&two));
        let run_into = people("https://a.example", "prefix = 'a:'") + &people("https://b.example", "prefix = 'a:b:'");
        assert!(refused(&run_into).contains("runs into"));
        let apart = people("https://a.example", "") + &people("https://b.example", "prefix = 'b:'");
        assert_eq!(load(None, &format!("data_dir = '/x'\n{apart}"), false).unwrap().issuers.len(), 2);
        let cluster = people("https://a.example", "") + &people("https://k.example", "kind = 'kubernetes'");
        assert!(load(None, &format!("data_dir = '/x'\n{cluster}"), false).is_ok());
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_words() {
        for (text, word) in [
            (people("http://a.example", ""), "https"),
            (people("https://a.example", "algorithms = ['none']"), "another word"),
            (people("https://a.example", "algorithms = ['HS256']"), "another word"),
            (people("https://a.example", "algorithms = []"), "algorithm"),
            (people("https://a.example", "leeway_s = 301"), "leeway_s"),
            (people("https://a.example", "refresh_s = 0"), "refresh_s"),
            (people("https://a.example", "keep_s = 10"), "keep_s"),
            (people("https://a.example", "prefix = ''"), "prefix"),
            (people("https://a.example", "username_claims = []"), "username_claims"),
            (people("https://a.example", "kind = 'kubernetes'\nprefix = 'x'"), "for people"),
            (people("https://a.example?x=1", ""), "query"),
            (
                people("https://a.example", "jwks_url = 'https://a.example/k'\njwks_file = '/k'"),
                "keep one",
            ),
            ("[[issuer]]\nurl = 'https://a.example'\naudiences = []".to_owned(), "audiences"),
            (
                people("https://a.example", "") + &people("https://a.example", "prefix = 'x'"),
                "twice",
            ),
            (
                "[[service]]\nname = 'cp'\nissuer = 'https://a.example'\nsubject = 's'".to_owned(),
                "no `[[issuer]]`",
            ),
            ("[[service]]\nname = 'cp'\nsubject = 's'".to_owned(), "both"),
            ("[[service]]\nname = ' '".to_owned(), "username"),
            ("[[service]]\nname = 'cp'\npermissions = ['all']".to_owned(), "resource:action"),
        ] {
            let told = refused(&text);
            assert!(told.contains(word), "{text}\n{told}");
        }
        let service = "[[service]]\nname = 'NAME'\nissuer = 'https://a.example'\nsubject = 's'\n";
        let twice = people("https://a.example", "") + &service.replace("NAME", "one") + &service.replace("NAME", "two");
        assert!(refused(&twice).contains("of the service one"));
    }

    #[test]
    fn http_is_for_the_development_server_s_loopback() {
        let local = format!("data_dir = '/x'\n{}", people("http://127.0.0.1:1/realm", ""));
        assert!(load(None, &local, false).is_err());
        assert!(load(None, &local, true).unwrap().issuers[0].plain_http);
    }
}
