//! One listening port: bounded in connections and in patience, drained when the server stops.
//!
//! A client that sends its headers drop by drop, or opens connections and says nothing, costs a slot for as long as a client may take and nothing else.

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tower::{Service, ServiceExt};

/// What a listener's clients may take up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Connections at one time; beyond this number new ones wait in the kernel's queue.
    connections: usize,
    /// How long a client may take for a request's headers, the wait for the next request included.
    headers: Duration,
    /// How long the headers may be, in bytes.
    head_bytes: usize,
}

/// A runner opens seven connections per turn.
pub(super) const API: Bounds = Bounds {
    connections: 4096,
    headers: Duration::from_secs(30),
    // hyper's own default.
    head_bytes: 408 * 1024,
};

/// A ciphertext is 684 characters, and a runner comes every four minutes, with a connection for each time.
pub(super) const EXCHANGE: Bounds = Bounds {
    connections: 512,
    headers: Duration::from_secs(10),
    head_bytes: 16 * 1024,
};

/// After a failed accept (too many open files, usually) trying at once would spin.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until it is told to stop, then until the requests under way have ended.
pub(super) async fn serve<S>(listener: TcpListener, bounds: Bounds, service: S, mut stopping: watch::Receiver<bool>)
where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(bounds.connections));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = told_to_stop(&mut stopping) => break,
            Some(_) = connections.join_next() => {}
            accepted = accept(&listener, &slots) => match accepted {
                Ok((stream, slot)) => drop(connections.spawn(connection(stream, slot, bounds, service.clone(), stopping.clone()))),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, slot))
}

async fn connection<S>(stream: TcpStream, _slot: OwnedSemaphorePermit, bounds: Bounds, service: S, mut stopping: watch::Receiver<bool>)
where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    let service = service.map_request(|request: axum::http::Request<_>| request.map(Body::new));
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.headers)
        .max_buf_size(bounds.head_bytes);
    let mut serving = pin!(builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)));
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = told_to_stop(&mut stopping) => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// The guard that `wait_for` answers must not live across an await.
async fn told_to_stop(stopping: &mut watch::Receiver<bool>) {
    drop(stopping.wait_for(|stop| *stop).await);
}
