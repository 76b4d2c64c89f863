//! What an App asks for with its assertion: itself, its installations, their tokens.

use super::repositories::REPOSITORIES;
use super::{HOUR_S, assertion, lifetime_ms, message, segment, shapes};
use crate::clock::{Millis, rfc3339};
use crate::dev::upstream::Provider;
use crate::dev::upstream::call::Call;
use crate::dev::upstream::reply::Reply;
use crate::dev::upstream::world::{Live, World};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// What every installation may do.
pub(super) const GRANTED: &[(&str, &str)] = &[
    ("contents", "write"),
    ("metadata", "read"),
    ("issues", "write"),
    ("pull_requests", "write"),
    ("checks", "read"),
];

pub(super) fn app(world: &World, call: &Call, now_ms: Millis) -> Reply {
    if let Err(refusal) = assertion::check(world, call, now_ms) {
        return refusal;
    }
    let token = call.authorization(&["bearer"]).unwrap_or_default();
    Reply::json(200, shapes::app(call, world)).to("app-assertion", token, None)
}

/// Every account has the App; `repositories` are each account's, so that a repository that is not among them is not found.
pub(super) fn find(world: &World, operation: &str, path: &str, call: &Call, now_ms: Millis) -> Reply {
    if let Err(refusal) = assertion::check(world, call, now_ms) {
        return refusal;
    }
    let token = call.authorization(&["bearer"]).unwrap_or_default();
    let account = match operation {
        "repository-installation" if REPOSITORIES.iter().any(|(_, name)| *name == segment(path, 1)) => segment(path, 2),
        // The seeded accounts are people's; none is an organisation.
        "user-installation" => segment(path, 1),
        _ => String::new(),
    };
    let found = world
        .app
        .installations
        .iter()
        .find(|(_, holder)| holder.as_deref() == Some(account.as_str()));
    match found {
        Some((id, _)) => Reply::json(200, shapes::installation(call, world, *id, &account)).to("app-assertion", token, Some(&account)),
        None => message(404, "Not Found").to("app-assertion", token, None),
    }
}

pub(super) fn token(world: &mut World, path: &str, call: &Call, now_ms: Millis) -> Reply {
    if let Err(refusal) = assertion::check(world, call, now_ms) {
        return refusal;
    }
    let assertion = call.authorization(&["bearer"]).unwrap_or_default();
    let id: Option<u64> = segment(path, 1).parse().ok();
    let account = match id.and_then(|id| world.app.installations.get(&id)) {
        None => return message(404, "Not Found").to("app-assertion", assertion, None),
        Some(None) => return message(403, "This installation has been suspended").to("app-assertion", assertion, None),
        Some(Some(account)) => account.clone(),
    };
    let narrowed = match narrowing(call) {
        Ok(narrowed) => narrowed,
        Err(text) => return message(422, text).to("app-assertion", assertion, Some(&account)),
    };
    let expires_at_ms = now_ms + lifetime_ms(world, HOUR_S);
    let stateless = call.header("x-github-stateless-s2s-token") != Some("disabled");
    let token = if stateless {
        stateless_token(world, &account, id, expires_at_ms)
    } else {
        classic_token(world, &account)
    };
    let (selection, permissions) = (narrowed.selection(), narrowed.permissions);
    let live = Live {
        provider: Provider::Github,
        account: account.clone(),
        created_at_ms: now_ms,
        expires_at_ms,
        scopes: narrowed.repositories.into_iter().map(str::to_owned).collect(),
        revoked: false,
        grant: None,
    };
    world.remember(&token, live);
    // GitHub writes whole seconds.
    let expires_at = rfc3339(expires_at_ms).split('.').next().map(|seconds| format!("{seconds}Z"));
    let body = json!({ "token": token, "expires_at": expires_at, "permissions": permissions, "repository_selection": selection });
    Reply::json(201, body).to("app-assertion", assertion, Some(&account))
}

struct Narrowed {
    repositories: Vec<&'static str>,
    permissions: Value,
}

impl Narrowed {
    fn selection(&self) -> &'static str {
        if self.repositories.len() == REPOSITORIES.len() {
            "all"
        } else {
            "selected"
        }
    }
}

fn narrowing(call: &Call) -> Result<Narrowed, &'static str> {
    const UNREACHABLE: &str = "There is at least one repository that does not exist or is not accessible to the parent installation.";
    let list = |name: &str| match call.value(name) {
        None => Ok(None),
        Some(Value::Array(items)) if items.len() <= 500 => Ok(Some(items.clone())),
        Some(_) => Err("Invalid request. Only up to 500 repositories, as an array, can be requested."),
    };
    let (names, ids) = (list("repositories")?, list("repository_ids")?);
    let mut chosen: Vec<&'static str> = Vec::new();
    for name in names.iter().flatten() {
        let known = REPOSITORIES.iter().find(|(_, known)| name.as_str() == Some(known));
        chosen.push(known.map(|(_, name)| *name).ok_or(UNREACHABLE)?);
    }
    for id in ids.iter().flatten() {
        let known = REPOSITORIES.iter().find(|(known, _)| id.as_u64() == Some(*known));
        chosen.push(known.map(|(_, name)| *name).ok_or(UNREACHABLE)?);
    }
    if names.is_none() && ids.is_none() {
        chosen = REPOSITORIES.iter().map(|(_, name)| *name).collect();
    }
    chosen.dedup();
    Ok(Narrowed {
        repositories: chosen,
        permissions: permissions(call)?,
    })
}

fn permissions(call: &Call) -> Result<Value, &'static str> {
    let Some(asked) = call.value("permissions") else {
        return Ok(GRANTED
            .iter()
            .map(|(name, level)| ((*name).to_owned(), Value::from(*level)))
            .collect::<serde_json::Map<_, _>>()
            .into());
    };
    let Value::Object(asked) = asked else {
        return Err("Invalid request. `permissions` is not an object.");
    };
    let rank = |level: &str| ["read", "write", "admin"].iter().position(|known| *known == level);
    for (name, level) in asked {
        let wanted = level
            .as_str()
            .and_then(rank)
            .ok_or("Invalid request. A permission is read, write or admin.")?;
        let granted = GRANTED.iter().find(|(known, _)| known == name).and_then(|(_, level)| rank(level));
        if granted.is_none_or(|granted| granted < wanted) {
            return Err("The permissions requested are not granted to this installation.");
        }
    }
    Ok(Value::Object(asked.clone()))
}

/// The form of 2026: `ghs_APPID_` and what looks like a JWT, 380 to 520 characters. The account stands in the last part, readable.
fn stateless_token(world: &mut World, account: &str, installation: Option<u64>, expires_at_ms: Millis) -> String {
    let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = encode(json!({ "alg": "EdDSA", "typ": "JWT", "kid": "emulated" }));
    let claims = encode(json!({ "iss": "emulated", "installation": installation, "exp": expires_at_ms / 1000 }));
    let text = world.token_text(account, '-', 240);
    format!("ghs_{}_{header}.{claims}.{text}", world.app.app_id)
}

/// The form before: `ghs_` and 36 letters and digits.
fn classic_token(world: &mut World, account: &str) -> String {
    let text: String = world.token_text(account, '0', 36).chars().take(36).collect();
    format!("ghs_{text}")
}
