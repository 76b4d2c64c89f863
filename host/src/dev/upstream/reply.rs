//! What an emulated upstream answers, and whom it recognised.

use super::faults::Echo;
use super::world::fingerprint;
use crate::clock::Millis;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::Value;

/// Whose credential a request carried, for the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Who {
    /// What it was: `personal-access-token`, `app-assertion`, `refresh-token`, …
    pub kind: &'static str,
    /// The first 12 hex digits of its SHA-256.
    pub fingerprint: String,
    /// The account that it belongs to, if it is known here.
    pub account: Option<String>,
}

/// An answer.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) content: Content,
    pub(super) who: Option<Box<Who>>,
}

pub(super) enum Content {
    Empty,
    Json(Value),
    Text(String),
}

impl Reply {
    pub(super) fn json(status: u16, body: Value) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content: Content::Json(body),
            who: None,
        }
    }

    pub(super) fn text(status: u16, body: &str) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content: Content::Text(body.to_owned()),
            who: None,
        }
    }

    pub(super) fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content: Content::Empty,
            who: None,
        }
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// As of another time than the emulator's own.
    pub(super) fn dated(self, at_ms: Millis) -> Self {
        self.with("date", http_date(at_ms))
    }

    /// Notes whose credential it was that is answered.
    pub(super) fn to(mut self, kind: &'static str, secret: &str, account: Option<&str>) -> Self {
        self.who = Some(Box::new(Who {
            kind,
            fingerprint: fingerprint(secret),
            account: account.map(str::to_owned),
        }));
        self
    }

    /// Writes the request's secrets where consumers like to look.
    pub(super) fn echo(&mut self, secrets: &[String], echo: Echo) {
        let told: Vec<String> = secrets
            .iter()
            .map(|secret| match echo {
                Echo::Plain => secret.clone(),
                Echo::Base64 => STANDARD.encode(secret),
                Echo::Url => form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
            })
            .collect();
        let told = format!("you sent {}", told.join(" and "));
        if let Content::Json(Value::Object(members)) = &mut self.content {
            for key in ["message", "error_description", "displayName", "expires_at"] {
                if !(key == "expires_at" && members.contains_key("token")) {
                    members.insert(key.to_owned(), told.clone().into());
                }
            }
        } else {
            self.content = Content::Text(told.clone());
        }
        self.headers.push(("x-echo".to_owned(), told));
    }

    pub(super) fn into_response(self, now_ms: Millis) -> Response {
        let (body, kind) = match self.content {
            Content::Empty => (Body::empty(), None),
            Content::Json(value) => (Body::from(value.to_string()), Some("application/json; charset=utf-8")),
            Content::Text(text) => (Body::from(text), Some("text/plain; charset=utf-8")),
        };
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        if let Some(kind) = kind {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        // From the clock that was passed in, for consumers correct their own by it.
        if let Ok(date) = HeaderValue::from_str(&http_date(now_ms)) {
            headers.insert(header::DATE, date);
        }
        for (name, value) in self.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                headers.insert(name, value);
            }
        }
        response
    }
}

fn http_date(at_ms: Millis) -> String {
    use time::macros::format_description;
    let format = format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
    time::OffsetDateTime::from_unix_timestamp(at_ms / 1000)
        .ok()
        .and_then(|at| at.format(&format).ok())
        .unwrap_or_default()
}
