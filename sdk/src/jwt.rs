//! Signed assertions.

use crate::{Failure, Secret};
use serde_json::{Value, json};

/// An RS256 assertion over `claims`, signed by the host with `key`. `key_id` goes into the header's `kid`. The algorithm is
/// fixed here, never taken from anything that was stored or received.
///
/// # Errors
/// The host's, if `key` is not a private key.
pub fn sign_rs256(key: &Secret, key_id: Option<&str>, claims: &Value) -> Result<Secret, Failure> {
    let header = match key_id {
        Some(id) => json!({ "typ": "JWT", "kid": id }),
        None => json!({ "typ": "JWT" }),
    };
    key.sign_jwt("RS256", &header.to_string(), &claims.to_string())
}
