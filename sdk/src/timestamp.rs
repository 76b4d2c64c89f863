//! Times as upstreams write them. `None` for whatever does not read: an unreadable time is never a guess.

use time::format_description::well_known::{Rfc2822, Rfc3339};
use time::{Date, Month, OffsetDateTime};

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

/// A day (`2027-01-31`), as the millisecond with which it begins, in UTC.
#[must_use]
pub fn date_ms(text: &str) -> Option<u64> {
    let mut parts = text.trim().split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let plain = |part: &str, length| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(year, 4) || !plain(month, 2) || !plain(day, 2) || parts.next().is_some() {
        return None;
    }
    let month = Month::try_from(month.parse::<u8>().ok()?).ok()?;
    let date = Date::from_calendar_date(year.parse().ok()?, month, day.parse().ok()?).ok()?;
    millis(date.midnight().assume_utc())
}

/// The day, in UTC, that a millisecond belongs to: `2027-01-31`.
#[must_use]
pub fn date_of_ms(at_ms: u64) -> Option<String> {
    let date = OffsetDateTime::from_unix_timestamp(i64::try_from(at_ms / 1000).ok()?).ok()?.date();
    (date.year() <= 9999).then(|| format!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day()))
}

fn millis(at: OffsetDateTime) -> Option<u64> {
    u64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok()
}

#[cfg(test)]
mod tests {
    use super::{date_ms, date_of_ms, http_date_ms, rfc3339_ms};

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
        for text in [
            "",
            "2026-8-17",
            "2026-02-30",
            "2026-08-17T00:00:00Z",
            "2026-08-17-1",
            "+026-08-17",
            "1969-12-31",
        ] {
            assert_eq!(date_ms(text), None, "{text}");
        }
    }

    #[test]
    fn a_day_begins_at_midnight_utc() {
        assert_eq!(date_ms("2026-08-17"), Some(1_786_924_800_000));
        assert_eq!(date_of_ms(1_786_924_800_000).as_deref(), Some("2026-08-17"));
        assert_eq!(date_of_ms(1_786_924_799_999).as_deref(), Some("2026-08-16"));
        assert_eq!(date_of_ms(u64::MAX), None);
    }
}
