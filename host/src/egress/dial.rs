//! One request over one connection of its own, to exactly the addresses that were checked.
//!
//! A client is built per request: it knows one name and its vetted addresses, and its pool is closed, so no connection is ever
//! shared between two credentials and no second look-up can happen. What that costs is a TLS handshake per mint, about once
//! an hour per credential, and 1 µs for building the client (measured; the certificate authorities, 16 ms, are read once).

use super::answer::{self, Answer};
use super::body::Body;
use super::budget;
use super::error::{EgressError, Reached};
use super::headers::Headers;
use super::resolve::Vetted;
use super::target::Target;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::ClientConfig;
use std::error::Error;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tower::{Layer, Service};

/// Answers for one name with the addresses that were checked, and for nothing else.
struct Pinned {
    host: String,
    addresses: Vec<SocketAddr>,
}

impl Resolve for Pinned {
    fn resolve(&self, name: Name) -> Resolving {
        let answer = if name.as_str() == self.host {
            Ok(Box::new(self.addresses.clone().into_iter()) as Addrs)
        } else {
            Err("only the checked name is dialled".into())
        };
        Box::pin(std::future::ready(answer))
    }
}

/// Notes that a connection stands, TLS included. Until then no byte of a request can have left.
#[derive(Clone, Default)]
struct Connected(Arc<AtomicBool>);

impl Connected {
    fn reached(&self) -> Reached {
        if self.0.load(Ordering::SeqCst) {
            Reached::Unanswered
        } else {
            Reached::NotSent
        }
    }
}

#[derive(Clone)]
struct Noting<S> {
    inner: S,
    connected: Connected,
}

impl<S> Layer<S> for Connected {
    type Service = Noting<S>;
    fn layer(&self, inner: S) -> Noting<S> {
        Noting {
            inner,
            connected: self.clone(),
        }
    }
}

impl<S: Service<R>, R> Service<R> for Noting<S>
where
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let (connecting, connected) = (self.inner.call(request), self.connected.clone());
        Box::pin(async move {
            let connection = connecting.await?;
            connected.0.store(true, Ordering::SeqCst);
            Ok(connection)
        })
    }
}

/// Sends the request once. `connect` and `total` are what is left of the budget.
pub(super) async fn send(
    tls: &ClientConfig,
    (method, target): (&http::Method, &Target),
    vetted: &Vetted,
    (headers, body): (Headers, Body),
    connect: Duration,
    total: Duration,
) -> Result<Answer, EgressError> {
    let host = target.origin();
    let connected = Connected::default();
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls.clone())
        .dns_resolver(Pinned {
            host: target.host().to_owned(),
            addresses: vetted.addresses().to_vec(),
        })
        .connector_layer(connected.clone())
        .connect_timeout(connect)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .http1_only()
        .http1_max_headers(budget::ANSWER_HEADERS)
        .pool_max_idle_per_host(0)
        .https_only(target.is_https())
        .build()
        .map_err(|_| EgressError::Connect {
            host: host.clone(),
            cause: "the client could not be built".to_owned(),
        })?;
    let mut headers = headers.into_sent();
    if body.is_empty() && matches!(*method, http::Method::POST | http::Method::PUT | http::Method::PATCH) {
        // The library leaves it out, and some servers answer a POST of unknown length with 411.
        headers.insert(http::header::CONTENT_LENGTH, http::HeaderValue::from_static("0"));
    }
    let request = client.request(method.clone(), target.url().clone()).headers(headers);
    let request = if body.is_empty() {
        request
    } else {
        request.body(body.into_bytes())
    };
    let exchange = async {
        let response = request
            .send()
            .await
            .map_err(|error| classify(&error, &host, connected.reached(), connect))?;
        answer::read(&host, response).await
    };
    match tokio::time::timeout(total, exchange).await {
        Ok(outcome) => outcome,
        Err(_) => {
            let reached = connected.reached();
            let stage = if reached == Reached::NotSent { "connect" } else { "answer" };
            Err(EgressError::Timeout {
                host,
                stage,
                limit_ms: total.as_millis(),
                reached,
            })
        }
    }
}

/// The library's error, told in our words. Its own text is not used: it carries the address.
fn classify(error: &reqwest::Error, host: &str, reached: Reached, connect: Duration) -> EgressError {
    let host = host.to_owned();
    let io = causes(error)
        .find_map(|cause| cause.downcast_ref::<io::Error>())
        .map(io::Error::kind);
    if reached == Reached::Unanswered {
        let why = match io {
            Some(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) => "the connection was reset before an answer came",
            _ => "the connection ended without an answer, or what came is not HTTP",
        };
        return EgressError::Protocol { host, why };
    }
    if let Some(reason) = causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>()) {
        return EgressError::Tls {
            host,
            cause: reason.to_string(),
        };
    }
    if error.is_timeout() {
        return EgressError::Timeout {
            host,
            stage: "connect",
            limit_ms: connect.as_millis(),
            reached,
        };
    }
    let cause = io.map_or_else(|| "the connection failed".to_owned(), |kind| kind.to_string());
    EgressError::Connect { host, cause }
}

/// The error's causes, with those that an `io::Error` wraps: it names as its source what is behind them, not themselves.
fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(
        Some(error),
        |error: &&'e (dyn Error + 'static)| -> Option<&'e (dyn Error + 'static)> {
            let error: &'e (dyn Error + 'static) = *error;
            match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
                Some(wrapped) => Some(wrapped),
                None => error.source(),
            }
        },
    )
}
