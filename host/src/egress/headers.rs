//! A request's headers, checked: the host writes those that decide where a message goes and where it ends.
//!
//! A provider that could set `Host` would speak to another site on an approved address; one that could set `Transfer-Encoding`
//! or break a line would write a second request of its own behind the first.

use super::budget;
use super::denied::{Denied, word};
use http::{HeaderMap, HeaderName, HeaderValue};
use zeroize::Zeroizing;

/// Headers that only the host sets, or that nobody may.
const CONTROLLED: &[(&str, &str)] = &[
    ("host", ROUTE),
    ("content-length", FRAME),
    ("transfer-encoding", FRAME),
    ("te", FRAME),
    ("trailer", FRAME),
    ("expect", FRAME),
    ("connection", HOP),
    ("keep-alive", HOP),
    ("upgrade", HOP),
    ("http2-settings", HOP),
    ("via", HOP),
    ("forwarded", ROUTE),
    ("x-real-ip", ROUTE),
    ("x-original-url", ROUTE),
    ("x-original-host", ROUTE),
    ("x-rewrite-url", ROUTE),
    ("x-http-method", METHOD),
    ("x-http-method-override", METHOD),
    ("x-method-override", METHOD),
    ("cookie", "the host keeps no cookies"),
    ("cookie2", "the host keeps no cookies"),
    ("set-cookie", "the host keeps no cookies"),
    // Nothing is decompressed on the way in: an answer of 1 MiB must not become one of a gigabyte.
    ("accept-encoding", "the host asks for answers without compression"),
];
const CONTROLLED_PREFIXES: &[(&str, &str)] = &[("proxy-", HOP), ("x-forwarded-", ROUTE), ("sec-", "it belongs to browsers")];

const ROUTE: &str = "the host decides where a request goes";
const FRAME: &str = "the host decides where a message ends";
const HOP: &str = "it is for one hop alone, and the host makes the hops";
const METHOD: &str = "the method is the one that was approved";

/// Checked headers. No `Debug`: values hold secrets.
#[derive(Default)]
pub struct Headers(HeaderMap);

impl Headers {
    /// Checks every name and value. Names are compared without regard to case; each may come once.
    ///
    /// # Errors
    /// [`Denied::Header`], naming header and rule, never a value.
    pub fn check(headers: impl IntoIterator<Item = (String, Zeroizing<Vec<u8>>)>) -> Result<Self, Denied> {
        let mut checked = HeaderMap::new();
        let mut total = 0;
        for (name, value) in headers {
            let refuse = |why| Err(Denied::Header { name: word(&name), why });
            total += name.len() + value.len();
            if checked.len() >= budget::REQUEST_HEADERS || total > budget::REQUEST_HEADER_BYTES {
                return refuse("more than 64 headers or 32 KiB of them");
            }
            if name.len() > budget::HEADER_NAME_BYTES || value.len() > budget::HEADER_VALUE_BYTES {
                return refuse("a name may have 100 bytes, a value 16 KiB");
            }
            let Ok(parsed) = HeaderName::from_bytes(name.as_bytes()) else {
                return refuse("this is no header name");
            };
            if let Some(why) = controlled(parsed.as_str()) {
                return refuse(why);
            }
            if value.iter().any(|b| !matches!(b, 0x20..=0x7e | b'\t')) {
                return refuse("its value has a line break, a control character or a byte beyond ASCII");
            }
            if value.first().is_some_and(u8::is_ascii_whitespace) || value.last().is_some_and(u8::is_ascii_whitespace) {
                return refuse("its value begins or ends with a space");
            }
            // The bytes keep their owner, which wipes them; a copy would not be wiped.
            let Ok(mut value) = HeaderValue::from_maybe_shared(bytes::Bytes::from_owner(value)) else {
                return refuse("its value is no header value");
            };
            value.set_sensitive(true);
            if checked.insert(parsed, value).is_some() {
                return refuse("it comes twice");
            }
        }
        Ok(Self(checked))
    }

    /// The headers as sent, with those that the host adds.
    pub(super) fn into_sent(mut self) -> HeaderMap {
        self.0.insert(http::header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        // GitHub refuses requests without one.
        self.0
            .entry(http::header::USER_AGENT)
            .or_insert(HeaderValue::from_static(concat!("claviger/", env!("CARGO_PKG_VERSION"))));
        self.0
    }
}

fn controlled(name: &str) -> Option<&'static str> {
    let exact = CONTROLLED.iter().find(|(known, _)| *known == name);
    exact
        .or_else(|| CONTROLLED_PREFIXES.iter().find(|(prefix, _)| name.starts_with(prefix)))
        .map(|(_, why)| *why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(headers: &[(&str, &[u8])]) -> Result<Headers, Denied> {
        Headers::check(
            headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), Zeroizing::new(value.to_vec()))),
        )
    }

    #[test]
    fn the_host_keeps_its_own_headers() {
        for name in [
            "Host",
            "host",
            "HOST",
            "Content-Length",
            "Transfer-Encoding",
            "TE",
            "Trailer",
            "Connection",
            "Keep-Alive",
            "Upgrade",
            "Proxy-Authorization",
            "proxy-anything",
            "X-Forwarded-For",
            "X-Forwarded-Host",
            "Forwarded",
            "Cookie",
            "Expect",
            "Via",
            "X-HTTP-Method-Override",
            "X-Original-URL",
            "Accept-Encoding",
        ] {
            let denied = check(&[(name, b"x")]).err().unwrap();
            assert!(
                matches!(&denied, Denied::Header { name: named, .. } if named == name),
                "{name}: {denied}"
            );
        }
    }

    #[test]
    fn a_value_cannot_break_out_of_its_line() {
        for value in [
            b"a\r\nHost: evil".as_slice(),
            b"a\nb",
            b"a\rb",
            b"a\0b",
            b"a\x7f",
            b" a",
            b"a ",
            b"a\xc3\xa9",
            b"\tb",
        ] {
            assert!(check(&[("x-note", value)]).is_err(), "{value:?}");
        }
        assert!(check(&[("x-note", b"a\tb c")]).is_ok());
    }

    #[test]
    fn a_name_is_a_token() {
        for name in ["", "x y", "x:", "x\r\nHost", "x\0", "é", "host ", " host", "ho st"] {
            assert!(check(&[(name, b"x")]).is_err(), "{name:?}");
        }
    }

    #[test]
    fn twice_is_once_too_often_in_any_case() {
        assert!(check(&[("authorization", b"Bearer a"), ("Authorization", b"Bearer b")]).is_err());
        assert!(check(&[("authorization", b"Bearer a"), ("accept", b"application/json")]).is_ok());
    }

    #[test]
    fn sizes_are_bounded() {
        assert!(check(&[("x-big", &vec![b'a'; budget::HEADER_VALUE_BYTES])]).is_ok());
        assert!(check(&[("x-big", &vec![b'a'; budget::HEADER_VALUE_BYTES + 1])]).is_err());
        let many = |count: usize| Headers::check((0..count).map(|n| (format!("x-{n}"), Zeroizing::new(b"v".to_vec()))));
        assert!(many(budget::REQUEST_HEADERS).is_ok());
        assert!(many(budget::REQUEST_HEADERS + 1).is_err());
        let half = vec![b'a'; budget::HEADER_VALUE_BYTES];
        assert!(check(&[("x-a", &half), ("x-b", &half), ("x-c", b"v")]).is_err());
    }

    #[test]
    fn a_refusal_does_not_repeat_the_value() {
        let denied = check(&[("authorization", b"Bearer hunter2\n")]).err().unwrap();
        assert!(!format!("{denied} {denied:?}").contains("hunter2"));
    }
}
