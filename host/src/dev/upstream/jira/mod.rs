//! The emulated Atlassian below `{upstream}/jira`, all of its services under one root: a site of the cloud (`/rest/api/3`,
//! `/_edge/tenant_info`), the gateway (`/ex/jira/{cloud}`, `/oauth/token/accessible-resources`), who gives out tokens (`/authorize`,
//! `/oauth/token`), and a server of somebody's own (`/rest/api/2`, `/rest/pat`).
//!
//! Tokens without scopes work at the site, all others through the gateway; where a token is not good, the refusal does not say why. The first
//! person's grants open one site, everybody else's two. A server wants its personal access tokens as bearers and refuses Basic credentials.

mod grants;
mod tokens;

pub(super) use grants::refresh_token;

use super::call::Call;
use super::consent::{self, Codes};
use super::reply::Reply;
use super::seed::Seed;
use super::world::{World, derived, digest_of};
use crate::clock::Millis;
use serde_json::{Value, json};
use tokens::{Holder, Tokens, Use};

pub(super) const ROUTES: &[(&str, &str, &str)] = &[
    ("GET", "/rest/api/3/myself", "myself"),
    ("GET", "/_edge/tenant_info", "tenant-info"),
    ("GET", "/ex/jira/*/rest/api/3/myself", "gateway-myself"),
    ("GET", "/oauth/token/accessible-resources", "sites"),
    ("GET", "/authorize", "consent"),
    ("POST", "/oauth/token", "token"),
    ("GET", "/rest/api/2/myself", "server-myself"),
    ("GET", "/rest/pat/latest/tokens", "server-tokens"),
    ("DELETE", "/rest/pat/latest/tokens/*", "end-server-token"),
];

/// The site's cloud id, a UUID.
const CLOUD_ID: &str = "11223344-a1b2-4b33-8c44-def123456789";
/// That of the second site, which nothing here emulates.
const OTHER_CLOUD_ID: &str = "99887766-a1b2-4b33-8c44-def123456789";

/// What only Atlassian knows.
pub(super) struct State {
    client_id: String,
    client_secret_digest: String,
    tokens: Tokens,
    grants: grants::Grants,
    codes: Codes,
}

impl State {
    pub(super) fn new(seed: &Seed) -> Self {
        Self {
            client_id: seed.jira_application.client_id.clone(),
            client_secret_digest: digest_of(&seed.jira_application.client_secret),
            tokens: Tokens::new(seed),
            grants: grants::Grants::default(),
            codes: Codes::default(),
        }
    }
}

/// `POST /_grants` with `{"provider": "jira", "account": "alice"}`: one more grant to the application.
pub(super) fn open(world: &mut World, call: &Call) -> Option<Value> {
    let account = world.person(&call.field("account")?)?.name.clone();
    Some(json!({ "refresh_token": grants::open(&account) }))
}

pub(super) fn answer(world: &mut World, operation: &str, path: &str, call: &Call, now_ms: Millis) -> Reply {
    match operation {
        "tenant-info" => Reply::json(200, json!({ "cloudId": CLOUD_ID })),
        "gateway-myself" => gateway(world, path, call, now_ms),
        "sites" => sites(world, call, now_ms),
        "consent" => {
            let clients = [world.jira.client_id.clone()];
            consent::give(world, |world| &mut world.jira.codes, &clients, call, now_ms)
        }
        "token" => grants::token(world, call, now_ms),
        "server-myself" => server(
            world,
            call,
            |holder, person| json!({ "key": format!("JIRAUSER{}", 10_000 + holder.number), "name": person, "emailAddress": holder.email, "displayName": person, "active": true }),
        ),
        "server-tokens" => server(
            world,
            call,
            |holder, _| json!([{ "id": holder.number, "name": "claviger", "createdAt": "2026-01-01T00:00:00.000+0000", "lastAccessed": null }]),
        ),
        "end-server-token" => end_server_token(world, path, call),
        _ => site(world, call),
    }
}

fn site(world: &World, call: &Call) -> Reply {
    let refused =
        || Reply::text(401, "Client must be authenticated to access this resource.").with("x-seraph-loginreason", "AUTHENTICATED_FAILED");
    let Some((email, token)) = call.basic() else { return refused() };
    match world
        .jira
        .tokens
        .holder(&token)
        .filter(|holder| holder.works(Use::Site, Some(&email)))
    {
        None => refused().to(
            "api-token",
            &token,
            world.jira.tokens.holder(&token).map(|holder| holder.account.as_str()),
        ),
        Some(holder) => myself(holder).to("api-token", &token, Some(&holder.account)),
    }
}

/// The one account page that all tokens of the cloud end at.
fn myself(holder: &Holder) -> Reply {
    let id = format!("712020:{}", derived("jira-account", &holder.email, 32));
    Reply::json(
        200,
        json!({ "accountId": id, "accountType": holder.kind(), "emailAddress": holder.email, "displayName": holder.display_name(), "active": true }),
    )
}

fn gateway(world: &World, path: &str, call: &Call, now_ms: Millis) -> Reply {
    let unauthorised = || Reply::json(401, json!({ "code": 401, "message": "Unauthorized" }));
    if path.split('/').nth(3) != Some(CLOUD_ID) {
        return Reply::json(404, json!({ "code": 404, "message": "No message available" }));
    }
    if let Some((email, token)) = call.basic() {
        let known = world.jira.tokens.holder(&token);
        return match known.filter(|holder| holder.works(Use::Gateway, Some(&email))) {
            Some(holder) => myself(holder).to("api-token", &token, Some(&holder.account)),
            None => unauthorised().to("api-token", &token, known.map(|holder| holder.account.as_str())),
        };
    }
    let Some(token) = call.authorization(&["bearer"]) else {
        return unauthorised();
    };
    if let Some(holder) = world.jira.tokens.holder(token).filter(|holder| holder.works(Use::Gateway, None)) {
        return myself(holder).to("api-token", token, Some(&holder.account));
    }
    match grants::holder(world, token, now_ms) {
        Ok(holder) => myself(&holder).to("access-token", token, Some(&holder.account)),
        Err(refusal) => refusal,
    }
}

fn sites(world: &World, call: &Call, now_ms: Millis) -> Reply {
    let token = call.authorization(&["bearer"]).unwrap_or_default();
    let holder = match grants::holder(world, token, now_ms) {
        Ok(holder) => holder,
        Err(refusal) => return refusal,
    };
    let site = |id: &str, name: &str, url: String| json!({ "id": id, "name": name, "url": url, "scopes": ["read:jira-work", "read:jira-user"], "avatarUrl": "" });
    let mut list = vec![site(
        CLOUD_ID,
        "claviger",
        format!("http://{}/jira", call.header("host").unwrap_or_default()),
    )];
    if world.people.first().is_none_or(|first| first.name != holder.account) {
        list.insert(0, site(OTHER_CLOUD_ID, "elsewhere", "https://elsewhere.atlassian.net".to_owned()));
    }
    Reply::json(200, list.into()).to("access-token", token, Some(&holder.account))
}

fn server(world: &World, call: &Call, body: impl Fn(&Holder, &str) -> Value) -> Reply {
    if let Some((_, token)) = call.basic() {
        return Reply::text(403, "Basic Authentication Failure - Reason : AUTHENTICATION_DENIED").to("unknown", &token, None);
    }
    let token = call.authorization(&["bearer"]).unwrap_or_default();
    match world.jira.tokens.holder(token).filter(|holder| holder.works(Use::Server, None)) {
        Some(holder) => Reply::json(200, body(holder, &holder.account)).to("personal-token", token, Some(&holder.account)),
        None => Reply::json(
            401,
            json!({ "message": "Client must be authenticated to access this resource.", "status-code": 401 }),
        )
        .with("x-seraph-loginreason", "AUTHENTICATED_FAILED")
        .to("personal-token", token, None),
    }
}

fn end_server_token(world: &mut World, path: &str, call: &Call) -> Reply {
    let token = call.authorization(&["bearer"]).unwrap_or_default().to_owned();
    let number = path.rsplit('/').next().and_then(|id| id.parse::<u64>().ok());
    match world
        .jira
        .tokens
        .holder(&token)
        .filter(|holder| holder.works(Use::Server, None))
        .cloned()
    {
        None => Reply::empty(401).to("personal-token", &token, None),
        Some(holder) if number == Some(holder.number) => {
            world.jira.tokens.forget(&token);
            Reply::empty(204).to("personal-token", &token, Some(&holder.account))
        }
        Some(holder) => Reply::empty(404).to("personal-token", &token, Some(&holder.account)),
    }
}
