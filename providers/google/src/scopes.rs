//! Which scopes to ask for. A service account could ask for any, so what it may hand out is what was stored with it.

use claviger_sdk::{Failure, Narrowing};

/// What Google's own tools ask for when nobody says: as wide as the account's roles, and no further than Google Cloud.
const DEFAULT: &str = "https://www.googleapis.com/auth/cloud-platform";

/// The scopes of one request, separated by spaces: those that the reader asked for, if all of them are stored or lie within
/// a stored one, else all that are stored.
///
/// # Errors
/// `insufficient-scope`, naming the one that is not within what was stored.
pub fn asked(stored: Option<&str>, narrowing: &Narrowing) -> Result<String, Failure> {
    let stored: Vec<&str> = stored.unwrap_or(DEFAULT).split_whitespace().collect();
    let mut wanted: Vec<&str> = narrowing.values("scope").flat_map(str::split_whitespace).collect();
    wanted.sort_unstable();
    wanted.dedup();
    if wanted.is_empty() {
        return Ok(stored.join(" "));
    }
    match wanted.iter().find(|scope| !stored.iter().any(|wide| within(scope, wide))) {
        None => Ok(wanted.join(" ")),
        Some(scope) => Err(Failure::insufficient_scope(
            format!("scope `{scope}` is not among this credential's; ask for one that is, or add it to the field `scopes`"),
            Some(scope),
        )),
    }
}

/// The same, or its read-only half: `…/drive.readonly` within `…/drive`, `…/cloud-platform.read-only` within `…/cloud-platform`.
fn within(scope: &str, wide: &str) -> bool {
    matches!(scope.strip_prefix(wide), Some("" | ".readonly" | ".read-only"))
}

#[cfg(test)]
mod tests {
    use super::asked;
    use claviger_sdk::Narrowing;

    const DRIVE: &str = "https://www.googleapis.com/auth/drive";

    fn narrowing(scopes: &[&str]) -> Narrowing {
        Narrowing::new(scopes.iter().map(|scope| ("scope".to_owned(), (*scope).to_owned())).collect())
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
}
