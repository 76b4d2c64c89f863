//! What surrounds every request: its id, its log span, the form of its errors, the headers of every answer.

use super::problem::Problem;
use crate::clock::SharedClock;
use crate::ids::RequestId;
use crate::telemetry;
use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use futures::future::BoxFuture;
use metrics::Counter;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::LazyLock;
use std::task::{Context, Poll};
use tower::Service;
use tracing::Instrument;

/// The wire's name for the request's id.
const OPERATION_ID: HeaderName = HeaderName::from_static("x-operation-id");

/// What handlers may know of the request itself.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// Its id, in the answer's `X-Operation-ID`, in the log and in the audit trail.
    pub id: RequestId,
    /// Whether errors are in the API's envelope or, on session endpoints and those that connect accounts, in the short form.
    pub envelope: bool,
}

/// The routes, and around them: gives each request an id and each answer the headers that all have, and turns a [`Problem`] or a panic into
/// its body.
///
/// Around the router as a whole and not as its layers: axum puts each layer into a box for every route, cloned for every request.
#[derive(Clone)]
pub struct Stamped {
    router: Router,
    clock: SharedClock,
}

impl Stamped {
    pub(super) const fn new(router: Router, clock: SharedClock) -> Self {
        Self { router, clock }
    }
}

impl Service<Request> for Stamped {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // A router always is.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        without_trailing_slash(&mut request);
        let path = request.uri().path();
        let context = RequestContext {
            id: RequestId::make(&*self.clock),
            envelope: !is_session_path(path),
        };
        // No query and no headers: a token in the wrong place must not reach the log.
        let span = tracing::debug_span!("request", request.id = context.id.as_str(), method = %request.method(), path);
        request.extensions_mut().insert(context.clone());
        let mut router = self.router.clone();
        let answering = async move { router.call(request).await };
        let answered = async move {
            let response = match AssertUnwindSafe(answering).catch_unwind().await {
                Ok(Ok(response)) => response,
                // What a panic says is not repeated: it could hold anything.
                Err(_panic) => Problem::internal("a handler panicked").into_response(),
            };
            Ok(stamp(&context, response))
        };
        Box::pin(answered.instrument(span))
    }
}

/// `/credentials/` is `/credentials`, on the wire.
fn without_trailing_slash(request: &mut Request) {
    let uri = request.uri();
    let path = uri.path();
    let trimmed = path.trim_end_matches('/');
    if trimmed.len() == path.len() || trimmed.is_empty() {
        return;
    }
    let rest = match uri.query() {
        Some(query) => format!("{trimmed}?{query}"),
        None => trimmed.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = rest.parse().ok();
    // What does not read after this was not to be read before either; the router says so.
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
}

fn stamp(context: &RequestContext, mut response: Response) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response = problem.render(context);
    }
    count(response.status().as_u16());
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
    path.starts_with("/api/projects/") || path.starts_with("/projects/") || path.starts_with("/api/auth/")
}

/// Counts an answer by its class. Looked up once: to find a counter by its labels takes two allocations and a lock.
fn count(status: u16) {
    static CLASSES: LazyLock<[Counter; 4]> =
        LazyLock::new(|| ["2xx", "3xx", "4xx", "5xx"].map(|class| metrics::counter!(telemetry::ANSWERS, "status" => class)));
    let [ok, moved, refused, failed] = &*CLASSES;
    let class = match status / 100 {
        2 => ok,
        3 => moved,
        4 => refused,
        _ => failed,
    };
    class.increment(1);
}
