//! The random texts of a consent.

use crate::clock::fill_random;
use crate::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::hmac;

/// No vowels, so no words; no letter that looks like another (RFC 8628, 6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// 20^8 are 34 bits, for five guesses in ten minutes.
const LENGTH: usize = 8;

/// 256 random bits, as a URL may hold them.
pub(super) fn unguessable() -> String {
    let mut bytes = [0; 32];
    fill_random(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// SHA-256 in hexadecimal: how a `state` is looked up.
pub(super) fn hashed(text: &str) -> String {
    hex::encode(digest(&SHA256, text.as_bytes()))
}

/// The challenge of a verifier (RFC 7636, 4.2, S256).
pub(super) fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()))
}

/// What the consenting browser is shown: eight letters.
pub(super) fn confirmation() -> String {
    let mut code = String::with_capacity(LENGTH);
    while code.len() < LENGTH {
        let mut byte = [0];
        fill_random(&mut byte);
        // 240 is the largest multiple of 20 in a byte: each letter is as likely as the others.
        if byte[0] < 240 {
            code.push(char::from(LETTERS[usize::from(byte[0]) % LETTERS.len()]));
        }
    }
    code
}

/// Whether this is the code, as people type it: in any case, with dashes and spaces. Takes the same time for every wrong one.
pub(super) fn is(shown: &Secret, typed: &str) -> bool {
    let typed: String = typed
        .chars()
        .filter(char::is_ascii_alphabetic)
        .map(|c| c.to_ascii_uppercase())
        .collect();
    let mut once = [0; 32];
    fill_random(&mut once);
    let key = hmac::Key::new(hmac::HMAC_SHA256, &once);
    let tag = hmac::sign(&key, shown.expose().as_bytes());
    hmac::verify(&key, typed.as_bytes(), tag.as_ref()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_recognised_as_people_type_it() {
        let code = confirmation();
        assert_eq!(code.len(), LENGTH);
        assert!(code.bytes().all(|letter| LETTERS.contains(&letter)));
        let (first, second) = code.split_at(4);
        let shown = Secret::new(code.clone());
        assert!(is(&shown, &format!(" {}-{} ", first.to_lowercase(), second)));
        assert!(!is(&shown, first));
        assert!(!is(&shown, ""));
        assert!(!is(&shown, &confirmation()));
    }

    /// The example of RFC 7636, appendix B.
    #[test]
    fn the_challenge_is_the_standards() {
        assert_eq!(
            challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }
}
