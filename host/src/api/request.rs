//! What surrounds every request: its id, its log span, the form of its errors, the headers of every answer.

use super::problem::Problem;
use crate::clock::SharedClock;
use crate::ids::RequestId;
use crate::telemetry;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;

/// The wire's name for the request's id.
const OPERATION_ID: HeaderName = HeaderName::from_static("x-operation-id");

/// What handlers may know of the request itself.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// Its id, in the answer's `X-Operation-ID`, in the log and in the audit trail.
    pub id: RequestId,
    /// Whether errors are in the API's envelope or, on session endpoints, in the short form.
    pub envelope: bool,
}

/// Gives each request an id and each answer the headers that all have; turns a [`Problem`] into its body.
pub(super) async fn stamp(State(clock): State<SharedClock>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let context = RequestContext {
        id: RequestId::make(&*clock),
        envelope: !is_session_path(path),
    };
    // No query and no headers: a token in the wrong place must not reach the log.
    let span = tracing::debug_span!("request", request.id = context.id.as_str(), method = %request.method(), path);
    request.extensions_mut().insert(context.clone());

    let mut response = next.run(request).instrument(span).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response = problem.render(&context);
    }
    metrics::counter!(telemetry::ANSWERS, "status" => status_class(response.status().as_u16())).increment(1);
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(context.id.as_str()) {
        headers.insert(OPERATION_ID, id);
    }
    headers.insert(header::VARY, HeaderValue::from_static("Authorization"));
    // Every answer is for one caller at one moment; tokens above all.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn is_session_path(path: &str) -> bool {
    path.starts_with("/api/projects/") || path.starts_with("/projects/")
}

const fn status_class(status: u16) -> &'static str {
    match status / 100 {
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}
