//! Which installation of the App a credential means: by its number, or by the account or repository that it is installed for.

use crate::answer::described;
use crate::assertion::App;
use crate::failures::installation_failure;
use claviger_sdk::{Credential, Failure, now_ms};

/// What a credential names.
#[derive(Debug, PartialEq, Eq)]
pub enum Wanted<'c> {
    /// The installation's number.
    Id(u64),
    /// The account that it is installed for.
    Account(&'c str),
    /// A repository of that account.
    Repository(&'c str, &'c str),
}

impl<'c> Wanted<'c> {
    /// The installation id if there is one, else the owner.
    ///
    /// # Errors
    /// `invalid-credential`, if neither is stored, or what is stored could be part of another path.
    pub fn of(credential: &'c Credential) -> Result<Self, Failure> {
        if let Some(id) = credential.text("installation-id") {
            return id.parse().map(Self::Id).map_err(|_| {
                Failure::invalid_credential(format!(
                    "installation id `{id}` is not a number; it is the last part of the installation's address"
                ))
            });
        }
        let Some(owner) = credential.text("owner") else {
            return Err(Failure::invalid_credential(
                "neither `installation-id` nor `owner` is stored; store one of them (`owner` is an account, or a repository as `owner/name`)",
            ));
        };
        match owner.split_once('/') {
            None if is_account(owner) => Ok(Self::Account(owner)),
            Some((account, name)) if is_account(account) && is_repository(name) => Ok(Self::Repository(account, name)),
            _ => Err(Failure::invalid_credential(format!(
                "`owner` is `{owner}`, which is neither an account nor a repository as `owner/name`"
            ))),
        }
    }

    /// The installation's number.
    ///
    /// # Errors
    /// GitHub's refusal, classified; `misconfigured` if the App is not installed there.
    pub fn resolve(&self, app: &mut App<'_>) -> Result<u64, Failure> {
        match self {
            Self::Id(id) => Ok(*id),
            Self::Repository(owner, name) => {
                let found = ask(app, &format!("/repos/{owner}/{name}/installation"))?;
                found.ok_or_else(|| not_installed(&format!("{owner}/{name}")))
            }
            // Nothing tells an organisation's name from a person's.
            Self::Account(name) => match ask(app, &format!("/orgs/{name}/installation"))? {
                Some(id) => Ok(id),
                None => ask(app, &format!("/users/{name}/installation"))?.ok_or_else(|| not_installed(name)),
            },
        }
    }
}

/// The installation at that path, or `None` if there is none.
fn ask(app: &mut App<'_>, path: &str) -> Result<Option<u64>, Failure> {
    let answer = app.ask(|instance| described("GET", &format!("{}{path}", instance.api)))?;
    let reply = &answer.reply;
    match reply.status {
        200 => reply
            .number("/id")
            .map(Some)
            .ok_or_else(|| reply.marked(Failure::upstream_protocol("GitHub's installation has no readable `id`"))),
        404 if answer.said() == "Not Found" => Ok(None),
        301 => Err(reply.marked(Failure::misconfigured(
            "GitHub says that this has moved: it was renamed or transferred; store its new name as `owner`",
        ))),
        _ => Err(installation_failure(reply, &answer.limits, now_ms())),
    }
}

/// No reason to store anything anew: once the App is installed, the next read works.
fn not_installed(what: &str) -> Failure {
    Failure::misconfigured(format!(
        "the App is not installed for `{what}`, or that is not there; have its owner install the App, or correct `owner`"
    ))
}

/// Letters, digits and hyphens; an underscore comes with the accounts that an enterprise manages.
pub(crate) fn is_account(name: &str) -> bool {
    !name.is_empty() && name.len() <= 100 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

pub(crate) fn is_repository(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.len() <= 100 && name.chars().all(plain) && name != "." && name != ".."
}

#[cfg(test)]
mod tests {
    use super::Wanted;
    use claviger_sdk::{Credential, Value, codes};
    use proptest::prelude::*;

    fn credential(name: &str, text: &str) -> Credential {
        Credential::new("app-installation", vec![(name.to_owned(), Value::Text(text.to_owned()))])
    }

    #[test]
    fn a_number_an_account_or_a_repository() {
        let wanted = |name, text| Wanted::of(&credential(name, text)).map(|wanted| format!("{wanted:?}"));
        assert_eq!(wanted("installation-id", " 42 ").unwrap(), "Id(42)");
        assert_eq!(wanted("owner", "octo-org").unwrap(), "Account(\"octo-org\")");
        assert_eq!(
            wanted("owner", "octocat_corp/hello.world").unwrap(),
            "Repository(\"octocat_corp\", \"hello.world\")"
        );
        for (name, text) in [
            ("installation-id", "42/../../user"),
            ("owner", ""),
            ("owner", "/hello"),
            ("owner", "octo/"),
            ("owner", "octo/.."),
            ("owner", "octo/a/b"),
            ("owner", "octo%2fa"),
            ("owner", "öcto"),
        ] {
            assert_eq!(wanted(name, text).unwrap_err().code, codes::INVALID_CREDENTIAL, "{name} {text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_stored_is_never_another_path(text in "\\PC{0,40}|[a-z]{1,5}/[a-z./%]{1,8}") {
            let credential = credential("owner", &text);
            let (Ok(Wanted::Account(account)) | Ok(Wanted::Repository(account, _))) = Wanted::of(&credential) else {
                return Ok(());
            };
            prop_assert!(!account.contains(['/', '%', '?', '#', '.']) && text.trim().matches('/').count() <= 1);
        }
    }
}
