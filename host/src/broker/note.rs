//! What came of asking whose a credential is, as it is kept: told for a day, refused for minutes.
//!
//! An upstream that does not tell must not be asked again with every read, and whoever asks meanwhile gets the refusal in the class it had. A
//! later answer takes the place of what was told before; a later refusal forgets nothing.
//!
//! Nothing here fails: what cannot stand in a line, or in a commit, is left out as if it had not been told.

use super::error::BrokerError;
use super::identity::Identity;
use crate::cache::{CachedToken, Told};
use crate::clock::Millis;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Names and addresses change seldom, in milliseconds.
const KNOWN_FOR_MS: Millis = 24 * 3_600_000;
/// The least time between two questions that were not answered, in milliseconds.
const NOT_KNOWN_FOR_MS: Millis = 300_000;
/// An answer to "not now" that says "in a week" is not taken at its word, in milliseconds.
const NOT_KNOWN_AT_MOST_MS: Millis = 3_600_000;
/// Bytes of one value. The longest address of mail has 254.
const LONGEST: usize = 512;
/// What a commit needs.
pub(super) const OF_A_COMMIT: [&str; 2] = ["user-name", "email"];

/// What came of asking, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    checked_at_ms: Millis,
    /// Until when it counts, in milliseconds since the epoch.
    pub(super) until_ms: Millis,
    outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Outcome {
    Told(BTreeMap<String, String>),
    NotTold { class: Class, reason: String },
}

/// [`BrokerError`] as far as it can be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Class {
    Unsupported,
    NeedsReconnect,
    Misconfigured,
    MissingScope,
    ProviderBroken,
    TimedOut,
    Transient,
}

impl Note {
    /// What is kept of an answer, from now on.
    pub(super) fn of(answer: Result<BTreeMap<String, String>, BrokerError>, now_ms: Millis) -> Self {
        let (outcome, for_ms) = match answer {
            Ok(fields) => (Outcome::Told(presentable(fields)), KNOWN_FOR_MS),
            Err(error) => {
                let for_ms = match &error {
                    // The kind cannot; another version of the provider has another key.
                    BrokerError::Unsupported(_) => KNOWN_FOR_MS,
                    BrokerError::Transient {
                        retry_after_ms: Some(ms), ..
                    } => Millis::try_from(*ms)
                        .unwrap_or(Millis::MAX)
                        .clamp(NOT_KNOWN_FOR_MS, NOT_KNOWN_AT_MOST_MS),
                    _ => NOT_KNOWN_FOR_MS,
                };
                let (class, reason) = Class::of(error);
                (Outcome::NotTold { class, reason }, for_ms)
            }
        };
        Self {
            checked_at_ms: now_ms,
            until_ms: now_ms.saturating_add(for_ms),
            outcome,
        }
    }

    /// Adds to a token's fields what is not stored.
    pub(super) fn fill(&self, fields: &mut BTreeMap<String, String>) -> Told {
        let mut told = Told {
            fields: BTreeSet::new(),
            ask_at_ms: Some(self.until_ms),
        };
        if let Outcome::Told(known) = &self.outcome {
            for (name, text) in known {
                if fields.get(name).is_none_or(String::is_empty) {
                    fields.insert(name.clone(), text.clone());
                    told.fields.insert(name.clone());
                }
            }
        }
        told
    }

    /// Puts what was told into the place of what was told before.
    pub(super) fn renew(&self, token: &mut CachedToken) {
        if matches!(self.outcome, Outcome::Told(_)) {
            let old = std::mem::take(&mut token.told);
            token.fields.retain(|name, _| !old.fields.contains(name));
            token.told = self.fill(&mut token.fields);
        } else {
            // What was told yesterday is better than nothing.
            token.told.ask_at_ms = Some(self.until_ms);
        }
    }

    /// As whoever asked gets it.
    pub(super) fn answer(&self, now_ms: Millis) -> Result<Identity, BrokerError> {
        match &self.outcome {
            Outcome::Told(fields) => Ok(Identity {
                fields: fields.clone(),
                checked_at_ms: self.checked_at_ms,
            }),
            Outcome::NotTold { class, reason } => Err(class.error(reason.clone(), self.until_ms.saturating_sub(now_ms))),
        }
    }
}

impl Class {
    fn of(error: BrokerError) -> (Self, String) {
        match error {
            BrokerError::Unsupported(reason) => (Self::Unsupported, reason),
            BrokerError::NeedsReconnect(reason) => (Self::NeedsReconnect, reason),
            BrokerError::Misconfigured(reason) => (Self::Misconfigured, reason),
            BrokerError::MissingScope(reason) => (Self::MissingScope, reason),
            BrokerError::ProviderBroken(reason) => (Self::ProviderBroken, reason),
            BrokerError::TimedOut(reason) => (Self::TimedOut, reason),
            BrokerError::Transient { reason, .. } => (Self::Transient, reason),
            other => (Self::Transient, other.to_string()),
        }
    }

    fn error(self, reason: String, left_ms: Millis) -> BrokerError {
        match self {
            Self::Unsupported => BrokerError::Unsupported(reason),
            Self::NeedsReconnect => BrokerError::NeedsReconnect(reason),
            Self::Misconfigured => BrokerError::Misconfigured(reason),
            Self::MissingScope => BrokerError::MissingScope(reason),
            Self::ProviderBroken => BrokerError::ProviderBroken(reason),
            Self::TimedOut => BrokerError::TimedOut(reason),
            Self::Transient => BrokerError::Transient {
                reason,
                retry_after_ms: u64::try_from(left_ms).ok(),
            },
        }
    }
}

/// What can stand in a line, and in a commit where it is for one. The rest is as if it had not been told.
pub(super) fn presentable(fields: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut kept = BTreeMap::new();
    for (name, text) in fields {
        let text = text.trim();
        let breaks_a_commit = OF_A_COMMIT.contains(&name.as_str()) && text.contains(['<', '>']);
        let breaks_an_address = name == "email" && text.contains(char::is_whitespace);
        let breaks_a_line = text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'));
        if text.is_empty() || text.len() > LONGEST || breaks_a_line || breaks_a_commit || breaks_an_address {
            continue;
        }
        kept.insert(name, text.to_owned());
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Generation;
    use crate::secret::Secret;

    fn fields(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    fn token(stored: &[(&str, &str)]) -> CachedToken {
        CachedToken {
            token: Secret::new("t".to_owned()),
            fields: fields(stored),
            minted_at_ms: 0,
            expires_at_ms: None,
            generation: Generation(1),
            told: Told::default(),
        }
    }

    #[test]
    fn what_would_break_a_commit_is_left_out() {
        let long = "x".repeat(LONGEST + 1);
        for bad in ["a\nb", "a\0", "<a@b>", "a>b", "x\u{2028}y", "  ", &long] {
            assert_eq!(
                presentable(fields(&[("user-name", bad), ("email", bad)])),
                BTreeMap::new(),
                "{bad:?}"
            );
        }
        assert_eq!(presentable(fields(&[("email", "a b@c.test")])), BTreeMap::new());
        let good = fields(&[("user-name", " Zoë O'Neill [bot] "), ("email", "1+z@users.test"), ("bio", "a < b")]);
        let kept = fields(&[("user-name", "Zoë O'Neill [bot]"), ("email", "1+z@users.test"), ("bio", "a < b")]);
        assert_eq!(presentable(good), kept);
    }

    #[test]
    fn what_is_stored_wins_and_what_was_told_is_replaced() {
        let mut token = token(&[("email", "stored@a.test"), ("user-name", ""), ("url", "https://a.test")]);
        let first = Note::of(
            Ok(fields(&[("email", "told@a.test"), ("user-name", "Ada"), ("login", "ada")])),
            1_000,
        );
        first.renew(&mut token);
        assert_eq!(
            token.fields,
            fields(&[
                ("email", "stored@a.test"),
                ("user-name", "Ada"),
                ("login", "ada"),
                ("url", "https://a.test")
            ])
        );
        assert_eq!(token.told.ask_at_ms, Some(1_000 + KNOWN_FOR_MS));

        Note::of(Ok(fields(&[("user-name", "Ada L.")])), 2_000).renew(&mut token);
        assert_eq!(
            token.fields,
            fields(&[("email", "stored@a.test"), ("user-name", "Ada L."), ("url", "https://a.test")])
        );
        Note::of(Err(BrokerError::TimedOut("slow".to_owned())), 3_000).renew(&mut token);
        assert_eq!(token.fields["user-name"], "Ada L.", "an outage forgets nothing");
        assert_eq!(token.told.ask_at_ms, Some(3_000 + NOT_KNOWN_FOR_MS));
        Note::of(Ok(fields(&[("user-name", "Ada")])), 4_000).renew(&mut token);
        assert_eq!(token.fields["user-name"], "Ada");
    }

    #[test]
    fn a_refusal_is_kept_in_its_class_and_tells_when_to_come_again() {
        let limited = |ms| BrokerError::Transient {
            reason: "too often".to_owned(),
            retry_after_ms: Some(ms),
        };
        for (error, until_ms) in [
            (BrokerError::Unsupported("no".to_owned()), KNOWN_FOR_MS),
            (BrokerError::NeedsReconnect("gone".to_owned()), NOT_KNOWN_FOR_MS),
            (BrokerError::MissingScope("read:user".to_owned()), NOT_KNOWN_FOR_MS),
            (limited(900_000), 900_000),
        ] {
            let note = Note::of(Err(error.clone()), 0);
            assert_eq!(note.until_ms, until_ms);
            let text = serde_json::to_string(&note).unwrap();
            let read: Note = serde_json::from_str(&text).unwrap();
            assert_eq!(read.answer(0).unwrap_err(), error);
        }
        assert_eq!(Note::of(Err(limited(1)), 0).answer(100_000), Err(limited(200_000)));
        assert_eq!(Note::of(Err(limited(u64::MAX)), 0).until_ms, NOT_KNOWN_AT_MOST_MS);
    }
}
