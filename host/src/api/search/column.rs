//! What can be searched and ordered by: typed columns of a resource.

use crate::clock::Millis;
use std::borrow::Cow;
use std::cmp::Ordering;

/// A column of the records of type `T`.
pub struct Column<T> {
    /// As clients name it.
    pub name: &'static str,
    /// What it holds.
    pub holds: Type,
    /// Reads it.
    pub read: fn(&T) -> Cell<'_>,
}

/// What a column holds, hence with what it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Text, compared byte by byte.
    Text,
    /// A number.
    Number,
    /// A moment; written as RFC 3339 in quotes.
    Time,
    /// True or false.
    Flag,
}

/// What stands in a column of one record.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell<'a> {
    /// Nothing.
    Null,
    /// A text.
    Text(Cow<'a, str>),
    /// A number; a moment in milliseconds; 0 or 1.
    Number(f64),
}

impl<'a> Cell<'a> {
    /// A text.
    #[must_use]
    pub const fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// A text that may be unset.
    #[must_use]
    pub fn maybe(text: Option<&'a (impl AsRef<str> + ?Sized)>) -> Self {
        text.map_or(Self::Null, |text| Self::Text(Cow::Borrowed(text.as_ref())))
    }

    /// A moment or a count. Both stay far below the 2^53 up to which `f64` is exact.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 and counts are below 2^53")]
    pub const fn number(number: Millis) -> Self {
        Self::Number(number as f64)
    }

    /// True or false.
    #[must_use]
    pub const fn flag(flag: bool) -> Self {
        Self::Number(if flag { 1.0 } else { 0.0 })
    }

    /// The order of lists: what is unset comes last.
    #[must_use]
    pub fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Null, Self::Null) => Ordering::Equal,
            (Self::Null, _) => Ordering::Greater,
            (_, Self::Null) => Ordering::Less,
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Number(_), Self::Text(_)) => Ordering::Less,
            (Self::Text(_), Self::Number(_)) => Ordering::Greater,
        }
    }
}
