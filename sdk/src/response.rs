//! An answer, seen through the manifest.

use crate::{Failure, Secret, host};

/// An answer, as far as the manifest opens it.
pub struct Response(pub(crate) host::Answer);

impl Response {
    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        host::status(&self.0)
    }

    /// A header that the manifest opens.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        host::header(&self.0, name)
    }

    /// The answer as JSON text, reduced to the fields that the manifest opens.
    ///
    /// # Errors
    /// The host's: the answer is not JSON, or repeats a secret that was sent.
    pub fn opened(&self) -> Result<String, Failure> {
        host::opened(&self.0)
    }

    /// A field that the manifest lets the provider take as a secret. Each is given once.
    #[must_use]
    pub fn take(&self, name: &str) -> Option<Secret> {
        host::take(&self.0, name).map(Secret)
    }
}
