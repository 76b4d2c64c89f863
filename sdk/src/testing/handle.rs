//! Secrets of the test host: the text, and where it comes from.

use crate::{Encoding, Failure, Part, Retry, Secret};
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde_json::Value;

/// A secret with its origin, for the placement rules.
pub(crate) struct Handle {
    text: String,
    pub(super) field: String,
    pub(super) form: &'static str,
}

impl Handle {
    pub(super) fn plain(field: &str, text: &str) -> Self {
        Self {
            text: text.to_owned(),
            field: field.to_owned(),
            form: "plain",
        }
    }
}

/// A secret that stands for the stored field `field`.
#[must_use]
pub fn secret(field: &str, text: &str) -> Secret {
    Secret(Handle::plain(field, text))
}

/// A secret's text.
#[must_use]
pub fn text(secret: &Secret) -> &str {
    &secret.0.text
}

/// The header and the claims of an assertion.
#[must_use]
pub fn claims(jws: &str) -> (Value, Value) {
    let mut parts = jws.split('.').map(|part| {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    });
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

/// In the form of a JWS, with the key's field in place of a signature: nothing here can sign.
pub(crate) fn sign_jwt(key: &Handle, algorithm: &str, header: &str, claims: &str) -> Result<Handle, Failure> {
    let object = |text: &str| serde_json::from_str::<serde_json::Map<String, Value>>(text);
    let (Ok(mut header), Ok(_)) = (object(header), object(claims)) else {
        return Err(Failure::new("invalid-argument", "header and claims are JSON objects", Retry::Never));
    };
    header.insert("alg".to_owned(), algorithm.into());
    let header = BASE64_URL_SAFE_NO_PAD.encode(Value::Object(header).to_string());
    let claims = BASE64_URL_SAFE_NO_PAD.encode(claims);
    let signature = BASE64_URL_SAFE_NO_PAD.encode(&key.field);
    Ok(Handle {
        text: format!("{header}.{claims}.{signature}"),
        field: key.field.clone(),
        form: "signed",
    })
}

/// As an operator who granted nothing.
pub(crate) fn reveal(_secret: &Handle) -> Result<String, Failure> {
    Err(Failure::new("reveal-denied", "this provider may not read secrets", Retry::Never))
}

pub(crate) fn join(parts: &[Part<'_>], encoding: Encoding) -> Handle {
    let text = parts.iter().map(written).collect::<String>();
    let first = parts.iter().find_map(|part| match part {
        Part::Secret(secret, _) => Some(&secret.0),
        Part::Text(_) => None,
    });
    let copied = matches!(parts, [Part::Secret(_, Encoding::Plain)]) && encoding == Encoding::Plain;
    Handle {
        text: encoded(&text, encoding),
        field: first.map(|handle| handle.field.clone()).unwrap_or_default(),
        form: if copied {
            first.map_or("joined", |handle| handle.form)
        } else {
            "joined"
        },
    }
}

pub(super) fn written(part: &Part<'_>) -> String {
    match part {
        Part::Text(text) => text.clone(),
        Part::Secret(secret, encoding) => encoded(&secret.0.text, *encoding),
    }
}

fn encoded(text: &str, encoding: Encoding) -> String {
    match encoding {
        Encoding::Plain => text.to_owned(),
        Encoding::Base64 => BASE64_STANDARD.encode(text),
        Encoding::Base64Url => BASE64_URL_SAFE_NO_PAD.encode(text),
        Encoding::FormUrlencoded => form_urlencoded::byte_serialize(text.as_bytes()).collect(),
        Encoding::JsonString => Value::from(text).to_string(),
    }
}
