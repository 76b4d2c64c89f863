//! The other end of the exchange ([`crate::exchange`]): from a session's address, its id and the public key to its bearer, as the platform's programs do
//! it: the id is encrypted once, and shown three times at most.
//!
//! The address is a secret: no failure has more of it than the host, and nothing here can be printed.

use super::platform::{INSIDE, is_inside};
use crate::cli::client::{Failure, http};
use crate::clock::{Clock, Millis, SystemClock, from_rfc3339};
use crate::exchange::PublicKey;
use crate::secret::Secret;
use reqwest::Response;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;
use url::Url;
use zeroize::Zeroizing;

/// As the platform's: a second after the first attempt, two after the second, then no more.
const WAITS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];
/// The server needs eight at most, for a key that is being made.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// A bearer has some hundred bytes; another control plane's may have thousands.
const LARGEST: usize = 64 * 1024;

/// A session's bearer lives for a quarter of an hour, and the platform's programs renew theirs every five minutes.
const RENEWED_AFTER_MS: Millis = 4 * 60_000;
/// Where the clocks differ, an answer may seem to have ended already.
const USED_FOR_MS: Millis = 10_000;

/// The way to one session's bearer.
pub(super) struct Exchanger {
    url: Url,
    key: PublicKey,
    session: String,
    ca_file: Option<PathBuf>,
}

/// A session's bearer.
pub(super) struct Bearer {
    /// It.
    pub token: Secret,
    /// From when on there should be another one; until then nobody need be asked.
    pub renew_at_ms: Millis,
}

#[derive(Deserialize)]
struct Granted {
    token: Secret,
    expires_at: Option<String>,
}

/// How an attempt ended in vain.
enum Vain {
    /// The next one may do better.
    Now(Failure),
    /// It may not.
    Always(Failure),
}

impl Exchanger {
    /// Address and key come with the names of what they were read from.
    pub(super) fn new(
        (url_name, url): (&str, &str),
        (key_name, key): (&str, &str),
        session: String,
        ca_file: Option<PathBuf>,
    ) -> Result<Self, Failure> {
        let url = address(url).map_err(|why| Failure::Usage(format!("`{url_name}` {why}")))?;
        let key = PublicKey::parse(key).map_err(|why| Failure::Usage(format!("`{key_name}` {why}")))?;
        Ok(Self {
            url,
            key,
            session,
            ca_file,
        })
    }

    /// A new bearer. `NotSignedIn` means that there will be none any more: the session has ended, was started anew, or never was at this address.
    pub(super) async fn bearer(&self) -> Result<Bearer, Failure> {
        let ciphertext = self.key.encrypt(self.session.as_bytes());
        let ciphertext = ciphertext.map_err(|why| Failure::Usage(format!("the exchange's key {why}")))?;
        let header = HeaderValue::from_str(&format!("Bearer {ciphertext}"));
        let mut header = header.map_err(|_| Failure::Refused("base64 is no header".to_owned()))?;
        header.set_sensitive(true);
        let client = http(self.ca_file.as_ref(), &self.url)?;
        let mut waits = WAITS.iter();
        loop {
            match (self.attempt(&client, &header).await, waits.next()) {
                (Ok(granted), _) => return Ok(granted.bearer(SystemClock.now_ms())),
                (Err(Vain::Now(_)), Some(wait)) => tokio::time::sleep(*wait).await,
                (Err(Vain::Now(why) | Vain::Always(why)), _) => return Err(why),
            }
        }
    }

    async fn attempt(&self, client: &reqwest::Client, header: &HeaderValue) -> Result<Granted, Vain> {
        let request = client.get(self.url.clone()).header(AUTHORIZATION, header.clone());
        let answer = request.timeout(ANSWER_WITHIN).send().await.map_err(|why| self.unreachable(&why))?;
        let status = answer.status().as_u16();
        let refused = |why: &str| Failure::Refused(format!("the exchange at `{}` {why} ({status})", self.host()));
        match status {
            200 => {}
            401 | 403 => {
                return Err(Vain::Always(Failure::NotSignedIn(format!(
                    "the exchange at `{}` has no bearer for this session: it has ended, or was started anew ({status})",
                    self.host()
                ))));
            }
            429 | 500.. => return Err(Vain::Now(refused("gives no bearer now"))),
            300..=399 => return Err(Vain::Always(refused("sends elsewhere, and its address is for it alone"))),
            _ => return Err(Vain::Always(refused("gives no bearer"))),
        }
        let body = self.body(answer).await?;
        let Ok(granted) = serde_json::from_slice::<Granted>(&body) else {
            return Err(Vain::Always(refused("answers something else than a bearer")));
        };
        if granted.token.is_empty() {
            return Err(Vain::Always(refused("answers an empty bearer")));
        }
        Ok(granted)
    }

    /// The body, up to [`LARGEST`].
    async fn body(&self, mut answer: Response) -> Result<Zeroizing<Vec<u8>>, Vain> {
        // As large as it may become: one that grows leaves copies.
        let mut body = Zeroizing::new(Vec::with_capacity(LARGEST));
        while let Some(chunk) = answer.chunk().await.map_err(|why| self.unreachable(&why))? {
            if body.len() + chunk.len() > LARGEST {
                let why = format!("the exchange at `{}` answers more than {LARGEST} bytes", self.host());
                return Err(Vain::Always(Failure::Refused(why)));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// What the library says may have the address in it; its innermost cause has not.
    fn unreachable(&self, why: &reqwest::Error) -> Vain {
        let mut cause: &dyn std::error::Error = why;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        let what = match why {
            _ if why.is_timeout() => format!("no answer within {} s", ANSWER_WITHIN.as_secs()),
            _ if std::ptr::eq::<dyn std::error::Error>(cause, why) => "no connection".to_owned(),
            _ => cause.to_string(),
        };
        Vain::Now(Failure::Unreachable(format!(
            "the exchange at `{}` cannot be reached: {what}",
            self.host()
        )))
    }

    fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }
}

impl Granted {
    /// With half of its life left there should be another one.
    fn bearer(self, now_ms: Millis) -> Bearer {
        let ends_ms = self.expires_at.as_deref().and_then(from_rfc3339);
        let half_ms = ends_ms.map_or(RENEWED_AFTER_MS, |ends_ms| (ends_ms - now_ms) / 2);
        Bearer {
            token: self.token,
            renew_at_ms: now_ms + half_ms.clamp(USED_FOR_MS, RENEWED_AFTER_MS),
        }
    }
}

/// An address as the platform's programs take it: http or https, a host, nobody's name. Plain http shows it to whoever is on the way, so that stays
/// inside the cluster. The reasons do not repeat it.
fn address(text: &str) -> Result<Url, String> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err("is no address".to_owned());
    };
    if !matches!(scheme, "http" | "https") {
        return Err("must be http or https".to_owned());
    }
    // What a browser would put right is not what was meant.
    if text.contains(|c: char| c.is_control() || c.is_whitespace() || c == '\\') {
        return Err("is no address".to_owned());
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() || authority.starts_with(':') {
        return Err("has no host".to_owned());
    }
    if authority.contains('@') {
        return Err("has a user in it, which it may not".to_owned());
    }
    let url = Url::parse(text).map_err(|why| format!("does not read ({why})"))?;
    if url.scheme() == "http" && !is_inside(&url) {
        let host = url.host_str().unwrap_or_default();
        return Err(format!(
            "names `{host}` over http, where everybody on the way could read it; http is for {INSIDE} only, https for others too"
        ));
    }
    Ok(url)
}

#[cfg(test)]
mod tests;
