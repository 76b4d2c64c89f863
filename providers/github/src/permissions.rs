//! What a reader asks for, as the body of GitHub's request.

use crate::installation::is_repository;
use claviger_sdk::{Failure, Narrowing};
use serde_json::{Map, Value};

/// GitHub takes no more names in one request.
const MOST_REPOSITORIES: usize = 500;

/// The members of the request: `repositories` and `permissions`, each only if asked for. Names of permissions are not listed
/// here, for GitHub adds some every year and refuses what it does not know.
///
/// # Errors
/// `unsupported`, for a value that GitHub could not mean the same by.
pub fn requested(narrowing: &Narrowing) -> Result<Vec<(&'static str, Value)>, Failure> {
    let mut members = Vec::new();
    let repositories = narrowing.values("repository").map(repository).collect::<Result<Vec<_>, _>>()?;
    if repositories.len() > MOST_REPOSITORIES {
        return Err(Failure::unsupported(format!(
            "GitHub takes at most {MOST_REPOSITORIES} repositories in one request; ask for fewer"
        )));
    }
    if !repositories.is_empty() {
        members.push(("repositories", Value::from(repositories)));
    }
    let mut permissions = Map::new();
    for value in narrowing.values("permission") {
        let (name, level) = permission(value)?;
        if permissions
            .insert(name.to_owned(), level.into())
            .is_some_and(|before| before != level)
        {
            return Err(Failure::unsupported(format!(
                "permission `{name}` is asked for at two levels; ask for one"
            )));
        }
    }
    if !permissions.is_empty() {
        members.push(("permissions", Value::Object(permissions)));
    }
    Ok(members)
}

/// The bare name: an installation belongs to one account, and GitHub would ignore another owner instead of refusing it.
fn repository(name: &str) -> Result<&str, Failure> {
    if !is_repository(name) {
        return Err(Failure::unsupported(format!(
            "`{name}` is not the bare name of a repository; the owner is the installation's account"
        )));
    }
    Ok(name)
}

fn permission(value: &str) -> Result<(&str, &str), Failure> {
    let plain = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    match value.split_once(':') {
        Some((name, level @ ("read" | "write" | "admin"))) if plain(name) => Ok((name, level)),
        _ => Err(Failure::unsupported(format!(
            "`{value}` is not a permission; write `name:level` with level `read`, `write` or `admin`, as in `contents:read`"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::requested;
    use claviger_sdk::Narrowing;
    use proptest::prelude::*;
    use serde_json::json;

    fn narrowing(pairs: &[(&str, &str)]) -> Narrowing {
        Narrowing::new(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn asks_for_exactly_what_was_asked_for() {
        assert_eq!(requested(&narrowing(&[])).unwrap(), []);
        let asked = narrowing(&[
            ("repository", "hello.world"),
            ("permission", "contents:read"),
            ("repository", "spoon-knife"),
            ("permission", "pull_requests:write"),
        ]);
        assert_eq!(
            requested(&asked).unwrap(),
            [
                ("repositories", json!(["hello.world", "spoon-knife"])),
                ("permissions", json!({ "contents": "read", "pull_requests": "write" })),
            ]
        );
    }

    #[test]
    fn refuses_what_github_would_read_differently() {
        for pair in [
            ("repository", "evil/hello"),
            ("repository", ""),
            ("permission", "contents"),
            ("permission", "contents:none"),
            ("permission", "contents:read:write"),
            ("permission", "Contents:read"),
        ] {
            assert_eq!(requested(&narrowing(&[pair])).unwrap_err().code, "unsupported", "{pair:?}");
        }
        let twice = narrowing(&[("permission", "contents:read"), ("permission", "contents:write")]);
        assert_eq!(requested(&twice).unwrap_err().code, "unsupported");
    }
    #[test]
    fn five_hundred_repositories_and_no_more() {
        let names: Vec<String> = (0..501).map(|number| format!("repository-{number}")).collect();
        let asked = |count: usize| {
            narrowing(
                &names
                    .iter()
                    .take(count)
                    .map(|name| ("repository", name.as_str()))
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(requested(&asked(500)).unwrap()[0].1.as_array().unwrap().len(), 500);
        assert_eq!(requested(&asked(501)).unwrap_err().code, "unsupported");
    }

    proptest! {
        /// What is asked for is asked for whole: nothing is dropped on the way, which would widen the token.
        #[test]
        fn nothing_that_was_asked_for_is_lost(repositories in proptest::collection::vec("\\PC{0,12}|[a-z.-]{1,8}", 0..6), permissions in proptest::collection::vec("\\PC{0,12}|[a-z_]{1,8}:(read|write|admin|none)", 0..6)) {
            let pairs = repositories.iter().map(|value| ("repository", value.as_str()));
            let pairs: Vec<_> = pairs.chain(permissions.iter().map(|value| ("permission", value.as_str()))).collect();
            let Ok(members) = requested(&narrowing(&pairs)) else { return Ok(()) };
            let member = |name: &str| members.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
            let names = member("repositories").unwrap_or_else(|| json!([]));
            prop_assert_eq!(names.as_array().unwrap().len(), repositories.len());
            let levels = member("permissions").unwrap_or_else(|| json!({}));
            for permission in &permissions {
                let (name, level) = permission.trim().split_once(':').unwrap();
                prop_assert_eq!(&levels[name], level);
            }
        }
    }
}
