//! What makes two tokens the same token.

use crate::ids::{CredentialId, Generation};
use ring::digest::{Context, SHA256};

/// Credential, generation, provider digest, instance and narrowing. A wider token never answers a narrower request, nor one provider's
/// version another's, for their keys differ.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CacheKey {
    credential: CredentialId,
    generation: Generation,
    rest: [u8; 32],
}

impl CacheKey {
    /// The key of one token. `narrowing` is canonical: equal for equal requests.
    #[must_use]
    pub fn new(credential: &CredentialId, generation: Generation, provider_digest: &str, instance: Option<&str>, narrowing: &str) -> Self {
        let mut hash = Context::new(&SHA256);
        for part in [provider_digest, instance.unwrap_or(""), narrowing] {
            // The length first, so that no two lists of parts run together.
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let mut rest = [0; 32];
        rest.copy_from_slice(hash.finish().as_ref());
        Self {
            credential: credential.clone(),
            generation,
            rest,
        }
    }

    /// Where it stands whose the credential is. No token stands there: no narrowing is written so.
    #[must_use]
    pub fn identity(credential: &CredentialId, generation: Generation, provider_digest: &str, instance: Option<&str>) -> Self {
        Self::new(credential, generation, provider_digest, instance, "\0identity")
    }

    /// The credential.
    #[must_use]
    pub const fn credential(&self) -> &CredentialId {
        &self.credential
    }

    /// Its generation.
    #[must_use]
    pub const fn generation(&self) -> Generation {
        self.generation
    }

    /// Where all tokens of a credential stand.
    pub(super) fn prefix(credential: &CredentialId) -> Vec<u8> {
        let mut prefix = credential.as_str().as_bytes().to_vec();
        // An id has no slash, so no id's prefix begins with another's.
        prefix.push(b'/');
        prefix
    }

    /// Where the token stands, and what its seal is bound to.
    pub(super) fn place(&self) -> Vec<u8> {
        let mut place = Vec::with_capacity(self.credential.as_str().len() + 1 + size_of::<i64>() + self.rest.len());
        place.extend_from_slice(self.credential.as_str().as_bytes());
        place.push(b'/');
        place.extend_from_slice(&self.generation.0.to_be_bytes());
        place.extend_from_slice(&self.rest);
        place
    }
}
