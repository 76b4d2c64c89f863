//! The emulated GitHub: an Enterprise Server below `{upstream}/github`.

use super::Provider;
use super::call::Call;
use super::jwt::Unverified;
use super::reply::Reply;
use super::world::{Live, Standing, World, digest};
use crate::clock::{Millis, rfc3339};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

pub(super) const ROUTES: &[(&str, &str, &str)] = &[
    ("POST", "/api/v3/app/installations/*/access_tokens", "installation-token"),
    ("DELETE", "/api/v3/installation/token", "revoke-installation-token"),
    ("GET", "/api/v3/installation/repositories", "repositories"),
    ("GET", "/api/v3/user", "user"),
];

/// What every installation may do, and its repositories.
const GRANTED: &[(&str, &str)] = &[
    ("contents", "write"),
    ("metadata", "read"),
    ("issues", "write"),
    ("pull_requests", "write"),
    ("checks", "read"),
];
const REPOSITORIES: &[(u64, &str)] = &[(101, "widgets"), (102, "gadgets")];

const HOUR_S: i64 = 3600;

pub(super) fn answer(world: &mut World, operation: &str, path: &str, call: &Call, now_ms: Millis) -> Reply {
    let reply = match operation {
        "installation-token" => installation_token(world, path, call, now_ms),
        "revoke-installation-token" => revoke(world, call, now_ms),
        "repositories" => repositories(world, call, now_ms),
        _ => user(world, call, now_ms),
    };
    reply
        .with("x-github-api-version-selected", "2022-11-28")
        .with("x-ratelimit-limit", "5000")
        .with("x-ratelimit-remaining", "4999")
        .with("x-ratelimit-reset", (now_ms / 1000 + HOUR_S).to_string())
}

fn message(status: u16, text: &str) -> Reply {
    Reply::json(
        status,
        json!({ "message": text, "documentation_url": "https://docs.github.com/rest", "status": status.to_string() }),
    )
}

/// The App's assertion: times first, then who, then the signature, as GitHub's texts tell them apart.
fn app_assertion(world: &World, call: &Call, now_ms: Millis) -> Result<(), Reply> {
    let undecodable = || message(401, "A JSON web token could not be decoded");
    let token = call.authorization(&["bearer"]).ok_or_else(undecodable)?;
    let refuse = |reply: Reply| reply.to("app-assertion", token, None);
    let assertion = Unverified::parse(token).ok_or_else(|| refuse(undecodable()))?;
    let now = now_ms / 1000;
    match assertion.seconds("exp") {
        Some(exp) if exp > now + 600 => {
            return Err(refuse(message(401, "'Expiration time' claim ('exp') is too far in the future")));
        }
        Some(exp) if exp > now => {}
        _ => {
            let text =
                "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires";
            return Err(refuse(message(401, text)));
        }
    }
    if assertion.seconds("iat").is_none_or(|iat| iat > now) {
        let text = "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued";
        return Err(refuse(message(401, text)));
    }
    let issuer = assertion
        .claims
        .get("iss")
        .map(|iss| iss.as_str().map_or_else(|| iss.to_string(), str::to_owned))
        .unwrap_or_default();
    if issuer != world.app.app_id && issuer != world.app.client_id {
        return Err(refuse(message(404, "Integration not found")));
    }
    if assertion.is_signed_by(&world.app.key) {
        Ok(())
    } else {
        Err(refuse(undecodable()))
    }
}

fn installation_token(world: &mut World, path: &str, call: &Call, now_ms: Millis) -> Reply {
    if let Err(refusal) = app_assertion(world, call, now_ms) {
        return refusal;
    }
    let assertion = call.authorization(&["bearer"]).unwrap_or_default();
    let id: Option<u64> = path.split('/').rev().nth(1).and_then(|id| id.parse().ok());
    let account = match id.and_then(|id| world.app.installations.get(&id)) {
        None => return message(404, "Not Found").to("app-assertion", assertion, None),
        Some(None) => return message(403, "This installation has been suspended").to("app-assertion", assertion, None),
        Some(Some(account)) => account.clone(),
    };
    let narrowed = match narrowing(call) {
        Ok(narrowed) => narrowed,
        Err(text) => return message(422, text).to("app-assertion", assertion, Some(&account)),
    };
    let expires_at_ms = now_ms + world.lifetime_s(Provider::Github, HOUR_S) * 1000;
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

/// Whose minted or personal token that is.
enum Holder {
    Person(String),
    Installation(Live),
}

fn holder(world: &World, call: &Call, now_ms: Millis) -> Result<(Holder, &'static str), Reply> {
    let Some(token) = call.authorization(&["bearer", "token"]) else {
        return Err(message(401, "Requires authentication"));
    };
    if let Some(account) = world.static_account(Provider::Github, token) {
        return Ok((Holder::Person(account), "personal-access-token"));
    }
    match world.standing(Provider::Github, token, now_ms) {
        Standing::Good(live) => Ok((Holder::Installation(live), "installation-token")),
        _ => {
            let known = world.live.get(&digest(token)).map(|live| live.account.as_str());
            Err(message(401, "Bad credentials").to("unknown", token, known))
        }
    }
}

fn user(world: &World, call: &Call, now_ms: Millis) -> Reply {
    let token = call.authorization(&["bearer", "token"]).unwrap_or_default();
    match holder(world, call, now_ms) {
        Err(refusal) => refusal,
        Ok((Holder::Installation(live), kind)) => {
            message(403, "Resource not accessible by integration").to(kind, token, Some(&live.account))
        }
        Ok((Holder::Person(account), kind)) => {
            let email = world.person(&account).map(|person| person.email.clone());
            let id = world.people.iter().position(|person| person.name == account).unwrap_or_default() + 1;
            let body = json!({ "login": account, "id": id, "type": "User", "name": account, "email": email });
            Reply::json(200, body)
                .with("x-oauth-scopes", "repo, read:user")
                .to(kind, token, Some(&account))
        }
    }
}

fn repositories(world: &World, call: &Call, now_ms: Millis) -> Reply {
    let token = call.authorization(&["bearer", "token"]).unwrap_or_default();
    match holder(world, call, now_ms) {
        Err(refusal) => refusal,
        Ok((Holder::Person(account), kind)) => message(
            403,
            "You must authenticate with an installation access token in order to list repositories for an installation.",
        )
        .to(kind, token, Some(&account)),
        Ok((Holder::Installation(live), kind)) => {
            let list: Vec<Value> = REPOSITORIES
                .iter()
                .filter(|(_, name)| live.scopes.iter().any(|scope| scope == name))
                .map(|(id, name)| {
                    let full_name = format!("{}/{name}", live.account);
                    json!({ "id": id, "name": name, "full_name": full_name, "private": true, "owner": { "login": live.account } })
                })
                .collect();
            Reply::json(200, json!({ "total_count": list.len(), "repositories": list })).to(kind, token, Some(&live.account))
        }
    }
}

fn revoke(world: &mut World, call: &Call, now_ms: Millis) -> Reply {
    let token = call.authorization(&["bearer", "token"]).unwrap_or_default();
    match holder(world, call, now_ms) {
        Err(refusal) => refusal,
        Ok((Holder::Person(account), kind)) => {
            message(403, "Resource not accessible by personal access token").to(kind, token, Some(&account))
        }
        Ok((Holder::Installation(live), kind)) => {
            world.revoke(token);
            Reply::empty(204).to(kind, token, Some(&live.account))
        }
    }
}
