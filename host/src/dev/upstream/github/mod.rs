//! The emulated GitHub: an Enterprise Server below `{upstream}/github`.
//!
//! `installations` is what an App does with its assertion, `oauth` the pages and the token endpoint, `people` what a token tells of its
//! account, `ending` the ways to end one, `shapes` the bodies, whole as the published description demands them.

mod assertion;
mod ending;
mod installations;
mod oauth;
mod people;
mod repositories;
mod shapes;
mod state;

pub(super) use state::State;

use super::Provider;
use super::call::Call;
use super::reply::Reply;
use super::world::World;
use crate::clock::Millis;
use serde_json::json;

pub(super) const ROUTES: &[(&str, &str, &str)] = &[
    ("POST", "/api/v3/app/installations/*/access_tokens", "installation-token"),
    ("GET", "/api/v3/app", "app"),
    ("GET", "/api/v3/repos/*/*/installation", "repository-installation"),
    ("GET", "/api/v3/orgs/*/installation", "organisation-installation"),
    ("GET", "/api/v3/users/*/installation", "user-installation"),
    ("DELETE", "/api/v3/installation/token", "revoke-installation-token"),
    ("GET", "/api/v3/installation/repositories", "repositories"),
    ("GET", "/api/v3/user", "user"),
    ("GET", "/api/v3/user/emails", "emails"),
    ("GET", "/api/v3/users/*", "profile"),
    ("DELETE", "/api/v3/applications/*/grant", "revoke-grant"),
    ("POST", "/api/v3/credentials/revoke", "revoke-credentials"),
    ("GET", "/login/oauth/authorize", "authorize"),
    ("POST", "/login/oauth/access_token", "access-token"),
];

const HOUR_S: i64 = 3600;

pub(super) fn answer(world: &mut World, operation: &str, path: &str, call: &Call, now_ms: Millis) -> Reply {
    let reply = match operation {
        "authorize" => return oauth::authorize(world, call, now_ms),
        "access-token" => return oauth::access_token(world, call, now_ms),
        "installation-token" => installations::token(world, path, call, now_ms),
        "app" => installations::app(world, call, now_ms),
        "repository-installation" | "organisation-installation" | "user-installation" => {
            installations::find(world, operation, path, call, now_ms)
        }
        "revoke-installation-token" => ending::installation_token(world, call, now_ms),
        "revoke-grant" => ending::grant(world, path, call),
        "revoke-credentials" => ending::credentials(world, call),
        "repositories" => repositories::list(world, call, now_ms),
        "emails" => people::emails(world, call, now_ms),
        "profile" => people::profile(world, path, call, now_ms),
        _ => people::user(world, call, now_ms),
    };
    reply
        .with("x-github-api-version-selected", "2022-11-28")
        .with("x-ratelimit-limit", "5000")
        .with("x-ratelimit-remaining", "4999")
        .with("x-ratelimit-reset", (now_ms / 1000 + HOUR_S).to_string())
}

/// A refusal of the REST interface.
fn message(status: u16, text: &str) -> Reply {
    Reply::json(
        status,
        json!({ "message": text, "documentation_url": "https://docs.github.com/rest", "status": status.to_string() }),
    )
}

/// So many segments from the end of the path, the last being 0, with what stands for brackets decoded.
fn segment(path: &str, from_the_end: usize) -> String {
    let raw = path.rsplit('/').nth(from_the_end).unwrap_or_default();
    form_urlencoded::parse(format!("segment={}", raw.replace('+', "%2B")).as_bytes())
        .next()
        .map(|(_, text)| text.into_owned())
        .unwrap_or_default()
}

/// `POST /_grants`: what a consent of `account` to `client_id` would bring; `"expires": true` for an OAuth App whose tokens end,
/// `"device": true` for a grant that is refreshed without the client's secret.
pub(super) fn open_grant(world: &mut World, call: &Call, now_ms: Millis) -> Reply {
    let flag = |name: &str| call.value(name).and_then(serde_json::Value::as_bool).unwrap_or_default();
    let (client_id, account) = (
        call.field("client_id").unwrap_or_default(),
        call.field("account").unwrap_or_default(),
    );
    let (Some(application), Some(_)) = (world.github.applications.get(&client_id), world.person(&account)) else {
        return Reply::json(400, json!({ "error": "`client_id` or `account` names none that was seeded" }));
    };
    let expires = application.is_github_app || flag("expires");
    let life_ms = expires.then(|| lifetime_ms(world, state::ACCESS_S));
    let scopes = call
        .field("scope")
        .unwrap_or_default()
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    let pair = world.github.make(&client_id, &account, scopes, life_ms, flag("device"), now_ms);
    Reply::json(201, json!({ "access_token": pair.access, "refresh_token": pair.refresh }))
}

fn lifetime_ms(world: &World, usual_s: i64) -> Millis {
    world.lifetime_s(Provider::Github, usual_s) * 1000
}
