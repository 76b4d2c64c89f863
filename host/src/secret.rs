//! Secret text as a type: no `Debug`, no `Display`, no `Serialize`, wiped when dropped.
//!
//! [`Secret::expose`] is the one way in. A test lists the files that may call it; adding a file to that list is a decision
//! to be argued for, not a convenience.

use zeroize::Zeroizing;

/// Text that must never be printed, logged or serialised: a token, a private key, a client secret.
///
/// Cloning copies the bytes; the copy is wiped on drop as well. Comparison is deliberately absent: compare digests.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes ownership of the text. The caller's buffer becomes ours, so nothing is left behind.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself. Only for placing, sealing, signing, hashing, or the one handler that answers a token read.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Bytes of UTF-8, for limits.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it can stand where a line break or a NUL ends a value.
    #[must_use]
    pub fn is_one_line(&self) -> bool {
        !self.0.contains(['\0', '\n', '\r'])
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl<'de> serde::Deserialize<'de> for Secret {
    /// Reading a secret from a request body or a file is allowed; writing one is not, so there is no `Serialize`.
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        String::deserialize(input).map(Self::new)
    }
}
