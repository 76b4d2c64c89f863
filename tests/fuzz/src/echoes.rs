//! The target of `runtime::echo`: a secret is found in whatever an upstream makes of it, and what is redacted is gone.
//!
//! First line: how the secret is written (`hex`, `base64 percent`, …, one after another), second line: the secret, third: what stands before it,
//! the rest: what stands after.

use super::echo::{Finder, SHORTEST};
use crate::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// What `redact` writes where a secret stood.
const MARKS: [&str; 2] = ["[secret]", "[removed: it held a secret]"];

/// The target.
///
/// # Panics
/// If a secret is not found, or is still there after it was taken out.
pub fn target(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.splitn(4, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (forms, secret, before, after) = (line(), line(), line(), line());
    let finder = Finder::of(&[Secret::new(secret.to_owned())]);
    let whole = format!("{before}{secret}{after}");
    let written = forms.split_whitespace().take(1).fold(whole.clone(), |_, form| match form {
        "hex" => format!("{before} {} {after}", hex::encode(secret)),
        "upper-hex" => format!("{before} {} {after}", hex::encode_upper(secret)),
        "base64" => STANDARD.encode(&whole),
        "base64url" => URL_SAFE_NO_PAD.encode(&whole),
        "percent" => secret.bytes().map(|byte| format!("%{byte:02X}")).collect(),
        "twice" => secret.bytes().map(|byte| format!("%25{byte:02x}")).collect(),
        "form" => form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
        "json" => serde_json::Value::from(secret).to_string(),
        "escaped" => secret.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect(),
        "spaced" => secret.chars().flat_map(|c| [c, ' ']).collect(),
        _ => whole.clone(),
    });
    if secret.len() >= SHORTEST && !secret.trim().is_empty() {
        // What has no six bytes left without its spaces is not searched for in that form.
        let dense = secret.chars().filter(|c| !c.is_whitespace()).map(char::len_utf8).sum::<usize>() >= SHORTEST;
        assert!(!dense || finder.finds(&written), "`{secret}` is not found in `{written}`");
        let clean = finder.redact(&written);
        // A secret that is a word of the mark which stands in its place is not told by it.
        if MARKS.iter().any(|mark| finder.finds(mark)) {
            return;
        }
        assert!(!clean.contains(secret), "`{secret}` is still in `{clean}`");
        assert!(!finder.finds(&clean), "`{secret}` is still found in `{clean}`");
    }
    let clean = finder.redact(after);
    assert!(finder.finds(after) || clean == after, "what holds no secret was changed");
}
