//! What a provider sends after it has read answers: nothing in an answer leads it elsewhere or makes it say more.

use super::Seen;
use claviger_sdk::testing::claims;
use serde_json::Value;

/// No honest clock is further off (the widest mistake of a time zone is 26 hours), and no assertion lives longer than an hour.
const LATEST_SECONDS: u64 = 27 * 3600;

/// The longest way there is: a site that refuses, its cloud's id, the gateway, and one repetition.
const MOST_REQUESTS: usize = 5;

impl Seen<'_> {
    /// Addresses without secrets, paths that are plain, assertions that end soon, and no secret in a log line.
    pub(crate) fn requests(&self) {
        for sent in &self.sent {
            self.no_secret("an address", &sent.url);
            let path = sent.url.split_once("://").map_or("", |(_, rest)| rest);
            assert!(
                path.split('/').all(|segment| segment != ".." && segment != ".") && path.bytes().all(|byte| byte.is_ascii_graphic()),
                "an answer makes the path of {}",
                sent.url
            );
            let bearer = sent.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
            for jws in bearer.map(str::to_owned).into_iter().chain(sent.form("assertion")) {
                let (_, said) = claims(&jws);
                if let Some(end) = said.get("exp").and_then(Value::as_u64) {
                    let latest = (self.scenario.now_ms / 1000).saturating_add(LATEST_SECONDS);
                    assert!(
                        end <= latest,
                        "an assertion can be kept and used until {end}, which is after {latest}"
                    );
                }
            }
        }
        self.rotations();
        for (_, line) in &self.lines {
            self.no_secret("a log line", line);
        }
    }

    /// Few requests, and a secret that can be used once is sent once, to where its successor comes from.
    fn rotations(&self) {
        assert!(self.sent.len() <= MOST_REQUESTS, "{} requests in one call", self.sent.len());
        let rotating = self.kind.pointer("/rotation/field").and_then(Value::as_str);
        let Some(field) = rotating.filter(|field| self.setup.fields.iter().any(|(name, _)| name == field)) else {
            return;
        };
        let replaces = |endpoint: &Value| {
            let takes = endpoint.get("takes").and_then(Value::as_array);
            let mut takes = takes.into_iter().flatten();
            takes.any(|take| take.pointer("/is/replaces/field").and_then(Value::as_str) == Some(field))
        };
        let spent = self
            .sent
            .iter()
            .filter(|sent| self.endpoint(&sent.endpoint).is_some_and(replaces))
            .count();
        assert!(spent <= 1, "the rotating `{field}` is sent {spent} times");
    }
}
