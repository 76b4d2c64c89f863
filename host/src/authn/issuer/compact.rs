//! The parts of a signed token (RFC 7515, compact form), read strictly and believed in nothing yet.

use super::rejection::Rejection;
use crate::config::Algorithm;
use crate::json;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// A longer token is not looked at, in bytes. Keycloak's, with the roles of a large realm in it, have 8 KiB.
const LONGEST: usize = 16 * 1024;
/// A longer key name is nobody's, in bytes.
pub(super) const LONGEST_KID: usize = 256;

/// A token whose signature has not been checked.
pub(super) struct Unverified<'t> {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
    pub(super) claims: Map<String, Value>,
    /// What was signed.
    pub(super) input: &'t [u8],
    pub(super) signature: Vec<u8>,
}

impl<'t> Unverified<'t> {
    /// Takes a token apart.
    pub(super) fn read(token: &'t str) -> Result<Self, Rejection> {
        if token.len() > LONGEST {
            return Err(Rejection::TooLong);
        }
        let (input, signature) = token.rsplit_once('.').ok_or(Rejection::Malformed)?;
        let (header, claims) = input.split_once('.').ok_or(Rejection::Malformed)?;
        let header = json::object(&decode(header)?).ok_or(Rejection::Malformed)?;
        if header.contains_key("crit") {
            return Err(Rejection::Critical);
        }
        let text = |name: &str| match header.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(Rejection::Malformed),
        };
        // RFC 9068: an access token says `at+jwt`; most issuers say `JWT`, or nothing.
        let bearers = ["jwt", "at+jwt", "application/jwt", "application/at+jwt"];
        if text("typ")?.is_some_and(|typ| !bearers.iter().any(|known| typ.eq_ignore_ascii_case(known))) {
            return Err(Rejection::Type);
        }
        let algorithm = text("alg")?.and_then(Algorithm::named).ok_or(Rejection::Algorithm)?;
        let kid = text("kid")?.map(str::to_owned);
        if kid.as_ref().is_some_and(|kid| kid.len() > LONGEST_KID) {
            return Err(Rejection::UnknownKey);
        }
        Ok(Self {
            algorithm,
            kid,
            claims: json::object(&decode(claims)?).ok_or(Rejection::Malformed)?,
            input: input.as_bytes(),
            signature: decode(signature)?,
        })
    }
}

/// Base64url without padding, in its one form: no other letters, no bits left over.
fn decode(text: &str) -> Result<Vec<u8>, Rejection> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| Rejection::Malformed)
}
