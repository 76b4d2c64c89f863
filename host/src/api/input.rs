//! Reading a request's body: a JSON object, key by key.
//!
//! Typed reading would be shorter, but its errors repeat the value that did not fit, and in this API that value may be a token in
//! the wrong place. Here an error names the key and what is wanted, never what was given.

use super::problem::{Answer, Problem};
use super::state::App;
use crate::secret::Secret;
use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::time::Duration;

/// A body of a megabyte at 1 Mbit/s takes eight seconds; whoever is slower than this is not sending it.
const BODY: Duration = Duration::from_secs(20);

/// A request body.
pub struct Input(Map<String, Value>);

/// A key of a patch: given, cleared, or not mentioned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<T> {
    /// Not mentioned.
    Keep,
    /// `null`.
    Clear,
    /// A new value.
    Set(T),
}

impl<T> Change<T> {
    /// What there is after the change.
    pub fn apply(self, old: Option<T>) -> Option<T> {
        match self {
            Self::Keep => old,
            Self::Clear => None,
            Self::Set(new) => Some(new),
        }
    }

    /// As the records take it: nothing, cleared, or new.
    pub fn into_patch(self) -> Option<Option<T>> {
        match self {
            Self::Keep => None,
            Self::Clear => Some(None),
            Self::Set(new) => Some(Some(new)),
        }
    }
}

impl FromRequest<App> for Input {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Answer<Self> {
        let limit = app.config.api.max_body_bytes;
        let announced = request
            .headers()
            .get(axum::http::header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if announced.is_some_and(|length| length > limit) {
            return Err(Problem::too_large(limit));
        }
        let bytes = tokio::time::timeout(BODY, to_bytes(request.into_body(), limit)).await;
        let bytes = bytes
            .map_err(|_| Problem::request_timeout())?
            .map_err(|_| Problem::too_large(limit))?;
        Self::parse(&bytes)
    }
}

impl Input {
    /// Reads a JSON object.
    ///
    /// # Errors
    /// 400 if it is not JSON, or not an object.
    pub fn parse(bytes: &[u8]) -> Answer<Self> {
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(object)) => Ok(Self(object)),
            Ok(_) => Err(Problem::malformed("Invalid request format: a JSON object is wanted")),
            Err(error) => Err(Problem::malformed(format!(
                "Invalid request format: not JSON (line {}, column {})",
                error.line(),
                error.column()
            ))),
        }
    }

    /// A key that must be there; an empty text passes, as on the platform.
    ///
    /// # Errors
    /// 400 if it is absent or not a text.
    pub fn required(&mut self, key: &'static str) -> Answer<String> {
        self.optional(key)?
            .ok_or_else(|| Problem::validation(format!("no value given for required property {key}")))
    }

    /// A text; `null` means not given.
    ///
    /// # Errors
    /// 400 if it is something else.
    pub fn optional(&mut self, key: &'static str) -> Answer<Option<String>> {
        match self.0.remove(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Problem::validation(format!("`{key}` must be a string"))),
        }
    }

    /// A text that a patch may clear with `null`.
    ///
    /// # Errors
    /// 400 if it is something else.
    pub fn change(&mut self, key: &'static str) -> Answer<Change<String>> {
        match self.0.remove(key) {
            None => Ok(Change::Keep),
            Some(Value::Null) => Ok(Change::Clear),
            Some(Value::String(text)) => Ok(Change::Set(text)),
            Some(_) => Err(Problem::validation(format!("`{key}` must be a string or null"))),
        }
    }

    /// A number from 0 on that a patch may clear with `null`.
    ///
    /// # Errors
    /// 400 if it is something else.
    pub fn number(&mut self, key: &'static str, whole: bool) -> Answer<Change<Value>> {
        let kind = if whole { "a whole number" } else { "a number" };
        let bad = || Problem::validation(format!("`{key}` must be {kind} from 0 on, or null"));
        match self.0.remove(key) {
            None => Ok(Change::Keep),
            Some(Value::Null) => Ok(Change::Clear),
            Some(Value::Number(number)) => {
                let read = if whole {
                    number.as_u64().filter(|number| *number <= u64::from(u32::MAX)).map(Value::from)
                } else {
                    number.as_f64().filter(|number| (0.0..=1e9).contains(number)).map(Value::from)
                };
                read.map(Change::Set).ok_or_else(bad)
            }
            Some(_) => Err(bad()),
        }
    }

    /// Yes or no; `null` means not given.
    ///
    /// # Errors
    /// 400 if it is something else.
    pub fn flag(&mut self, key: &'static str) -> Answer<Option<bool>> {
        match self.0.remove(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(_) => Err(Problem::validation(format!("`{key}` must be true or false"))),
        }
    }

    /// A secret text.
    ///
    /// # Errors
    /// 400 if it is something else.
    pub fn secret(&mut self, key: &'static str) -> Answer<Option<Secret>> {
        Ok(self.optional(key)?.map(Secret::new))
    }

    /// An object of texts.
    ///
    /// # Errors
    /// 400 if it is something else, or a value in it is not a text.
    pub fn texts(&mut self, key: &'static str) -> Answer<Option<BTreeMap<String, Secret>>> {
        match self.0.remove(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(object)) => object
                .into_iter()
                .map(|(name, value)| match value {
                    Value::String(text) => Ok((name, Secret::new(text))),
                    _ => Err(Problem::validation(format!("`{key}.{name}` must be a string"))),
                })
                .collect::<Answer<_>>()
                .map(Some),
            Some(_) => Err(Problem::validation(format!("`{key}` must be an object"))),
        }
    }

    /// Whether a key is there and is not `null`.
    pub fn has(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(|value| !value.is_null())
    }

    /// Gives a key another name; whether it was there.
    ///
    /// # Errors
    /// 400 if there is one of the other name too.
    pub fn rename(&mut self, key: &str, name: &str) -> Answer<bool> {
        let Some(value) = self.0.remove(key) else { return Ok(false) };
        if self.0.insert(name.to_owned(), value).is_some() {
            return Err(Problem::validation(format!("`{key}` and `{name}` are the same; send one")));
        }
        Ok(true)
    }

    /// Takes out keys that clients send and the server decides itself.
    pub fn ignore(&mut self, keys: &[&str]) {
        for key in keys {
            self.0.remove(*key);
        }
    }

    /// Refuses what is left: a client that misspells a key must hear of it.
    ///
    /// # Errors
    /// 400 that names the unknown keys.
    pub fn finish(self) -> Answer<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let unknown = self
            .0
            .keys()
            .map(|key| format!("`{}`", key.chars().take(64).collect::<String>()))
            .collect::<Vec<_>>()
            .join(", ");
        Err(Problem::validation(format!("unknown properties: {unknown}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_is_never_repeated() {
        let mut input = Input::parse(br#"{"token": 12345678, "name": "x"}"#).unwrap();
        let problem = format!("{:?}", input.secret("token").err().unwrap());
        assert!(problem.contains("token") && !problem.contains("12345678"), "{problem}");
        assert!(Input::parse(b"{ this is invalid }").is_err());
        assert!(Input::parse(b"[]").is_err());
    }

    #[test]
    fn unknown_keys_are_named() {
        let problem = Input::parse(br#"{"tokn": "a"}"#).unwrap().finish().unwrap_err();
        assert!(format!("{problem:?}").contains("tokn"));
    }

    #[test]
    fn null_clears_and_absence_keeps() {
        let mut input = Input::parse(br#"{"a": null, "b": "new"}"#).unwrap();
        assert_eq!(input.change("a").unwrap().apply(Some("old".to_owned())), None);
        assert_eq!(input.change("b").unwrap().apply(Some("old".to_owned())), Some("new".to_owned()));
        assert_eq!(input.change("c").unwrap().apply(Some("old".to_owned())), Some("old".to_owned()));
    }
}
