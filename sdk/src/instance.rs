//! The address of an instance, as people store it.

/// The instance that a credential names, without a trailing slash, or `default`. A path is kept: an instance below
/// `https://host/gitlab` is asked below `https://host/gitlab`. Whether it may be asked at all is for the host to say.
#[must_use]
pub fn instance_base<'a>(url: Option<&'a str>, default: &'a str) -> &'a str {
    url.unwrap_or(default).trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::instance_base;

    #[test]
    fn keeps_the_path_and_drops_the_slash() {
        assert_eq!(instance_base(None, "https://gitlab.com"), "https://gitlab.com");
        assert_eq!(
            instance_base(Some("https://host/gitlab/"), "https://gitlab.com"),
            "https://host/gitlab"
        );
    }
}
