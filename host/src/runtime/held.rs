//! A secret as the host holds it for a guest: its text, its class, and where it came from.
//!
//! The guest has a number; this is what the number means. Class and origins travel with every copy, join and signature, so that the two laws can be
//! checked at the end of any chain of operations: what may be returned as the token, and where something may be placed.

use crate::clock::Millis;
use crate::manifest::{CURRENT_TOKEN, Kind, PlacedAs, TokenSource};
use crate::secret::Secret;
use url::Url;

/// What a secret is, from harmless to never.
///
/// The order is the strictness: a join takes the greatest of its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Stored, and by its kind the token itself: may be returned.
    Static,
    /// Taken from an answer's field that the manifest calls a token: may be returned.
    Minted,
    /// Signed or joined: may be placed.
    Assertion,
    /// The operator's client secret.
    Client,
    /// A refresh token, a private key: never leaves, except to where it is approved.
    Stored,
}

impl Class {
    /// What a stored field of this kind is.
    pub(super) fn of(kind: &Kind, field: &str) -> Self {
        match kind.token {
            _ if kind.field(field).is_some_and(|field| field.client) => Self::Client,
            TokenSource::Static if kind.token_fills == field => Self::Static,
            _ => Self::Stored,
        }
    }

    /// Whether such a secret may leave as the token.
    #[must_use]
    pub fn may_be_returned(self) -> bool {
        matches!(self, Self::Static | Self::Minted)
    }
}

/// Where a secret came from: a field, in a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The stored field, or `current-token` for what was minted.
    pub field: String,
    /// What was done to it.
    pub form: PlacedAs,
    /// If it is the operator's own client secret: the only instance where it may be placed.
    pub only_at: Option<Url>,
}

/// A secret behind a handle.
#[derive(Clone)]
pub struct HostSecret {
    pub(super) value: Secret,
    pub(super) class: Class,
    pub(super) origins: Vec<Origin>,
    /// When it ends, if the host saw that itself.
    pub(super) expires_at_ms: Option<Millis>,
}

impl HostSecret {
    /// A field as it is stored.
    pub(super) fn field(name: &str, value: Secret, class: Class, only_at: Option<Url>) -> Self {
        let origin = Origin {
            field: name.to_owned(),
            form: PlacedAs::Plain,
            only_at,
        };
        Self {
            value,
            class,
            origins: vec![origin],
            expires_at_ms: None,
        }
    }

    /// The same, known to end at a time.
    pub(super) fn ending(self, expires_at_ms: Option<Millis>) -> Self {
        Self { expires_at_ms, ..self }
    }

    /// A token that an upstream gave.
    pub(super) fn minted(value: Secret, expires_at_ms: Option<Millis>) -> Self {
        Self::field(CURRENT_TOKEN, value, Class::Minted, None).ending(expires_at_ms)
    }

    /// A signature made with this secret.
    pub(super) fn signed(&self, value: Secret) -> Self {
        Self {
            value,
            class: Class::Assertion,
            origins: self.origins_as(PlacedAs::Signed),
            expires_at_ms: None,
        }
    }

    fn origins_as(&self, form: PlacedAs) -> Vec<Origin> {
        self.origins.iter().map(|origin| Origin { form, ..origin.clone() }).collect()
    }

    /// Something made of these secrets and of text.
    pub(super) fn joined(value: Secret, parts: &[&Self]) -> Self {
        let class = parts
            .iter()
            .map(|part| part.class)
            .max()
            .unwrap_or(Class::Assertion)
            .max(Class::Assertion);
        let mut origins: Vec<Origin> = Vec::new();
        for origin in parts.iter().flat_map(|part| part.origins_as(PlacedAs::Joined)) {
            if !origins.contains(&origin) {
                origins.push(origin);
            }
        }
        Self {
            value,
            class,
            origins,
            expires_at_ms: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(class: Class) -> HostSecret {
        HostSecret::field("f", Secret::new("value".into()), class, None)
    }

    #[test]
    fn a_join_takes_the_strictest_class_and_is_never_a_token() {
        let (token, key) = (secret(Class::Static), secret(Class::Stored));
        assert_eq!(HostSecret::joined(Secret::new(String::new()), &[&token, &key]).class, Class::Stored);
        assert_eq!(HostSecret::joined(Secret::new(String::new()), &[&token]).class, Class::Assertion);
        assert_eq!(HostSecret::joined(Secret::new(String::new()), &[]).class, Class::Assertion);
    }

    #[test]
    fn a_signature_may_be_placed_as_a_signature_alone() {
        let signed = secret(Class::Stored).signed(Secret::new("a.b.c".into()));
        assert_eq!(signed.class, Class::Assertion);
        assert_eq!(signed.origins[0].form, PlacedAs::Signed);
    }
}
