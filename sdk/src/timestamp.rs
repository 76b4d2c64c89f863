//! Times as upstreams write them. `None` for whatever does not read: an unreadable time is never a guess.

use time::OffsetDateTime;
use time::format_description::well_known::{Rfc2822, Rfc3339};

/// An RFC 3339 time (`2026-08-17T10:00:00Z`), in milliseconds since the Unix epoch.
#[must_use]
pub fn rfc3339_ms(text: &str) -> Option<u64> {
    millis(OffsetDateTime::parse(text.trim(), &Rfc3339).ok()?)
}

/// The `Date` header (`Mon, 17 Aug 2026 10:00:00 GMT`), in milliseconds since the Unix epoch.
#[must_use]
pub fn http_date_ms(text: &str) -> Option<u64> {
    millis(OffsetDateTime::parse(text.trim(), &Rfc2822).ok()?)
}

fn millis(at: OffsetDateTime) -> Option<u64> {
    u64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok()
}

#[cfg(test)]
mod tests {
    use super::{http_date_ms, rfc3339_ms};

    #[test]
    fn reads_what_upstreams_write() {
        assert_eq!(rfc3339_ms("2026-08-17T10:00:00Z"), Some(1_786_960_800_000));
        assert_eq!(rfc3339_ms("2026-08-17T12:00:00.5+02:00"), Some(1_786_960_800_500));
        assert_eq!(http_date_ms("Mon, 17 Aug 2026 10:00:00 GMT"), Some(1_786_960_800_000));
    }

    #[test]
    fn does_not_guess() {
        for text in ["", "soon", "2026-08-17", "1969-12-31T23:59:59Z", "2026-13-01T00:00:00Z"] {
            assert_eq!(rfc3339_ms(text), None, "{text}");
        }
        assert_eq!(http_date_ms("yesterday"), None);
    }
}
