//! From what a client sent to what is stored: the kind's fields, checked against the manifest.
//!
//! The wire's `token` fills the field that the kind names. A pasted document (a Google key file) is split by the manifest's pointers and
//! not kept: what is not needed is not stored.

use super::pattern;
use super::problem::{Answer, Problem};
use crate::manifest::{Field, Kind, Manifest, PlacedAs};
use crate::seal::jws;
use crate::secret::Secret;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A field's value may have this many bytes: a kubeconfig with certificates has 20 KiB, the largest key file 4 KiB.
const LONGEST_VALUE: usize = 256 * 1024;

/// What a client sent that concerns the kind's fields.
#[derive(Default)]
pub struct Given {
    /// The wire's `token`.
    pub token: Option<Secret>,
    /// The wire's `fields`.
    pub fields: BTreeMap<String, Secret>,
}

impl Given {
    /// Whether any of it is to be stored.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.token.is_none() && self.fields.is_empty()
    }
}

/// What is stored.
#[derive(Default)]
pub struct Taken {
    /// Public fields.
    pub public: BTreeMap<String, String>,
    /// Secret fields, to be sealed.
    pub secret: BTreeMap<String, Secret>,
    /// What looks unusual and is stored all the same. Names fields, never a value.
    pub warnings: Vec<String>,
}

/// The kind that a client means: the one it names, or the provider's usual one.
///
/// # Errors
/// 400 that lists the kinds there are.
pub fn kind<'a>(manifest: &'a Manifest, named: Option<&str>) -> Answer<&'a Kind> {
    let name = named.unwrap_or(&manifest.default_kind);
    manifest.kind(name).ok_or_else(|| {
        let known = manifest
            .kinds
            .iter()
            .map(|kind| format!("`{}`", kind.name))
            .collect::<Vec<_>>()
            .join(", ");
        Problem::validation(format!("`kind` is not one of this provider's: {known}"))
    })
}

/// Sorts what was given into the kind's fields.
///
/// # Errors
/// 400 that names the field and what it should be; never what was given.
pub fn take(manifest: &Manifest, kind: &Kind, given: Given) -> Answer<Taken> {
    let mut values = given.fields;
    if let Some(unknown) = values.keys().find(|name| kind.field(name).is_none()) {
        let known = kind
            .fields
            .iter()
            .map(|field| format!("`{}`", field.name))
            .collect::<Vec<_>>()
            .join(", ");
        let unknown: String = unknown.chars().take(64).collect();
        return Err(Problem::validation(format!(
            "`fields.{unknown}` is no field of `{}`; it has {known}",
            kind.name
        )));
    }
    if let Some(token) = given.token {
        if kind.document && token.expose().trim_start().starts_with('{') {
            split(kind, &token, &mut values)?;
        } else if kind.document
            && kind.fields.iter().any(|field| field.pointer.is_some())
            && !values.contains_key(&kind.token_fills)
            && values.is_empty()
        {
            return Err(Problem::validation(format!(
                "`token` must be the JSON document of `{}`: it does not begin with an object",
                kind.name
            )));
        } else if values.insert(kind.token_fills.clone(), token).is_some() {
            return Err(Problem::validation(format!(
                "`token` and `fields.{}` are the same field; send one",
                kind.token_fills
            )));
        }
    }
    let mut taken = Taken::default();
    for (name, value) in values {
        let Some(field) = kind.field(&name) else { continue };
        if field.configured {
            return Err(Problem::validation(format!(
                "`fields.{name}` of `{}` is never stored: the operator configures the file that it is read from (`[[source]]`)",
                kind.name
            )));
        }
        let value = if field.single_line {
            Secret::new(value.expose().trim().to_owned())
        } else {
            value
        };
        check(field, &value)?;
        taken.warnings.extend(pattern::mismatch(kind, field, value.expose()));
        if field.secret && !value.is_empty() && signs(manifest, field) {
            // A key that does not read would fail at every read.
            jws::check_rs256(&value)
                .map_err(|error| Problem::validation(format!("`fields.{}` of `{}`: {error}", field.name, kind.name)))?;
        }
        if field.secret {
            taken.secret.insert(name, value);
        } else {
            taken.public.insert(name, value.expose().to_owned());
        }
    }
    Ok(taken)
}

/// Refuses a credential that lacks what its kind requires. `email` and `url` stand in keys of their own.
///
/// # Errors
/// 400 that names every missing field.
pub fn complete(kind: &Kind, have: &BTreeSet<&str>) -> Answer<()> {
    let missing: Vec<String> = kind
        .fields
        .iter()
        .filter(|field| field.required && !field.client && !field.configured && !have.contains(field.name.as_str()))
        .map(|field| {
            if matches!(field.name.as_str(), "url" | "email") {
                format!("`{}`", field.name)
            } else {
                format!("`fields.{}`", field.name)
            }
        })
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Problem::validation(format!(
        "`{}` needs {} (`token` fills `fields.{}`)",
        kind.name,
        missing.join(", "),
        kind.token_fills
    )))
}

fn split(kind: &Kind, token: &Secret, values: &mut BTreeMap<String, Secret>) -> Answer<()> {
    let refuse = |reason: String| Problem::validation(format!("`token` is not the JSON document of `{}`: {reason}", kind.name));
    let document: Value = serde_json::from_str(token.expose())
        .map_err(|error| refuse(format!("not JSON (line {}, column {})", error.line(), error.column())))?;
    for field in &kind.fields {
        let Some(pointer) = &field.pointer else { continue };
        match document.pointer(pointer) {
            Some(Value::String(text)) => {
                values.entry(field.name.clone()).or_insert_with(|| Secret::new(text.clone()));
            }
            None | Some(Value::Null) if field.required => return Err(refuse(format!("`{pointer}` is missing"))),
            None | Some(Value::Null) => {}
            Some(list) => match words(list).filter(|_| !field.secret) {
                Some(words) => {
                    values.entry(field.name.clone()).or_insert_with(|| Secret::new(words));
                }
                None => return Err(refuse(format!("`{pointer}` is not a string"))),
            },
        }
    }
    Ok(())
}

/// A list of words, such as scopes, as the one text that a field is.
fn words(list: &Value) -> Option<String> {
    let words = list.as_array()?.iter().map(|word| {
        let word = word.as_str()?;
        (!word.is_empty() && !word.contains(char::is_whitespace)).then_some(word)
    });
    Some(words.collect::<Option<Vec<_>>>()?.join(" "))
}

/// Whether the provider signs with this field: then it is a private key.
fn signs(manifest: &Manifest, field: &Field) -> bool {
    let places = manifest.endpoints.iter().flat_map(|endpoint| &endpoint.places);
    places
        .into_iter()
        .any(|place| place.form == PlacedAs::Signed && place.field == field.name)
}

fn check(field: &Field, value: &Secret) -> Answer<()> {
    let refuse = |reason: &str| Problem::validation(format!("`fields.{}` {reason}", field.name));
    if value.len() > LONGEST_VALUE {
        return Err(refuse(&format!("is longer than {LONGEST_VALUE} bytes")));
    }
    if field.required && value.expose().trim().is_empty() {
        return Err(refuse("is empty"));
    }
    if field.single_line && value.expose().chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(refuse(
            "has spaces, line breaks or control characters inside; was more pasted than the token?",
        ));
    }
    if value.expose().contains('\0') || (!field.secret && has_controls(value.expose())) {
        return Err(refuse("has control characters"));
    }
    Ok(())
}

/// Whether a text has control characters other than line breaks and tabs.
pub fn has_controls(text: &str) -> bool {
    text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::TokenSource;

    fn field(name: &str, secret: bool, required: bool, pointer: Option<&str>) -> Field {
        Field {
            name: name.to_owned(),
            label: String::new(),
            secret,
            required,
            client: false,
            single_line: false,
            configured: false,
            pattern: None,
            pointer: pointer.map(str::to_owned),
        }
    }

    fn manifest() -> Manifest {
        let text = r#"{"manifest": 1, "provider": "p", "version": "1", "title": "P", "default-kind": "key-file", "kinds": [], "consumers": {"session": {}},
            "endpoints": [{"name": "e", "method": "POST", "bases": [], "path": "/", "places": [{"field": "pem", "as": "signed", "at": "json:/a"}]}]}"#;
        Manifest::parse(text).unwrap()
    }

    fn document() -> Kind {
        Kind {
            name: "key-file".to_owned(),
            title: String::new(),
            token: TokenSource::Minted,
            token_fills: "key".to_owned(),
            document: true,
            fields: vec![
                field("key", true, true, Some("/inner/key")),
                field("who", false, true, Some("/who")),
                field("scopes", false, false, None),
            ],
            rotation: None,
            connect: None,
            consumers: None,
        }
    }

    fn token(text: &str) -> Given {
        Given {
            token: Some(Secret::new(text.to_owned())),
            ..Given::default()
        }
    }

    #[test]
    fn a_document_is_split_and_only_its_named_parts_are_kept() {
        let taken = take(
            &manifest(),
            &document(),
            token(r#"{"who": "robot", "inner": {"key": "k-1"}, "token_uri": "https://evil.test"}"#),
        )
        .unwrap();
        assert_eq!(taken.public, BTreeMap::from([("who".to_owned(), "robot".to_owned())]));
        assert_eq!(taken.secret.keys().collect::<Vec<_>>(), ["key"]);
        assert_eq!(taken.secret["key"].expose(), "k-1");
    }

    #[test]
    fn a_malformed_document_is_one_clear_error_without_its_content() {
        for (text, says) in [
            (r#"{"who": "robot-7", "inner": {"key": 5}}"#, "/inner/key"),
            (r#"{"who": "robot-7"}"#, "/inner/key"),
            (r#"{"who": "robot-7", "#, "line 1"),
            ("robot-7", "does not begin with an object"),
        ] {
            let problem = format!("{:?}", take(&manifest(), &document(), token(text)).err().unwrap());
            assert!(problem.contains(says) && !problem.contains("robot-7"), "{problem}");
        }
    }

    #[test]
    fn unknown_and_double_fields_are_refused() {
        let mut given = token("x");
        given.fields.insert("keyy".to_owned(), Secret::new("s3cret".to_owned()));
        let problem = format!("{:?}", take(&manifest(), &document(), given).err().unwrap());
        assert!(problem.contains("keyy") && !problem.contains("s3cret"), "{problem}");
        let mut given = token("x");
        given.fields.insert("key".to_owned(), Secret::new("y".to_owned()));
        assert!(take(&manifest(), &document(), given).is_err());
    }

    #[test]
    fn a_pasted_token_loses_its_ends_and_nothing_else() {
        let mut kind = document();
        kind.document = false;
        kind.fields[0].single_line = true;
        let taken = take(&manifest(), &kind, token(" k-1\n")).unwrap();
        assert_eq!(taken.secret["key"].expose(), "k-1");
        for bad in ["k 1", "k\n1", "k\u{7f}1", " "] {
            assert!(take(&manifest(), &kind, token(bad)).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_malformed_private_key_is_refused_when_it_is_stored() {
        let mut kind = document();
        kind.document = false;
        kind.fields[0].name = "pem".to_owned();
        kind.token_fills = "pem".to_owned();
        let problem = format!(
            "{:?}",
            take(&manifest(), &kind, token("-----BEGIN RSA PRIVATE KEY-----\nc2VjcmV0\n"))
                .err()
                .unwrap()
        );
        assert!(problem.contains("private key") && !problem.contains("c2VjcmV0"), "{problem}");
    }

    #[test]
    fn a_list_of_words_is_one_text_and_null_is_nothing() {
        let mut kind = document();
        kind.fields[2].pointer = Some("/scopes".to_owned());
        let scopes = |scopes: &str| {
            let text = format!(r#"{{"who": "robot", "inner": {{"key": "k-1"}}, "scopes": {scopes}}}"#);
            take(&manifest(), &kind, token(&text)).map(|taken| taken.public.get("scopes").cloned())
        };
        assert_eq!(scopes(r#"["a", "b"]"#).unwrap().as_deref(), Some("a b"));
        assert_eq!(scopes("[]").unwrap().as_deref(), Some(""));
        assert_eq!(scopes("null").unwrap(), None);
        for bad in [r#"["a b"]"#, r#"["a", 5]"#, r#"[["a"]]"#, "5", "true", "{}"] {
            assert!(scopes(bad).is_err(), "{bad}");
        }
        for secret in [r#"["k-1"]"#, "null"] {
            let text = format!(r#"{{"who": "robot", "inner": {{"key": {secret}}}}}"#);
            assert!(take(&manifest(), &kind, token(&text)).is_err(), "{secret}");
        }
    }

    #[test]
    fn what_is_never_stored_is_never_taken() {
        let mut kind = document();
        kind.fields[0].configured = true;
        kind.fields[0].pointer = None;
        let mut given = Given::default();
        given.fields.insert("key".to_owned(), Secret::new("hunter2".to_owned()));
        for given in [given, token("hunter2")] {
            let problem = format!("{:?}", take(&manifest(), &kind, given).err().unwrap());
            assert!(!problem.contains("hunter2"), "{problem}");
        }
        let mut given = Given::default();
        given.fields.insert("who".to_owned(), Secret::new("robot".to_owned()));
        given.token = Some(Secret::new("hunter2".to_owned()));
        let problem = format!("{:?}", take(&manifest(), &kind, given).err().unwrap());
        assert!(
            problem.contains("`fields.key`") && problem.contains("[[source]]") && !problem.contains("hunter2"),
            "{problem}"
        );
        let taken = take(&manifest(), &kind, token(r#"{"who": "robot", "inner": {"key": "hunter2"}}"#)).unwrap();
        assert!(taken.secret.is_empty() && taken.public["who"] == "robot");
        complete(&kind, &BTreeSet::from(["who"])).unwrap();
    }

    #[test]
    fn what_is_missing_is_named() {
        let problem = format!("{:?}", complete(&document(), &BTreeSet::from(["key"])).err().unwrap());
        assert!(problem.contains("fields.who") && !problem.contains("fields.scopes"), "{problem}");
    }
}
