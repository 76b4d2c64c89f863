//! `generateAccessToken`: a service account's token for somebody who may make it, link by link along the chain.

use super::{Principal, issue, words};
use crate::clock::Millis;
use crate::dev::upstream::Provider;
use crate::dev::upstream::call::Call;
use crate::dev::upstream::reply::Reply;
use crate::dev::upstream::world::{Standing, World};
use serde_json::{Value, json};

const DENIED: &str = "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).";
/// Either lets a token impersonate.
const ENOUGH: [&str; 2] = [
    "https://www.googleapis.com/auth/cloud-platform",
    "https://www.googleapis.com/auth/iam",
];
const LONGEST_S: i64 = 3600;

fn error(status: u16, name: &str, message: &str) -> Reply {
    Reply::json(status, json!({ "error": { "code": status, "message": message, "status": name } }))
}

pub(super) fn token(world: &mut World, path: &str, call: &Call, now_ms: Millis) -> Reply {
    let bearer = call.authorization(&["bearer"]).unwrap_or_default();
    let Standing::Good(live) = world.standing(Provider::Google, bearer, now_ms) else {
        let text = "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.";
        return error(401, "UNAUTHENTICATED", text).to("access-token", bearer, None);
    };
    let said = |reply: Reply| reply.to("access-token", bearer, Some(&live.account));
    if !live.scopes.iter().any(|scope| ENOUGH.contains(&scope.as_str())) {
        let body = json!({ "error": { "code": 403, "message": "Request had insufficient authentication scopes.", "status": "PERMISSION_DENIED",
            "details": [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT" }] } });
        return said(Reply::json(403, body));
    }
    let name = path.rsplit('/').next().unwrap_or_default().replace("%40", "@").replace("%3A", ":");
    let Some(target) = name.strip_suffix(":generateAccessToken") else {
        return said(error(404, "NOT_FOUND", "Method not found."));
    };
    let Some(account) = world.google.owner_of(world, target) else {
        return said(error(404, "NOT_FOUND", &format!("Not found; Gaia id not found for email {target}")));
    };
    let texts = |name: &str| -> Vec<String> {
        let items = call.value(name).and_then(Value::as_array);
        items.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut holder = world.google.principal(bearer).unwrap_or(Principal::Person(live.account.clone()));
    let mut chain: Vec<String> = texts("delegates");
    chain.push(format!("projects/-/serviceAccounts/{target}"));
    for link in &chain {
        let Some(next) = link.strip_prefix("projects/-/serviceAccounts/") else {
            return said(error(400, "INVALID_ARGUMENT", "Request contains an invalid argument."));
        };
        if !may_make(world, &holder, next) {
            return said(error(403, "PERMISSION_DENIED", DENIED));
        }
        holder = Principal::Account(next.to_owned());
    }
    let lifetime = call.field("lifetime").unwrap_or_else(|| format!("{LONGEST_S}s"));
    let lives = lifetime.strip_suffix('s').and_then(|seconds| seconds.parse::<i64>().ok());
    if lives.is_none_or(|seconds| seconds <= 0 || seconds > LONGEST_S) {
        let text = "Invalid lifetime: The access token lifetime cannot exceed 3600 seconds.";
        return said(error(400, "INVALID_ARGUMENT", text));
    }
    let scopes = words(Some(&texts("scope").join(" ")));
    if scopes.is_empty() {
        return said(error(400, "INVALID_ARGUMENT", "Request contains an invalid argument."));
    }
    let issued = issue(world, "ya29.c.i", &account, holder, &scopes, None, now_ms);
    let end = time::OffsetDateTime::from_unix_timestamp(now_ms / 1000 + issued.expires_in).ok();
    let end = end.and_then(|end| end.format(&time::format_description::well_known::Rfc3339).ok());
    said(Reply::json(200, json!({ "accessToken": issued.text, "expireTime": end })))
}

/// Everybody may make tokens of their own deployer; their deployer alone those of their vault.
fn may_make(world: &World, holder: &Principal, next: &str) -> bool {
    world.people.iter().any(|person| {
        let own = match holder {
            Principal::Person(name) | Principal::Federated(name) => *name == person.name,
            Principal::Account(email) => *email == person.google_account,
        };
        let deployer = matches!(holder, Principal::Account(email) if *email == person.google_deployer);
        own && next == person.google_deployer || deployer && next == person.google_vault
    })
}
