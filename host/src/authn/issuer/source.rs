//! Where an issuer's keys come from: a file, an address, or the address that the issuer's own configuration names.

use super::jwk::{self, Key};
use crate::config::{Issuer, SourceError, read_line};
use crate::egress::{Answer, Denied, Document, Egress, EgressError, Headers};
use crate::json;
use serde_json::Value;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// A longer file is no key set, in bytes: what the way out takes as well.
const LONGEST_FILE: u64 = 1024 * 1024;

/// Why an issuer's keys could not be had.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The way out did not lead there.
    #[error(transparent)]
    Egress(#[from] EgressError),
    /// The address will not do.
    #[error(transparent)]
    Address(#[from] Denied),
    /// It answered something else.
    #[error("`{0}` answered {1} instead of 200")]
    Status(String, u16),
    /// What came is not what was asked for.
    #[error("what `{0}` has is {1}")]
    Unusable(String, &'static str),
    /// The configuration that was found is another issuer's (OpenID Connect Discovery, 4.3).
    #[error("the configuration at `{0}` is that of another issuer; `url` has to be exactly what it calls itself")]
    AnotherIssuer(String),
    /// The file with the bearer.
    #[error(transparent)]
    Bearer(#[from] SourceError),
    /// The file with the keys.
    #[error("`{path}` cannot be read: {cause}", path = .0.display(), cause = .1)]
    File(PathBuf, std::io::Error),
}

/// Where the keys are.
pub(super) enum Source {
    File(PathBuf),
    Address(Document),
    /// The issuer, the address of its configuration, and what the address that it names has to keep to.
    Discovered(Box<Issuer>, Document),
}

impl Source {
    pub(super) fn of(issuer: &Issuer) -> Result<Self, KeysError> {
        let at = |address: &str| Document::at(address, &issuer.networks, issuer.plain_http);
        Ok(match (&issuer.jwks_file, &issuer.jwks_url) {
            (Some(file), _) => Self::File(file.clone()),
            (None, Some(address)) => Self::Address(at(address.as_str())?),
            (None, None) => {
                let address = format!("{}/.well-known/openid-configuration", issuer.url.trim_end_matches('/'));
                Self::Discovered(Box::new(issuer.clone()), at(&address)?)
            }
        })
    }

    /// The keys as they are now.
    pub(super) async fn fetch(&self, egress: &Egress, bearer: Option<&PathBuf>) -> Result<Vec<Key>, KeysError> {
        match self {
            Self::File(path) => {
                let (path, named) = (path.clone(), path.display().to_string());
                let read = tokio::task::spawn_blocking(move || Self::read(&path)).await;
                read.unwrap_or(Err(KeysError::Unusable(named, "not readable now")))
            }
            Self::Address(document) => keys(&document.origin(), get(egress, document, bearer).await?.body()),
            Self::Discovered(issuer, configuration) => {
                let answer = get(egress, configuration, bearer).await?;
                let origin = configuration.origin();
                let unusable = |why| KeysError::Unusable(origin.clone(), why);
                let found = json::object(answer.body()).ok_or_else(|| unusable("no issuer's configuration"))?;
                if found.get("issuer").and_then(Value::as_str) != Some(issuer.url.as_str()) {
                    return Err(KeysError::AnotherIssuer(origin));
                }
                let address = found.get("jwks_uri").and_then(Value::as_str);
                let address = address.ok_or_else(|| unusable("a configuration without `jwks_uri`"))?;
                let document = configuration.names(address, issuer.plain_http)?;
                // The bearer is for the issuer, not for whomever its configuration names.
                let bearer = bearer.filter(|_| document.same_origin(configuration));
                keys(&document.origin(), get(egress, &document, bearer).await?.body())
            }
        }
    }

    /// The keys in a file. Blocks while the disk does.
    pub(super) fn read(path: &PathBuf) -> Result<Vec<Key>, KeysError> {
        use std::io::Read;
        let failed = |cause| KeysError::File(path.clone(), cause);
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path).map_err(failed)?;
        file.take(LONGEST_FILE).read_to_end(&mut bytes).map_err(failed)?;
        keys(&path.display().to_string(), &bytes)
    }
}

fn keys(place: &str, document: &[u8]) -> Result<Vec<Key>, KeysError> {
    let keys = jwk::read(document).ok_or_else(|| KeysError::Unusable(place.to_owned(), "no key set (RFC 7517)"))?;
    if keys.is_empty() {
        tracing::warn!(
            place,
            "there is no public key for signatures in this key set: every token of its issuer is refused"
        );
    }
    Ok(keys)
}

async fn get(egress: &Egress, document: &Document, bearer: Option<&PathBuf>) -> Result<Answer, KeysError> {
    let mut headers = vec![("accept".to_owned(), Zeroizing::new(b"application/json".to_vec()))];
    if let Some(path) = bearer {
        let bearer = read_line(path)?;
        headers.push((
            "authorization".to_owned(),
            Zeroizing::new([b"Bearer ", bearer.expose().as_bytes()].concat()),
        ));
    }
    let answer = egress.fetch(document, Headers::check(headers)?).await?;
    match answer.status() {
        200 => Ok(answer),
        status => Err(KeysError::Status(document.origin(), status)),
    }
}
