//! Which headers a guest may write. Pure.
//!
//! `Host` decides which account on a shared server is meant, `Transfer-Encoding` and CR or LF decide where a request ends: these the host writes.

/// Written by the host alone, or not at all.
const HOST_ONLY: [&str; 17] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "proxy-authorization",
    "proxy-authenticate",
    "proxy-connection",
    "forwarded",
    "via",
    "cookie",
    "accept-encoding",
    "origin",
];

/// A name may be this long.
const NAME_BYTES: usize = 128;
/// A literal value may be this long; a secret has its own limit.
const VALUE_BYTES: usize = 8 * 1024;

/// Whether the host keeps this header for itself. `name` in lower case.
#[must_use]
pub fn is_host_only(name: &str) -> bool {
    HOST_ONLY.contains(&name) || name.starts_with("proxy-") || name.starts_with("x-forwarded-") || name.starts_with("sec-")
}

/// Checks a name and gives it in lower case.
///
/// # Errors
/// Why it may not be written.
pub fn name(name: &str) -> Result<String, String> {
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || name.len() > NAME_BYTES || !name.chars().all(token) {
        return Err("a header's name is no token of RFC 9110".to_owned());
    }
    let name = name.to_ascii_lowercase();
    if is_host_only(&name) {
        return Err(format!("the header `{name}` is written by the host alone"));
    }
    Ok(name)
}

/// Whether a value holds nothing but visible ASCII, spaces and tabs.
#[must_use]
pub fn is_value(value: &str) -> bool {
    value.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte))
}

/// Checks a literal value.
///
/// # Errors
/// Why it may not be written.
pub fn value(name: &str, value: &str) -> Result<(), String> {
    if value.len() > VALUE_BYTES {
        return Err(format!("the header `{name}` is longer than {VALUE_BYTES} bytes"));
    }
    if !is_value(value) {
        return Err(format!(
            "the header `{name}` holds a line break or another character that no header may hold"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_smuggle_is_refused() {
        for bad in [
            "Host",
            "Transfer-Encoding",
            "content-length",
            "Connection",
            "X-Forwarded-For",
            "proxy-anything",
            "",
            "a b",
            "a:b",
            "a\r\nb",
            "é",
        ] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
        assert_eq!(name("Authorization").unwrap(), "authorization");
        for bad in ["a\r\nHost: evil", "a\nb", "\0", "é", "\u{7f}"] {
            assert!(value("accept", bad).is_err(), "{bad:?}");
        }
        assert!(value("accept", "application/json; a=\"b\"\t").is_ok());
    }
}
