//! What the reader asked for: less than the credential could give.

use crate::Failure;

/// The narrowing keys of a read, each once per value: `repository`, `permission`, `scope`. The host passes on only those
/// that the manifest lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Narrowing(Vec<(String, String)>);

impl Narrowing {
    /// From key and value pairs.
    #[must_use]
    pub fn new(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    /// Whether the reader asked for all that the credential gives.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The values of one key, in the order they were given.
    pub fn values<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.trim())
    }

    /// For kinds whose token is what it is: a wider token must never answer a narrower request.
    ///
    /// # Errors
    /// `unsupported`, if anything was asked for.
    pub fn refuse(&self, kind: &str) -> Result<(), Failure> {
        match self.0.first() {
            None => Ok(()),
            Some((key, _)) => Err(Failure::unsupported(format!(
                "a credential of kind `{kind}` cannot be narrowed by `{key}`; read it without, or store one that can be"
            ))),
        }
    }
}
