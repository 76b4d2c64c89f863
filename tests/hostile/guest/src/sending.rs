//! Deeds with the upstream: requests that no manifest allows, secrets where none may stand.

use crate::bindings::claviger::provider::failures::Failure;
use crate::bindings::claviger::provider::log;
use crate::bindings::claviger::provider::secrets::{Encoding, Part, Secret, join};
use crate::bindings::claviger::provider::types::Token;
use crate::bindings::claviger::provider::upstream::{Header, Request, Response, send};
use crate::{Held, failure, token, with_field};

const TOKEN_URL: &str = "https://up.example/token";
const FORM: &str = "application/x-www-form-urlencoded";

pub fn run(what: &str, held: &Held) -> Result<Token, Failure> {
    match what.split_once('=').unwrap_or((what, "")) {
        ("url", url) => plain("POST", url, &[]).and_then(no_token),
        ("method", method) => plain(method, TOKEN_URL, &[]).and_then(no_token),
        ("header", pair) => {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = value.replace("CRLF", "\r\n").replace("NUL", "\0");
            plain("POST", TOKEN_URL, &[(name, &value)]).and_then(no_token)
        }
        ("secret-header", name) => {
            let value = vec![Part::Text("Bearer ".to_owned()), Part::Secret((held.get("key"), Encoding::Plain))];
            raw(
                TOKEN_URL,
                vec![Header {
                    name: name.to_owned(),
                    value,
                }],
                vec![],
            )
            .and_then(no_token)
        }
        ("prefix", prefix) => {
            let value = vec![Part::Text(prefix.to_owned()), Part::Secret((held.get("key"), Encoding::Plain))];
            raw(
                TOKEN_URL,
                vec![Header {
                    name: "authorization".to_owned(),
                    value,
                }],
                vec![],
            )
            .and_then(no_token)
        }
        ("form", pair) => {
            let (key, field) = pair.split_once('=').unwrap_or((pair, "key"));
            form(&[(key, held.get(field))]).and_then(no_token)
        }
        ("encoding", _) => {
            let body = vec![Part::Text("key=".to_owned()), Part::Secret((held.get("key"), Encoding::Base64))];
            raw(TOKEN_URL, vec![content_type(FORM)], body).and_then(no_token)
        }
        ("text-body", _) => {
            let body = vec![Part::Text("key=".to_owned()), Part::Secret((held.get("key"), Encoding::Plain))];
            raw(TOKEN_URL, vec![content_type("text/plain")], body).and_then(no_token)
        }
        ("joined", field) => {
            let parts = [Part::Text("user:".to_owned()), Part::Secret((held.get(field), Encoding::Plain))];
            let basic = join(&parts, Encoding::Base64);
            let value = vec![Part::Text("Basic ".to_owned()), Part::Secret((&basic, Encoding::Plain))];
            raw(
                TOKEN_URL,
                vec![Header {
                    name: "authorization".to_owned(),
                    value,
                }],
                vec![],
            )
            .and_then(no_token)
        }
        // Takes the handle apart and puts it together again, hoping that the class gets lost.
        ("launder", _) => {
            let joined = join(
                &[Part::Text(String::new()), Part::Secret((held.get("key"), Encoding::Plain))],
                Encoding::Plain,
            );
            Ok(token(join(&[Part::Secret((&joined, Encoding::Plain))], Encoding::Plain)))
        }
        ("revealed-in-url", _) => {
            let text = held.get("key").reveal()?;
            plain("POST", &format!("{TOKEN_URL}?q={text}"), &[]).and_then(no_token)
        }
        ("revealed-in-header", _) => {
            let text = held.get("key").reveal()?;
            plain("POST", TOKEN_URL, &[("x-note", &text)]).and_then(no_token)
        }
        // Everything that it sees of an answer goes out as a field, a log line and a failure.
        ("tell", _) => {
            let answer = form(&[("key", held.get("key"))])?;
            let seen = format!("{} {} {:?}", answer.status(), answer.opened()?, answer.header("x-note"));
            log::write("info", &seen);
            let value = answer.take("token").ok_or_else(|| failure(&seen))?;
            Ok(with_field(value, "seen", &seen))
        }
        ("take-twice", _) => {
            let answer = form(&[("key", held.get("key"))])?;
            let first = answer.take("token").ok_or_else(|| failure("nothing to take"))?;
            if answer.take("token").is_some() {
                return Err(failure("it was given twice"));
            }
            Ok(token(first))
        }
        ("return-next", _) => {
            let answer = form(&[("refresh", held.get("refresh"))])?;
            answer.take("next").map(token).ok_or_else(|| failure("nothing to take"))
        }
        ("rotate-twice", _) => {
            form(&[("refresh", held.get("refresh"))])?;
            form(&[("refresh", held.get("refresh"))]).and_then(no_token)
        }
        ("rotate-and-trap", _) => {
            form(&[("refresh", held.get("refresh"))])?;
            panic!("after the rotation");
        }
        ("rotate-and-loop", _) => {
            form(&[("refresh", held.get("refresh"))])?;
            loop {
                std::hint::spin_loop();
            }
        }
        // Memory runs out while the host is writing into it: a trap inside of the guest's allocator, called by the host.
        ("hoard-answers", _) => {
            let answer = form(&[("key", held.get("key"))])?;
            loop {
                std::mem::forget(answer.opened()?);
            }
        }
        ("often", _) => loop {
            form(&[("key", held.get("key"))])?;
        },
        ("later", _) => {
            let answer = form(&[("key", held.get("key"))])?;
            let value = answer.take("token").ok_or_else(|| failure("nothing to take"))?;
            Ok(Token {
                value,
                expires_at_ms: Some(u64::MAX / 4),
                fields: Vec::new(),
            })
        }
        (other, _) => Err(failure(&format!("no such request: {other}"))),
    }
}

fn no_token(answer: Response) -> Result<Token, Failure> {
    Err(failure(&format!("it was sent, and answered with {}", answer.status())))
}

fn content_type(kind: &str) -> Header<'static> {
    Header {
        name: "content-type".to_owned(),
        value: vec![Part::Text(kind.to_owned())],
    }
}

pub fn plain(method: &str, url: &str, headers: &[(&str, &str)]) -> Result<Response, Failure> {
    let headers = headers
        .iter()
        .map(|(name, value)| Header {
            name: (*name).to_owned(),
            value: vec![Part::Text((*value).to_owned())],
        })
        .collect();
    send(&Request {
        method: method.to_owned(),
        url: url.to_owned(),
        headers,
        body: Vec::new(),
    })
}

fn raw(url: &str, headers: Vec<Header<'_>>, body: Vec<Part<'_>>) -> Result<Response, Failure> {
    send(&Request {
        method: "POST".to_owned(),
        url: url.to_owned(),
        headers,
        body,
    })
}

pub fn form(pairs: &[(&str, &Secret)]) -> Result<Response, Failure> {
    let mut body = Vec::new();
    for (index, (key, secret)) in pairs.iter().enumerate() {
        let separator = if index == 0 { "" } else { "&" };
        body.push(Part::Text(format!("{separator}{key}=")));
        body.push(Part::Secret((secret, Encoding::FormUrlencoded)));
    }
    raw(TOKEN_URL, vec![content_type(FORM)], body)
}
