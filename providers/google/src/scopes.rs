//! Which scopes to ask for. Who signs for itself could ask for any, so what may be handed out is what was stored with it; a person's
//! grant holds what the person granted.

use claviger_sdk::{Failure, Narrowing};

/// What Google's own tools ask for when nobody says: as wide as the account's roles, and no further than Google Cloud.
const DEFAULT: &str = "https://www.googleapis.com/auth/cloud-platform";

/// Names of one scope: Google takes the short ones and answers the long ones.
const ALIASES: [(&str, &str); 2] = [
    ("email", "https://www.googleapis.com/auth/userinfo.email"),
    ("profile", "https://www.googleapis.com/auth/userinfo.profile"),
];

/// The scopes of a token that its holder may ask for freely (service accounts, impersonated or not, and federated identities): those that
/// the reader asked for, if all of them are stored or lie within a stored one, else all that are stored.
///
/// # Errors
/// `insufficient-scope`, naming the one that is not within what was stored.
pub fn asked(stored: Option<&str>, narrowing: &Narrowing) -> Result<String, Failure> {
    let stored: Vec<&str> = stored.unwrap_or(DEFAULT).split_whitespace().collect();
    let wanted = wanted(narrowing);
    if wanted.is_empty() {
        return Ok(stored.join(" "));
    }
    match wanted.iter().find(|scope| !stored.iter().any(|wide| within(scope, wide))) {
        None => Ok(wanted.join(" ")),
        Some(scope) => Err(outside(scope)),
    }
}

/// The scopes of a token that a person's grant is refreshed for, if any are to be named: those that the reader asked for, else those that
/// are stored; nothing stored, all that was granted. Google itself refuses what the grant does not hold, and it wants each scope by its
/// own name: a read-only half of a granted one is not granted.
///
/// # Errors
/// `insufficient-scope`, naming the one that is not among those that are stored.
pub fn of_grant(stored: Option<&str>, narrowing: &Narrowing) -> Result<Option<String>, Failure> {
    let stored: Option<Vec<&str>> = stored.map(|stored| stored.split_whitespace().collect());
    let wanted = wanted(narrowing);
    if wanted.is_empty() {
        return Ok(stored.map(|stored| stored.join(" ")));
    }
    if let Some(stored) = stored
        && let Some(scope) = wanted.iter().find(|scope| !stored.iter().any(|known| same(scope, known)))
    {
        return Err(outside(scope));
    }
    Ok(Some(wanted.join(" ")))
}

/// A scope of the answer that was not asked for. `openid` is none: it opens nothing, and Google adds it to a `userinfo` scope by itself.
#[must_use]
pub fn beyond<'a>(granted: &'a str, asked: &str) -> Option<&'a str> {
    granted
        .split_whitespace()
        .find(|scope| *scope != "openid" && !asked.split_whitespace().any(|known| same(scope, known)))
}

/// The scopes that an answer tells, as they may be stored: words of the letters that a scope has (RFC 6749, 3.3). `None` without any.
#[must_use]
pub fn told(scope: &str) -> Option<String> {
    let is_letter = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    let words: Vec<&str> = scope.split_whitespace().filter(|word| word.bytes().all(is_letter)).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// Whether these scopes hold that one, under either of its names.
#[must_use]
pub fn holds(scopes: &str, scope: &str) -> bool {
    scopes.split_whitespace().any(|known| same(known, scope))
}

/// Whether a token of these scopes may ask whose it is.
#[must_use]
pub fn tell_who(scopes: &str) -> bool {
    ["openid", "email", "profile"].iter().any(|telling| holds(scopes, telling))
}

fn wanted(narrowing: &Narrowing) -> Vec<&str> {
    let mut wanted: Vec<&str> = narrowing.values("scope").flat_map(str::split_whitespace).collect();
    wanted.sort_unstable();
    wanted.dedup();
    wanted
}

fn outside(scope: &str) -> Failure {
    Failure::insufficient_scope(
        format!("scope `{scope}` is not among this credential's; ask for one that is, or add it to the field `scopes`"),
        Some(scope),
    )
}

fn same(a: &str, b: &str) -> bool {
    full(a) == full(b)
}

fn full(scope: &str) -> &str {
    ALIASES.iter().find(|(short, _)| *short == scope).map_or(scope, |(_, full)| full)
}

/// The same, or its read-only half: `…/drive.readonly` within `…/drive`, `…/cloud-platform.read-only` within `…/cloud-platform`.
fn within(scope: &str, wide: &str) -> bool {
    same(scope, wide) || matches!(scope.strip_prefix(wide), Some(".readonly" | ".read-only"))
}

#[cfg(test)]
mod tests {
    use super::{asked, beyond, of_grant, tell_who, told};
    use claviger_sdk::Narrowing;
    use proptest::prelude::*;

    const DRIVE: &str = "https://www.googleapis.com/auth/drive";
    const EMAIL: &str = "https://www.googleapis.com/auth/userinfo.email";

    fn narrowing(scopes: &[&str]) -> Narrowing {
        Narrowing::new(scopes.iter().map(|scope| ("scope".to_owned(), (*scope).to_owned())).collect())
    }

    #[test]
    fn what_an_answer_tells_is_stored_in_the_letters_of_scopes() {
        assert_eq!(told(" openid\t https://a/b \n").as_deref(), Some("openid https://a/b"));
        assert_eq!(told("openid a\u{0}b \"x\" é").as_deref(), Some("openid"));
        assert_eq!(told(" \u{7} "), None);
    }

    #[test]
    fn all_that_is_stored_unless_less_is_asked_for() {
        let stored = format!("{DRIVE}  https://www.googleapis.com/auth/gmail.send");
        assert_eq!(
            asked(Some(&stored), &narrowing(&[])).unwrap(),
            format!("{DRIVE} https://www.googleapis.com/auth/gmail.send")
        );
        assert_eq!(asked(Some(&stored), &narrowing(&[DRIVE, DRIVE])).unwrap(), DRIVE);
        let read_only = format!("{DRIVE}.readonly");
        assert_eq!(asked(Some(&stored), &narrowing(&[&read_only])).unwrap(), read_only);
        assert_eq!(
            asked(None, &narrowing(&[])).unwrap(),
            "https://www.googleapis.com/auth/cloud-platform"
        );
    }

    #[test]
    fn narrowing_never_widens() {
        let read_only = format!("{DRIVE}.readonly");
        for (stored, scope) in [
            (Some(read_only.as_str()), DRIVE),
            (Some(DRIVE), "https://www.googleapis.com/auth/drivefoo"),
            (None, DRIVE),
        ] {
            let failure = asked(stored, &narrowing(&[scope])).unwrap_err();
            assert_eq!(failure.code, "insufficient-scope");
            assert_eq!(failure.get("missing-scope"), Some(scope));
        }
    }

    #[test]
    fn a_grant_is_narrowed_by_its_own_scopes_alone() {
        assert_eq!(of_grant(None, &narrowing(&[])).unwrap(), None);
        assert_eq!(of_grant(Some(" a  b "), &narrowing(&[])).unwrap().as_deref(), Some("a b"));
        assert_eq!(
            of_grant(Some("openid email"), &narrowing(&[EMAIL])).unwrap().as_deref(),
            Some(EMAIL)
        );
        assert_eq!(of_grant(None, &narrowing(&["b a"])).unwrap().as_deref(), Some("a b"));
        let half = format!("{DRIVE}.readonly");
        let failure = of_grant(Some(DRIVE), &narrowing(&[&half])).unwrap_err();
        assert_eq!(failure.get("missing-scope"), Some(half.as_str()));
    }

    #[test]
    fn more_than_was_asked_for_is_seen() {
        assert_eq!(beyond(&format!("openid {EMAIL}"), "email"), None);
        assert_eq!(beyond(&format!("{DRIVE} {EMAIL}"), EMAIL), Some(DRIVE));
        assert!(tell_who(&format!("{DRIVE} {EMAIL}")) && tell_who("openid") && !tell_who(DRIVE) && !tell_who(""));
    }

    proptest! {
        /// Whatever is asked for: what comes out was stored, or lies within what was stored.
        #[test]
        fn nothing_comes_of_nothing(stored in prop::collection::vec("[a-c.]{1,4}(.readonly)?", 0..4), wanted in prop::collection::vec("[a-c. ]{1,6}(.readonly)?", 0..4)) {
            let stored = stored.join(" ");
            let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
            if let Ok(scopes) = asked(Some(&stored), &narrowing(&wanted)) {
                for scope in scopes.split(' ').filter(|scope| !scope.is_empty()) {
                    let near = |wide: &str| scope == wide || scope == format!("{wide}.readonly");
                    prop_assert!(stored.split_whitespace().any(near), "{scope} of {stored}");
                }
            }
            if let Ok(Some(scopes)) = of_grant(Some(&stored), &narrowing(&wanted)) {
                prop_assert_eq!(beyond(&scopes, &stored), None);
            }
        }
    }
}
