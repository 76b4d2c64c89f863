//! A thing by its id or by its name. A name that several have is refused with their ids: to take the first would be to guess.

use super::{Client, Failure, V1, below, text};
use serde_json::Value;

/// Ids that servers make: KSUIDs, 27 letters and digits.
pub(in crate::cli) fn looks_like_an_id(text: &str) -> bool {
    text.len() == 27 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

impl Client {
    /// A credential's id.
    pub(in crate::cli) async fn credential_id(&self, given: &str) -> Result<String, Failure> {
        if looks_like_an_id(given) {
            return Ok(given.to_owned());
        }
        Ok(text(&self.credential(given).await?, "id").to_owned())
    }

    /// A credential, by its id or name.
    pub(in crate::cli) async fn credential(&self, given: &str) -> Result<Value, Failure> {
        match self.credential_if_any(given).await? {
            Some(credential) => Ok(credential),
            None => Err(Failure::NotFound(format!("no credential `{given}`, or not for you"))),
        }
    }

    /// The same, if it is there.
    pub(in crate::cli) async fn credential_if_any(&self, given: &str) -> Result<Option<Value>, Failure> {
        if given.is_empty() {
            return Err(Failure::Usage(
                "a credential is named by its id or its name, and this is neither".to_owned(),
            ));
        }
        // An address has no such segments: they would be dropped, and something else asked for.
        if !matches!(given, "." | "..") {
            match self.get(&below(V1, &["credentials", given]), &[]).await {
                Ok(found) => return Ok(Some(found)),
                Err(Failure::NotFound(_)) if !looks_like_an_id(given) => {}
                Err(Failure::NotFound(_)) => return Ok(None),
                Err(other) => return Err(other),
            }
        }
        // The server answers a name that several have like one that nobody has.
        only(self.all("credentials").await?, "credentials", given)
    }

    /// A role's id, by its id or name.
    pub(in crate::cli) async fn role_id(&self, given: &str) -> Result<String, Failure> {
        let roles = self.all("roles").await?;
        if let Some(role) = roles.iter().find(|role| text(role, "id") == given) {
            return Ok(text(role, "id").to_owned());
        }
        match only(roles, "roles", given)? {
            Some(role) => Ok(text(&role, "id").to_owned()),
            None => Err(Failure::NotFound(format!("no role `{given}`; `claviger role list` shows them"))),
        }
    }
}

/// The one of this name.
pub(in crate::cli) fn only(items: Vec<Value>, what: &str, name: &str) -> Result<Option<Value>, Failure> {
    let mut named: Vec<Value> = items.into_iter().filter(|item| text(item, "name") == name).collect();
    if named.len() > 1 {
        let ids: Vec<&str> = named.iter().map(|item| text(item, "id")).collect();
        return Err(Failure::Refused(format!(
            "{} {what} are named `{name}`; say which by its id: {}",
            ids.len(),
            ids.join(", ")
        )));
    }
    Ok(named.pop())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn several_of_one_name_are_refused_with_their_ids() {
        let items = || {
            vec![
                json!({"id": "a", "name": "x"}),
                json!({"id": "b", "name": "x"}),
                json!({"id": "c", "name": "y"}),
            ]
        };
        let why = only(items(), "credentials", "x").unwrap_err();
        assert!(matches!(why, Failure::Refused(_)) && why.to_string().ends_with("a, b"), "{why}");
        assert_eq!(only(items(), "credentials", "y").unwrap().unwrap()["id"], "c");
        assert!(only(items(), "credentials", "z").unwrap().is_none());
    }
}
