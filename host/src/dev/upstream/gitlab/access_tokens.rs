//! Access tokens that GitLab gives to people and bots: what they tell about themselves, rotation, their end.
//!
//! A rotation ends the old token with the answer. One that was rotated already and is shown to the rotation again ends its whole family,
//! as GitLab does since 16.3.

use super::super::call::Call;
use super::super::reply::Reply;
use super::super::seed::Seed;
use super::super::world::{World, digest, digest_of};
use crate::clock::{Millis, from_rfc3339};
use serde_json::{Value, json};
use std::collections::HashMap;

const DAY_MS: Millis = 24 * 3_600_000;
/// What a rotation gives that names no end.
const DEFAULT_DAYS: Millis = 7;
/// The instance's limit.
const LONGEST_DAYS: Millis = 365;

/// The tokens, by digest.
#[derive(Default)]
pub(in crate::dev::upstream) struct AccessTokens {
    tokens: HashMap<String, AccessToken>,
    made: u64,
}

#[derive(Clone)]
pub(super) struct AccessToken {
    pub(super) account: String,
    id: u64,
    family: u64,
    scopes: Vec<String>,
    ends_at_ms: Option<Millis>,
    revoked: bool,
    pub(super) bot: bool,
}

impl AccessToken {
    fn is_good(&self, now_ms: Millis) -> bool {
        !self.revoked && self.ends_at_ms.is_none_or(|ends| ends > now_ms)
    }

    fn body(&self, now_ms: Millis) -> Value {
        json!({ "id": self.id, "name": "claviger", "revoked": self.revoked, "active": self.is_good(now_ms), "scopes": self.scopes,
            "user_id": self.family, "created_at": "2026-01-01T00:00:00.000Z", "last_used_at": null,
            "expires_at": self.ends_at_ms.map(day_of) })
    }

    fn may(&self, scopes: &[&str]) -> bool {
        self.scopes.iter().any(|scope| scopes.contains(&scope.as_str()))
    }
}

impl AccessTokens {
    /// Everybody's personal access token, without an end.
    pub(in crate::dev::upstream) fn new(seed: &Seed) -> Self {
        let mut tokens = Self::default();
        for person in &seed.people {
            let id = tokens.next();
            tokens.tokens.insert(
                digest_of(&person.gitlab_pat),
                AccessToken {
                    account: person.name.clone(),
                    id,
                    family: id,
                    scopes: vec!["api".to_owned()],
                    ends_at_ms: None,
                    revoked: false,
                    bot: false,
                },
            );
        }
        tokens
    }

    fn next(&mut self) -> u64 {
        self.made += 1;
        self.made
    }

    /// A token that can be used now.
    pub(super) fn good(&self, token: &str, now_ms: Millis) -> Option<AccessToken> {
        self.tokens.get(&digest(token)).filter(|known| known.is_good(now_ms)).cloned()
    }

    /// Whose it is or was.
    pub(super) fn account(&self, token: &str) -> Option<String> {
        self.tokens.get(&digest(token)).map(|known| known.account.clone())
    }
}

/// `POST /_grants` with `"kind": "access-token"`: one more token of that account, which ends after `days` (never, if absent) and has `scopes`
/// (`api`); `"bot": true` for one of a project.
pub(super) fn open(world: &mut World, call: &Call, now_ms: Millis) -> Option<String> {
    let account = world.person(&call.field("account")?)?.name.clone();
    let scopes = call
        .value("scopes")
        .and_then(|scopes| serde_json::from_value(scopes.clone()).ok())
        .unwrap_or_else(|| vec!["api".to_owned()]);
    let days = call.value("days").and_then(Value::as_i64);
    let text = format!("glpat-{}", world.token_text(&account, '-', 20));
    let id = world.gitlab.tokens.next();
    let token = AccessToken {
        account,
        id,
        family: id,
        scopes,
        ends_at_ms: days.map(|days| midnight(now_ms) + days * DAY_MS),
        revoked: false,
        bot: call.value("bot").and_then(Value::as_bool).unwrap_or_default(),
    };
    world.gitlab.tokens.tokens.insert(digest(&text), token);
    Some(text)
}

fn unauthorised() -> Reply {
    Reply::json(401, json!({ "message": "401 Unauthorized" }))
}

/// The token that a request carries in either header.
pub(super) fn shown(call: &Call) -> Option<&str> {
    call.header("private-token").or_else(|| call.authorization(&["bearer"]))
}

pub(super) fn about(world: &World, call: &Call, now_ms: Millis) -> Reply {
    let Some(text) = shown(call) else { return unauthorised() };
    match world.gitlab.tokens.good(text, now_ms) {
        None => unauthorised().to("access-token", text, world.gitlab.tokens.account(text).as_deref()),
        Some(token) => Reply::json(200, token.body(now_ms)).to("personal-access-token", text, Some(&token.account)),
    }
}

pub(super) fn end(world: &mut World, call: &Call, now_ms: Millis) -> Reply {
    let Some(text) = shown(call) else { return unauthorised() };
    match world
        .gitlab
        .tokens
        .tokens
        .get_mut(&digest(text))
        .filter(|token| token.is_good(now_ms))
    {
        None => unauthorised().to("access-token", text, None),
        Some(token) => {
            token.revoked = true;
            Reply::empty(204).to("personal-access-token", text, Some(&token.account))
        }
    }
}

pub(super) fn rotate(world: &mut World, call: &Call, now_ms: Millis) -> Reply {
    let Some(text) = shown(call).map(str::to_owned) else {
        return unauthorised();
    };
    let Some(old) = world.gitlab.tokens.tokens.get(&digest(&text)).cloned() else {
        return unauthorised().to("unknown", &text, None);
    };
    let said = |reply: Reply| reply.to("personal-access-token", &text, Some(&old.account));
    if old.revoked {
        // Somebody else has it, or somebody repeats a request: GitLab cannot tell, and ends them all.
        let family = world.gitlab.tokens.tokens.values_mut().filter(|token| token.family == old.family);
        family.for_each(|token| token.revoked = true);
        return said(unauthorised());
    }
    if !old.is_good(now_ms) {
        return said(unauthorised());
    }
    if !old.may(&["api", "self_rotate"]) {
        return said(Reply::json(
            403,
            json!({ "error": "insufficient_scope", "error_description": "The request requires higher privileges than provided by the access token.",
                "scope": "api self_rotate" }),
        ));
    }
    let wanted = match call.field("expires_at") {
        None => Some(midnight(now_ms) + DEFAULT_DAYS * DAY_MS),
        Some(day) => from_rfc3339(&format!("{day}T00:00:00Z")),
    };
    let Some(ends_at_ms) = wanted.filter(|ends| *ends > now_ms && *ends <= now_ms + LONGEST_DAYS * DAY_MS) else {
        return said(Reply::json(
            400,
            json!({ "message": "400 Bad request - Expiration date must be within the limit of the instance" }),
        ));
    };
    let new = format!("glpat-{}", world.token_text(&old.account, '-', 20));
    let token = AccessToken {
        id: world.gitlab.tokens.next(),
        ends_at_ms: Some(ends_at_ms),
        ..old.clone()
    };
    let mut body = token.body(now_ms);
    body["token"] = new.clone().into();
    if let Some(spent) = world.gitlab.tokens.tokens.get_mut(&digest(&text)) {
        spent.revoked = true;
    }
    world.gitlab.tokens.tokens.insert(digest(&new), token);
    said(Reply::json(200, body))
}

fn midnight(at_ms: Millis) -> Millis {
    at_ms - at_ms.rem_euclid(DAY_MS)
}

fn day_of(at_ms: Millis) -> String {
    crate::clock::rfc3339(at_ms).chars().take("2026-01-01".len()).collect()
}
