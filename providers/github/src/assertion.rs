//! Requests as the App itself: with an assertion (a JWS, RFC 7515) that its private key signed.

use crate::answer::Answer;
use crate::failures::is_about_time;
use crate::instance::Instance;
use claviger_sdk::{Credential, Failure, Level, Reply, Request, Secret, log, now_ms, sign_rs256};
use serde_json::{Value, json};

/// A clock that is a little fast would issue in the future, which GitHub refuses.
const ISSUED_AGO_SECONDS: u64 = 60;

/// GitHub allows 600 seconds from its own now. With exactly that, a clock one second fast fails; ten minutes in all, begun a
/// minute ago, leaves a minute.
const EXPIRES_IN_SECONDS: u64 = 540;

/// A difference that an assertion survives by itself.
const TOLERATED_SECONDS: u64 = 60;

/// No honest clock is further off: the widest mistake of a time zone is 26 hours. An assertion dated after a clock that is could be
/// kept, and used much later.
const CORRECTED_SECONDS: u64 = 26 * 3600;

/// The App that a credential is of.
pub struct App<'c> {
    /// Where it is registered.
    pub instance: Instance,
    id: &'c str,
    key: &'c Secret,
    /// The time that assertions are made for, if GitHub's own has been heard.
    ahead_seconds: i64,
}

impl<'c> App<'c> {
    /// The App of this credential.
    ///
    /// # Errors
    /// `invalid-credential` if its id or key is missing.
    pub fn of(credential: &'c Credential) -> Result<Self, Failure> {
        Ok(Self {
            instance: Instance::of(credential),
            id: credential.require_text("app-id")?,
            key: credential.require_secret("private-key")?,
            ahead_seconds: 0,
        })
    }

    /// Asks as the App. If GitHub refuses for the time, asks once more by GitHub's own clock, which its answer told: a machine with a wrong
    /// clock then works, and its log says so.
    ///
    /// # Errors
    /// The host's. A refusal is an answer.
    pub fn ask<'r>(&mut self, describe: impl Fn(&Instance) -> Request<'r>) -> Result<Answer, Failure> {
        let first = self.once(describe(&self.instance))?;
        let Some(ahead) = correction(&first.reply, now_ms()).filter(|_| self.ahead_seconds == 0) else {
            return Ok(first);
        };
        self.ahead_seconds = ahead;
        let second = self.once(describe(&self.instance))?;
        if second.reply.is_success() {
            log(
                Level::Warn,
                &format!("this machine's clock is {ahead} s ahead of GitHub's; asked by GitHub's clock, set this one"),
            );
        }
        Ok(second)
    }

    fn once(&self, request: Request<'_>) -> Result<Answer, Failure> {
        let now = (now_ms() / 1000).saturating_add_signed(self.ahead_seconds.saturating_neg());
        let assertion = sign_rs256(self.key, None, &claims(self.id, now))?;
        Answer::to(request.bearer(&assertion))
    }
}

/// By how many seconds this clock is ahead, if that is why GitHub refused.
fn correction(reply: &Reply, now_ms: u64) -> Option<i64> {
    let ahead = reply.clock_ahead_seconds(now_ms).filter(|_| reply.status == 401)?;
    let about_time = is_about_time(crate::failures::said(reply)) && ahead != 0;
    ((about_time || ahead.unsigned_abs() > TOLERATED_SECONDS) && ahead.unsigned_abs() <= CORRECTED_SECONDS).then_some(ahead)
}

/// The claims of an assertion. `app` is the App's id or its client id: GitHub takes either.
#[must_use]
pub fn claims(app: &str, now_seconds: u64) -> Value {
    json!({ "iat": now_seconds.saturating_sub(ISSUED_AGO_SECONDS), "exp": now_seconds.saturating_add(EXPIRES_IN_SECONDS), "iss": app })
}

#[cfg(test)]
mod tests {
    use super::{claims, correction};
    use claviger_sdk::Reply;
    use proptest::prelude::*;
    use serde_json::json;

    const NOW_MS: u64 = 1_786_960_800_000;

    fn refused(status: u16, message: &str, date: &str) -> Reply {
        Reply {
            status,
            json: json!({ "message": message }),
            date: Some(date.to_owned()),
            ..Reply::default()
        }
    }

    #[test]
    fn only_a_refusal_for_the_time_is_asked_again() {
        let (late, future) = (
            "Mon, 17 Aug 2026 09:55:00 GMT",
            "'Expiration time' claim ('exp') is too far in the future",
        );
        assert_eq!(correction(&refused(401, future, late), NOW_MS), Some(300));
        assert_eq!(
            correction(&refused(401, "A JSON web token could not be decoded", late), NOW_MS),
            Some(300)
        );
        assert_eq!(correction(&refused(401, future, "Mon, 17 Aug 2026 09:59:58 GMT"), NOW_MS), Some(2));
        for reply in [
            refused(403, future, late),
            refused(401, "A JSON web token could not be decoded", "Mon, 17 Aug 2026 09:59:30 GMT"),
            refused(401, future, "Mon, 17 Aug 2026 10:00:00 GMT"),
            refused(401, future, "Mon, 10 Aug 2026 10:00:00 GMT"),
            refused(401, future, "soon"),
        ] {
            assert_eq!(correction(&reply, NOW_MS), None, "{reply:?}");
        }
    }

    proptest! {
        #[test]
        fn an_assertion_lives_ten_minutes_at_most(now in 60..4_000_000_000_u64) {
            let claims = claims("1", now);
            let (iat, exp) = (claims["iat"].as_u64().unwrap(), claims["exp"].as_u64().unwrap());
            prop_assert!(iat < now && now < exp && exp - iat <= 600);
        }

        #[test]
        fn no_date_is_followed_far(status in any::<u16>(), message in "\\PC{0,60}", date in "\\PC{0,40}", now in any::<u64>()) {
            if let Some(ahead) = correction(&refused(status, &message, &date), now) {
                prop_assert!(ahead.unsigned_abs() <= 26 * 3600);
            }
        }
    }
}
