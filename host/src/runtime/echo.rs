//! Finding secrets in text that is about to leave their reach: opened values of answers, log lines, failures, fields.
//!
//! An upstream that repeats what it was sent (a debug page, an error that quotes the request, a malicious account on an approved host) would hand the
//! secret to the guest. So everything is searched for every secret of the call: as it is, base64 in both alphabets and at every alignment,
//! hexadecimal, percent-encoded in any style, JSON-escaped, with spaces and line breaks taken out. A secret shorter than six bytes is not searched
//! for: it would be found in anything.

use crate::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use zeroize::Zeroizing;

/// Shorter secrets are not searched for.
pub const SHORTEST: usize = 6;

/// Searches for a set of secrets.
#[derive(Default)]
pub struct Finder {
    raw: Vec<Zeroizing<String>>,
    base64: Vec<Zeroizing<String>>,
    hex: Vec<Zeroizing<String>>,
}

impl Finder {
    /// A finder of these secrets.
    #[must_use]
    pub fn of<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut finder = Self::default();
        for secret in secrets {
            finder.add(secret);
        }
        finder
    }

    /// One more secret to search for.
    pub fn add(&mut self, secret: &Secret) {
        let text = secret.expose();
        if text.len() < SHORTEST {
            return;
        }
        if text.contains(char::is_whitespace) {
            let packed = without_whitespace(text);
            if packed.len() >= SHORTEST {
                self.raw.push(packed);
            }
        }
        self.raw.push(Zeroizing::new(text.to_owned()));
        self.hex.push(Zeroizing::new(hex::encode(text)));
        for offset in 0..3 {
            self.base64.push(aligned_base64(text, offset));
        }
    }

    /// Whether any of the secrets is in the text, in any of the forms.
    #[must_use]
    pub fn finds(&self, text: &str) -> bool {
        !self.raw.is_empty() && views(text).iter().any(|view| self.finds_in(view))
    }

    fn finds_in(&self, view: &str) -> bool {
        let within = |needles: &[Zeroizing<String>], text: &str| needles.iter().any(|needle| text.contains(needle.as_str()));
        if within(&self.raw, view) {
            return true;
        }
        let standard: Zeroizing<String> = Zeroizing::new(view.replace('-', "+").replace('_', "/"));
        within(&self.base64, &standard) || within(&self.hex, &Zeroizing::new(view.to_ascii_lowercase()))
    }

    /// The text without the secrets. What is there in another form than itself takes the whole text with it.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        if !self.finds(text) {
            return text.to_owned();
        }
        let mut clean = text.to_owned();
        for needle in &self.raw {
            clean = clean.replace(needle.as_str(), "[secret]");
        }
        if self.finds(&clean) {
            "[removed: it held a secret]".to_owned()
        } else {
            clean
        }
    }
}

/// The text, and what it says when read as percent-encoded, as JSON-escaped, and without whitespace.
fn views(text: &str) -> Vec<Zeroizing<String>> {
    let mut views = vec![Zeroizing::new(text.to_owned())];
    // Twice: a gateway may quote an encoded form in an encoded URL.
    for _ in 0..2 {
        let Some(last) = views.last() else { break };
        if !last.contains(['%', '+']) {
            break;
        }
        views.push(percent_decoded(last));
    }
    if text.contains('\\') {
        views.push(json_unescaped(text));
    }
    let packed: Vec<_> = views
        .iter()
        .filter(|view| view.contains(char::is_whitespace))
        .map(|view| without_whitespace(view))
        .collect();
    views.extend(packed);
    views
}

fn without_whitespace(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.chars().filter(|c| !c.is_whitespace()).collect())
}

fn percent_decoded(text: &str) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = match (first, tail) {
            (b'%', [high, low, ..]) => hex_digit(*high).zip(hex_digit(*low)).map(|(high, low)| high * 16 + low),
            _ => None,
        };
        match escaped {
            Some(byte) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(if *first == b'+' { b' ' } else { *first });
                rest = tail;
            }
        }
    }
    Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned())
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn json_unescaped(text: &str) -> Zeroizing<String> {
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => plain.push('\n'),
            Some('r') => plain.push('\r'),
            Some('t') => plain.push('\t'),
            Some('b') => plain.push('\u{8}'),
            Some('f') => plain.push('\u{c}'),
            Some('u') => plain.extend(unescaped(&mut chars)),
            Some(other) => plain.push(other),
            None => {}
        }
    }
    plain
}

/// The character of the four digits behind `\u`, or of two such that are a pair of surrogates (RFC 8259, 7).
fn unescaped(chars: &mut std::str::Chars<'_>) -> Option<char> {
    let unit = |chars: &mut std::str::Chars<'_>| {
        let digits: Zeroizing<String> = Zeroizing::new(chars.by_ref().take(4).collect());
        u16::from_str_radix(&digits, 16).ok()
    };
    let first = unit(chars)?;
    if !(0xd800..0xdc00).contains(&first) {
        return char::from_u32(u32::from(first));
    }
    let rest = chars.as_str().strip_prefix("\\u")?;
    *chars = rest.chars();
    char::decode_utf16([first, unit(chars)?]).next()?.ok()
}

/// What of `text`'s base64 is the same whatever stands before and after it, when `offset` bytes (mod 3) stand before it.
fn aligned_base64(text: &str, offset: usize) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new(vec![0; offset]);
    bytes.extend_from_slice(text.as_bytes());
    let encoded = Zeroizing::new(STANDARD_NO_PAD.encode(&*bytes));
    let from = (offset * 8).div_ceil(6);
    let to = bytes.len() * 8 / 6;
    Zeroizing::new(encoded.get(from..to).unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    const TOKEN: &str = "ghp_Kx/9+canary~42";

    fn finder() -> Finder {
        Finder::of(&[Secret::new(TOKEN.to_owned())])
    }

    #[test]
    fn every_form_is_found() {
        let percent: String = TOKEN.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let escaped: String = TOKEN.chars().map(|c| format!("\\u{:04x}", c as u32)).collect();
        let forms = [
            TOKEN.to_owned(),
            STANDARD.encode(TOKEN),
            URL_SAFE_NO_PAD.encode(TOKEN),
            STANDARD.encode(format!("user:{TOKEN}\n")),
            STANDARD.encode(format!("u:{TOKEN}")),
            hex::encode(TOKEN),
            hex::encode_upper(TOKEN),
            form_urlencoded::byte_serialize(TOKEN.as_bytes()).collect(),
            percent.clone(),
            percent.replace('%', "%25"),
            escaped,
            TOKEN.replace('/', "\\/"),
            TOKEN.chars().map(|c| format!("{c} ")).collect(),
        ];
        for form in forms {
            assert!(finder().finds(&format!("before {form} after")), "{form}");
        }
    }

    #[test]
    fn what_json_escapes_is_found() {
        let finder = Finder::of(&[Secret::new("bell\u{8}feed\u{c}tab\tline\n\"\\/".to_owned())]);
        assert!(finder.finds(r#""bell\bfeed\ftab\tline\n\"\\\/""#));
    }

    #[test]
    fn characters_of_two_units_are_found_in_escapes() {
        let finder = Finder::of(&[Secret::new("ghp_🔑🗝x".to_owned())]);
        assert!(finder.finds(r"before \u0067\u0068\u0070\u005f\ud83d\udd11\uD83D\uDDDD\u0078 after"));
        assert!(!finder.finds(r"\ud83d \ud83d\u0041 \ud83d\ud83d \ud83"));
    }

    #[test]
    fn innocent_text_is_not_found_and_is_kept() {
        assert!(!finder().finds("ghp_Kx/9 is the beginning of one, %41%zz \\u00 \\"));
        assert_eq!(finder().redact("all is well"), "all is well");
        assert!(!Finder::of(&[Secret::new("short".to_owned())]).finds("short"));
    }

    #[test]
    fn redaction_keeps_the_rest_of_a_line_where_it_can() {
        assert_eq!(finder().redact(&format!("sent {TOKEN} twice")), "sent [secret] twice");
        assert_eq!(finder().redact(&STANDARD.encode(TOKEN)), "[removed: it held a secret]");
    }

    proptest! {
        #[test]
        fn base64_is_found_at_every_alignment(secret in "[ -~]{6,40}", before in "[ -~]{0,7}", after in "[ -~]{0,7}") {
            let finder = Finder::of(&[Secret::new(secret.clone())]);
            let text = format!("{before}{secret}{after}");
            prop_assert!(finder.finds(&STANDARD.encode(&text)));
            prop_assert!(finder.finds(&URL_SAFE_NO_PAD.encode(&text)));
        }
    }
}
