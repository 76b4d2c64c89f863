//! An answer read once into plain data, so that what it means can be decided, and tested, without a host.

use crate::{Failure, Response, http_date_ms};
use serde_json::Value;

/// How long to wait where an upstream says "too many" and not how long: GitHub asks for at least a minute, and GitLab leaves
/// the header out on some of its limits.
const RATE_LIMIT_MS: u64 = 60_000;

/// Status, opened body and the headers that say when to come back.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The opened part of the body; null for an error that is not JSON (a gateway's page, a plain `Retry later`).
    pub json: Value,
    /// `Retry-After`, if the manifest opens it.
    pub retry_after: Option<String>,
    /// `Date`, if the manifest opens it.
    pub date: Option<String>,
}

impl Reply {
    /// Reads an answer.
    ///
    /// # Errors
    /// The host's, and `upstream-protocol` if a success is not JSON.
    pub fn read(response: &Response) -> Result<Self, Failure> {
        let status = response.status();
        let success = (200..300).contains(&status);
        let json = match response.opened() {
            Ok(text) => serde_json::from_str(&text).map_err(|error| {
                Failure::upstream_protocol(format!("the answer does not read as JSON: {error}"))
                    .detail("upstream-status", status.to_string())
            })?,
            Err(failure) if failure.code == "protocol" && !success => Value::Null,
            Err(failure) => return Err(failure),
        };
        Ok(Self {
            status,
            json,
            retry_after: response.header("retry-after"),
            date: response.header("date"),
        })
    }

    /// Whether the status says that it worked.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the status says that the upstream is not well, or limits how often it may be asked. Whatever stands in the body
    /// then is no refusal: a person who is asked to connect again because of an outage is asked for nothing.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        matches!(self.status, 408 | 429 | 500..=599)
    }

    /// A text of the body, by JSON pointer.
    #[must_use]
    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.json.pointer(pointer)?.as_str()
    }

    /// A whole number of the body, by JSON pointer. One written as a string counts: GitHub has sent such.
    #[must_use]
    pub fn number(&self, pointer: &str) -> Option<u64> {
        let value = self.json.pointer(pointer)?;
        value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
    }

    /// How long `Retry-After` asks to wait, in milliseconds: seconds or a date.
    #[must_use]
    pub fn retry_after_ms(&self, now_ms: u64) -> Option<u64> {
        let text = self.retry_after.as_deref()?.trim();
        match text.parse::<u64>() {
            Ok(seconds) => Some(seconds.saturating_mul(1000)),
            Err(_) => http_date_ms(text).map(|at| at.saturating_sub(now_ms)),
        }
    }

    /// By how many seconds the host's clock is ahead of the upstream's, by its `Date`.
    #[must_use]
    pub fn clock_ahead_seconds(&self, now_ms: u64) -> Option<i64> {
        let theirs = http_date_ms(self.date.as_deref()?)? / 1000;
        i64::try_from(now_ms / 1000).ok()?.checked_sub(i64::try_from(theirs).ok()?)
    }

    /// `rate-limited`, until when the upstream says, else for a minute.
    #[must_use]
    pub fn rate_limited(&self, upstream: &str, now_ms: u64) -> Failure {
        let wait = self.retry_after_ms(now_ms).unwrap_or(RATE_LIMIT_MS);
        self.marked(Failure::rate_limited(
            format!("{upstream} limits how often it may be asked; it is asked again later"),
            Some(wait),
        ))
    }

    /// What a status means by itself, where the body says no more: 429, what an upstream that is not well answers, a redirect
    /// (which is never followed), and all else as `upstream-protocol`.
    #[must_use]
    pub fn failure_by_status(&self, upstream: &str, now_ms: u64) -> Failure {
        let status = self.status;
        match status {
            429 => self.rate_limited(upstream, now_ms),
            408 | 500..=599 => self.marked(Failure::transient(
                format!("{upstream} answers {status}; it is asked again later"),
                self.retry_after_ms(now_ms),
            )),
            300..=399 => self.marked(Failure::misconfigured(format!(
                "{upstream} answers {status}, a redirect, which is not followed; store the address it really lives at"
            ))),
            _ => self.marked(Failure::upstream_protocol(format!(
                "{upstream} answers {status}, which its documentation does not explain"
            ))),
        }
    }

    /// The failure, with this answer's status among its details.
    #[must_use]
    pub fn marked(&self, failure: Failure) -> Failure {
        failure.detail("upstream-status", self.status.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::Reply;
    use crate::{Retry, codes};

    fn reply(status: u16, retry_after: Option<&str>) -> Reply {
        Reply {
            status,
            retry_after: retry_after.map(str::to_owned),
            ..Reply::default()
        }
    }

    #[test]
    fn waits_as_long_as_it_is_told() {
        let now = 1_786_960_800_000;
        let wait = |header| reply(429, header).failure_by_status("X", now).retry;
        assert_eq!(wait(Some("7")), Retry::Later(Some(7_000)));
        assert_eq!(wait(Some("Mon, 17 Aug 2026 10:00:30 GMT")), Retry::Later(Some(30_000)));
        assert_eq!(wait(None), Retry::Later(Some(60_000)));
        assert_eq!(wait(Some("soon")), Retry::Later(Some(60_000)));
    }

    #[test]
    fn an_outage_is_not_a_refusal() {
        for status in [500, 502, 503, 504, 408] {
            let failure = reply(status, None).failure_by_status("X", 0);
            assert_eq!(
                (failure.code.as_str(), failure.retry),
                (codes::TRANSIENT, Retry::Later(None)),
                "{status}"
            );
            assert_eq!(failure.get("upstream-status"), Some(status.to_string().as_str()));
        }
        assert_eq!(reply(302, None).failure_by_status("X", 0).code, codes::MISCONFIGURED);
        assert_eq!(reply(418, None).failure_by_status("X", 0).code, codes::UPSTREAM_PROTOCOL);
    }

    #[test]
    fn tells_how_far_the_clock_is_off() {
        let mut skewed = reply(401, None);
        skewed.date = Some("Mon, 17 Aug 2026 10:00:00 GMT".to_owned());
        assert_eq!(skewed.clock_ahead_seconds(1_786_960_800_000 + 90_000), Some(90));
        assert_eq!(skewed.clock_ahead_seconds(1_786_960_800_000 - 90_000), Some(-90));
    }
}
