//! What a field usually looks like, by the manifest's `pattern`, and what a mail address does. A mismatch is a word of warning and never a refusal: upstreams change their
//! formats, and a credential that was stored can be looked at.

use crate::manifest::{Field, Kind};
use regex::RegexBuilder;

/// A pattern that needs more than this, in bytes, is not tried. The longest of ours needs a few thousand.
const COMPILED_BYTES: usize = 64 * 1024;

/// What to tell the owner if the value does not look as it usually does. The value is not repeated.
pub(super) fn mismatch(kind: &Kind, field: &Field, value: &str) -> Option<String> {
    let pattern = field.pattern.as_deref().filter(|_| !value.is_empty())?;
    let compiled = RegexBuilder::new(pattern)
        .size_limit(COMPILED_BYTES)
        .dfa_size_limit(COMPILED_BYTES)
        .build()
        .ok()?;
    (!compiled.is_match(value)).then(|| {
        format!(
            "`fields.{}` does not look as that of `{}` usually does ({pattern}); it is stored as it is",
            field.name, kind.name
        )
    })
}

/// What to tell the owner if this can be no mail address: a name, one `@`, a host. No more is asked: who is right about the rest is the mail's host.
pub(super) fn unusual_mail(email: Option<&str>) -> Option<String> {
    let is_usual = |email: &str| {
        let parts = email.split_once('@');
        parts.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'))
            && !email.contains(char::is_whitespace)
    };
    (!is_usual(email?)).then(|| "`email` does not look like a mail address; it is stored as it is".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{mismatch, unusual_mail};
    use serde_json::{from_value, json};

    fn told(pattern: &str, value: &str) -> Option<String> {
        let field = json!({ "name": "token", "label": "Token", "secret": true, "pattern": pattern });
        let kind = json!({ "name": "pat", "title": "PAT", "token": "static", "token-fills": "token", "fields": [] });
        mismatch(&from_value(kind).unwrap(), &from_value(field).unwrap(), value)
    }

    #[test]
    fn a_mismatch_is_told_without_the_value() {
        let pattern = "^((gh[pousr]_|github_pat_)[A-Za-z0-9._-]{20,}|[0-9a-f]{40})$";
        assert_eq!(told(pattern, "ghp_0123456789abcdefghijABCDEFGHIJ"), None);
        let told = told(pattern, "glpat-s3cret").unwrap();
        assert!(
            told.contains("`fields.token`") && told.contains("gh[pousr]_") && !told.contains("s3cret"),
            "{told}"
        );
    }

    #[test]
    fn what_can_be_no_mail_address_is_told() {
        for odd in ["nobody", "@example.com", "a@", "a b@example.com", "a@b@c", ""] {
            assert!(unusual_mail(Some(odd)).is_some(), "{odd}");
        }
        for usual in [None, Some("alice+x@example.com"), Some("gitlab@localhost")] {
            assert_eq!(unusual_mail(usual), None);
        }
    }

    #[test]
    fn a_pattern_that_is_none_or_too_much_says_nothing() {
        assert_eq!(told("^(", "x"), None);
        assert_eq!(told("^(a{1000}){1000}$", "x"), None);
        assert_eq!(told("^x$", ""), None, "nothing was given");
    }
}
