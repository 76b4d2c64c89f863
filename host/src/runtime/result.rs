//! What a provider returns, checked before any of it leaves: the law that only a minted or a static secret may be the token.

use super::bind::{Failure, Retry, Token, Value};
use super::fault::{Cause, IncidentKind, ProviderFailure, RetryAdvice};
use super::held::Class;
use super::state::CallState;
use crate::clock::Millis;
use crate::secret::Secret;
use crate::telemetry::redact;
use std::collections::BTreeMap;

/// Fields of one token.
const FIELDS: usize = 64;
/// Bytes of one field or of a failure's message. The longest known, a cluster's address with certificate, has 3 KB.
const TEXT_BYTES: usize = 16 * 1024;
/// Details of one failure.
const DETAILS: usize = 16;

/// A token, checked.
pub(super) struct Checked {
    pub(super) token: Secret,
    pub(super) expires_at_ms: Option<Millis>,
    pub(super) fields: BTreeMap<String, String>,
    pub(super) secret_fields: BTreeMap<String, Secret>,
}

/// Checks a returned token.
pub(super) fn token(state: &mut CallState, token: Token) -> Result<Checked, Cause> {
    let held = state
        .table
        .delete(token.value)
        .map_err(|_| Cause::Contract("the token is no live secret".to_owned()))?;
    if !held.class.may_be_returned() {
        let what = held.origins.first().map_or("something joined", |origin| origin.field.as_str());
        return Err(Cause::LeakPrevented(format!(
            "the token is `{what}`, which is {}, not a token",
            in_words(held.class)
        )));
    }
    if held.value.is_empty() {
        return Err(Cause::Contract("the token is empty".to_owned()));
    }
    let claimed = match token.expires_at_ms.map(Millis::try_from) {
        Some(Err(_)) => return Err(Cause::Contract("the token's end is no time".to_owned())),
        Some(Ok(at)) => Some(at),
        None => None,
    };
    // What the host saw wins over a later claim; an earlier one is the provider's to make.
    let expires_at_ms = match (claimed, held.expires_at_ms) {
        (Some(claimed), Some(seen)) => Some(claimed.min(seen)),
        (claimed, seen) => claimed.or(seen),
    };
    let mut checked = Checked {
        token: held.value,
        expires_at_ms,
        fields: BTreeMap::new(),
        secret_fields: BTreeMap::new(),
    };
    fields(state, token.fields, &mut checked)?;
    Ok(checked)
}

fn fields(state: &mut CallState, fields: Vec<(String, Value)>, checked: &mut Checked) -> Result<(), Cause> {
    if fields.len() > FIELDS {
        return Err(Cause::Contract(format!("it answers {} fields; {FIELDS} are allowed", fields.len())));
    }
    for (name, value) in fields {
        if name.is_empty() || name.len() > 64 || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
            return Err(Cause::Contract(
                "a field's name must be 1 to 64 letters, digits, `-`, `_` or `.`".to_owned(),
            ));
        }
        if checked.fields.contains_key(&name) || checked.secret_fields.contains_key(&name) {
            return Err(Cause::Contract(format!("the field `{name}` is there twice")));
        }
        match value {
            Value::Text(text) if text.len() > TEXT_BYTES => {
                return Err(Cause::Contract(format!("the field `{name}` has more than {TEXT_BYTES} bytes")));
            }
            Value::Text(text) if state.finder().finds(&text) => {
                state.record.incident(IncidentKind::EchoedSecret, format!("the field `{name}`"));
                return Err(Cause::LeakPrevented(format!("the field `{name}` holds a secret as text")));
            }
            Value::Text(text) => {
                checked.fields.insert(name, text);
            }
            Value::Secret(secret) => {
                let held = state
                    .table
                    .delete(secret)
                    .map_err(|_| Cause::Contract(format!("the field `{name}` is no live secret")))?;
                if !held.class.may_be_returned() {
                    return Err(Cause::LeakPrevented(format!("the field `{name}` is {}", in_words(held.class))));
                }
                checked.secret_fields.insert(name, held.value);
            }
        }
    }
    Ok(())
}

/// Public fields that a provider answers: an identity, an account. Searched like a token's.
pub(super) fn public(state: &mut CallState, fields: Vec<(String, String)>) -> Result<BTreeMap<String, String>, Cause> {
    let mut checked = Checked {
        token: Secret::new(String::new()),
        expires_at_ms: None,
        fields: BTreeMap::new(),
        secret_fields: BTreeMap::new(),
    };
    let fields = fields.into_iter().map(|(name, text)| (name, Value::Text(text))).collect();
    self::fields(state, fields, &mut checked)?;
    Ok(checked.fields)
}

/// A line for people, without the secrets of this call.
pub(super) fn said(state: &mut CallState, text: &str) -> String {
    clean(state, text)
}

/// A failure, its texts searched.
pub(super) fn failure(state: &mut CallState, failure: Failure) -> ProviderFailure {
    let retry = match failure.retry {
        Retry::Never => RetryAdvice::Never,
        Retry::Later(after_ms) => RetryAdvice::Later(after_ms),
        Retry::Reauthorise => RetryAdvice::Reauthorise,
    };
    let code = clean(state, &failure.code);
    let message = clean(state, &failure.message);
    let details = failure
        .details
        .into_iter()
        .take(DETAILS)
        .map(|(key, value)| (clean(state, &key), clean(state, &value)))
        .collect();
    ProviderFailure {
        code,
        message,
        retry,
        details,
    }
}

fn clean(state: &mut CallState, text: &str) -> String {
    let redacted = state.finder().redact(text);
    if redacted != text {
        state.record.incident(IncidentKind::EchoedSecret, "a failure held a secret");
    }
    let mut line: String = redact(&redacted)
        .chars()
        .take(TEXT_BYTES / 4)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    line.truncate(line.trim_end().len());
    line
}

fn in_words(class: Class) -> &'static str {
    match class {
        Class::Static => "the stored token itself",
        Class::Minted => "a token of the upstream",
        Class::Assertion => "signed or joined",
        Class::Client => "the operator's client secret",
        Class::Stored => "a stored secret",
    }
}
