//! The assertion that a service account trades for a token (RFC 7523).

use serde_json::{Value, json};

/// The grant's name.
pub const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// A constant of Google's, whatever address the request goes to.
const AUDIENCE: &str = "https://oauth2.googleapis.com/token";

/// Google allows some seconds of difference between clocks; this is for ours being ahead.
const ISSUED_AGO_SECONDS: u64 = 10;

/// The longest that Google accepts.
const LIFETIME_SECONDS: u64 = 3600;

/// What an assertion says.
#[derive(Debug, Clone, Copy)]
pub struct Assertion<'a> {
    /// The service account's address.
    pub account: &'a str,
    /// The person it acts as.
    pub subject: Option<&'a str>,
    /// Scopes, separated by spaces.
    pub scope: &'a str,
}

impl Assertion<'_> {
    /// Its claims. `sub` only for delegation: with the account's own address there, Google would look for a delegation.
    #[must_use]
    pub fn claims(&self, now_ms: u64) -> Value {
        let issued = (now_ms / 1000).saturating_sub(ISSUED_AGO_SECONDS);
        let mut claims = json!({
            "iss": self.account,
            "aud": AUDIENCE,
            "iat": issued,
            "exp": issued + LIFETIME_SECONDS,
            "scope": self.scope,
        });
        if let (Some(subject), Some(members)) = (self.subject, claims.as_object_mut()) {
            members.insert("sub".to_owned(), subject.into());
        }
        claims
    }
}
