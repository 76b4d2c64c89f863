//! What a reader asks for beyond "a token": less of it, for longer, or another one.

use crate::clock::Millis;
use crate::ids::Generation;
use crate::manifest::{Manifest, Narrowing, TokenSource};
use std::collections::BTreeSet;

/// One reader's wishes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wish {
    /// The token shall be good for this long, in milliseconds; counts up to half its life.
    pub min_ttl_ms: Millis,
    /// The upstream rejected the token of this generation: get another, at most once a minute.
    pub rejected: Option<Generation>,
    /// What the token shall be limited to.
    pub narrow: Narrow,
}

/// What a token is limited to: key and value, sorted, each pair once. Two requests that mean the same are equal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Narrow(BTreeSet<(Narrowing, String)>);

/// The provider cannot limit its tokens so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{title} cannot narrow a token by `{key}`; it can by: {known}")]
pub struct CannotNarrow {
    title: String,
    key: &'static str,
    known: String,
}

impl Narrow {
    /// Adds a limit.
    pub fn add(&mut self, key: Narrowing, value: String) {
        self.0.insert((key, value));
    }

    /// Whether the whole token is asked for.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.0.is_empty()
    }

    /// Refuses what the provider cannot do: a wider token must never answer a narrower request. A stored token is as wide as it is, and
    /// a kind that rotates has one token for all its readers, whatever its component says.
    ///
    /// # Errors
    /// The first limit that is not in the manifest, or any for such a kind.
    pub fn check(&self, manifest: &Manifest, kind: &str) -> Result<(), CannotNarrow> {
        if let Some((key, _)) = self.0.iter().next()
            && manifest
                .kind(kind)
                .is_some_and(|kind| kind.token == TokenSource::Static || kind.rotation.is_some())
        {
            return Err(CannotNarrow {
                title: manifest.title.clone(),
                key: name(*key),
                known: format!("nothing, for `{kind}`"),
            });
        }
        let Some((key, _)) = self.0.iter().find(|(key, _)| !manifest.narrowing.contains(key)) else {
            return Ok(());
        };
        let known: Vec<&str> = manifest.narrowing.iter().map(|key| name(*key)).collect();
        let known = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
        Err(CannotNarrow {
            title: manifest.title.clone(),
            key: name(*key),
            known,
        })
    }

    /// As the provider gets it.
    #[must_use]
    pub fn pairs(&self) -> Vec<(String, String)> {
        self.0.iter().map(|(key, value)| (name(*key).to_owned(), value.clone())).collect()
    }

    /// One text for the cache's key; empty for the whole token.
    #[must_use]
    pub fn canonical(&self) -> String {
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(self.0.iter().map(|(key, value)| (name(*key), value)))
            .finish()
    }
}

const fn name(key: Narrowing) -> &'static str {
    match key {
        Narrowing::Repository => "repository",
        Narrowing::Permission => "permission",
        Narrowing::Scope => "scope",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn narrow(pairs: &[(u8, String)]) -> Narrow {
        let mut narrow = Narrow::default();
        for (key, value) in pairs {
            narrow.add(
                [Narrowing::Repository, Narrowing::Permission, Narrowing::Scope][usize::from(*key % 3)],
                value.clone(),
            );
        }
        narrow
    }

    proptest! {
        #[test]
        fn order_and_repetition_do_not_matter(pairs in prop::collection::vec((0u8..3, ".{0,8}"), 0..6)) {
            let mut other: Vec<_> = pairs.iter().rev().cloned().collect();
            other.extend(pairs.first().cloned());
            prop_assert_eq!(narrow(&pairs).canonical(), narrow(&other).canonical());
        }

        #[test]
        fn different_limits_have_different_keys(a in prop::collection::vec((0u8..3, ".{0,6}"), 0..4), b in prop::collection::vec((0u8..3, ".{0,6}"), 0..4)) {
            let (a, b) = (narrow(&a), narrow(&b));
            prop_assert_eq!(a == b, a.canonical() == b.canonical());
        }
    }
}
