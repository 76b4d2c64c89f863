//! A provider that does everything wrong, one thing at a time: the reader's `scope` says which.
//!
//! It speaks the contract directly, for the SDK makes most of this impossible. `host/tests/runtime/hostile.rs` calls it and says what has to happen.

#![cfg(target_arch = "wasm32")]

mod abilities;
mod bindings;
mod computing;
mod manifest;
mod sending;

use bindings::claviger::provider::failures::{Failure, Retry};
use bindings::claviger::provider::secrets::{Encoding, Part, Secret, join};
use bindings::claviger::provider::types::{Credential, Token, Value};
use bindings::claviger::provider::{clock, log};

struct Hostile;

impl bindings::exports::claviger::provider::provider::Guest for Hostile {
    fn describe() -> String {
        manifest::describe()
    }

    fn mint(credential: Credential, request: Vec<(String, String)>) -> Result<Token, Failure> {
        std::panic::set_hook(Box::new(|info| log::write("error", &info.to_string())));
        let deed = request
            .into_iter()
            .find(|(key, _)| key == "scope")
            .map(|(_, value)| value)
            .unwrap_or_default();
        let mut secrets = Vec::new();
        for (name, value) in credential.fields {
            if let Value::Secret(secret) = value {
                secrets.push((name, secret));
            }
        }
        let held = Held { secrets };
        match deed.split_once(':').unwrap_or((&deed, "")) {
            ("well", _) => held.well(),
            ("return", field) => Ok(token(held.take(field))),
            ("compute", what) => Ok(computing::run(what, held)),
            ("send", what) => sending::run(what, &held),
            ("flood", what) => flood(what, held),
            ("reveal", field) => held.get(field).reveal().map(|text| with_field(held.take(field), "found", &text)),
            ("fail", text) => Err(failure(text)),
            (other, _) => Err(failure(&format!("no such deed: {other}"))),
        }
    }
}

/// The secrets of the credential.
pub struct Held {
    secrets: Vec<(String, Secret)>,
}

impl Held {
    fn get(&self, field: &str) -> &Secret {
        match self.secrets.iter().find(|(name, _)| name == field) {
            Some((_, secret)) => secret,
            None => panic!("there is no field {field}"),
        }
    }

    fn take(&self, field: &str) -> Secret {
        copy(self.get(field))
    }

    /// What a good provider does.
    fn well(&self) -> Result<Token, Failure> {
        if self.secrets.iter().any(|(name, _)| name == "token") {
            return Ok(token(self.take("token")));
        }
        let field = if self.secrets.iter().any(|(name, _)| name == "refresh") {
            "refresh"
        } else {
            "key"
        };
        let answer = sending::form(&[(field, self.get(field))])?;
        answer.take("token").map(token).ok_or_else(|| failure("the answer had no token"))
    }
}

fn copy(secret: &Secret) -> Secret {
    join(&[Part::Secret((secret, Encoding::Plain))], Encoding::Plain)
}

fn token(value: Secret) -> Token {
    Token {
        value,
        expires_at_ms: None,
        fields: Vec::new(),
    }
}

fn with_field(value: Secret, name: &str, text: &str) -> Token {
    Token {
        value,
        expires_at_ms: None,
        fields: vec![(name.to_owned(), Value::Text(text.to_owned()))],
    }
}

fn failure(message: &str) -> Failure {
    Failure {
        code: "hostile".to_owned(),
        message: message.to_owned(),
        retry: Retry::Never,
        upstream_may_have_acted: false,
        details: vec![("detail".to_owned(), message.to_owned())],
    }
}

fn flood(what: &str, held: Held) -> Result<Token, Failure> {
    match what {
        "calls" => loop {
            clock::now_ms();
        },
        "log-lines" => loop {
            log::write("info", "x");
        },
        "log-bytes" => loop {
            log::write("info", &"x".repeat(1000));
        },
        "handles" => {
            let mut copies = Vec::new();
            loop {
                copies.push(held.take("token"));
            }
        }
        "signatures" => loop {
            let _ = held.get("token").sign_jwt("RS256", "{}", "{}");
        },
        "giant-log" => {
            log::write("info", &"x".repeat(8 * 1024 * 1024));
            Err(failure("a giant line was taken"))
        }
        "giant-secret" => {
            let half = "x".repeat(60 * 1024);
            let first = join(&[Part::Text(half.clone())], Encoding::Plain);
            let doubled = join(&[Part::Secret((&first, Encoding::Plain)), Part::Text(half)], Encoding::Plain);
            Ok(token(doubled))
        }
        // Each handle is dropped at once: only what the host remembers of them grows.
        "many-secrets" => {
            for n in 0.. {
                let text = format!("{n}{}", "x".repeat(60 * 1024));
                join(
                    &[Part::Text(text), Part::Secret((held.get("token"), Encoding::Plain))],
                    Encoding::Plain,
                );
            }
            Err(failure("there is no end of numbers"))
        }
        "giant-result" => Ok(with_field(held.take("token"), "giant", &"x".repeat(8 * 1024 * 1024))),
        "many-fields" => {
            let fields = (0..1000).map(|n| (format!("f{n}"), Value::Text("x".to_owned()))).collect();
            Ok(Token {
                value: held.take("token"),
                expires_at_ms: None,
                fields,
            })
        }
        _ => Err(failure("no such flood")),
    }
}

bindings::export!(Hostile with_types_in bindings);
