//! Typed names and ids, so that a project is never taken for a person.
//!
//! An id is checked once, where it enters. An empty or strange one never becomes a value of these types, hence never part of
//! a key or of a comparison that could succeed (law 2).
//!
//! A copy shares the text: an index of a million bindings holds each id several times.

use crate::clock::{Clock, fill_for_id};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// Why a text is no valid id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {rule}")]
pub struct InvalidId {
    what: &'static str,
    rule: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:path, $rule:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the text.
            ///
            /// # Errors
            /// If the text is not what such an id may be.
            pub fn parse(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                if $check(&text) {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidId { what: $what, rule: $rule })
                }
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
                output.serialize_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::parse(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.as_str().to_owned()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

macro_rules! made_id {
    ($name:ident) => {
        impl $name {
            /// A new id: a KSUID, 27 base62 characters that sort by time.
            #[must_use]
            pub fn make(clock: &dyn Clock) -> Self {
                Self(make_ksuid(clock).into())
            }
        }
    };
}

id!(
    /// A stored credential. KSUID when made here.
    CredentialId, "credential id", opaque, "must be 1 to 64 letters, digits, `_` or `-`"
);
id!(
    /// A person on the way to connect an account. KSUID.
    ConsentId, "consent id", opaque, "must be 1 to 64 letters, digits, `_` or `-`"
);
id!(
    /// A role binding. KSUID.
    BindingId, "role binding id", opaque, "must be 1 to 64 letters, digits, `_` or `-`"
);
id!(
    /// A role. KSUID.
    RoleId, "role id", opaque, "must be 1 to 64 letters, digits, `_` or `-`"
);
id!(
    /// An agent. KSUID.
    AgentId, "agent id", opaque, "must be 1 to 64 letters, digits, `_` or `-`"
);
id!(
    /// A session. KSUID when made here; names from elsewhere are kept.
    SessionId, "session id", resource_name, "must be 1 to 253 letters, digits, `.`, `_` or `-`"
);
id!(
    /// A turn: one message being answered. KSUID.
    TurnId, "turn id", opaque, "must be 1 to 64 letters, digits, `_` or `-`"
);
id!(
    /// A run, as the trusted proxy names it.
    RunId, "run id", resource_name, "must be 1 to 253 letters, digits, `.`, `_` or `-`"
);
id!(
    /// An API key. KSUID.
    ApiKeyId, "api key id", opaque, "must be 1 to 64 letters, digits, `_` or `-`"
);
id!(
    /// One request, for logs and the audit trail. KSUID.
    RequestId, "request id", opaque, "must be 1 to 64 letters, digits, `_` or `-`"
);
id!(
    /// A project. Its id is its name.
    ProjectId, "project id", project_path, "must be 1 to 63 letters, digits, `_` or `-`"
);
id!(
    /// A person's record. KSUID. Bindings name the username, never this.
    UserId, "user id", opaque, "must be 1 to 64 letters, digits, `_` or `-`"
);
id!(
    /// A person's name as the issuer gives it: the principal. Never empty.
    Username, "username", username, "must be 1 to 255 characters without spaces at its ends or control characters"
);
id!(
    /// A provider's name: `github`, `kubeconfig`, anything a client chose.
    ProviderName, "provider", provider_name, "must be 1 to 63 letters, digits, `.`, `_` or `-`"
);

impl CredentialId {
    /// The id that a session has for a provider's credential: what it stands for is settled when it is read. Made of the names alone, so that each
    /// replica and each restart makes the same.
    ///
    /// 27 letters and digits like any other, and one that no clock can make: a KSUID begins with `a` at most.
    #[must_use]
    pub fn of_session(project: &ProjectId, session: &SessionId, provider: &ProviderName) -> Self {
        let handle = SessionHandle::of(project, session);
        let provider = letters(&[&handle.0, provider.as_str().as_bytes()]);
        let text = [&handle.0[..], &provider[..PROVIDER_LETTERS]].concat();
        Self(String::from_utf8_lossy(&text).into())
    }

    /// The session whose id for something this may be.
    #[must_use]
    pub fn session_handle(&self) -> Option<SessionHandle> {
        let bytes = self.0.as_bytes();
        let handle = bytes.first_chunk()?;
        (bytes.len() == HANDLE_LETTERS + PROVIDER_LETTERS && handle[0] == SESSIONS_OWN).then_some(SessionHandle(*handle))
    }
}

/// What the ids of one session begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionHandle([u8; HANDLE_LETTERS]);

/// The first of them tells them from others; the rest, 89 bits of a digest, one session from another.
const HANDLE_LETTERS: usize = 16;
const PROVIDER_LETTERS: usize = 11;
const SESSIONS_OWN: u8 = b's';

impl SessionHandle {
    /// Of this session.
    #[must_use]
    pub fn of(project: &ProjectId, session: &SessionId) -> Self {
        // Neither name can have a NUL in it.
        let mut handle = letters(&[project.as_str().as_bytes(), b"\0", session.as_str().as_bytes()]);
        handle[0] = SESSIONS_OWN;
        Self(handle)
    }

    /// The one that a text begins with, and what follows it.
    #[must_use]
    pub fn split_from(text: &str) -> Option<(Self, &str)> {
        let handle = *text.as_bytes().first_chunk()?;
        let rest = text.get(HANDLE_LETTERS..)?;
        handle.is_ascii().then_some((Self(handle), rest))
    }
}

impl fmt::Display for SessionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

/// A digest in base62 digits. Some digits come a little more often than others, which matters to secrets alone.
fn letters(parts: &[&[u8]]) -> [u8; HANDLE_LETTERS] {
    let mut digest = ring::digest::Context::new(&ring::digest::SHA256);
    for part in parts {
        digest.update(part);
    }
    let digest = digest.finish();
    let mut letters = [0; HANDLE_LETTERS];
    for (letter, byte) in letters.iter_mut().zip(digest.as_ref()) {
        *letter = DIGITS[usize::from(byte % 62)];
    }
    letters
}

made_id!(ConsentId);
made_id!(CredentialId);
made_id!(BindingId);
made_id!(RoleId);
made_id!(AgentId);
made_id!(SessionId);
made_id!(TurnId);
made_id!(ApiKeyId);
made_id!(RequestId);
made_id!(UserId);

/// How often a credential's secrets have changed. Starts at 1; part of every seal and of every cache key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generation(pub i64);

impl Generation {
    /// The first.
    pub const FIRST: Self = Self(1);

    /// The one after this.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn make_ksuid(clock: &dyn Clock) -> String {
    // The KSUID epoch is 1.4e9 seconds (13 May 2014); 32 bits of seconds last until 2150.
    const EPOCH_SECONDS: i64 = 1_400_000_000;
    let seconds = u32::try_from((clock.now_ms() / 1000 - EPOCH_SECONDS).max(0)).unwrap_or(u32::MAX);
    let mut raw = [0; 20];
    raw[..4].copy_from_slice(&seconds.to_be_bytes());
    fill_for_id(&mut raw[4..]);
    ksuid_text(raw)
}

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The 27 base62 digits of a KSUID. By hand, since every request has one: the crate that reads and writes KSUIDs divides digit by
/// digit over a growing vector, here five digits are divided off at a time.
fn ksuid_text(raw: [u8; 20]) -> String {
    const FIVE_DIGITS: u64 = 62_u64.pow(5);
    let mut text = [b'0'; 27];
    let mut words = [0; 5];
    for (word, bytes) in words.iter_mut().zip(raw.as_chunks().0) {
        *word = u64::from(u32::from_be_bytes(*bytes));
    }
    for group in text.rchunks_mut(5) {
        let mut rest = 0;
        for word in &mut words {
            let value = rest << 32 | *word;
            *word = value / FIVE_DIGITS;
            rest = value % FIVE_DIGITS;
        }
        for digit in group.iter_mut().rev() {
            *digit = DIGITS[(rest % 62) as usize];
            rest /= 62;
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn all(text: &str, max: usize, extra: &str) -> bool {
    !text.is_empty() && text.len() <= max && text.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
}

fn opaque(text: &str) -> bool {
    all(text, 64, "_-")
}

fn project_path(text: &str) -> bool {
    all(text, 63, "_-")
}

fn resource_name(text: &str) -> bool {
    all(text, 253, "._-") && text != "." && text != ".."
}

fn provider_name(text: &str) -> bool {
    all(text, 63, "._-") && text != "." && text != ".."
}

fn username(text: &str) -> bool {
    !text.is_empty() && text.len() <= 255 && text.trim() == text && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn a_sessions_ids_are_its_own_and_nobody_elses() {
        let project = |text: &str| ProjectId::parse(text).unwrap();
        let session = |text: &str| SessionId::parse(text).unwrap();
        let provider = |text: &str| ProviderName::parse(text).unwrap();
        let id = |p: &str, s: &str, of: &str| CredentialId::of_session(&project(p), &session(s), &provider(of));
        let one = id("atlas", "s1", "github");
        assert_eq!(one, id("atlas", "s1", "github"));
        assert_eq!((one.as_str().len(), one.as_str().starts_with('s')), (27, true));
        assert!(one.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric()), "{one}");
        for other in [
            id("atlas", "s1", "gitlab"),
            id("atlas", "s2", "github"),
            id("other", "s1", "github"),
            id("atla", "ss1", "github"),
        ] {
            assert_ne!(one, other);
        }
        assert_eq!(one.session_handle(), Some(SessionHandle::of(&project("atlas"), &session("s1"))));
        assert_eq!(id("atlas", "s1", "gitlab").session_handle(), one.session_handle());
        let latest = CredentialId::parse("aWgEPTl1tmebfsQzFP4bxwgy80V").unwrap();
        assert_eq!(latest.session_handle(), None, "the last KSUID that there will be");
        assert_eq!(CredentialId::parse(&one.as_str()[..26]).unwrap().session_handle(), None);
    }

    #[test]
    fn an_empty_principal_does_not_exist() {
        assert!(Username::parse("").is_err());
        assert!(Username::parse(" ").is_err());
        assert!(Username::parse("alice\n").is_err());
        assert!(Username::parse("alice@example.org").is_ok());
    }

    #[test]
    fn made_ids_are_ksuids_that_sort_by_time() {
        let early = CredentialId::make(&ManualClock::at(1_700_000_000_000));
        let late = CredentialId::make(&ManualClock::at(1_800_000_000_000));
        assert_eq!(early.as_str().len(), 27);
        assert!(early < late);
    }

    proptest::proptest! {
        #[test]
        fn a_ksuid_is_written_as_everybody_writes_it(raw: [u8; 20]) {
            use svix_ksuid::{Ksuid, KsuidLike};
            proptest::prop_assert_eq!(ksuid_text(raw), Ksuid::from_bytes(raw).to_string());
        }
    }

    #[test]
    fn the_first_and_the_last_ksuid() {
        assert_eq!(ksuid_text([0; 20]), "0".repeat(27));
        assert_eq!(ksuid_text([0xff; 20]), "aWgEPTl1tmebfsQzFP4bxwgy80V");
    }

    #[test]
    fn a_thousand_ids_of_one_moment_differ() {
        let clock = ManualClock::at(1_700_000_000_000);
        let ids: std::collections::HashSet<_> = (0..1000).map(|_| RequestId::make(&clock)).collect();
        assert_eq!(ids.len(), 1000);
    }
}
