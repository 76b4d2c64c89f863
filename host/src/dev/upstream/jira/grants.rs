//! Atlassian's OAuth 2.0: consents with refresh tokens that rotate, and service accounts' client credentials.
//!
//! A spent refresh token stays good for ten minutes after its first use; one that is used later ends all of its grant. An access token dies
//! ten minutes after the refresh that replaced it, though it says an hour. Errors are 403 for grants and 401 for applications.

use super::super::Provider;
use super::super::call::Call;
use super::super::reply::Reply;
use super::super::world::{Live, Standing, World, digest, digest_of, slug};
use super::tokens::Holder;
use crate::clock::{Millis, fill_random};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const LIFETIME_S: i64 = 3600;
/// How long the old pair lives on after a refresh.
const LEEWAY_MS: Millis = 10 * 60 * 1000;

/// (account, number) → grant.
#[derive(Default)]
pub(super) struct Grants(BTreeMap<(String, u32), Grant>);

#[derive(Default)]
struct Grant {
    /// How many refresh tokens came before the newest.
    spent: u32,
    /// Spent refresh token → when it was used first.
    used_at_ms: BTreeMap<u32, Millis>,
    /// Digests of its access tokens.
    access: Vec<String>,
    ended: bool,
}

/// The refresh token of a grant after so many refreshes. It vouches for itself, so that one that the last emulator gave out is still good at
/// the next.
pub(in crate::dev::upstream) fn refresh_token(account: &str, grant: u32, spent: u32) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"claviger's emulated upstream: Atlassian's refresh tokens");
    let mac = ring::hmac::sign(&key, format!("{account}\n{grant}\n{spent}").as_bytes());
    format!("eyJ-{}-{grant}-{spent}-{}", slug(account), hex::encode(mac))
}

/// The first refresh token of one more grant.
pub(super) fn open(account: &str) -> String {
    refresh_token(account, number(), 0)
}

fn number() -> u32 {
    let mut bytes = [0; 4];
    fill_random(&mut bytes);
    u32::from_le_bytes(bytes) | 1
}

fn read(world: &World, token: &str) -> Option<(String, u32, u32)> {
    let [_, _, grant, spent, _] = token.split('-').collect::<Vec<_>>().try_into().ok()?;
    let (grant, spent) = (grant.parse().ok()?, spent.parse().ok()?);
    let person = world
        .people
        .iter()
        .find(|person| refresh_token(&person.name, grant, spent) == token)?;
    Some((person.name.clone(), grant, spent))
}

fn error(status: u16, error: &str, description: &str) -> Reply {
    Reply::json(status, json!({ "error": error, "error_description": description }))
}

pub(super) fn token(world: &mut World, call: &Call, now_ms: Millis) -> Reply {
    // Unlike others it takes no form.
    if !call.header("content-type").is_some_and(|kind| kind.starts_with("application/json")) {
        return error(400, "invalid_request", "the body must be JSON");
    }
    let (id, secret) = (
        call.field("client_id").unwrap_or_default(),
        call.field("client_secret").unwrap_or_default(),
    );
    let is_application = id == world.jira.client_id && digest(&secret) == world.jira.client_secret_digest;
    let denied = || error(401, "access_denied", "Unauthorized");
    match call.field("grant_type").as_deref() {
        Some("refresh_token") => {
            let presented = call.field("refresh_token").unwrap_or_default();
            if is_application {
                refreshed(world, &presented, now_ms)
            } else {
                denied().to(
                    "refresh-token",
                    &presented,
                    read(world, &presented).map(|(account, ..)| account).as_deref(),
                )
            }
        }
        Some("authorization_code") => {
            let presented = call.field("code").unwrap_or_default();
            if !is_application {
                return denied().to("code", &presented, None);
            }
            match world.jira.codes.take(call, now_ms) {
                None => error(403, "invalid_grant", "Invalid authorization code").to("code", &presented, None),
                Some(code) => {
                    let offline = code.scopes.iter().any(|scope| scope == "offline_access");
                    let mut body = pair(world, &code.account, number(), now_ms);
                    if !offline && let Some(members) = body.as_object_mut() {
                        members.remove("refresh_token");
                    }
                    Reply::json(200, body).to("code", &presented, Some(&code.account))
                }
            }
        }
        Some("client_credentials") => {
            let account = world
                .people
                .iter()
                .find(|person| person.jira_client_id == id && digest_of(&person.jira_client_secret) == digest(&secret));
            match account.map(|person| person.name.clone()) {
                Some(account) => Reply::json(200, access(world, &account, None, now_ms)).to("client-secret", &secret, Some(&account)),
                None if is_application => error(
                    403,
                    "unauthorized_client",
                    "Grant type 'client_credentials' not allowed for the client.",
                ),
                None => denied().to("client-secret", &secret, None),
            }
        }
        _ => error(400, "unsupported_grant_type", "Unsupported grant type"),
    }
}

fn refreshed(world: &mut World, presented: &str, now_ms: Millis) -> Reply {
    let Some((account, number, spent)) = read(world, presented) else {
        return error(403, "unauthorized_client", "refresh_token is invalid").to("refresh-token", presented, None);
    };
    let known = |reply: Reply| reply.to("refresh-token", presented, Some(&account));
    let dead = || error(403, "invalid_grant", "Unknown or invalid refresh token.");
    let grant = world.jira.grants.0.entry((account.clone(), number)).or_default();
    // Given out by an emulator before this one.
    grant.spent = grant.spent.max(spent);
    if grant.ended {
        return known(dead());
    }
    let first_used = *grant.used_at_ms.entry(spent).or_insert(now_ms);
    if spent < grant.spent && now_ms - first_used > LEEWAY_MS {
        grant.ended = true;
        let all = std::mem::take(&mut grant.access);
        for digest in all {
            if let Some(live) = world.live.get_mut(&digest) {
                live.revoked = true;
            }
        }
        return known(dead());
    }
    known(Reply::json(200, pair(world, &account, number, now_ms)))
}

/// A new access token and the next refresh token of a grant.
fn pair(world: &mut World, account: &str, number: u32, now_ms: Millis) -> Value {
    let grant = world.jira.grants.0.entry((account.to_owned(), number)).or_default();
    grant.spent += 1;
    let (spent, old) = (grant.spent, grant.access.clone());
    for digest in &old {
        if let Some(live) = world.live.get_mut(digest) {
            live.expires_at_ms = live.expires_at_ms.min(now_ms + LEEWAY_MS);
        }
    }
    let mut body = access(world, account, Some(number), now_ms);
    body["refresh_token"] = refresh_token(account, number, spent).into();
    body
}

/// An access token: of a grant, or of the account's service account.
fn access(world: &mut World, account: &str, grant: Option<u32>, now_ms: Millis) -> Value {
    let expires_in = world.lifetime_s(Provider::Jira, LIFETIME_S);
    let text = format!("eyJ{}", world.token_text(account, '-', 64));
    let live = Live {
        provider: Provider::Jira,
        account: account.to_owned(),
        created_at_ms: now_ms,
        expires_at_ms: now_ms + expires_in * 1000,
        scopes: Vec::new(),
        revoked: false,
        grant,
    };
    world.remember(&text, live);
    if let Some(number) = grant {
        let grant = world.jira.grants.0.entry((account.to_owned(), number)).or_default();
        grant.access.push(digest(&text));
    }
    json!({ "access_token": text, "token_type": "Bearer", "expires_in": expires_in, "scope": "read:jira-work read:jira-user offline_access" })
}

/// Who holds a minted token; the gateway tells one that has ended as if it were forbidden.
pub(super) fn holder(world: &World, token: &str, now_ms: Millis) -> Result<Holder, Reply> {
    let account = || world.live.get(&digest(token)).map(|live| live.account.as_str());
    let refuse =
        |status: u16, text: &str| Err(Reply::json(status, json!({ "code": status, "message": text })).to("access-token", token, account()));
    match world.standing(Provider::Jira, token, now_ms) {
        Standing::Good(live) => {
            let person = world.person(&live.account);
            let email = person.map_or("", |person| {
                if live.grant.is_some() {
                    &person.email
                } else {
                    &person.jira_service_email
                }
            });
            Ok(Holder::granted(&live.account, email))
        }
        Standing::Expired => refuse(403, "Forbidden"),
        Standing::Revoked | Standing::Unknown => refuse(401, "Unauthorized"),
    }
}
