//! Whom GitHub takes a credential for, and what belongs into that account's commits.
//!
//! A person: the profile's name, else the login; the public address, else the primary verified one if the token may read it, else the
//! address that GitHub makes up (`ID+LOGIN@users.noreply.github.com`), which stays theirs when the login changes. An App: its own
//! account, `SLUG[bot]`, whose number is not the App's.

use crate::answer::{Answer, described};
use crate::assertion::App;
use crate::failures::{Fresh, installation_failure, user_failure};
use crate::instance::Instance;
use claviger_sdk::{Credential, Failure, Identity, Reply, is_address, now_ms};

/// How long an installation's tokens live, and a user's that expire.
const INSTALLATION_MS: u64 = 3_600_000;
const USER_MS: u64 = 28_800_000;

/// A name or an address longer than this is no name for a commit.
const LONGEST: usize = 256;

/// The account of any kind of credential.
///
/// # Errors
/// GitHub's refusal, classified. A token so young that not all of GitHub knows it yet is `transient`.
pub fn identify(credential: &Credential) -> Result<Identity, Failure> {
    match credential.kind() {
        "app-installation" => bot(credential),
        _ => person(credential),
    }
}

fn person(credential: &Credential) -> Result<Identity, Failure> {
    let (instance, fresh) = (Instance::of(credential), Fresh::of(credential, USER_MS, now_ms()));
    let user = ask(credential, &format!("{}/user", instance.api))?;
    if !user.reply.is_success() {
        return Err(user_failure(&user.reply, &user.limits, fresh, now_ms()));
    }
    let account = Account::read(&user.reply)?;
    let address = match account.email.clone() {
        Some(public) => Some(public),
        None => primary(credential, &instance, fresh)?,
    };
    let email = address.unwrap_or_else(|| account.noreply(&instance));
    Ok(Identity::new()
        .id(Some(account.id.to_string()))
        .login(Some(account.login.clone()))
        .display_name(account.name.clone())
        .user_name(Some(account.name.unwrap_or(account.login)))
        .email(Some(email)))
}

/// The primary address, if the token may read it and it was verified.
fn primary(credential: &Credential, instance: &Instance, fresh: Fresh) -> Result<Option<String>, Failure> {
    let emails = ask(credential, &format!("{}/user/emails", instance.api))?;
    let reply = &emails.reply;
    match reply.status {
        200 => Ok(primary_of(reply)),
        // Not allowed, which GitHub says in three ways. All else is an outage or a limit, after which the answer may be another one.
        401 | 403 | 404 if !emails.limits.reached(reply) && !fresh.0 => Ok(None),
        _ => Err(user_failure(reply, &emails.limits, fresh, now_ms())),
    }
}

/// The one that is primary and verified.
fn primary_of(reply: &Reply) -> Option<String> {
    let holds = |entry: &serde_json::Value, key: &str| entry.get(key).and_then(serde_json::Value::as_bool) == Some(true);
    let mut entries = reply.json.as_array()?.iter();
    let entry = entries.find(|entry| holds(entry, "primary") && holds(entry, "verified"))?;
    clean(entry.get("email")?.as_str()?).filter(|address| is_address(address))
}

fn bot(credential: &Credential) -> Result<Identity, Failure> {
    let mut app = App::of(credential)?;
    let itself = app.ask(|instance| described("GET", &format!("{}/app", instance.api)))?;
    if !itself.reply.is_success() {
        return Err(installation_failure(&itself.reply, &itself.limits, now_ms()));
    }
    let slug = slug(&itself.reply)?;
    let profile = ask(credential, &format!("{}/users/{slug}%5Bbot%5D", app.instance.api))?;
    if !profile.reply.is_success() {
        let fresh = Fresh::of(credential, INSTALLATION_MS, now_ms());
        return Err(user_failure(&profile.reply, &profile.limits, fresh, now_ms()));
    }
    let account = Account::read(&profile.reply)?;
    let login = format!("{slug}[bot]");
    if account.login != login {
        return Err(profile.reply.marked(Failure::upstream_protocol(format!(
            "GitHub was asked for `{login}` and answers with another account"
        ))));
    }
    let name = itself.reply.text("/name").and_then(clean);
    Ok(Identity::new()
        .id(Some(account.id.to_string()))
        .login(Some(login.clone()))
        .display_name(name)
        .user_name(Some(login))
        .email(Some(account.noreply(&app.instance))))
}

/// The part of an App's address that names it.
fn slug(reply: &Reply) -> Result<&str, Failure> {
    let plain =
        |slug: &&str| !slug.is_empty() && slug.len() <= 100 && slug.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    reply
        .text("/slug")
        .filter(plain)
        .ok_or_else(|| reply.marked(Failure::upstream_protocol("GitHub's answer about the App has no readable `slug`")))
}

/// An account as GitHub describes it.
#[derive(Debug, PartialEq, Eq)]
struct Account {
    id: u64,
    login: String,
    name: Option<String>,
    email: Option<String>,
}

impl Account {
    fn read(reply: &Reply) -> Result<Self, Failure> {
        let login = reply
            .text("/login")
            .and_then(clean)
            .filter(|login| !login.contains(char::is_whitespace));
        let (Some(id), Some(login)) = (reply.number("/id"), login) else {
            return Err(reply.marked(Failure::upstream_protocol("GitHub's answer has no readable `id` and `login`")));
        };
        let text = |pointer| reply.text(pointer).and_then(clean);
        Ok(Self {
            id,
            login,
            name: text("/name"),
            email: text("/email").filter(|address| is_address(address)),
        })
    }

    /// The address that GitHub makes up; commits under it count as the account's, and disclose no mailbox.
    fn noreply(&self, instance: &Instance) -> String {
        format!("{}+{}@{}", self.id, self.login, instance.noreply_domain())
    }
}

/// Text that may stand in a commit, or nothing: no line break, no other control character, no angle bracket, which ends a name there.
fn clean(text: &str) -> Option<String> {
    let text = text.trim();
    let fits = !text.is_empty() && text.len() <= LONGEST && !text.chars().any(|c| c.is_control() || c == '<' || c == '>');
    fits.then(|| text.to_owned())
}

fn ask(credential: &Credential, url: &str) -> Result<Answer, Failure> {
    Answer::to(described("GET", url).bearer(credential.require_secret("current-token")?))
}

#[cfg(test)]
mod tests {
    use super::{Account, clean, primary_of, slug};
    use claviger_sdk::Reply;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn reply(json: Value) -> Reply {
        Reply {
            status: 200,
            json,
            ..Reply::default()
        }
    }

    #[test]
    fn the_primary_address_is_one_that_was_verified() {
        let entry = |email: &str, primary: bool, verified: bool| json!({ "email": email, "primary": primary, "verified": verified });
        let of = |entries: &[Value]| primary_of(&reply(json!(entries)));
        let (old, new) = (entry("old@example.org", false, true), entry("new@example.org", true, true));
        assert_eq!(of(&[old.clone(), new]).as_deref(), Some("new@example.org"));
        assert_eq!(of(&[old, entry("new@example.org", true, false)]), None);
        assert_eq!(of(&[json!(null), entry("a<b@example.org", true, true)]), None);
        assert_eq!(primary_of(&reply(json!({ "email": "x" }))), None);
    }

    #[test]
    fn what_would_break_a_commit_is_no_name() {
        for text in ["", " ", "Ada\nevil", "Ada <a@b>", "Ada\u{0}", &"a".repeat(257)] {
            assert_eq!(clean(text), None, "{text:?}");
        }
        assert_eq!(clean(" Ada Lovelace ").as_deref(), Some("Ada Lovelace"));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            "\\PC{0,20}|[a-z\\[\\]<>\n-]{1,12}".prop_map(Value::from),
        ];
        let object = proptest::collection::vec(leaf.clone(), 7).prop_map(
            |of| json!({ "id": of[0], "login": of[1], "name": of[2], "email": of[3], "slug": of[4], "primary": of[5], "verified": of[6] }),
        );
        prop_oneof![leaf, object.clone(), proptest::collection::vec(object, 0..4).prop_map(Value::from)]
    }

    proptest! {
        /// Whatever an instance says of an account, what comes out of it can stand in a commit and in a path.
        #[test]
        fn nothing_that_is_read_breaks_a_commit_or_a_path(json in any_json()) {
            let reply = reply(json);
            let breaks = |text: &String| text.chars().any(|c| c.is_control() || c == '<' || c == '>');
            if let Ok(account) = Account::read(&reply) {
                let texts = [Some(account.login), account.name, account.email];
                prop_assert!(!texts.iter().flatten().any(breaks));
            }
            prop_assert!(!primary_of(&reply).iter().any(breaks));
            if let Ok(slug) = slug(&reply) {
                prop_assert!(!slug.contains(['/', '%', '?', '.', '[']));
            }
        }
    }
}
