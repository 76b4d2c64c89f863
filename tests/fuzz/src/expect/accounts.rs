//! Identities, accounts that a consent opens, and the end of a credential.

use super::{Seen, is_line};
use claviger_sdk::{Account, Identity};

/// The longest name or address that Git or an upstream has.
const LONGEST: usize = 400;

/// What an identity says can stand in a commit.
///
/// # Panics
/// If not.
pub fn identity(seen: &Seen<'_>, identity: &Identity) {
    for key in ["id", "login", "display-name", "user-name", "email"] {
        let Some(text) = identity.get(key) else { continue };
        assert!(
            is_line(text) && text.len() <= LONGEST,
            "`{key}` is {text:?}, which Git would misread"
        );
        seen.no_secret(key, text);
    }
    if let Some(email) = identity.get("email") {
        let parts = email.split_once('@');
        assert!(
            parts.is_some_and(|(user, host)| !user.is_empty() && !host.is_empty()) && !email.contains(char::is_whitespace),
            "`{email}` is no address"
        );
    }
    if *identity != Identity::new() && !seen.sent.is_empty() {
        assert!(
            seen.exchanges().any(|(_, answer)| answer.is_success()),
            "an identity that nobody told"
        );
    }
}

/// An exchange has at least one account; each has a title of one line and fields of one line.
///
/// # Panics
/// If not.
pub fn accounts(seen: &Seen<'_>, accounts: &[Account]) {
    assert!(!accounts.is_empty(), "an exchange without an account");
    let bought = seen.exchanges().next();
    assert!(
        bought.is_some_and(|(_, answer)| answer.is_success() && answer.json().is_some_and(|json| !has_text(&json, "/error"))),
        "accounts of a code that was refused"
    );
    for account in accounts {
        let title = account.title();
        assert!(is_line(title) && title.len() <= 2 * LONGEST, "the title {title:?} breaks its line");
        seen.no_secret("a title", title);
        for key in ["cloud-id", "site", "user-name", "email", "scopes", "redirect-uri"] {
            let Some(text) = account.get(key) else { continue };
            // An angle bracket ends a name in a commit; a scope may have one.
            let fits = if key == "scopes" {
                is_line(&text.replace(['<', '>'], "x"))
            } else {
                is_line(text)
            };
            assert!(fits, "`{key}` is {text:?}, which breaks its line");
            seen.no_secret(key, text);
        }
        if let Some(site) = account.get("site") {
            assert!(
                site.starts_with("https://") || site.starts_with("http://"),
                "the site {site:?} is no page"
            );
        }
    }
}

/// A credential has ended only where every answer says so: an outage, a limit or a redirect says nothing.
///
/// # Panics
/// If not.
pub fn ended(seen: &Seen<'_>, remaining: Option<&str>) {
    seen.no_secret("what remains", remaining.unwrap_or_default());
    for (sent, answer) in seen.exchanges() {
        assert!(
            !matches!(answer.status, 100..=199 | 300..=399 | 429 | 500..),
            "{} {} answered {} and counts as ended",
            sent.method,
            sent.url,
            answer.status
        );
    }
    assert!(
        seen.sent.len() <= seen.scenario.answers.len(),
        "a request without an answer counts as ended"
    );
}

fn has_text(json: &serde_json::Value, pointer: &str) -> bool {
    json.pointer(pointer).is_some_and(serde_json::Value::is_string)
}
