//! Misbehaviour on request: `POST /_faults` with one [`Order`] as JSON.
//!
//! ```json
//! { "provider": "gitlab", "operation": "token", "lost": true }
//! { "provider": "github", "status": 403, "body": { "message": "This installation has been suspended" }, "times": 3 }
//! { "provider": "github", "operation": "installation-token", "rate_limit": { "retry_after_s": 30 } }
//! { "provider": "github", "clock_ahead_s": -900, "times": 2 }
//! { "provider": "gitlab", "expires_in": 90 }
//! ```
//!
//! Orders strike in the sequence in which they came, one per request. Without `operation` the next request of that provider,
//! whatever it asks for. `times` is 1 unless given.

use super::Provider;
use super::reply::{Content, Reply};
use crate::clock::Millis;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// What shall go wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// At which provider.
    pub provider: Provider,
    /// At which operation; any, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// How many requests it strikes; 1 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// Answer this status. The request is not acted upon, unless `act` says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Answer this: a text as it is, anything else as JSON. With `status`, or 200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// More headers, with `status` or `body`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Act although another answer is given: what was asked for happens, and the caller does not learn it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub act: bool,
    /// Refuse, as this provider does when it is asked too often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,
    /// Act, wait so long, then answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// Act, then close the connection without an answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
    /// Write the secrets of the request into the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub echo: Option<Echo>,
    /// Act, by a clock that is so many seconds ahead of the usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_ahead_s: Option<i64>,
    /// Tokens minted from now on live so many seconds, until the next such order or `POST /_reset`. `times` does not matter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<i64>,
}

/// Being asked too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// `Retry-After`; without it the provider says when in its own way, or not at all.
    #[serde(default)]
    pub retry_after_s: Option<u64>,
}

/// How echoed secrets are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Echo {
    /// As they came.
    Plain,
    /// In base64.
    Base64,
    /// As in a form.
    Url,
}

/// What happens once the upstream has acted.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct After {
    pub(super) delay: Option<Duration>,
    pub(super) lost: bool,
}

impl Order {
    fn check(&self) -> Result<(), String> {
        let known: Vec<&str> = self.provider.routes().iter().map(|(_, _, operation)| *operation).collect();
        if let Some(operation) = &self.operation
            && !known.contains(&operation.as_str())
        {
            return Err(format!("no operation of that name; known there: {}", known.join(", ")));
        }
        if self.times == Some(0) {
            return Err("`times` is at least 1".to_owned());
        }
        if self.status.is_some_and(|status| !(200..=599).contains(&status)) {
            return Err("`status` is between 200 and 599".to_owned());
        }
        if self.rate_limit.is_some() && (self.status.is_some() || self.body.is_some()) {
            return Err("`rate_limit` has a status and a body of its own".to_owned());
        }
        if !self.strikes() && self.expires_in.is_none() {
            return Err("nothing is ordered: one of status, body, rate_limit, delay_ms, lost, echo, clock_ahead_s, expires_in".to_owned());
        }
        Ok(())
    }

    /// Whether it strikes requests, beyond changing how long tokens live.
    fn strikes(&self) -> bool {
        let other = self.status.is_some() || self.body.is_some() || self.rate_limit.is_some();
        other || self.delay_ms.is_some() || self.lost || self.echo.is_some() || self.clock_ahead_s.is_some()
    }

    pub(super) fn acts(&self, answers_otherwise: bool) -> bool {
        !answers_otherwise || self.act || self.lost
    }

    /// The answer that is given instead of the upstream's own.
    pub(super) fn instead(&self, provider: Provider, now_ms: Millis) -> Option<Reply> {
        if let Some(limit) = self.rate_limit {
            return Some(limited(provider, limit.retry_after_s, now_ms));
        }
        if self.status.is_none() && self.body.is_none() {
            return None;
        }
        let content = match self.body.clone() {
            None => Content::Empty,
            Some(Value::String(text)) => Content::Text(text),
            Some(value) => Content::Json(value),
        };
        let headers = self.headers.clone().into_iter().collect();
        Some(Reply {
            status: self.status.unwrap_or(200),
            headers,
            content,
            who: None,
        })
    }

    pub(super) fn after(&self) -> After {
        After {
            delay: self.delay_ms.map(Duration::from_millis),
            lost: self.lost,
        }
    }
}

/// Each provider's own way of saying "too often".
fn limited(provider: Provider, retry_after_s: Option<u64>, now_ms: Millis) -> Reply {
    let reply = match (provider, retry_after_s) {
        (Provider::Github, Some(_)) => Reply::json(
            403,
            json!({ "message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
                "documentation_url": "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits" }),
        ),
        (Provider::Github, None) => Reply::json(
            403,
            json!({ "message": "API rate limit exceeded for installation.",
                "documentation_url": "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api" }),
        )
        .with("x-ratelimit-limit", "5000")
        .with("x-ratelimit-remaining", "0")
        .with("x-ratelimit-used", "5000")
        .with("x-ratelimit-reset", (now_ms / 1000 + 60).to_string()),
        (Provider::Gitlab, _) => Reply::text(429, "Retry later\n"),
        (Provider::Jira, Some(_)) => {
            Reply::json(429, json!({ "message": "Rate limit exceeded" })).with("ratelimit-reason", "jira-burst-based")
        }
        (Provider::Jira, None) => {
            // The next full minute but one, without its seconds.
            let reset: String = crate::clock::rfc3339(now_ms + 120_000)
                .chars()
                .take("2026-01-01T00:00".len())
                .collect();
            Reply::json(429, json!({ "message": "Rate limit exceeded" }))
                .with("ratelimit-reason", "jira-quota-global-based")
                .with("x-ratelimit-reset", format!("{reset}Z"))
        }
        (Provider::Google, _) => Reply::json(
            429,
            json!({ "error": "rate_limit_exceeded", "error_description": "Too many requests. Try again later." }),
        ),
    };
    match retry_after_s {
        Some(seconds) => reply.with("retry-after", seconds.to_string()),
        None => reply,
    }
}

/// Orders that have not all struck yet.
#[derive(Default)]
pub(super) struct Faults(VecDeque<(Order, u32)>);

impl Faults {
    pub(super) fn add(&mut self, order: Order) -> Result<(), String> {
        order.check()?;
        if order.strikes() {
            let times = order.times.unwrap_or(1);
            self.0.push_back((order, times));
        }
        Ok(())
    }

    pub(super) fn take(&mut self, provider: Provider, operation: &str) -> Option<Order> {
        let strikes = |order: &Order| order.provider == provider && order.operation.as_deref().is_none_or(|wanted| wanted == operation);
        let at = self.0.iter().position(|(order, _)| strikes(order))?;
        let (order, left) = self.0.get_mut(at)?;
        let order = order.clone();
        *left -= 1;
        if *left == 0 {
            self.0.remove(at);
        }
        Some(order)
    }
}
