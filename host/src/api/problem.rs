//! The one place where an error becomes a response.
//!
//! A [`Problem`] says what a client may know. What only the operator may know travels beside it and is logged here, once, with the
//! request's id. Two bodies exist on the wire: the API's envelope, and `{"error": …}` on the session endpoints; the path decides.

use crate::api::request::RequestContext;
use crate::ids::CredentialId;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::borrow::Cow;

/// The wire's error numbers that are in use (`Error` kinds of the v1 API).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    Forbidden = 4,
    Conflict = 6,
    NotFound = 7,
    Validation = 8,
    General = 9,
    NotImplemented = 10,
    Unauthenticated = 15,
    Malformed = 17,
    BadRequest = 21,
    /// Not of the catalogue: what the wire answers where nothing is served.
    NoRoute = 404,
}

/// The catalogue of errors: number, status, what it means.
pub(super) const CATALOGUE: [(u16, u16, &str); 9] = [
    (Number::Forbidden as u16, 403, "Forbidden"),
    (Number::Conflict as u16, 409, "It exists already, or changed meanwhile"),
    (Number::NotFound as u16, 404, "Resource not found"),
    (Number::Validation as u16, 400, "A value will not do"),
    (Number::General as u16, 500, "Unspecified error"),
    (Number::NotImplemented as u16, 405, "The resource does not know this method"),
    (Number::Unauthenticated as u16, 401, "Account authentication could not be verified"),
    (Number::Malformed as u16, 400, "Unable to read the request body"),
    (Number::BadRequest as u16, 400, "A parameter or a combination will not do"),
];

/// A refusal or failure on its way to the client.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    number: Number,
    reason: Cow<'static, str>,
    code: Option<&'static str>,
    retry_after_s: Option<u64>,
    cause: Option<String>,
    credential: Option<CredentialId>,
}

/// What a handler returns.
pub type Answer<T> = Result<T, Problem>;

impl Problem {
    fn new(status: StatusCode, number: Number, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            number,
            reason: reason.into(),
            code: None,
            retry_after_s: None,
            cause: None,
            credential: None,
        }
    }

    /// 400: the request does not read.
    pub fn malformed(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Number::Malformed, reason)
    }

    /// 400: the request reads, but a value in it will not do.
    pub fn validation(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Number::Validation, reason)
    }

    /// 400: a parameter or a combination will not do.
    pub fn bad_request(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Number::BadRequest, reason)
    }

    /// 401: no bearer, or none that is known. Which of the two is nobody's business.
    #[must_use]
    pub fn unauthenticated() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, Number::Unauthenticated, "Unauthorized")
    }

    /// 403, with the word that clients look for.
    #[must_use]
    pub fn forbidden() -> Self {
        Self::forbidden_because("Forbidden")
    }

    /// 403 with a reason that tells nothing about what the caller may not see.
    pub fn forbidden_because(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, Number::Forbidden, reason)
    }

    /// 404: not there, or not for this caller; the two answer alike.
    #[must_use]
    pub fn not_found(kind: &str, id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, Number::NotFound, format!("{kind} with id='{id}' not found"))
    }

    /// 404 in other words.
    pub fn nothing_there(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, Number::NotFound, reason)
    }

    /// 404: nothing is served there.
    #[must_use]
    pub fn no_route(path: &str) -> Self {
        let path: String = path.chars().filter(|c| !c.is_control()).take(256).collect();
        Self::new(
            StatusCode::NOT_FOUND,
            Number::NoRoute,
            format!("The requested resource '{path}' doesn't exist"),
        )
    }

    /// 405.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            Number::NotImplemented,
            "the resource does not know this method",
        )
    }

    /// 408.
    #[must_use]
    pub fn request_timeout() -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            Number::Malformed,
            "the request body took too long to arrive",
        )
    }

    /// 409.
    pub fn conflict(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, Number::Conflict, reason)
    }

    /// 413.
    #[must_use]
    pub fn too_large(limit_bytes: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            Number::Malformed,
            format!("the request body is larger than {limit_bytes} bytes"),
        )
    }

    /// 500: ours. The cause is for the log alone.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            Number::General,
            "an internal error; the log names the cause by this operation id",
        )
        .because(cause)
    }

    /// 502: the upstream, or the credential's standing there.
    pub fn bad_gateway(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, Number::General, reason)
    }

    /// 503, with the time after which to come again.
    pub fn unavailable(reason: impl Into<Cow<'static, str>>, retry_after_s: u64) -> Self {
        Self {
            retry_after_s: Some(retry_after_s.max(1)),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, Number::General, reason)
        }
    }

    /// 504: a call took longer than any may.
    pub fn gateway_timeout(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, Number::General, reason)
    }

    /// Adds a stable reason code for programs.
    #[must_use]
    pub const fn coded(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// Adds what the operator should read in the log.
    #[must_use]
    pub fn because(mut self, cause: impl std::fmt::Display) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    /// Adds the credential whose use failed: then the log line is a warning, which the operator finds by its id.
    #[must_use]
    pub fn about(mut self, credential: &CredentialId) -> Self {
        self.credential = Some(credential.clone());
        self
    }

    /// The status that the client gets.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// What the client is told.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Writes the response, and the log line if it is ours to mend.
    pub(super) fn render(&self, context: &RequestContext) -> Response {
        let (request_id, status) = (context.id.as_str(), self.status.as_u16());
        let credential = self.credential.as_ref().map(CredentialId::as_str);
        match &self.cause {
            Some(cause) if self.status == StatusCode::INTERNAL_SERVER_ERROR => {
                tracing::error!(request.id = request_id, credential.id = credential, status, %cause, "{}", self.reason);
            }
            Some(cause) if credential.is_some() => {
                tracing::warn!(request.id = request_id, credential.id = credential, status, %cause, "{}", self.reason);
            }
            Some(cause) => tracing::info!(request.id = request_id, status, %cause, "{}", self.reason),
            None => {}
        }
        let body = if context.envelope {
            let number = (self.number as u16).to_string();
            let mut body = json!({
                "id": number,
                "kind": "Error",
                "href": format!("/api/ambient/v1/errors/{number}"),
                "code": format!("ambient-api-server-{number}"),
                "reason": self.reason,
                "operation_id": request_id,
            });
            if let (Some(code), Some(object)) = (self.code, body.as_object_mut()) {
                object.insert("reason_code".to_owned(), json!(code));
            }
            if let (Number::NoRoute, Some(object)) = (self.number, body.as_object_mut()) {
                object.insert("type".to_owned(), json!("Error"));
            }
            body
        } else if self.status == StatusCode::UNAUTHORIZED {
            json!({ "error": "Invalid or missing token" })
        } else {
            json!({ "error": self.reason })
        };
        let mut response = (self.status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::PAYLOAD_TOO_LARGE {
            // The rest of the body is not read, so the connection cannot be used again; a client that is not told finds out by an error.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl IntoResponse for Problem {
    /// An empty response that carries the problem to [`super::request::stamp`], where the request's id and path are known.
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        response.extensions_mut().insert(self);
        response
    }
}
