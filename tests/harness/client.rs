//! A client that shows, when a test fails, what was asked and what came.

use anyhow::{Context, Result, bail};
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use std::time::Duration;

/// No answer takes longer: a runner gives up after ten seconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Requests to one server with one bearer, or none.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    bearer: Option<String>,
    headers: Vec<(String, String)>,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Method and path, for messages.
    pub asked: String,
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub text: String,
}

impl Client {
    /// Calls `base` without a bearer.
    ///
    /// # Errors
    /// No client can be built.
    pub fn new(base: &str) -> Result<Self> {
        Self::built(base, |builder| builder)
    }

    /// The same, believing one certificate authority and none of the machine's; PEM.
    ///
    /// # Errors
    /// No client can be built, or the authority does not read.
    pub fn trusting(base: &str, authority: &[u8]) -> Result<Self> {
        let authority = reqwest::Certificate::from_pem(authority).context("the authority does not read")?;
        Self::built(base, |builder| builder.tls_certs_only([authority]))
    }

    fn built(base: &str, more: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder) -> Result<Self> {
        // The second time somebody has installed it already, which is what was wanted.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = more(reqwest::Client::builder())
            .timeout(ANSWER_WITHIN)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .context("cannot build a client")?;
        Ok(Self {
            http,
            base: base.trim_end_matches('/').to_owned(),
            bearer: None,
            headers: Vec::new(),
        })
    }

    /// The same with a bearer.
    #[must_use]
    pub fn with_bearer(&self, bearer: &str) -> Self {
        Self {
            bearer: Some(bearer.to_owned()),
            ..self.clone()
        }
    }

    /// The same with a header on every request.
    #[must_use]
    pub fn with_header(&self, name: &str, value: &str) -> Self {
        let mut client = self.clone();
        client.headers.push((name.to_owned(), value.to_owned()));
        client
    }

    /// The address below which it asks.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// GET.
    ///
    /// # Errors
    /// No answer at all.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.send(Method::GET, path, None).await
    }

    /// DELETE.
    ///
    /// # Errors
    /// No answer at all.
    pub async fn delete(&self, path: &str) -> Result<Answer> {
        self.send(Method::DELETE, path, None).await
    }

    /// POST with a JSON body.
    ///
    /// # Errors
    /// No answer at all.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send(Method::POST, path, Some(("application/json", body.to_string().into_bytes())))
            .await
    }

    /// PATCH with a JSON body.
    ///
    /// # Errors
    /// No answer at all.
    pub async fn patch(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send(Method::PATCH, path, Some(("application/json", body.to_string().into_bytes())))
            .await
    }

    /// Any method, with a body of any type.
    ///
    /// # Errors
    /// No answer at all.
    pub async fn send(&self, method: Method, path: &str, body: Option<(&str, Vec<u8>)>) -> Result<Answer> {
        let asked = format!("{method} {path}");
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(bearer) = &self.bearer {
            request = request.header("authorization", format!("Bearer {bearer}"));
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some((kind, body)) = body {
            request = request.header("content-type", kind).body(body);
        }
        let response = request
            .send()
            .await
            .with_context(|| format!("no answer to `{asked}` at {}", self.base))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response
            .text()
            .await
            .with_context(|| format!("the answer to `{asked}` breaks off"))?;
        Ok(Answer {
            asked,
            status,
            headers,
            text,
        })
    }
}

impl Answer {
    /// Itself, if it has that status.
    ///
    /// # Errors
    /// It has another one; the message has the whole answer.
    pub fn expect(self, status: u16) -> Result<Self> {
        if self.status == status {
            return Ok(self);
        }
        bail!("{}: {} instead of {}\n  {}", self.asked, name(self.status), name(status), self.text);
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// It is none.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.text)
            .with_context(|| format!("{}: {} with a body that is not JSON: {}", self.asked, self.status, self.text))
    }

    /// A text member of the body, by JSON pointer.
    ///
    /// # Errors
    /// No such text.
    pub fn text_at(&self, pointer: &str) -> Result<String> {
        let json = self.json()?;
        let found = json.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        found.with_context(|| format!("{}: no text at `{pointer}` in {}", self.asked, self.text))
    }

    /// A header, empty if it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

fn name(status: u16) -> String {
    StatusCode::from_u16(status).map_or_else(|_| status.to_string(), |status| status.to_string())
}
