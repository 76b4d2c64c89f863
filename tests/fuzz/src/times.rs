//! The target of the SDK's readers of times, numbers and refusals: the pure part of every provider.
//!
//! The first line is a text that may be a time; the answer is read as an OAuth server's.

use crate::scenario::Scenario;
use claviger_sdk::{Failure, Reply, Retry, codes, date_ms, date_of_ms, http_date_ms, instance_base, oauth, rfc3339_ms};

/// No answer's lifetime reaches beyond what a calendar of four digits has.
const LAST_MS: u64 = 253_402_300_799_999;

/// The target.
///
/// # Panics
/// If a reader guesses, or an advice does not fit.
pub fn target(data: &[u8]) {
    let scenario = Scenario::read(data);
    let (text, now_ms) = (scenario.head.as_str(), scenario.now_ms);
    for at in [rfc3339_ms(text), http_date_ms(text), date_ms(text)].into_iter().flatten() {
        assert!(at <= LAST_MS, "`{text}` is read as {at}");
    }
    if let Some(at) = date_ms(text) {
        assert_eq!(date_of_ms(at).as_deref(), Some(text.trim()), "a day is its own text");
    }
    if let Some(day) = date_of_ms(now_ms) {
        assert!(
            date_ms(&day).is_some_and(|begins| begins <= now_ms && now_ms - begins < 86_400_000),
            "{day}"
        );
    }
    let base = instance_base(Some(text), "https://default.example");
    assert_eq!(instance_base(Some(&base), ""), base, "what is in its normal form stays so");

    for answer in &scenario.answers {
        let header = |name: &str| answer.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let reply = Reply {
            status: answer.status,
            json: answer.json().unwrap_or_default(),
            retry_after: header("retry-after"),
            date: header("date"),
        };
        // Must not overflow, whatever both clocks say.
        let _ahead = reply.clock_ahead_seconds(now_ms);
        let limited = reply.rate_limited("X", now_ms);
        assert!(matches!(limited.retry, Retry::Later(Some(_))), "{limited:?}");
        let by_status = reply.failure_by_status("X", now_ms);
        assert_ne!(by_status.retry, Retry::Reauthorise, "a status alone asks for nobody");
        match oauth::check("X", &reply, now_ms) {
            Ok(()) => assert!(reply.is_success() && reply.text("/error").is_none()),
            Err(failure) => refusal(&reply, &failure),
        }
        lifetime(&reply, now_ms);
    }
}

fn refusal(reply: &Reply, failure: &Failure) {
    let status = reply.status.to_string();
    assert_eq!(failure.get("upstream-status"), Some(status.as_str()));
    let asks = failure.retry == Retry::Reauthorise;
    assert_eq!(asks, failure.code == codes::REAUTH_REQUIRED, "{failure:?}");
    assert!(
        !asks || !matches!(reply.status, 429 | 500..),
        "an outage ({status}) asks for a person: {failure:?}"
    );
}

/// An end that is told is read, and not for longer than it says, counted from now.
fn lifetime(reply: &Reply, now_ms: u64) {
    let told = reply.json.pointer("/expires_in").filter(|told| !told.is_null());
    let ends = oauth::expires_at_ms(reply, now_ms);
    assert_eq!(told.is_some(), ends.is_some(), "an end is read where one is told, and nowhere else");
    let (Some(told), Some(ends)) = (told, ends) else { return };
    assert!(i64::try_from(ends).is_ok(), "the host cannot hold the end {ends}");
    let seconds = told.as_f64().or_else(|| told.as_str()?.trim().parse().ok()).unwrap_or(0.0);
    #[expect(clippy::cast_precision_loss, reason = "a second more or less is no matter here")]
    let life = ends.saturating_sub(now_ms) as f64 / 1000.0;
    let latest = seconds.max(0.0) * (1.0 + 1e-12) + 1.0;
    assert!(life <= latest, "it is believed for {life} s, and lives for {seconds}");
}
