//! The account behind a credential: whose it is at its upstream, and its end there.

use super::caller::Known;
use super::credentials::{changeable, shown};
use super::problem::{Answer, Problem};
use super::refusals;
use super::request::RequestContext;
use super::state::App;
use crate::access::manage;
use crate::audit::Administrative;
use crate::broker::Revocation;
use crate::clock::rfc3339;
use crate::ids::CredentialId;
use axum::Json;
use axum::extract::{Extension, Path, State};
use serde_json::{Map, Value, json};

/// `GET /api/claviger/v1/credentials/{id}/identity`: for whoever sees the credential.
pub async fn identity(State(app): State<App>, known: Known, Path(id): Path<String>) -> Answer<Json<Value>> {
    let credential = super::read_index(&app, |index| {
        let credential = CredentialId::parse(id.clone()).ok().and_then(|id| index.credential(&id).cloned());
        credential.filter(|credential| manage::sees_credential(index, &known.caller, credential))
    })?
    .ok_or_else(|| Problem::not_found("Credential", &shown(&id)))?;
    let identity = app
        .broker
        .identity(&credential)
        .await
        .map_err(|failure| refusals::failed(&credential, failure))?;
    let mut body = Map::new();
    for (key, field) in [
        ("id", "id"),
        ("login", "login"),
        ("displayName", "display-name"),
        ("userName", "user-name"),
        ("email", "email"),
    ] {
        if let Some(text) = identity.fields.get(field) {
            body.insert(key.to_owned(), json!(text));
        }
    }
    body.insert("kind".to_owned(), json!(credential.kind));
    body.insert("provider".to_owned(), json!(credential.provider));
    body.insert("checked_at".to_owned(), json!(rfc3339(identity.checked_at_ms)));
    Ok(Json(Value::Object(body)))
}

/// `POST /api/claviger/v1/credentials/{id}/revoke`: for whoever may change the credential. On the record before the upstream is asked, and what
/// came of it afterwards.
pub async fn revoke(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path(id): Path<String>,
) -> Answer<Json<Value>> {
    let credential = changeable(&app, &known, &id, "update")?;
    let event = Administrative::credential(
        "CREDENTIAL_REVOKED",
        &context.id,
        &known.caller,
        &credential.id,
        &credential.provider,
    );
    let record = async |event| app.audit.administrative(event).await.map_err(refusals::unrecorded);
    record(event.clone().ended("begun")).await?;
    match app.broker.revoke(&credential.id).await {
        Ok(Revocation::Done { remaining }) => {
            record(event.ended("revoked")).await?;
            let mut body = json!({ "outcome": "revoked" });
            if let (Some(remaining), Some(object)) = (remaining, body.as_object_mut()) {
                object.insert("remaining".to_owned(), json!(remaining));
            }
            Ok(Json(body))
        }
        Ok(Revocation::Unsupported { advice }) => {
            record(event.ended("unsupported")).await?;
            Err(Problem::conflict(advice).coded("unsupported"))
        }
        Err(failure) => {
            record(event.undone()).await?;
            Err(refusals::failed(&credential, failure))
        }
    }
}
