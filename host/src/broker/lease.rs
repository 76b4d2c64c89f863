//! A token on its way out: closed until its record is durable.

use super::mint::Minted;
use super::tools::Tools;
use crate::audit::Receipt;
use crate::cache::CachedToken;
use crate::clock::Millis;
use crate::ids::Generation;
use crate::manifest::Manifest;
use crate::runtime::Provider;
use crate::secret::Secret;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where a token came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It was there.
    Cache,
    /// A flight brought it.
    Minted,
}

impl Origin {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Minted => "minted",
        }
    }
}

/// A token that may be recorded, and released once it is.
pub struct Lease {
    provider: Arc<Provider>,
    token: CachedToken,
    origin: Origin,
    mint: Option<String>,
    fingerprint: String,
}

/// A released token.
pub struct Token<'a> {
    /// The token itself.
    pub value: &'a Secret,
    /// What its readers need beside it.
    pub fields: &'a BTreeMap<String, String>,
    /// When it ends.
    pub expires_at_ms: Option<Millis>,
    /// Of the credential, when it was obtained.
    pub generation: Generation,
    /// How its readers see it.
    pub manifest: &'a Manifest,
}

impl Lease {
    pub(super) fn cached(provider: Arc<Provider>, token: CachedToken, tools: &Tools) -> Self {
        let fingerprint = tools.fingerprint(&token.token);
        Self {
            provider,
            token,
            origin: Origin::Cache,
            mint: None,
            fingerprint,
        }
    }

    pub(super) fn minted(provider: Arc<Provider>, minted: &Minted, tools: &Tools) -> Self {
        let fingerprint = tools.fingerprint(&minted.token.token);
        Self {
            provider,
            token: minted.token.clone(),
            origin: Origin::Minted,
            mint: minted.mint.clone(),
            fingerprint,
        }
    }

    /// Whether the reader had to wait, so that its right must be decided again.
    #[must_use]
    pub fn waited(&self) -> bool {
        self.origin == Origin::Minted
    }

    /// Where it came from.
    #[must_use]
    pub const fn source(&self) -> Origin {
        self.origin
    }

    /// The credential's generation when it was obtained.
    #[must_use]
    pub const fn generation(&self) -> Generation {
        self.token.generation
    }

    /// Which recorded mint brought it.
    #[must_use]
    pub fn mint(&self) -> Option<&str> {
        self.mint.as_deref()
    }

    /// A keyed hash by which the audit trail recognises the token.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Whether nothing was stored, so that there is nothing to hand out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.token.token.is_empty()
    }

    /// How its readers see it.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        self.provider.manifest()
    }

    /// What its readers need beside it. None of it is secret.
    #[must_use]
    pub const fn fields(&self) -> &BTreeMap<String, String> {
        &self.token.fields
    }

    /// Whether the token can stand where a line break or a NUL ends a value.
    #[must_use]
    pub fn is_one_line(&self) -> bool {
        self.token.token.is_one_line()
    }

    /// Opens it. The receipt is the proof that the record is durable.
    #[must_use]
    pub fn release(&self, _recorded: &Receipt) -> Token<'_> {
        Token {
            value: &self.token.token,
            fields: &self.token.fields,
            expires_at_ms: self.token.expires_at_ms,
            generation: self.token.generation,
            manifest: self.provider.manifest(),
        }
    }
}
