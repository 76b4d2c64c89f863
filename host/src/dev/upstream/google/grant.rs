//! People's grants to the client: refreshing, which changes nothing, and ending, which ends every token of the grant.

use super::{Principal, error, issue, token_body, words};
use crate::clock::Millis;
use crate::dev::upstream::Provider;
use crate::dev::upstream::call::Call;
use crate::dev::upstream::reply::Reply;
use crate::dev::upstream::world::{World, digest, slug};
use ring::hmac;

/// What was consented to where nobody says: what `gcloud auth application-default login` asks for, and mail.
pub(super) const GRANTED: [&str; 4] = [
    "openid",
    "https://www.googleapis.com/auth/userinfo.email",
    "https://www.googleapis.com/auth/cloud-platform",
    "https://www.googleapis.com/auth/gmail.readonly",
];

/// The refresh token of a person's grant. It vouches for itself, so that one of an earlier emulator is still good.
pub(in crate::dev::upstream) fn refresh_token(account: &str, number: u32) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"claviger's emulated upstream: Google's refresh tokens");
    let mac = hex::encode(hmac::sign(&key, format!("{account}\n{number}").as_bytes()));
    let mac: String = mac.chars().take(64).collect();
    format!("1//0{}-{number}-{mac}", slug(account))
}

/// The person and number of a refresh token.
fn read(world: &World, token: &str) -> Option<(String, u32)> {
    let number: u32 = token.split('-').nth(1)?.parse().ok()?;
    let mut people = world.people.iter().map(|person| person.name.clone());
    people.find(|name| refresh_token(name, number) == token).map(|name| (name, number))
}

/// The refusal of a client that is not the one.
pub(super) fn client(world: &World, call: &Call) -> Result<(), Reply> {
    let Some(id) = call.field("client_id") else {
        return Err(error(400, "invalid_request", "Could not determine client ID from request."));
    };
    if id != world.google.client_id {
        return Err(error(401, "invalid_client", "The OAuth client was not found."));
    }
    match call.field("client_secret") {
        None => Err(error(400, "invalid_request", "client_secret is missing.")),
        Some(secret) if digest(&secret) == world.google.client_secret_digest => Ok(()),
        Some(_) => Err(error(401, "invalid_client", "The provided client secret is invalid.")),
    }
}

pub(super) fn refresh(world: &mut World, call: &Call, now_ms: Millis) -> Reply {
    let Some(presented) = call.field("refresh_token") else {
        return error(400, "invalid_request", "Missing required parameter: refresh_token");
    };
    let found = read(world, &presented);
    let account = found.as_ref().map(|(account, _)| account.clone());
    let said = |reply: Reply| reply.to("refresh-token", &presented, account.as_deref());
    if let Err(refusal) = client(world, call) {
        return said(refusal);
    }
    let Some((account, number)) = found.clone() else {
        return said(error(400, "invalid_grant", "Bad Request"));
    };
    if world.google.ended.contains(&(account.clone(), number)) {
        return said(error(400, "invalid_grant", "Token has been expired or revoked."));
    }
    let granted = world.google.granted(&account, number);
    let scopes = match call.field("scope") {
        None => granted,
        Some(asked) => {
            let asked: Vec<String> = words(Some(&asked)).iter().map(|scope| full(scope).to_owned()).collect();
            if !asked.iter().all(|scope| granted.contains(scope)) {
                return said(error(400, "invalid_scope", "Bad Request"));
            }
            asked
        }
    };
    let issued = issue(
        world,
        "ya29.a0",
        &account,
        Principal::Person(account.clone()),
        &scopes,
        Some(number),
        now_ms,
    );
    said(Reply::json(200, token_body(&issued, &scopes)).with("cache-control", "no-store"))
}

/// Google answers a scope's long name, whichever was asked for.
pub(super) fn full(scope: &str) -> &str {
    match scope {
        "email" => "https://www.googleapis.com/auth/userinfo.email",
        "profile" => "https://www.googleapis.com/auth/userinfo.profile",
        other => other,
    }
}

/// Ends the grant that a refresh token or an access token is of, with every token of it. Tokens of service accounts end by themselves.
pub(super) fn revoke(world: &mut World, call: &Call) -> Reply {
    let token = call.field("token").or_else(|| call.query("token")).unwrap_or_default();
    let gone = || error(400, "invalid_token", "Token expired or revoked");
    let (account, number, kind) = match (read(world, &token), world.live.get(&digest(&token))) {
        (Some((account, number)), _) => (account, number, "refresh-token"),
        (None, Some(live)) if live.provider == Provider::Google && !live.revoked => match live.grant {
            Some(number) => (live.account.clone(), number, "access-token"),
            None => {
                let account = live.account.clone();
                return error(400, "unsupported_token_type", "Tokens of service accounts cannot be revoked.").to(
                    "access-token",
                    &token,
                    Some(&account),
                );
            }
        },
        _ => return gone().to("unknown", &token, None),
    };
    if !world.google.ended.insert((account.clone(), number)) {
        return gone().to(kind, &token, Some(&account));
    }
    for live in world.live.values_mut() {
        if live.provider == Provider::Google && live.account == account && live.grant == Some(number) {
            live.revoked = true;
        }
    }
    Reply::json(200, serde_json::json!({})).to(kind, &token, Some(&account))
}
