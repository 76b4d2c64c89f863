//! As much of a browser as signing in needs: cookies, redirects, and a person who says who they are when an issuer asks.

use anyhow::{Context, Result, bail};
use reqwest::Url;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use std::collections::BTreeMap;
use std::time::Duration;

/// What the person does when they are asked (`tests/upstreams/issuer.mjs`).
#[derive(Clone, Copy)]
pub enum Person<'a> {
    /// Signs in under this name.
    Is(&'a str),
    /// Declines.
    Declines,
}

/// Opens an address and follows where it leads. Returns the last page's address, status and text.
///
/// # Errors
/// Nobody answers, or it leads in circles.
pub async fn open(address: &str, person: Person<'_>) -> Result<(Url, u16, String)> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder()
        .timeout(Duration::from_secs(30))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()?;
    let mut cookies: BTreeMap<String, String> = BTreeMap::new();
    let mut url = Url::parse(address).with_context(|| format!("`{address}` is no address"))?;
    for _ in 0..12 {
        if url.path().starts_with("/_interaction/") {
            match person {
                Person::Is(name) => url.query_pairs_mut().append_pair("account", name),
                Person::Declines => url.query_pairs_mut().append_pair("deny", "1"),
            };
        }
        let jar: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = http.get(url.clone()).header(COOKIE, jar.join("; ")).send().await?;
        for cookie in answer.headers().get_all(SET_COOKIE) {
            let pair = cookie.to_str()?.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let Some(next) = answer.headers().get(LOCATION) else {
            return Ok((url, answer.status().as_u16(), answer.text().await?));
        };
        url = url.join(next.to_str()?)?;
    }
    bail!("`{address}` leads in circles")
}
