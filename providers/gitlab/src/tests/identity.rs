//! Whom a token belongs to, by GitLab's rules for names and addresses.

use super::host;
use crate::GitLab;
use crate::identity::read;
use claviger_sdk::{Identify, Reply, codes};
use proptest::prelude::*;
use serde_json::{Value, json};

fn of(user: &Value) -> Result<[Option<String>; 5], claviger_sdk::Failure> {
    let reply = Reply {
        status: 200,
        json: user.clone(),
        ..Reply::default()
    };
    let identity = read(&reply, "host.example")?;
    Ok(["id", "login", "display-name", "user-name", "email"].map(|key| identity.get(key).map(str::to_owned)))
}

fn person(more: &Value) -> Value {
    let mut user = json!({ "id": 7, "username": "ada", "name": "Ada Lovelace", "state": "active" });
    for (key, value) in more.as_object().into_iter().flatten() {
        user[key] = value.clone();
    }
    user
}

#[test]
fn the_address_for_commits_comes_first() {
    for (user, email) in [
        (
            json!({ "commit_email": "c@x.example", "email": "e@x.example", "public_email": "p@x.example" }),
            "c@x.example",
        ),
        (
            json!({ "commit_email": null, "email": "e@x.example", "public_email": "p@x.example" }),
            "e@x.example",
        ),
        (
            json!({ "commit_email": "", "email": "", "public_email": "p@x.example" }),
            "p@x.example",
        ),
        (json!({}), "7-ada@users.noreply.host.example"),
        (
            json!({ "commit_email": "evil <x@y>\nCo-authored-by: z" }),
            "7-ada@users.noreply.host.example",
        ),
        (json!({ "commit_email": "no address" }), "7-ada@users.noreply.host.example"),
    ] {
        let [id, login, shown, name, found] = of(&person(&user)).unwrap().map(Option::unwrap);
        assert_eq!(
            (id.as_str(), login.as_str(), shown.as_str(), name.as_str(), found.as_str()),
            ("7", "ada", "Ada Lovelace", "Ada Lovelace", email),
            "{user}"
        );
    }
}

#[test]
fn a_bot_is_an_account_like_any_other() {
    for login in [
        "project_5_bot_0a1b",
        "group_9_bot_0a1b",
        "service_account_group_9_0a1b",
        "service_account_0a1b",
    ] {
        let address = format!("{login}@noreply.host.example");
        let bot = json!({ "id": 31, "username": login, "name": "deployments", "bot": true, "state": "active", "commit_email": address });
        let [_, shown, _, name, email] = of(&bot).unwrap().map(Option::unwrap);
        assert_eq!(
            (shown.as_str(), name.as_str(), email.as_str()),
            (login, "deployments", address.as_str())
        );
    }
}

#[test]
fn a_name_that_git_would_misread_is_not_taken() {
    let [_, _, shown, name, _] = of(&person(&json!({ "name": "Ada <root@x>" }))).unwrap();
    assert_eq!((shown, name.as_deref()), (None, Some("ada")));
}

#[test]
fn an_answer_without_an_account_is_none() {
    for user in [
        json!({}),
        json!({ "id": 7 }),
        json!({ "username": "ada" }),
        json!({ "id": 7, "username": "a\nb" }),
        json!([{ "id": 7 }]),
    ] {
        assert_eq!(of(&user).err().unwrap().code, codes::UPSTREAM_PROTOCOL, "{user}");
    }
    for state in ["blocked", "banned", "deactivated"] {
        assert_eq!(of(&person(&json!({ "state": state }))).err().unwrap().code, codes::SUSPENDED);
    }
}

#[test]
fn the_token_in_use_is_asked_with() {
    let user = person(&json!({ "commit_email": "ada@example.com" })).to_string();
    let host = host().answers(200, &[], &user);
    let fields = [
        ("token", "glpat-x"),
        ("current-token", "glpat-x"),
        ("url", "https://host.example/gitlab"),
    ];
    let identity = GitLab::identify(host.credential("personal-access-token", &fields)).unwrap();
    assert_eq!(identity.get("email"), Some("ada@example.com"));
    let [asked] = host.sent().try_into().unwrap();
    assert_eq!(
        (asked.method.as_str(), asked.url.as_str(), asked.header("authorization")),
        ("GET", "https://host.example/gitlab/api/v4/user", Some("Bearer glpat-x"))
    );
}

#[test]
fn a_deploy_token_is_nobody() {
    let host = host();
    let fields = [("token", "gldt-x"), ("username", "u"), ("current-token", "gldt-x")];
    let failure = GitLab::identify(host.credential("deploy-token", &fields)).err().unwrap();
    assert_eq!(failure.code, codes::UNSUPPORTED);
    assert_eq!(host.sent(), []);
}

proptest! {
    #[test]
    fn whatever_an_upstream_says_an_identity_is_one_line_without_brackets(
        id in any::<u64>(), login in ".{0,40}", name in ".{0,300}", email in ".{0,60}@?.{0,20}", host in "[a-z.:\\[\\]0-9]{0,20}"
    ) {
        let user = json!({ "id": id, "username": login, "name": name, "commit_email": email });
        let reply = Reply { status: 200, json: user, ..Reply::default() };
        if let Ok(identity) = read(&reply, &host) {
            for key in ["id", "login", "display-name", "user-name", "email"] {
                let text = identity.get(key).unwrap_or_default();
                prop_assert!(!text.chars().any(|c| c.is_control() || c == '<' || c == '>'), "{key}: {text:?}");
            }
            prop_assert!(identity.get("email").is_none_or(|email| email.contains('@') && !email.contains(char::is_whitespace)));
        }
    }
}
