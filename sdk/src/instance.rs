//! The address of an instance, as people store it.

/// The instance that a credential names, or `default`: scheme and host in lower case, no slash at the end. A path is kept: an
/// instance below `https://host/gitlab` is asked below `https://host/gitlab`. Whether it may be asked at all is for the host to
/// say, which refuses an address that is not written in its one normal form.
#[must_use]
pub fn instance_base(url: Option<&str>, default: &str) -> String {
    let address = url
        .unwrap_or(default)
        .trim()
        .trim_end_matches(|c: char| c == '/' || c.is_whitespace());
    let host = address.find("://").map_or(0, |at| at + "://".len());
    let path = address
        .get(host..)
        .and_then(|rest| rest.find('/'))
        .map_or(address.len(), |at| host + at);
    match address.split_at_checked(path) {
        Some((origin, path)) => format!("{}{path}", origin.to_ascii_lowercase()),
        None => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::instance_base;

    #[test]
    fn keeps_the_path_and_drops_the_slash() {
        for (url, expected) in [
            (None, "https://gitlab.com"),
            (Some("https://host/gitlab/"), "https://host/gitlab"),
            (Some(" HTTPS://Git.Example.COM/Root/ "), "https://git.example.com/Root"),
            (Some("http://127.0.0.1:4010"), "http://127.0.0.1:4010"),
            (Some("https://host/gitlab \t/ /"), "https://host/gitlab"),
            (Some("nonsense"), "nonsense"),
        ] {
            assert_eq!(instance_base(url, "https://gitlab.com"), expected, "{url:?}");
        }
    }
}
