//! An answer of Atlassian's, with the headers that it alone has.

use claviger_sdk::{Failure, Reply, Response, rfc3339_ms};

/// A read answer, and when and why Atlassian limits.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// Status, body, `Retry-After`, `Date`.
    pub reply: Reply,
    /// `X-RateLimit-Reset`: a minute in ISO 8601, not seconds as elsewhere.
    pub reset: Option<String>,
    /// `RateLimit-Reason`: `jira-burst-based` and others.
    pub limit: Option<String>,
    /// `X-Seraph-LoginReason`: Jira's own word on whether somebody is signed in.
    pub sign_in: Option<String>,
}

impl Answer {
    /// Reads an answer.
    ///
    /// # Errors
    /// The host's, and `upstream-protocol` if a success is not JSON.
    pub fn read(response: &Response) -> Result<Self, Failure> {
        Ok(Self {
            reply: Reply::read(response)?,
            reset: response.header("x-ratelimit-reset"),
            limit: response.header("ratelimit-reason"),
            sign_in: response.header("x-seraph-loginreason"),
        })
    }

    /// What Jira says, in the shapes that it and its gateway say it in.
    #[must_use]
    pub fn said(&self) -> &str {
        ["/error_description", "/message", "/errorMessages/0", "/error"]
            .into_iter()
            .find_map(|pointer| self.reply.text(pointer))
            .unwrap_or("no reason given")
    }

    /// `rate-limited`, until `Retry-After` or the reset, else for a minute.
    #[must_use]
    pub fn limited(&self, now_ms: u64) -> Failure {
        let reset = || Some(minute_ms(self.reset.as_deref()?)?.saturating_sub(now_ms).max(SOON_MS));
        let wait = self.reply.retry_after_ms(now_ms).or_else(reset).unwrap_or(LIMIT_MS);
        let why = self.limit.as_deref().filter(|word| is_word(word)).unwrap_or("no reason given");
        let text = format!("Atlassian limits how often it may be asked ({why}); it is asked again later");
        self.reply.marked(Failure::rate_limited(text, Some(wait)))
    }
}

/// Where Atlassian says neither when nor how long.
const LIMIT_MS: u64 = 60_000;
/// A reset that has passed by this host's clock.
const SOON_MS: u64 = 1_000;

/// A time that may lack its seconds, `2026-08-17T10:05Z`, in milliseconds since the Unix epoch.
#[must_use]
pub fn minute_ms(text: &str) -> Option<u64> {
    let text = text.trim();
    rfc3339_ms(text).or_else(|| {
        let (minute, zone) = text.split_at_checked("2026-08-17T10:05".len())?;
        rfc3339_ms(&format!("{minute}:00{zone}"))
    })
}

fn is_word(text: &str) -> bool {
    (1..=40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
