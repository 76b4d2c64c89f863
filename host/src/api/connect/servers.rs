//! MCP servers: the fields of each are one account of the person's, `search`'s under the name `mcp-search`.

use super::{account, document, given};
use crate::api::caller::Known;
use crate::api::credentials;
use crate::api::documents::{self, Fields};
use crate::api::input::Input;
use crate::api::problem::{Answer, Problem};
use crate::api::request::RequestContext;
use crate::api::state::App;
use crate::clock::rfc3339;
use crate::ids::ProviderName;
use axum::Json;
use axum::extract::{Extension, Path, State};
use serde_json::{Value, json};

/// Fields of one server. Each is a variable of a process.
const MOST_FIELDS: usize = 64;

/// `POST /api/auth/mcp/{server}/connect`
pub async fn connect(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path(server): Path<String>,
    mut input: Input,
) -> Answer<Json<Value>> {
    let person = given::person(&known, "create")?;
    let provider = provider(&app, &server)?;
    let fields = input.texts("fields")?;
    input.finish()?;
    let fields = fields.ok_or_else(|| Problem::validation("no value given for required property fields"))?;
    let is_name = |name: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=64).contains(&name.len()) && name.bytes().all(plain)
    };
    if fields.is_empty() || fields.len() > MOST_FIELDS || !fields.keys().all(|name| is_name(name)) {
        return Err(Problem::validation(format!(
            "`fields` must have 1 to {MOST_FIELDS} names of 1 to 64 letters, digits, `_` or `-`"
        )));
    }
    if fields.values().any(crate::secret::Secret::is_empty) {
        return Err(Problem::validation("a value in `fields` is empty"));
    }
    let manifest = credentials::manifest(&app, &provider)?;
    let text = Fields(fields).written().map_err(Problem::internal)?;
    let new = document::new(provider, manifest.default_kind.clone(), text);
    account::store(&app, &context, &known.caller, &person, new).await?;
    Ok(Json(
        json!({ "message": format!("MCP server {server} connected"), "serverName": server }),
    ))
}

/// `GET /api/auth/mcp/{server}/status`: the names of the fields, never a value.
pub async fn status(State(app): State<App>, known: Known, Path(server): Path<String>) -> Answer<Json<Value>> {
    let person = given::person(&known, "read")?;
    let provider = provider(&app, &server)?;
    let Some((account, Some(text))) = document::of(&app, &person, &provider).await? else {
        return Ok(Json(json!({ "connected": false, "serverName": server })));
    };
    let fields = Fields::of(&text).0;
    Ok(Json(json!({
        "connected": true,
        "serverName": server,
        "fieldNames": fields.keys().collect::<Vec<_>>(),
        "updatedAt": rfc3339(account.updated_at_ms),
    })))
}

/// `DELETE /api/auth/mcp/{server}/disconnect`
pub async fn disconnect(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path(server): Path<String>,
) -> Answer<Json<Value>> {
    let person = given::person(&known, "delete")?;
    let provider = provider(&app, &server)?;
    account::end(&app, &context, &known, &person, &provider).await?;
    Ok(Json(json!({ "message": format!("MCP server {server} disconnected") })))
}

fn provider(app: &App, server: &str) -> Answer<ProviderName> {
    let provider = documents::of_server(server).ok_or_else(|| Problem::validation("Invalid server name"))?;
    let manifest = credentials::manifest(app, &provider)?;
    if documents::is_own(&manifest, &provider) {
        return Err(Problem::validation(format!(
            "a provider `{provider}` is loaded, which knows its own fields; its paths are `/api/auth/{provider}/…`"
        )));
    }
    Ok(provider)
}
