//! What a token tells of its account.

use super::{message, segment, shapes};
use crate::clock::Millis;
use crate::dev::upstream::Provider;
use crate::dev::upstream::call::Call;
use crate::dev::upstream::reply::Reply;
use crate::dev::upstream::world::{Live, Standing, World, digest};
use serde_json::json;

/// Whose token that is.
pub(super) enum Holder {
    /// A person's own, with the scopes that it has.
    Person(String, Vec<String>),
    /// An installation's.
    Installation(Live),
}

/// Scopes of the seeded personal access tokens.
const PERSONAL: [&str; 2] = ["repo", "read:user"];

pub(super) fn holder(world: &World, call: &Call, now_ms: Millis) -> Result<(Holder, &'static str), Reply> {
    let Some(token) = call.authorization(&["bearer", "token"]) else {
        return Err(message(401, "Requires authentication"));
    };
    if let Some(account) = world
        .static_account(Provider::Github, token)
        .filter(|_| !world.github.is_ended(token))
    {
        let scopes = PERSONAL.map(str::to_owned).to_vec();
        return Ok((Holder::Person(account, scopes), "personal-access-token"));
    }
    if let Some(user) = world.github.token(token, now_ms) {
        return Ok((Holder::Person(user.account.clone(), user.scopes.clone()), "user-token"));
    }
    match world.standing(Provider::Github, token, now_ms) {
        Standing::Good(live) => Ok((Holder::Installation(live), "installation-token")),
        _ => {
            let known = world.live.get(&digest(token)).map(|live| live.account.as_str());
            Err(message(401, "Bad credentials").to("unknown", token, known))
        }
    }
}

pub(super) fn user(world: &World, call: &Call, now_ms: Millis) -> Reply {
    let token = call.authorization(&["bearer", "token"]).unwrap_or_default();
    match holder(world, call, now_ms) {
        Err(refusal) => refusal,
        Ok((Holder::Installation(live), kind)) => {
            message(403, "Resource not accessible by integration").to(kind, token, Some(&live.account))
        }
        Ok((Holder::Person(account, scopes), kind)) => Reply::json(200, shapes::user(call, world, &account))
            .with("x-oauth-scopes", scopes.join(", "))
            .to(kind, token, Some(&account)),
    }
}

/// With the scope `user:email`, or for a GitHub App, which has permissions instead of scopes. Without: as if there were nothing.
pub(super) fn emails(world: &World, call: &Call, now_ms: Millis) -> Reply {
    let token = call.authorization(&["bearer", "token"]).unwrap_or_default();
    let (account, kind) = match holder(world, call, now_ms) {
        Err(refusal) => return refusal,
        Ok((Holder::Installation(live), kind)) => {
            return message(403, "Resource not accessible by integration").to(kind, token, Some(&live.account));
        }
        Ok((Holder::Person(account, scopes), kind)) => {
            let allowed = scopes.is_empty() || scopes.iter().any(|scope| scope == "user" || scope == "user:email");
            if !allowed {
                return message(404, "Not Found").to(kind, token, Some(&account));
            }
            (account, kind)
        }
    };
    let primary = world.person(&account).map(|person| person.email.clone());
    let list = json!([
        { "email": format!("old-{account}@example.org"), "primary": false, "verified": true, "visibility": null },
        { "email": primary, "primary": true, "verified": true, "visibility": "private" },
    ]);
    Reply::json(200, list).to(kind, token, Some(&account))
}

/// Anybody's profile; the App's own account is among them.
pub(super) fn profile(world: &World, path: &str, call: &Call, now_ms: Millis) -> Reply {
    let token = call.authorization(&["bearer", "token"]).unwrap_or_default();
    let (holder, kind) = match holder(world, call, now_ms) {
        Err(refusal) => return refusal,
        Ok(known) => known,
    };
    let account = match &holder {
        Holder::Person(account, _) => account.clone(),
        Holder::Installation(live) => live.account.clone(),
    };
    let login = segment(path, 0);
    let body = if login == shapes::bot_login(world) {
        shapes::bot(call, world)
    } else if world.person(&login).is_some() {
        shapes::profile(call, world, &login)
    } else {
        return message(404, "Not Found").to(kind, token, Some(&account));
    };
    Reply::json(200, body).to(kind, token, Some(&account))
}
