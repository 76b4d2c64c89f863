//! What a failure says, and what may be done about it.

use super::Seen;
use claviger_sdk::{Failure, Retry, codes};

/// Codes of the host that a provider may pass on here: the scenario ran out of answers, or one does not read.
const HOSTS: [&str; 2] = ["connect", "protocol"];
const DETAILS: [&str; 4] = ["upstream-status", "upstream-error", "missing-scope", "clock-skew-seconds"];

impl Seen<'_> {
    /// A failure is of a known class, its advice fits the class, it names an answer that there was, and it holds no secret.
    pub(crate) fn failure(&self, failure: &Failure) {
        let retry = failure.retry;
        let fits = match failure.code.as_str() {
            codes::RATE_LIMITED => matches!(retry, Retry::Later(Some(_))),
            codes::TRANSIENT | codes::CLOCK_SKEW | codes::UPSTREAM_PROTOCOL => matches!(retry, Retry::Later(_)),
            codes::REAUTH_REQUIRED => retry == Retry::Reauthorise,
            codes::MISCONFIGURED | codes::INSUFFICIENT_SCOPE | codes::SUSPENDED | codes::UNSUPPORTED | codes::INVALID_CREDENTIAL => {
                retry == Retry::Never
            }
            host => HOSTS.contains(&host),
        };
        assert!(fits, "`{}` with {retry:?}: {}", failure.code, failure.message);
        assert!(!failure.message.trim().is_empty(), "`{}` says nothing", failure.code);
        assert!(!failure.upstream_may_have_acted, "only the host can know: {failure:?}");
        self.no_secret("the failure", &failure.message);
        for (key, value) in &failure.details {
            assert!(DETAILS.contains(&key.as_str()), "unknown detail `{key}`");
            self.no_secret("a detail of the failure", value);
        }
        if let Some(status) = failure.get("upstream-status") {
            assert!(
                self.exchanges().any(|(_, answer)| answer.status.to_string() == status),
                "nobody answered {status}"
            );
        }
        self.reauthorisation(failure);
    }

    /// An outage never asks for a person: that takes an answer that refuses.
    fn reauthorisation(&self, failure: &Failure) {
        if failure.retry != Retry::Reauthorise {
            return;
        }
        let Some(last) = self.last() else {
            panic!("nobody answered, and a person is asked: {failure:?}");
        };
        let refuses = |answer: &crate::scenario::Answer| !matches!(answer.status, 429 | 500..);
        assert!(
            refuses(last) || self.exchanges().any(|(_, answer)| answer.status == 401 && refuses(answer)),
            "an outage ({}) asks for a person: {failure:?}",
            last.status
        );
    }
}
