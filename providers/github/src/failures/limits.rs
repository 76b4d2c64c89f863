//! Limits of two kinds: so many requests an hour, told by headers, and secondary ones, told by words or `Retry-After` or both.

use super::{GITHUB, said};
use claviger_sdk::{Failure, Reply};

/// The headers of the hourly limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// `x-ratelimit-remaining`
    pub remaining: Option<String>,
    /// `x-ratelimit-reset`, in epoch seconds.
    pub reset: Option<String>,
}

/// What secondary limits were called before and since 2021; older Enterprise Servers still say the former.
const WORDS: [&str; 2] = ["rate limit", "abuse detection"];

impl Limits {
    /// A 403 is a limit, not a refusal, if GitHub says so in any of its three ways; a 429 always is.
    #[must_use]
    pub fn reached(&self, reply: &Reply) -> bool {
        let said = said(reply).to_ascii_lowercase();
        let marked = reply.retry_after.is_some() || self.spent() || WORDS.iter().any(|words| said.contains(words));
        reply.status == 429 || (reply.status == 403 && marked)
    }

    /// Until `Retry-After`; else, if the hour's requests are spent, until they are given anew; else a minute, the least that GitHub asks
    /// for.
    #[must_use]
    pub fn failure(&self, reply: &Reply, now_ms: u64) -> Failure {
        let reset = self.reset.as_deref().and_then(|at| at.trim().parse::<u64>().ok());
        match reset.map(|at| at.saturating_mul(1000)) {
            Some(at) if self.spent() && reply.retry_after.is_none() => reply.marked(Failure::rate_limited(
                "GitHub's requests for this hour are spent; it is asked again when they are given anew",
                Some(at.saturating_sub(now_ms).max(1000)),
            )),
            _ => reply.rate_limited(GITHUB, now_ms),
        }
    }

    fn spent(&self) -> bool {
        self.remaining.as_deref().is_some_and(|left| left.trim() == "0")
    }
}

#[cfg(test)]
mod tests {
    use super::Limits;
    use claviger_sdk::{Reply, Retry, codes};
    use proptest::prelude::*;
    use serde_json::json;

    const NOW_MS: u64 = 1_786_960_800_000;

    fn reply(status: u16, message: &str, retry_after: Option<&str>) -> Reply {
        Reply {
            status,
            json: json!({ "message": message }),
            retry_after: retry_after.map(str::to_owned),
            ..Reply::default()
        }
    }

    fn limits(remaining: Option<&str>, reset: Option<&str>) -> Limits {
        Limits {
            remaining: remaining.map(str::to_owned),
            reset: reset.map(str::to_owned),
        }
    }

    #[test]
    fn each_of_githubs_ways_to_say_too_often() {
        let secondary = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
        let abuse = "You have triggered an abuse detection mechanism. Please wait a few minutes before you try again.";
        let hour = "API rate limit exceeded for installation ID 42.";
        let reset = (NOW_MS / 1000 + 900).to_string();
        for (status, message, retry_after, limits, wait) in [
            (403, secondary, Some("30"), limits(None, None), 30_000),
            (403, secondary, None, limits(Some("4999"), Some(&reset)), 60_000),
            (429, secondary, None, limits(None, None), 60_000),
            (403, abuse, None, limits(None, None), 60_000),
            (403, hour, None, limits(Some("0"), Some(&reset)), 900_000),
            (429, hour, None, limits(Some("0"), Some(&reset)), 900_000),
            // Both said: the nearer one is the secondary limit's, and comes first.
            (403, secondary, Some("60"), limits(Some("0"), Some(&reset)), 60_000),
            // A reset in the past (a clock that is ahead) is no reason to hammer.
            (403, hour, None, limits(Some("0"), Some("1")), 1000),
            (403, hour, None, limits(Some("0"), Some("soon")), 60_000),
        ] {
            let reply = reply(status, message, retry_after);
            assert!(limits.reached(&reply), "{message} {limits:?}");
            let failure = limits.failure(&reply, NOW_MS);
            assert_eq!(
                (failure.code.as_str(), failure.retry),
                (codes::RATE_LIMITED, Retry::Later(Some(wait))),
                "{message}"
            );
        }
    }

    #[test]
    fn a_refusal_is_not_a_limit() {
        for message in [
            "Resource not accessible by integration",
            "This installation has been suspended",
            "Forbidden",
        ] {
            assert!(
                !limits(Some("4999"), Some("1786961700")).reached(&reply(403, message, None)),
                "{message}"
            );
        }
        assert!(!limits(Some("0"), None).reached(&reply(401, "Bad credentials", None)));
    }

    proptest! {
        #[test]
        fn whatever_the_headers_say_the_wait_is_a_second_at_least(remaining in "\\PC{0,6}|0", reset in "\\PC{0,12}|[0-9]{1,22}", now in any::<u64>()) {
            let failure = limits(Some(&remaining), Some(&reset)).failure(&reply(403, "rate limit", None), now);
            prop_assert!(matches!(failure.retry, Retry::Later(Some(wait)) if wait >= 1000), "{:?}", failure);
        }
    }
}
