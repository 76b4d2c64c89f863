//! The emulated GitLab below `{upstream}/gitlab`: Doorkeeper's OAuth with GitLab's settings, and personal access tokens.
//!
//! A refresh ends the old refresh token and the old access token at once. Using an old refresh token again is refused and ends
//! nothing. The order of the checks is Doorkeeper's: parameters, token, client, scope; so a dead token with a wrong secret reads
//! `invalid_grant`, and a live one is not spent by a wrong secret.
//!
//! `POST /_grants` with `{"account": "alice"}` opens one more grant; with `"provider": "gitlab", "kind": "access-token"` see
//! [`access_tokens`]. A project's or group's token belongs to an account of its own, a bot.

mod access_tokens;

use super::Provider;
use super::call::Call;
use super::consent::{self, Codes};
use super::reply::Reply;
use super::seed::Seed;
use super::world::{Live, Standing, World, derived, digest, slug};
use crate::clock::{Millis, fill_random};
use serde_json::json;

pub(super) const ROUTES: &[(&str, &str, &str)] = &[
    ("POST", "/oauth/token", "token"),
    ("GET", "/oauth/token/info", "token-info"),
    ("POST", "/oauth/revoke", "revoke"),
    ("GET", "/oauth/authorize", "consent"),
    ("GET", "/api/v4/user", "user"),
    ("GET", "/api/v4/personal_access_tokens/self", "token-self"),
    ("POST", "/api/v4/personal_access_tokens/self/rotate", "rotate"),
    ("DELETE", "/api/v4/personal_access_tokens/self", "end-token"),
];

const LIFETIME_S: i64 = 7200;
const SCOPES: &[&str] = &["api", "read_user", "read_repository", "write_repository"];

const INVALID_GRANT: &str = "The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used in the authorization request, or was issued to another client.";
const INVALID_CLIENT: &str =
    "Client authentication failed due to unknown client, no client authentication included, or unsupported authentication method.";
const INVALID_SCOPE: &str = "The requested scope is invalid, unknown, or malformed.";

/// What only GitLab knows.
pub(super) struct State {
    tokens: access_tokens::AccessTokens,
    codes: Codes,
    /// The application that has no secret.
    public_client_id: String,
}

impl State {
    pub(super) fn new(seed: &Seed) -> Self {
        Self {
            tokens: access_tokens::AccessTokens::new(seed),
            codes: Codes::default(),
            public_client_id: seed.gitlab_application.public_client_id.clone(),
        }
    }
}

/// `POST /_grants` for GitLab.
pub(super) fn open(world: &mut World, call: &Call, now_ms: Millis) -> Option<serde_json::Value> {
    match call.field("kind").as_deref() {
        Some("access-token") => access_tokens::open(world, call, now_ms).map(|token| json!({ "token": token })),
        _ => world
            .open_grant(&call.field("account")?)
            .map(|token| json!({ "refresh_token": token })),
    }
}

/// One person's consent: which refresh token is good, and which access token came with it.
#[derive(Clone)]
pub(super) struct Grant {
    spent: u32,
    access: Option<String>,
    scopes: Vec<String>,
    revoked: bool,
    /// Given to the application without a secret.
    public: bool,
}

/// The refresh token of a grant after so many refreshes. It vouches for itself, so that one that the last emulator gave out is
/// still good at the next.
pub(super) fn refresh_token(account: &str, grant: u32, spent: u32) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"claviger's emulated upstream: refresh tokens");
    let mac = ring::hmac::sign(&key, format!("{account}\n{grant}\n{spent}").as_bytes());
    let mac: String = hex::encode(mac).chars().take(40).collect();
    format!("{}-{grant}-refresh-{spent}-{mac}", slug(account))
}

pub(super) fn answer(world: &mut World, operation: &str, call: &Call, now_ms: Millis) -> Reply {
    match operation {
        "token" => token(world, call, now_ms),
        "token-info" => token_info(world, call, now_ms),
        "revoke" => revoke(world, call),
        "consent" => {
            let clients = [world.application.client_id.clone(), world.gitlab.public_client_id.clone()];
            consent::give(world, |world| &mut world.gitlab.codes, &clients, call, now_ms)
        }
        "token-self" => access_tokens::about(world, call, now_ms),
        "rotate" => access_tokens::rotate(world, call, now_ms),
        "end-token" => access_tokens::end(world, call, now_ms),
        _ => user(world, call, now_ms),
    }
}

fn error(status: u16, error: &str, description: &str) -> Reply {
    let reply = Reply::json(status, json!({ "error": error, "error_description": description })).with("cache-control", "no-store");
    if status == 401 {
        reply.with(
            "www-authenticate",
            format!("Bearer realm=\"Doorkeeper\", error=\"{error}\", error_description=\"{description}\""),
        )
    } else {
        reply
    }
}

impl World {
    /// Opens one more grant; its refresh token.
    pub(super) fn open_grant(&mut self, account: &str) -> Option<String> {
        self.person(account)?;
        let mut bytes = [0; 4];
        fill_random(&mut bytes);
        Some(refresh_token(account, u32::from_le_bytes(bytes) | 1, 0))
    }

    /// The account and grant that a refresh token is of, and how many came before it.
    fn read_refresh_token(&self, token: &str) -> Option<(String, u32, u32)> {
        let [_, grant, _, spent, _] = token.split('-').collect::<Vec<_>>().try_into().ok()?;
        let (grant, spent) = (grant.parse().ok()?, spent.parse().ok()?);
        let person = self
            .people
            .iter()
            .find(|person| refresh_token(&person.name, grant, spent) == token)?;
        Some((person.name.clone(), grant, spent))
    }

    fn grant(&mut self, account: &str, number: u32, spent: u32) -> &mut Grant {
        let scopes = SCOPES.iter().map(|scope| (*scope).to_owned()).collect();
        let grant = self.grants.entry((account.to_owned(), number)).or_insert(Grant {
            spent,
            access: None,
            scopes,
            revoked: false,
            public: false,
        });
        // Given out by an emulator before this one.
        grant.spent = grant.spent.max(spent);
        grant
    }

    fn is_client(&self, call: &Call) -> bool {
        let basic = call.basic();
        let (id, secret) = match &basic {
            Some((id, secret)) => (Some(id.clone()), Some(secret.clone())),
            None => (call.field("client_id"), call.field("client_secret")),
        };
        match id {
            Some(id) if id == self.gitlab.public_client_id => true,
            Some(id) => {
                id == self.application.client_id && secret.is_some_and(|secret| digest(&secret) == self.application.client_secret_digest)
            }
            None => false,
        }
    }
}

fn token(world: &mut World, call: &Call, now_ms: Millis) -> Reply {
    let missing = |name: &str| error(400, "invalid_request", &format!("Missing required parameter: {name}."));
    match call.field("grant_type").as_deref() {
        None => return missing("grant_type"),
        Some("refresh_token") => {}
        Some("authorization_code") => return bought(world, call, now_ms),
        Some(_) => {
            return error(
                400,
                "unsupported_grant_type",
                "The authorization grant type is not supported by the authorization server.",
            );
        }
    }
    let Some(presented) = call.field("refresh_token") else {
        return missing("refresh_token");
    };
    let Some((account, number, spent)) = world.read_refresh_token(&presented) else {
        return error(400, "invalid_grant", INVALID_GRANT).to("refresh-token", &presented, None);
    };
    let known = |reply: Reply| reply.to("refresh-token", &presented, Some(&account));
    let redirected = call.field("redirect_uri").is_some_and(|uri| uri != world.application.redirect_uri);
    let grant = world.grant(&account, number, spent).clone();
    let owner = if grant.public {
        &world.gitlab.public_client_id
    } else {
        &world.application.client_id
    };
    let foreign = call.field("client_id").is_some_and(|id| id != *owner);
    // A code's grant is tied to the address of its own consent, which is any on loopback here.
    let redirected = redirected && !call.field("redirect_uri").is_some_and(|uri| uri.starts_with("http://127.0.0.1:"));
    if grant.revoked || grant.spent != spent || redirected {
        return known(error(400, "invalid_grant", INVALID_GRANT));
    }
    if foreign || !world.is_client(call) {
        return known(error(401, "invalid_client", INVALID_CLIENT));
    }
    let scopes = match call.field("scope") {
        None => grant.scopes.clone(),
        Some(asked) => {
            let asked: Vec<String> = asked.split(' ').map(str::to_owned).collect();
            if !asked.iter().all(|scope| grant.scopes.contains(scope)) {
                return known(error(400, "invalid_scope", INVALID_SCOPE));
            }
            asked
        }
    };
    known(rotate(world, &account, number, grant, scopes, now_ms))
}

/// The first pair, for a code.
fn bought(world: &mut World, call: &Call, now_ms: Millis) -> Reply {
    let Some(presented) = call.field("code") else {
        return error(400, "invalid_request", "Missing required parameter: code.");
    };
    if !world.is_client(call) {
        return error(401, "invalid_client", INVALID_CLIENT).to("code", &presented, None);
    }
    let Some(code) = world.gitlab.codes.take(call, now_ms) else {
        return error(400, "invalid_grant", INVALID_GRANT).to("code", &presented, None);
    };
    let mut bytes = [0; 4];
    fill_random(&mut bytes);
    let number = u32::from_le_bytes(bytes) | 1;
    let grant = Grant {
        public: code.client_id == world.gitlab.public_client_id,
        ..world.grant(&code.account, number, 0).clone()
    };
    rotate(world, &code.account, number, grant, code.scopes, now_ms).to("code", &presented, Some(&code.account))
}

fn rotate(world: &mut World, account: &str, number: u32, old: Grant, scopes: Vec<String>, now_ms: Millis) -> Reply {
    if let Some(live) = old.access.as_ref().and_then(|access| world.live.get_mut(access)) {
        live.revoked = true;
    }
    let expires_in = world.lifetime_s(Provider::Gitlab, LIFETIME_S);
    let access = world.token_text(account, '-', 48);
    let created_at = now_ms / 1000;
    let live = Live {
        provider: Provider::Gitlab,
        account: account.to_owned(),
        created_at_ms: now_ms,
        expires_at_ms: (created_at + expires_in) * 1000,
        scopes: scopes.clone(),
        revoked: false,
        grant: Some(number),
    };
    world.remember(&access, live);
    let spent = old.spent + 1;
    let body = json!({
        "access_token": access,
        "token_type": "Bearer",
        "expires_in": expires_in,
        "refresh_token": refresh_token(account, number, spent),
        "scope": scopes.join(" "),
        "created_at": created_at,
    });
    world.grants.insert(
        (account.to_owned(), number),
        Grant {
            spent,
            access: Some(digest(&access)),
            scopes,
            revoked: false,
            public: old.public,
        },
    );
    Reply::json(200, body).with("cache-control", "no-store")
}

/// A live OAuth token, or the refusal that Doorkeeper gives.
fn oauth(world: &World, token: &str, now_ms: Millis) -> Result<Live, Reply> {
    let refuse = |text: &str| {
        let account = world.live.get(&digest(token)).map(|live| live.account.as_str());
        Err(error(401, "invalid_token", text).to("access-token", token, account))
    };
    match world.standing(Provider::Gitlab, token, now_ms) {
        Standing::Good(live) => Ok(live),
        Standing::Revoked => refuse("The access token was revoked"),
        Standing::Expired => refuse("The access token expired"),
        Standing::Unknown => refuse("The access token is invalid"),
    }
}

fn user(world: &World, call: &Call, now_ms: Millis) -> Reply {
    let private = call.header("private-token");
    let Some(token) = access_tokens::shown(call) else {
        return Reply::json(401, json!({ "message": "401 Unauthorized" }));
    };
    let (account, kind, bot) = match world.gitlab.tokens.good(token, now_ms) {
        Some(known) => (known.account, "personal-access-token", known.bot),
        // An OAuth token is a bearer and nothing else; one that was an access token once is nothing.
        None if private.is_some() || world.gitlab.tokens.account(token).is_some() => {
            let whose = world.gitlab.tokens.account(token);
            return Reply::json(401, json!({ "message": "401 Unauthorized" })).to("unknown", token, whose.as_deref());
        }
        None => match oauth(world, token, now_ms) {
            Ok(live) => (live.account, "access-token", false),
            Err(refusal) => return refusal,
        },
    };
    let id = user_id(world, &account);
    if bot {
        let login = format!("project_{id}_bot_{}", derived("gitlab-bot", &account, 12));
        let email = format!("{login}@noreply.gitlab.example");
        let body = json!({ "id": 1000 + id, "username": login, "name": format!("{account}'s project"), "state": "active", "bot": true,
            "email": email, "commit_email": email });
        return Reply::json(200, body).to(kind, token, Some(&account));
    }
    let email = world.person(&account).map(|person| person.email.clone());
    let body = json!({ "id": id, "username": account, "name": account, "state": "active", "bot": false,
        "email": email, "commit_email": email, "public_email": "" });
    Reply::json(200, body).to(kind, token, Some(&account))
}

fn user_id(world: &World, account: &str) -> usize {
    world.people.iter().position(|person| person.name == account).unwrap_or_default() + 1
}

fn token_info(world: &World, call: &Call, now_ms: Millis) -> Reply {
    let token = call.authorization(&["bearer"]).unwrap_or_default();
    match oauth(world, token, now_ms) {
        Err(refusal) => refusal,
        Ok(live) => {
            let body = json!({
                "resource_owner_id": user_id(world, &live.account),
                "scope": live.scopes,
                "expires_in": (live.expires_at_ms - now_ms) / 1000,
                "application": { "uid": world.application.client_id },
                "created_at": live.created_at_ms / 1000,
            });
            Reply::json(200, body).to("access-token", token, Some(&live.account))
        }
    }
}

/// Ends the grant that the token is of. An unknown token is a success, as the standard wants it.
fn revoke(world: &mut World, call: &Call) -> Reply {
    let token = call.field("token").unwrap_or_default();
    if !world.is_client(call) {
        return error(403, "unauthorized_client", "You are not authorized to revoke this token").to("unknown", &token, None);
    }
    let of_refresh = world
        .read_refresh_token(&token)
        .filter(|(account, number, spent)| world.grant(account, *number, *spent).spent == *spent);
    let of_access = world.live.get(&digest(&token)).filter(|live| live.provider == Provider::Gitlab);
    let found = match (of_refresh, of_access) {
        (Some((account, number, _)), _) => Some((account, number, "refresh-token")),
        (None, Some(live)) => live.grant.map(|number| (live.account.clone(), number, "access-token")),
        (None, None) => None,
    };
    let Some((account, number, kind)) = found else {
        return Reply::json(200, json!({})).to("unknown", &token, None);
    };
    if let Some(grant) = world.grants.get_mut(&(account.clone(), number)) {
        grant.revoked = true;
        if let Some(live) = grant.access.as_ref().and_then(|access| world.live.get_mut(access)) {
            live.revoked = true;
        }
    }
    Reply::json(200, json!({})).to(kind, &token, Some(&account))
}
