//! A request through the one door out, with secrets as handles.

use crate::{Body, Encoding, Failure, Part, Response, Secret, host};

/// A request in the making.
pub struct Request<'a> {
    pub(crate) method: &'static str,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, Vec<Part<'a>>)>,
    pub(crate) body: Vec<Part<'a>>,
}

impl<'a> Request<'a> {
    /// A request of this method.
    #[must_use]
    pub fn new(method: &'static str, url: impl Into<String>) -> Self {
        Self {
            method,
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// A `POST`.
    #[must_use]
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// A header without a secret.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), vec![Part::Text(value.to_owned())]));
        self
    }

    /// `authorization: Bearer …`. The manifest's placement says `"at": "header:authorization", "prefix": "Bearer "`.
    #[must_use]
    pub fn bearer(mut self, secret: &'a Secret) -> Self {
        let value = vec![Part::Text("Bearer ".to_owned()), Part::Secret(secret, Encoding::Plain)];
        self.headers.push(("authorization".to_owned(), value));
        self
    }

    /// `authorization: Basic …` with a pair that [`join`](crate::join) made. The manifest's placement says `"as": "joined"`,
    /// `"at": "header:authorization"`, `"prefix": "Basic "`.
    #[must_use]
    pub fn basic(mut self, pair: &'a Secret) -> Self {
        let value = vec![Part::Text("Basic ".to_owned()), Part::Secret(pair, Encoding::Plain)];
        self.headers.push(("authorization".to_owned(), value));
        self
    }

    /// The body, and the content type that goes with it.
    #[must_use]
    pub fn body<B: Body<'a>>(mut self, body: B) -> Self {
        self.body = body.parts();
        self.header("content-type", B::CONTENT_TYPE)
    }

    /// Sends it.
    ///
    /// # Errors
    /// The host's: the request is outside what was approved, or the upstream could not be asked. An answer of any status is
    /// not an error.
    pub fn send(self) -> Result<Response, Failure> {
        host::send(self).map(Response)
    }
}
