//! Whose a credential is, as its upstream says: asked after a mint, kept for a day, never in the way of a token.
//!
//! What is stored wins over what is told. A token whose account could not be told is answered without it, and the upstream is asked again in
//! the background, with that same token: nothing is minted or rotated for it. What is told is for commits too, so what would break a commit
//! line is left out.

use super::error::BrokerError;
use super::input;
use super::mint::Tools;
use crate::audit::Administrative;
use crate::cache::{CacheKey, CachedToken, Told};
use crate::clock::Millis;
use crate::ids::{CredentialId, Generation};
use crate::manifest::Kind;
use crate::records::model::Credential;
use crate::records::{Material, RecordsError};
use crate::runtime::{CallContext, CurrentToken, Minted, Provider};
use crate::telemetry;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// A reader waits for its token meanwhile.
const ASK_AT_MOST: Duration = Duration::from_secs(3);
/// Names and addresses change seldom, in milliseconds.
const KNOWN_FOR_MS: Millis = 24 * 3_600_000;
/// The least time between two questions that were not answered, in milliseconds.
const NOT_KNOWN_FOR_MS: Millis = 300_000;
/// An answer to "not now" that says "in a week" is not taken at its word, in milliseconds.
const NOT_KNOWN_AT_MOST_MS: Millis = 3_600_000;
/// Bytes of one value. The longest address of mail has 254.
const LONGEST: usize = 512;
/// What a commit needs.
const OF_A_COMMIT: [&str; 2] = ["user-name", "email"];

/// Whom the upstream takes a credential for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `id`, `login`, `display-name`, `user-name`, `email`, and what else the provider knows.
    pub fields: BTreeMap<String, String>,
    /// When the upstream was asked.
    pub checked_at_ms: Millis,
}

/// What came of asking, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    checked_at_ms: Millis,
    until_ms: Millis,
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
    fn of(answer: Result<BTreeMap<String, String>, BrokerError>, now_ms: Millis) -> Self {
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
    fn fill(&self, fields: &mut BTreeMap<String, String>) -> Told {
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

/// Where a credential's note stands.
pub(super) fn place(provider: &Provider, credential: &Credential, generation: Generation) -> CacheKey {
    CacheKey::identity(&credential.id, generation, provider.digest(), credential.url.as_deref())
}

/// What was told or refused not too long ago.
pub(super) fn noted(tools: &Tools, place: &CacheKey) -> Option<Note> {
    let note: Note = tools.cache.noted(place)?;
    (tools.clock.now_ms() < note.until_ms).then_some(note)
}

/// After a mint: fills the token's fields with what the upstream tells, where the stored ones do not say it all.
pub(super) async fn complete(
    tools: &Tools,
    provider: &Provider,
    kind: &Kind,
    material: &Material,
    rotated_to: Option<Generation>,
    minted: &mut Minted,
) -> Told {
    let said = |name: &str| minted.fields.get(name).is_some_and(|text| !text.is_empty());
    let is_over = minted.expires_at_ms.is_some_and(|end| end <= tools.clock.now_ms());
    if !provider.can_identify() || OF_A_COMMIT.iter().all(|name| said(name)) || is_over {
        return Told::default();
    }
    let credential = &material.credential;
    let here = place(provider, credential, rotated_to.unwrap_or(credential.generation));
    let known = noted(tools, &here).or_else(|| {
        // A refresh makes another generation, and the account stays the same.
        let before = noted(tools, &place(provider, credential, credential.generation))?;
        keep(tools, &here, &before);
        Some(before)
    });
    let note = match known {
        Some(note) => note,
        None => {
            let token = CurrentToken {
                token: minted.token.clone(),
                expires_at_ms: minted.expires_at_ms,
            };
            ask(tools, provider, kind, material, &here, token).await
        }
    };
    note.fill(&mut minted.fields)
}

/// Asks with a token that is at hand, unless it was done not too long ago.
pub(super) async fn with_token(tools: &Tools, provider: &Provider, id: &CredentialId, token: CachedToken) -> Result<Note, BrokerError> {
    let internal = |error: RecordsError| BrokerError::Internal(error.to_string());
    let material = match tools.records.material(id).await {
        Err(RecordsError::NotFound { .. }) => return Err(BrokerError::Gone),
        material => material.map_err(internal)?,
    };
    if material.credential.generation != token.generation {
        return Err(BrokerError::Transient {
            reason: "the credential has changed".to_owned(),
            retry_after_ms: Some(1000),
        });
    }
    let here = place(provider, &material.credential, token.generation);
    if let Some(note) = noted(tools, &here) {
        return Ok(note);
    }
    let Some(kind) = provider.manifest().kind(&material.credential.kind) else {
        return Err(BrokerError::Misconfigured(format!(
            "the loaded provider has no kind `{}`",
            material.credential.kind
        )));
    };
    let token = CurrentToken {
        token: token.token,
        expires_at_ms: token.expires_at_ms,
    };
    Ok(ask(tools, provider, kind, &material, &here, token).await)
}

async fn ask(tools: &Tools, provider: &Provider, kind: &Kind, material: &Material, here: &CacheKey, token: CurrentToken) -> Note {
    let answer = asked(tools, provider, kind, material, token).await;
    let code = match &answer {
        Ok(_) => "identified",
        Err(error) => error.code(),
    };
    metrics::counter!(telemetry::MINTS, "provider" => provider.manifest().provider.clone(), "outcome" => code).increment(1);
    let note = Note::of(answer, tools.clock.now_ms());
    keep(tools, here, &note);
    note
}

async fn asked(
    tools: &Tools,
    provider: &Provider,
    kind: &Kind,
    material: &Material,
    token: CurrentToken,
) -> Result<BTreeMap<String, String>, BrokerError> {
    let credential = &material.credential;
    let mut input = input::of(tools, material, kind).await?;
    input.current = Some(token);
    let context = CallContext {
        provider: credential.provider.to_string(),
        door: Arc::clone(&tools.door),
        clock: Arc::clone(&tools.clock),
        rotation: None,
    };
    let Ok(answer) = tokio::time::timeout(ASK_AT_MOST, provider.identify(input, context)).await else {
        return Err(BrokerError::TimedOut(format!(
            "the upstream did not say whose the credential is within {} s",
            ASK_AT_MOST.as_secs()
        )));
    };
    let reveals = match &answer {
        Ok(identified) => identified.notes.reveals,
        Err(fault) => fault.reveals,
    };
    record_reveals(tools, credential, "identify", reveals).await?;
    match answer {
        Ok(identified) => Ok(identified.fields),
        Err(fault) => Err(BrokerError::of_fault(&fault)),
    }
}

/// Each secret that a provider read as text is on the record, in whatever call.
pub(super) async fn record_reveals(tools: &Tools, credential: &Credential, call: &'static str, reveals: u32) -> Result<(), BrokerError> {
    if reveals == 0 {
        return Ok(());
    }
    let count = reveals.to_string();
    let event = Administrative::secrets_revealed(&credential.id, &credential.provider, call, &count);
    let recorded = tools.audit.administrative(event).await;
    recorded.map_err(|error| BrokerError::Internal(error.to_string()))
}

fn keep(tools: &Tools, here: &CacheKey, note: &Note) {
    if let Err(error) = tools.cache.note(here, note, note.until_ms) {
        tracing::warn!(credential.id = here.credential().as_str(), %error, "whose a credential is was not kept; the next mint asks again");
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
