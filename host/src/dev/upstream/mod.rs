//! The emulated upstream: GitHub, GitLab, Jira and Google as far as tokens go, on one loopback port.
//!
//! Written from what the real ones document and were seen to do (statuses, texts, order of checks, what a refresh ends). It can
//! be told to misbehave: `POST /_faults`, see [`faults`]. `GET /_log` lists the requests with whose credential they carried and no
//! secret; `POST /_reset` forgets faults, lifetimes and the log, and keeps tokens; `POST /_grants` with `{"account": "alice"}`
//! opens one more GitLab grant, with `{"provider": "github", "client_id": …, "account": "alice"}` one at GitHub, with `"provider": "google"`
//! one at Google (`google`). Every token shows its account's name, so that a test can tell by value whose it is.
//!
//! Each provider answers below its own root, `{upstream}/{provider}`, as an instance with a relative root does. A request acts
//! first and is delayed or lost afterwards, as at a real upstream: a caller who gave up may have spent a refresh token.
//!
//! It listens where it is told to and authenticates nobody on its own routes: it belongs on loopback.

mod call;
mod consent;
mod cut;
pub mod faults;
mod github;
mod gitlab;
mod google;
mod jira;
mod journal;
mod jwt;
mod reply;
mod seed;
mod world;

pub use faults::{Echo, Order, RateLimit};
pub use journal::Entry;
pub use seed::{GithubApp, GithubOauthApp, GitlabApplication, GoogleClient, JiraApplication, Person, Seed};

use crate::clock::SharedClock;
use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::response::Response;
use call::Call;
use cut::{Cuttable, Scissors};
use reply::Reply;
use serde_json::json;
use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use world::World;

/// A provider that is emulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// `{upstream}/github`, an Enterprise Server: its API is below `/api/v3`.
    Github,
    /// `{upstream}/gitlab`
    Gitlab,
    /// `{upstream}/jira`
    Jira,
    /// `{upstream}/google`
    Google,
}

impl Provider {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "github" => Some(Self::Github),
            "gitlab" => Some(Self::Gitlab),
            "jira" => Some(Self::Jira),
            "google" => Some(Self::Google),
            _ => None,
        }
    }

    /// Method, path below the root (`*` is one segment) and the operation's name.
    fn routes(self) -> &'static [(&'static str, &'static str, &'static str)] {
        match self {
            Self::Github => github::ROUTES,
            Self::Gitlab => gitlab::ROUTES,
            Self::Jira => jira::ROUTES,
            Self::Google => google::ROUTES,
        }
    }

    fn operation(self, method: &str, path: &str) -> Option<&'static str> {
        let same = |wanted: &str| {
            let (wanted, actual) = (wanted.split('/'), path.split('/'));
            wanted.clone().count() == actual.clone().count() && wanted.zip(actual).all(|(w, a)| w == a || (w == "*" && !a.is_empty()))
        };
        self.routes()
            .iter()
            .find(|(m, route, _)| *m == method && same(route))
            .map(|(_, _, operation)| *operation)
    }
}

/// The four upstreams, with what they know. Clones share it.
#[derive(Clone)]
pub struct Upstream {
    clock: SharedClock,
    world: Arc<Mutex<World>>,
    controls: Arc<Mutex<Controls>>,
}

#[derive(Default)]
struct Controls {
    faults: faults::Faults,
    journal: journal::Journal,
}

impl Upstream {
    /// An upstream that knows these people.
    ///
    /// # Errors
    /// A key of the seed that is no RSA key of 2048 bits or more.
    pub fn new(seed: &Seed, clock: SharedClock) -> Result<Self, jwt::KeyError> {
        Ok(Self {
            clock,
            world: Arc::new(Mutex::new(World::new(seed)?)),
            controls: Arc::default(),
        })
    }

    /// Serves until `stop` resolves.
    ///
    /// # Errors
    /// The operating system's, from the listener.
    pub async fn serve(self, listener: TcpListener, stop: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        let app = Router::new()
            .fallback(answer)
            .layer(DefaultBodyLimit::max(1024 * 1024))
            .with_state(self);
        axum::serve(Cuttable(listener), app.into_make_service_with_connect_info::<Scissors>())
            .with_graceful_shutdown(stop)
            .await
    }

    /// The requests so far, oldest first.
    #[must_use]
    pub fn log(&self) -> Vec<Entry> {
        self.controls().journal.entries()
    }

    /// Orders a fault, as `POST /_faults` does.
    ///
    /// # Errors
    /// What makes no sense in the order.
    pub fn order(&self, order: Order) -> Result<(), String> {
        let (provider, expires_in) = (order.provider, order.expires_in);
        self.controls().faults.add(order)?;
        if let Some(expires_in) = expires_in {
            self.world().lifetimes.insert(provider, expires_in);
        }
        Ok(())
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn controls(&self) -> MutexGuard<'_, Controls> {
        self.controls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `/_faults`, `/_log`, `/_reset`, `/_grants`.
    fn control(&self, call: &Call) -> Reply {
        match (call.method.as_str(), call.path.as_str()) {
            ("GET", "/_log") => Reply::json(200, json!(self.log())),
            ("POST", "/_faults") => match serde_json::from_slice::<Order>(&call.body) {
                Ok(order) => match self.order(order) {
                    Ok(()) => Reply::json(201, json!({ "ordered": true })),
                    Err(why) => Reply::json(400, json!({ "error": why })),
                },
                Err(why) => Reply::json(400, json!({ "error": format!("the order does not read: {why}") })),
            },
            ("POST", "/_reset") => {
                *self.controls() = Controls::default();
                self.world().lifetimes.clear();
                Reply::empty(204)
            }
            ("POST", "/_grants") if call.field("provider").as_deref() == Some("github") => {
                github::open_grant(&mut self.world(), call, self.clock.now_ms())
            }
            ("POST", "/_grants") if call.field("provider").as_deref() == Some("google") => {
                google::open_grant(&mut self.world(), call, self.clock.now_ms())
            }
            ("POST", "/_grants") if matches!(call.field("provider").as_deref(), Some("gitlab" | "jira")) => {
                let (now_ms, mut world) = (self.clock.now_ms(), self.world());
                let opened = match call.field("provider").as_deref() {
                    Some("jira") => jira::open(&mut world, call),
                    _ => gitlab::open(&mut world, call, now_ms),
                };
                match opened {
                    Some(opened) => Reply::json(201, opened),
                    None => Reply::json(400, json!({ "error": "`account` names nobody that was seeded" })),
                }
            }
            ("POST", "/_grants") => match call.field("account").and_then(|account| self.world().open_grant(&account)) {
                Some(refresh_token) => Reply::json(201, json!({ "refresh_token": refresh_token })),
                None => Reply::json(400, json!({ "error": "`account` names nobody that was seeded" })),
            },
            _ => Reply::json(
                404,
                json!({ "error": "known here: GET /_log, POST /_faults, POST /_reset, POST /_grants" }),
            ),
        }
    }

    /// What the upstream does and says, before any delay.
    fn act(&self, call: &Call) -> (Reply, faults::After) {
        let mut at_ms = self.clock.now_ms();
        let (provider, path) = call.split_provider();
        let operation = provider.and_then(|provider| provider.operation(call.method.as_str(), path));
        let fault = match (provider, operation) {
            (Some(provider), Some(operation)) => self.controls().faults.take(provider, operation),
            _ => None,
        };
        let ahead_ms = fault.as_ref().and_then(|fault| fault.clock_ahead_s).map(|seconds| seconds * 1000);
        at_ms += ahead_ms.unwrap_or_default();
        let instead = fault
            .as_ref()
            .zip(provider)
            .and_then(|(fault, provider)| fault.instead(provider, at_ms));
        let acts = fault.as_ref().is_none_or(|fault| fault.acts(instead.is_some()));
        let mut reply = match (provider, operation) {
            (Some(provider), Some(operation)) if acts => self.world().answer(provider, operation, path, call, at_ms),
            (Some(_), Some(_)) => Reply::empty(500),
            _ => Reply::json(404, json!({ "message": "Not Found" })),
        };
        if let Some(instead) = instead {
            reply = Reply { who: reply.who, ..instead };
        }
        if ahead_ms.is_some() {
            reply = reply.dated(at_ms);
        }
        if let Some(echo) = fault.as_ref().and_then(|fault| fault.echo) {
            reply.echo(&call.secrets(), echo);
        }
        self.controls()
            .journal
            .add(at_ms, provider, operation, call, &reply, fault.as_ref());
        (reply, fault.map(|fault| fault.after()).unwrap_or_default())
    }
}

async fn answer(State(upstream): State<Upstream>, ConnectInfo(scissors): ConnectInfo<Scissors>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, 1024 * 1024).await else {
        return Reply::json(413, json!({ "message": "the body is larger than 1 MiB" })).into_response(upstream.clock.now_ms());
    };
    let call = Call::new(&head, body);
    if call.path.starts_with("/_") {
        return upstream.control(&call).into_response(upstream.clock.now_ms());
    }
    let (reply, after) = upstream.act(&call);
    if let Some(delay) = after.delay {
        tokio::time::sleep(delay).await;
    }
    if after.lost {
        scissors.cut();
    }
    reply.into_response(upstream.clock.now_ms())
}

#[cfg(test)]
mod tests;
