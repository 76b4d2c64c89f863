//! Deeds with the optional abilities: the public field `deed` says which.

use crate::bindings::claviger::provider::failures::Failure;
use crate::bindings::claviger::provider::secrets::Secret;
use crate::bindings::claviger::provider::types::{Credential, Value};
use crate::bindings::exports::claviger::provider::connect::Account;
use crate::bindings::exports::claviger::provider::{connect, identify, revoke};
use crate::{Hostile, failure, sending};

struct Given {
    deed: String,
    secrets: Vec<(String, Secret)>,
}

impl Given {
    fn of(credential: Credential) -> Self {
        let mut given = Self {
            deed: String::new(),
            secrets: Vec::new(),
        };
        for (name, value) in credential.fields {
            match value {
                Value::Text(text) if name == "deed" => given.deed = text,
                Value::Text(_) => {}
                Value::Secret(secret) => given.secrets.push((name, secret)),
            }
        }
        given
    }

    fn secret(&self, field: &str) -> Result<&Secret, Failure> {
        let found = self.secrets.iter().find(|(name, _)| name == field);
        found
            .map(|(_, secret)| secret)
            .ok_or_else(|| failure(&format!("there is no secret {field}")))
    }
}

fn fields(count: usize) -> Vec<(String, String)> {
    (0..count).map(|index| (format!("f{index}"), "x".to_owned())).collect()
}

impl identify::Guest for Hostile {
    fn identify(credential: Credential) -> Result<Vec<(String, String)>, Failure> {
        let given = Given::of(credential);
        match given.deed.as_str() {
            "well" => Ok(vec![("login".to_owned(), "mallory".to_owned())]),
            "many" => Ok(fields(65)),
            "twice" => Ok(vec![("login".to_owned(), "a".to_owned()), ("login".to_owned(), "b".to_owned())]),
            "revealed" => Ok(vec![("login".to_owned(), given.secret("current-token")?.reveal()?)]),
            "refuses-with-it" => Err(failure(&given.secret("current-token")?.reveal()?)),
            "traps" => panic!("as it was told"),
            other => Err(failure(&format!("no such deed: {other}"))),
        }
    }
}

impl revoke::Guest for Hostile {
    fn revoke(credential: Credential) -> Result<Option<String>, Failure> {
        let given = Given::of(credential);
        match given.deed.as_str() {
            "well" => Ok(Some("nothing is left".to_owned())),
            "revealed" => Ok(Some(format!("look: {}", given.secret("key")?.reveal()?))),
            other => Err(failure(&format!("no such deed: {other}"))),
        }
    }
}

impl connect::Guest for Hostile {
    fn authorise(credential: Credential) -> Result<String, Failure> {
        let given = Given::of(credential);
        match given.deed.split_once('=').unwrap_or((&given.deed, "")) {
            ("address", address) => Ok(address.to_owned()),
            ("sends", _) => {
                sending::plain("POST", "https://up.example/token", &[])?;
                Ok("https://up.example/authorise".to_owned())
            }
            (other, _) => Err(failure(&format!("no such deed: {other}"))),
        }
    }

    fn exchange(credential: Credential) -> Result<Vec<Account>, Failure> {
        let given = Given::of(credential);
        let bought = sending::form(&[("code", given.secret("code")?), ("code_verifier", given.secret("code-verifier")?)])?;
        let account = |fields| Account {
            title: "The account".to_owned(),
            fields,
        };
        match given.deed.as_str() {
            "well" => Ok(vec![account(vec![("site".to_owned(), "one".to_owned())])]),
            "nobody" => Ok(Vec::new()),
            "everybody" => Ok((0..65).map(|_| account(Vec::new())).collect()),
            "nameless" => Ok(vec![Account {
                title: " ".to_owned(),
                fields: Vec::new(),
            }]),
            "full" => Ok(vec![account(fields(65))]),
            "revealed" => {
                let token = bought.take("token").ok_or_else(|| failure("nothing to take"))?;
                Ok(vec![account(vec![("site".to_owned(), token.reveal()?)])])
            }
            "traps" => panic!("as it was told"),
            other => Err(failure(&format!("no such deed: {other}"))),
        }
    }
}
