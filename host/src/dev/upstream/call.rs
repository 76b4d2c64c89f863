//! A request as the emulated upstreams read it.

use super::Provider;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, header, request};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::collections::BTreeMap;

/// A request, its body read.
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    fields: BTreeMap<String, Value>,
}

impl Call {
    pub(super) fn new(head: &request::Parts, body: Bytes) -> Self {
        let text = |name| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let fields = if text(header::CONTENT_TYPE).starts_with("application/x-www-form-urlencoded") {
            form_urlencoded::parse(&body)
                .map(|(key, value)| (key.into_owned(), Value::String(value.into_owned())))
                .collect()
        } else {
            serde_json::from_slice(&body).unwrap_or_default()
        };
        Self {
            method: head.method.clone(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            headers: head.headers.clone(),
            body,
            fields,
        }
    }

    /// The provider in the first segment and the path below its root.
    pub(super) fn split_provider(&self) -> (Option<Provider>, &str) {
        let path = self.path.strip_prefix('/').unwrap_or_default();
        let at = path.find('/').unwrap_or(path.len());
        let (name, rest) = path.split_at(at);
        (Provider::parse(name), rest)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// A parameter of the query.
    pub(super) fn query(&self, name: &str) -> Option<String> {
        let mut pairs = form_urlencoded::parse(self.query.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// A member of a JSON body, whatever it is.
    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        self.fields.get(name)
    }

    /// A form key or a text member of a JSON body; an empty one is none.
    pub(super) fn field(&self, name: &str) -> Option<String> {
        self.fields
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    }

    /// What stands in `Authorization` after one of these schemes.
    pub(super) fn authorization(&self, schemes: &[&str]) -> Option<&str> {
        let (scheme, rest) = self.header("authorization")?.split_once(' ')?;
        schemes.iter().any(|known| known.eq_ignore_ascii_case(scheme)).then(|| rest.trim())
    }

    /// User and password of Basic credentials.
    pub(super) fn basic(&self) -> Option<(String, String)> {
        let text = String::from_utf8(STANDARD.decode(self.authorization(&["basic"])?).ok()?).ok()?;
        text.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
    }

    /// Everything in the request that is a secret, for echoes.
    pub(super) fn secrets(&self) -> Vec<String> {
        let keys = [
            "refresh_token",
            "client_secret",
            "assertion",
            "token",
            "access_token",
            "subject_token",
            "code",
            "code_verifier",
        ];
        let mut secrets: Vec<String> = keys.iter().filter_map(|key| self.field(key)).collect();
        secrets.extend(self.authorization(&["bearer", "token", "basic"]).map(str::to_owned));
        secrets.extend(self.basic().map(|(_, password)| password));
        secrets.extend(self.header("private-token").map(str::to_owned));
        let listed = self.value("credentials").and_then(Value::as_array);
        secrets.extend(listed.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
        secrets
    }
}
