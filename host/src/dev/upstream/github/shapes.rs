//! Bodies of answers, whole: every member that GitHub's published description demands, so that Prism finds nothing to object to. Times and
//! counts are the same for all.

use super::installations::GRANTED;
use crate::dev::upstream::call::Call;
use crate::dev::upstream::world::World;
use serde_json::{Map, Value, json};

/// The App's name in addresses.
const SLUG: &str = "claviger-emulated";
/// The number of the App's own account, which is not the App's number.
const BOT_ID: u64 = 90_001;
const MADE_AT: &str = "2024-01-02T03:04:05Z";

/// The login of the App's own account.
pub(super) fn bot_login(_: &World) -> String {
    format!("{SLUG}[bot]")
}

/// The instance's address as the caller knows it.
pub(super) fn site(call: &Call) -> String {
    format!("http://{}/github", call.header("host").unwrap_or("127.0.0.1"))
}

pub(super) fn app(call: &Call, world: &World) -> Value {
    let site = site(call);
    json!({
        "id": world.app.app_id.parse::<u64>().unwrap_or_default(), "client_id": world.app.client_id, "slug": SLUG, "node_id": "A_1",
        "owner": simple(&site, "emulator", 90_000, "Organization"), "name": "Claviger's emulated App", "description": null,
        "external_url": "https://example.org", "html_url": format!("{site}/apps/{SLUG}"), "created_at": MADE_AT, "updated_at": MADE_AT,
        "permissions": permissions(), "events": [], "installations_count": world.app.installations.len(),
    })
}

pub(super) fn installation(call: &Call, world: &World, id: u64, account: &str) -> Value {
    let (site, number) = (site(call), number(world, account));
    json!({
        "id": id, "app_id": world.app.app_id.parse::<u64>().unwrap_or_default(), "client_id": world.app.client_id, "app_slug": SLUG,
        "target_id": number, "target_type": "User", "account": simple(&site, account, number, "User"), "repository_selection": "all",
        "access_tokens_url": format!("{site}/api/v3/app/installations/{id}/access_tokens"),
        "repositories_url": format!("{site}/api/v3/installation/repositories"), "html_url": format!("{site}/settings/installations/{id}"),
        "permissions": permissions(), "events": [], "created_at": MADE_AT, "updated_at": MADE_AT, "single_file_name": null,
        "suspended_by": null, "suspended_at": null,
    })
}

/// A person, as they see themselves.
pub(super) fn user(call: &Call, world: &World, account: &str) -> Value {
    let mut body = profile(call, world, account);
    merge(
        &mut body,
        json!({
            "user_view_type": "private", "collaborators": 0, "disk_usage": 1, "owned_private_repos": 2, "private_gists": 0,
            "total_private_repos": 2, "two_factor_authentication": true,
        }),
    );
    body
}

/// A person, as others see them.
pub(super) fn profile(call: &Call, world: &World, account: &str) -> Value {
    let email = world.person(account).map(|person| person.email.clone());
    public(&site(call), account, number(world, account), "User", &email.into())
}

/// The App's own account.
pub(super) fn bot(call: &Call, world: &World) -> Value {
    public(&site(call), &bot_login(world), BOT_ID, "Bot", &Value::Null)
}

fn public(site: &str, login: &str, id: u64, kind: &str, email: &Value) -> Value {
    let mut body = simple(site, login, id, kind);
    merge(
        &mut body,
        json!({
            "user_view_type": "public", "name": login, "company": null, "blog": "", "location": null, "email": email, "hireable": null,
            "bio": null, "twitter_username": null, "public_repos": 0, "public_gists": 0, "followers": 0, "following": 0,
            "created_at": MADE_AT, "updated_at": MADE_AT,
        }),
    );
    body
}

pub(super) fn simple(site: &str, login: &str, id: u64, kind: &str) -> Value {
    let path = login.replace('[', "%5B").replace(']', "%5D");
    let url = format!("{site}/api/v3/users/{path}");
    let mut body = json!({
        "login": login, "id": id, "node_id": format!("U_{id}"), "avatar_url": format!("{site}/avatars/{id}"), "gravatar_id": "", "url": url,
        "html_url": format!("{site}/{path}"), "type": kind, "site_admin": false,
        "following_url": format!("{url}/following{{/other_user}}"), "gists_url": format!("{url}/gists{{/gist_id}}"),
        "starred_url": format!("{url}/starred{{/owner}}{{/repo}}"), "events_url": format!("{url}/events{{/privacy}}"),
    });
    for (member, last) in [
        ("followers_url", "followers"),
        ("subscriptions_url", "subscriptions"),
        ("organizations_url", "orgs"),
        ("repos_url", "repos"),
        ("received_events_url", "received_events"),
    ] {
        body[member] = json!(format!("{url}/{last}"));
    }
    body
}

/// The number that an account has for good.
pub(super) fn number(world: &World, account: &str) -> u64 {
    let at = world.people.iter().position(|person| person.name == account);
    at.and_then(|at| u64::try_from(at).ok()).map_or(0, |at| at + 1)
}

fn permissions() -> Value {
    GRANTED
        .iter()
        .map(|(name, level)| ((*name).to_owned(), Value::from(*level)))
        .collect::<Map<_, _>>()
        .into()
}

fn merge(body: &mut Value, more: Value) {
    if let (Value::Object(members), Value::Object(more)) = (body, more) {
        members.extend(more);
    }
}
