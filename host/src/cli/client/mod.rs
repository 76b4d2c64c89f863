//! The API's client for a person's commands: one server, one bearer.
//!
//! A bearer goes to one address and nowhere else: redirects are not followed, and plain http is for loopback unless the person says
//! otherwise. Every failure is a [`Failure`] with the server's words; none has the bearer.

mod failure;
mod lookup;

pub(super) use failure::Failure;
pub(super) use lookup::{looks_like_an_id, only};

use crate::egress;
use crate::secret::Secret;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use serde_json::Value;
use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;
use url::Url;

/// A server waits 15 s at most for an upstream (`api::account`); beyond four times that nobody answers any more.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// As many as a server puts on one page without being asked twice; the wire allows 65,500.
const PAGE: usize = 1000;

/// Where a server is, and whom to believe that it is it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    /// Its base address.
    pub url: Url,
    /// Certificate authorities beside the machine's.
    pub ca_file: Option<PathBuf>,
    /// Whether the bearer may go over plain http beyond this machine.
    pub plain_http: bool,
}

/// Requests to one server with one bearer.
pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    bearer: HeaderValue,
}

impl Server {
    /// Reads an address as a person types it.
    pub(super) fn parse_url(text: &str) -> Result<Url, Failure> {
        let refuse = |why: &str| Failure::Usage(format!("the server's address {why}; it looks like `https://claviger.example.com`"));
        let url = Url::parse(text).map_err(|why| refuse(&format!("does not read ({why})")))?;
        if !matches!(url.scheme(), "https" | "http") || url.host().is_none() {
            return Err(refuse("must be https"));
        }
        if url.username() != "" || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("may have neither user, query nor fragment"));
        }
        Ok(url)
    }
}

/// Whether an address is this machine's own.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Connections as every command makes them: bounded, never redirected, and believing these authorities beside the machine's.
pub(super) fn http(ca_file: Option<&PathBuf>, to: &Url) -> Result<reqwest::Client, Failure> {
    let authorities: Vec<PathBuf> = ca_file.into_iter().cloned().collect();
    let tls = egress::client_config(&authorities).map_err(|why| {
        Failure::Usage(match why {
            egress::StartError::Authority { path, why } => format!("the certificate file `{}` {why}", path.display()),
            other => other.to_string(),
        })
    })?;
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .timeout(ANSWER_WITHIN)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .http1_only()
        .user_agent(concat!("claviger/", env!("CARGO_PKG_VERSION")));
    if is_loopback(to) || to.scheme() == "http" {
        // A proxy cannot reach this machine's loopback, and would see a bearer that goes in clear.
        builder = builder.no_proxy();
    }
    builder
        .build()
        .map_err(|why| Failure::Refused(format!("no client can be built: {why}")))
}

/// Why there is no answer, without the address's query.
pub(super) fn unreachable(base: &Url, why: reqwest::Error) -> Failure {
    let mut causes = vec![];
    let mut cause: Option<&dyn Error> = why.source();
    while let Some(inner) = cause {
        causes.push(inner.to_string());
        cause = inner.source();
    }
    let what = if why.is_timeout() {
        format!("no answer within {} s", ANSWER_WITHIN.as_secs())
    } else {
        causes.pop().unwrap_or_else(|| why.without_url().to_string())
    };
    Failure::Unreachable(format!("`{base}` cannot be reached: {what}"))
}

impl Client {
    /// A client for this server and bearer. Nothing is asked yet.
    pub(super) fn new(server: &Server, bearer: &Secret) -> Result<Self, Failure> {
        if server.url.scheme() == "http" && !is_loopback(&server.url) && !server.plain_http {
            return Err(Failure::Usage(format!(
                "`{}` is not encrypted, so everybody on the way could read the token; use https, or say `--plain-http` if the way is safe",
                server.url
            )));
        }
        let mut header = HeaderValue::from_str(&format!("Bearer {}", bearer.expose()))
            .map_err(|_| Failure::Usage("the token has characters that no token has; is it the right file?".to_owned()))?;
        header.set_sensitive(true);
        let http = http(server.ca_file.as_ref(), &server.url)?;
        Ok(Self {
            http,
            base: server.url.clone(),
            bearer: header,
        })
    }

    /// GET.
    pub(super) async fn get(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Value, Failure> {
        self.send(Method::GET, path, query, None).await
    }

    /// POST.
    pub(super) async fn post(&self, path: &[&str], body: &Value) -> Result<Value, Failure> {
        self.send(Method::POST, path, &[], Some(body)).await
    }

    /// PATCH.
    pub(super) async fn patch(&self, path: &[&str], body: &Value) -> Result<Value, Failure> {
        self.send(Method::PATCH, path, &[], Some(body)).await
    }

    /// DELETE.
    pub(super) async fn delete(&self, path: &[&str]) -> Result<(), Failure> {
        self.send(Method::DELETE, path, &[], None).await.map(drop)
    }

    /// All items of a collection of the v1 API, page by page.
    pub(super) async fn all(&self, collection: &str) -> Result<Vec<Value>, Failure> {
        self.all_at(&below(V1, &[collection]), &[]).await
    }

    /// The same of a collection anywhere, filtered by a query.
    pub(super) async fn all_at(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Vec<Value>, Failure> {
        let mut items: Vec<Value> = Vec::new();
        for page in 1.. {
            let (page, size) = (i32::to_string(&page), PAGE.to_string());
            let paging = [("page", page.as_str()), ("size", size.as_str())];
            let mut answer = self.get(path, &[query, &paging].concat()).await?;
            let total = answer.get("total").and_then(Value::as_u64).unwrap_or(0);
            let Some(Value::Array(more)) = answer.get_mut("items").map(Value::take) else {
                return Err(Failure::Refused("the server's answer is no list; is it a Claviger?".to_owned()));
            };
            let is_last = more.is_empty();
            items.extend(more);
            if is_last || u64::try_from(items.len()).is_ok_and(|have| have >= total) {
                break;
            }
        }
        Ok(items)
    }

    async fn send(&self, method: Method, path: &[&str], query: &[(&str, &str)], body: Option<&Value>) -> Result<Value, Failure> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self.http.request(method, url).header(AUTHORIZATION, self.bearer.clone());
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let unreachable = |why| unreachable(&self.base, why);
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status().as_u16();
        let operation = response.headers().get("x-operation-id").and_then(|id| id.to_str().ok());
        let operation = operation.unwrap_or_default().to_owned();
        let text = response.text().await.map_err(unreachable)?;
        let body = serde_json::from_str(&text).ok();
        match (status, body) {
            (204, _) => Ok(Value::Null),
            (200..300, Some(body)) => Ok(body),
            (200..300, None) => Err(Failure::Refused(format!(
                "the answer of `{}` is not JSON; is it a Claviger?",
                self.base
            ))),
            (300..400, _) => Err(Failure::Refused(format!(
                "`{}` sends elsewhere ({status}), and a token does not follow; use the address itself",
                self.base
            ))),
            (_, body) => Err(Failure::answered(status, &body.unwrap_or(Value::Null), &operation)),
        }
    }
}

/// The v1 API's base path.
pub(super) const V1: [&str; 3] = ["api", "ambient", "v1"];
/// The base path of what only this server has.
pub(super) const OWN: [&str; 3] = ["api", "claviger", "v1"];

/// A path below one of the bases.
pub(super) fn below<'a>(base: [&'a str; 3], rest: &[&'a str]) -> Vec<&'a str> {
    base.iter().chain(rest).copied().collect()
}

/// A text of an answer, empty if it is not there.
pub(super) fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}
