//! What the server says about itself and its API, to anybody.

use super::problem::{Answer, CATALOGUE, Problem};
use axum::Json;
use axum::extract::Path;
use axum::http::Uri;
use serde_json::{Value, json};

const BASE: &str = "/api/ambient";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What the operator's build says of itself; empty where it says nothing, so that builds can be compared.
fn build_time() -> &'static str {
    option_env!("CLAVIGER_BUILD_TIME").unwrap_or("")
}

/// `GET /api/ambient`
pub async fn api() -> Json<Value> {
    Json(json!({
        "id": "ambient",
        "kind": "API",
        "href": BASE,
        "version": VERSION,
        "build_time": build_time(),
        "versions": [{ "id": "v1", "kind": "APIVersion", "href": format!("{BASE}/v1") }],
    }))
}

/// `GET /api/ambient/v1`
pub async fn v1() -> Json<Value> {
    let collections = [
        ("credentials", "CredentialList"),
        ("projects", "ProjectList"),
        ("role_bindings", "RoleBindingList"),
        ("roles", "RoleList"),
        ("sessions", "SessionList"),
        ("users", "UserList"),
    ];
    let collections = collections.map(|(id, kind)| json!({ "id": id, "kind": kind, "href": format!("{BASE}/v1/{id}") }));
    Json(json!({
        "id": "v1",
        "kind": "APIVersion",
        "href": format!("{BASE}/v1"),
        "version": VERSION,
        "build_time": build_time(),
        "collections": collections,
    }))
}

/// `GET /api/ambient/v1/version`
pub async fn version() -> Json<Value> {
    let tag = option_env!("CLAVIGER_GIT_TAG").unwrap_or("");
    Json(json!({ "version": VERSION, "build_time": build_time(), "git_tag": tag }))
}

/// `GET /api/ambient/v1/errors`
pub async fn errors() -> Json<Value> {
    let items: Vec<Value> = CATALOGUE.iter().map(shown).collect();
    Json(json!({ "kind": "ErrorList", "page": 1, "size": items.len(), "total": items.len(), "items": items }))
}

/// `GET /api/ambient/v1/errors/{id}`: where the `href` of an error leads.
pub async fn error(Path(id): Path<String>) -> Answer<Json<Value>> {
    let found = CATALOGUE.iter().find(|(number, ..)| number.to_string() == id);
    let id = || id.chars().filter(char::is_ascii_alphanumeric).take(64).collect::<String>();
    found
        .map(|entry| Json(shown(entry)))
        .ok_or_else(|| Problem::not_found("Error", &id()))
}

/// Where nothing is served.
pub async fn nothing(uri: Uri) -> Problem {
    Problem::no_route(uri.path())
}

fn shown((number, status, reason): &(u16, u16, &str)) -> Value {
    json!({
        "id": number.to_string(),
        "kind": "Error",
        "href": format!("{BASE}/v1/errors/{number}"),
        "code": format!("ambient-api-server-{number}"),
        "reason": reason,
        "status": status,
    })
}
