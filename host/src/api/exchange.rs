//! The token exchange on its own listener: statuses and bodies as its clients know them, in plain text. Nothing here writes a path to the log.

use crate::clock::rfc3339;
use crate::exchange::{Exchange, Refusal};
use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use serde_json::json;
use std::time::Duration;

/// An answer takes no longer: its clients wait for ten seconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// The routes.
pub fn exchange_service(exchange: Exchange) -> Router {
    Router::new()
        .route("/healthz", any(live))
        .route("/token", any(bare))
        .route("/token/{secret}", any(of_session))
        .fallback(|| async { text(StatusCode::NOT_FOUND, "not found") })
        .with_state(exchange)
}

async fn live(method: Method) -> Response {
    if method == Method::GET {
        text(StatusCode::OK, "ok")
    } else {
        text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed")
    }
}

/// `GET /token`, where the operator serves it.
async fn bare(State(exchange): State<Exchange>, method: Method, headers: HeaderMap) -> Response {
    answer(&exchange, &method, None, &headers).await
}

/// `GET /token/{secret}`
async fn of_session(State(exchange): State<Exchange>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    // As it came: our own secrets have nothing in them that needs an escape.
    let secret = uri.path().strip_prefix("/token/").unwrap_or_default();
    answer(&exchange, &method, Some(secret), &headers).await
}

async fn answer(exchange: &Exchange, method: &Method, secret: Option<&str>, headers: &HeaderMap) -> Response {
    if method != Method::GET {
        return text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed");
    }
    let authorization = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    let traded = tokio::time::timeout(ANSWER_WITHIN, exchange.trade(secret, authorization)).await;
    match traded {
        Ok(Ok(granted)) => {
            let body = json!({ "token": granted.token.expose(), "expires_at": rfc3339(granted.expires_at_ms) });
            unkept(Json(body).into_response())
        }
        Ok(Err(Refusal::Unauthorized)) => text(StatusCode::UNAUTHORIZED, "unauthorized"),
        Ok(Err(Refusal::Forbidden)) => text(StatusCode::FORBIDDEN, "forbidden"),
        Ok(Err(Refusal::TooMany)) => {
            let mut refused = text(StatusCode::TOO_MANY_REQUESTS, "too many requests");
            refused.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
            refused
        }
        Ok(Err(Refusal::NotServed)) => text(StatusCode::NOT_FOUND, "not found"),
        Ok(Err(Refusal::Unavailable(_))) | Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "internal server error"),
    }
}

fn text(status: StatusCode, text: &'static str) -> Response {
    unkept((status, text).into_response())
}

fn unkept(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
