//! `X-Runner-Current-User`: a second opinion that can only narrow.
//!
//! The header says whose message the runner believes it is answering. Nobody is ever looked up by it. It is compared with the
//! user that the rules yield; if it names anybody else, the read is refused with 403, for then runner and server disagree about
//! the person, and a token of either would be wrong for the other.
//!
//! Two programs sanitise the id on its way and do it differently, so three spellings of one person are accepted: as it is, as the
//! backend writes it and as the runner writes it. The header's own text is not sanitised again:
//! `alice@x` must not pass for `alice-x`.

use crate::ids::Username;
use std::borrow::Cow;

/// The id that the header carried, if it carried one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurrentUserHeader(Option<Box<str>>);

impl CurrentUserHeader {
    /// No such header.
    pub const ABSENT: Self = Self(None);

    /// From the headers' values. A name without an id is no identity: `_name` is taken here so that it is visibly ignored.
    #[must_use]
    pub fn read(id: Option<&str>, _name: Option<&str>) -> Self {
        Self(id.map(str::trim).filter(|id| !id.is_empty()).map(Into::into))
    }

    /// The id, if there is one.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// Whether an id was given and none of these people has it.
    pub(super) fn names_somebody_else<'a>(&self, people: impl IntoIterator<Item = &'a Username>) -> bool {
        match self.id() {
            None => false,
            Some(id) => !people.into_iter().any(|user| is_spelling_of(id, user.as_str())),
        }
    }
}

fn is_spelling_of(id: &str, user: &str) -> bool {
    // A user whose sanitised form is empty would otherwise equal every other such user.
    !id.is_empty() && (id == user || id == backend_form(user) || id == runner_form(user))
}

/// Everything outside `[-._a-zA-Z0-9]` becomes `-`; runs of `-` become one; none at the ends.
fn backend_form(user: &str) -> String {
    let mut form = String::with_capacity(user.len());
    for c in user.chars() {
        let c = if c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_') {
            c
        } else {
            '-'
        };
        if c != '-' || !form.ends_with('-') {
            form.push(c);
        }
    }
    form.trim_matches('-').to_owned()
}

/// Characters outside `[a-zA-Z0-9@._-]` are dropped.
fn runner_form(user: &str) -> Cow<'_, str> {
    let kept = |c: char| c.is_ascii_alphanumeric() || matches!(c, '@' | '.' | '_' | '-');
    if user.chars().all(kept) {
        Cow::Borrowed(user)
    } else {
        Cow::Owned(user.chars().filter(|c| kept(*c)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mismatch(header: &str, user: &str) -> bool {
        CurrentUserHeader::read(Some(header), None).names_somebody_else([&Username::parse(user).unwrap()])
    }

    #[test]
    fn three_spellings_of_one_person() {
        for spelling in ["alice+ops@example.org", "alice-ops-example.org", "aliceops@example.org"] {
            assert!(!mismatch(spelling, "alice+ops@example.org"), "{spelling}");
        }
        assert!(!mismatch("bob-smith", "bob  smith!"));
        assert!(!mismatch("bobsmith", "bob  smith!"));
    }

    #[test]
    fn a_lookalike_is_somebody_else() {
        // `alice-x` and `alice@x` share the backend's form; the header is taken as it is.
        assert!(mismatch("alice@x", "alice-x"));
        assert!(mismatch("Alice", "alice"));
        assert!(mismatch("bob", "alice"));
    }

    #[test]
    fn nothing_left_after_sanitising_equals_nobody() {
        assert!(mismatch("李", "王"));
        assert!(mismatch("---", "王"));
        assert!(!mismatch("王", "王"));
    }

    #[test]
    fn a_name_without_an_id_and_an_empty_id_are_no_identity() {
        assert_eq!(CurrentUserHeader::read(None, Some("Alice")), CurrentUserHeader::ABSENT);
        assert_eq!(CurrentUserHeader::read(Some("  "), Some("Alice")), CurrentUserHeader::ABSENT);
    }
}
