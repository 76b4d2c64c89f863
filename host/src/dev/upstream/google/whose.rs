//! Whose token it is: OpenID Connect's userinfo, and Google's own `tokeninfo`.

use super::{Principal, error};
use crate::clock::Millis;
use crate::dev::upstream::Provider;
use crate::dev::upstream::call::Call;
use crate::dev::upstream::reply::Reply;
use crate::dev::upstream::world::{Live, Standing, World, derived, digest};
use serde_json::json;

fn number_of(account: &str) -> String {
    let digit = |c: char| char::from(b'0' + c as u8 % 10);
    derived("google-account", account, 21).chars().map(digit).collect()
}

fn has(live: &Live, short: &str) -> bool {
    let long = format!("/userinfo.{short}");
    live.scopes.iter().any(|scope| scope == short || scope.ends_with(&long))
}

fn email_of(world: &World, token: &str, live: &Live) -> Option<String> {
    match world.google.principal(token) {
        Some(Principal::Account(email)) => Some(email),
        Some(Principal::Federated(_)) => None,
        _ => world.person(&live.account).map(|person| person.email.clone()),
    }
}

pub(super) fn userinfo(world: &World, call: &Call, now_ms: Millis) -> Reply {
    let token = call.authorization(&["bearer"]).unwrap_or_default();
    let Standing::Good(live) = world.standing(Provider::Google, token, now_ms) else {
        let account = world.live.get(&digest(token)).map(|live| live.account.as_str());
        return error(401, "invalid_request", "Invalid Credentials").to("access-token", token, account);
    };
    let mut body = json!({ "sub": number_of(&live.account) });
    if has(&live, "email") {
        body["email"] = email_of(world, token, &live).into();
        body["email_verified"] = true.into();
    }
    if has(&live, "profile") {
        let mut name = live.account.clone();
        if let Some(first) = name.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        body["name"] = format!("{name} Example").into();
    }
    Reply::json(200, body).to("access-token", token, Some(&live.account))
}

pub(super) fn tokeninfo(world: &World, call: &Call, now_ms: Millis) -> Reply {
    let token = call
        .field("access_token")
        .or_else(|| call.query("access_token"))
        .unwrap_or_default();
    let Standing::Good(live) = world.standing(Provider::Google, &token, now_ms) else {
        return error(400, "invalid_token", "Invalid Value").to("access-token", &token, None);
    };
    let mut body = json!({ "sub": number_of(&live.account), "scope": live.scopes.join(" "), "exp": (live.expires_at_ms / 1000).to_string(),
        "expires_in": ((live.expires_at_ms - now_ms) / 1000).to_string() });
    if live.grant.is_some() {
        body["azp"] = world.google.client_id.clone().into();
        body["aud"] = world.google.client_id.clone().into();
    }
    if has(&live, "email") || !matches!(world.google.principal(&token), Some(Principal::Person(_))) {
        body["email"] = email_of(world, &token, &live).into();
    }
    Reply::json(200, body).to("access-token", &token, Some(&live.account))
}
