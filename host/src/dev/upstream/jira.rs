//! The emulated Jira Cloud site below `{upstream}/jira`: API tokens with Basic credentials.

use super::Provider;
use super::call::Call;
use super::reply::Reply;
use super::world::{World, derived};
use serde_json::json;

pub(super) const ROUTES: &[(&str, &str, &str)] = &[
    ("GET", "/rest/api/3/myself", "myself"),
    ("GET", "/_edge/tenant_info", "tenant-info"),
];

/// The site's cloud id, a UUID.
const CLOUD_ID: &str = "11223344-a1b2-4b33-8c44-def123456789";

pub(super) fn answer(world: &World, operation: &str, call: &Call) -> Reply {
    if operation == "tenant-info" {
        return Reply::json(200, json!({ "cloudId": CLOUD_ID }));
    }
    let refused =
        || Reply::text(401, "Client must be authenticated to access this resource.").with("x-seraph-loginreason", "AUTHENTICATED_FAILED");
    let Some((email, token)) = call.basic() else { return refused() };
    let account = world.static_account(Provider::Jira, &token);
    let person = account.as_deref().and_then(|account| world.person(account));
    match person.filter(|person| person.email.eq_ignore_ascii_case(&email)) {
        None => refused().to("api-token", &token, account.as_deref()),
        Some(person) => {
            let id = format!("712020:{}", derived("jira-account", &person.name, 32));
            let body = json!({ "accountId": id, "accountType": "atlassian", "emailAddress": person.email,
                "displayName": person.name, "active": true });
            Reply::json(200, body).to("api-token", &token, Some(&person.name))
        }
    }
}
