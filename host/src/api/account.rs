//! The account behind a credential: whose it is at its upstream, and its end there.

use super::caller::Known;
use super::credentials::{changeable, shown};
use super::problem::{Answer, Problem};
use super::refusals;
use super::request::RequestContext;
use super::state::App;
use crate::access::manage;
use crate::audit::Administrative;
use crate::broker::{BrokerError, Revocation};
use crate::clock::rfc3339;
use crate::identity::Caller;
use crate::ids::CredentialId;
use crate::records::model::Credential;
use axum::Json;
use axum::extract::{Extension, Path, State};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// A person waits for it. It goes on when this is over.
const END_AT_MOST: Duration = Duration::from_secs(15);

/// `GET /api/claviger/v1/credentials/{id}/identity`: for whoever sees the credential.
/// That the upstream is asked is on the record.
pub async fn identity(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path(id): Path<String>,
) -> Answer<Json<Value>> {
    let credential = super::read_index(&app, |index| {
        let credential = CredentialId::parse(id.clone()).ok().and_then(|id| index.credential(&id).cloned());
        credential.filter(|credential| manage::sees_credential(index, &known.caller, credential))
    })?
    .ok_or_else(|| Problem::not_found("Credential", &shown(&id)))?;
    if !app.broker.knows_identity(&credential) {
        let event = Administrative::credential(
            "CREDENTIAL_IDENTIFIED",
            &context.id,
            &known.caller,
            &credential.id,
            &credential.provider,
        );
        app.audit.administrative(event).await.map_err(refusals::unrecorded)?;
    }
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

/// `POST /api/claviger/v1/credentials/{id}/revoke`: for whoever may change the credential.
pub async fn revoke(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path(id): Path<String>,
) -> Answer<Json<Value>> {
    let credential = changeable(&app, &known, &id, "update")?;
    match end(&app, &context, &known.caller, &credential).await? {
        Ok(Revocation::Done { remaining }) => {
            let mut body = json!({ "outcome": "revoked" });
            if let (Some(remaining), Some(object)) = (remaining, body.as_object_mut()) {
                object.insert("remaining".to_owned(), json!(remaining));
            }
            Ok(Json(body))
        }
        Ok(Revocation::Unsupported { advice }) => Err(Problem::conflict(advice).coded("unsupported")),
        Err(failure) => Err(refusals::failed(&credential, failure)),
    }
}

/// Ends a credential at its upstream: on the record before the upstream is asked, and what came of it afterwards, also if nobody waits any more.
pub(super) async fn end(
    app: &App,
    context: &RequestContext,
    caller: &Caller,
    credential: &Credential,
) -> Answer<Result<Revocation, BrokerError>> {
    let (app, request, caller) = (app.clone(), context.id.clone(), caller.clone());
    let (id, provider) = (credential.id.clone(), credential.provider.clone());
    let whole = tokio::spawn(async move {
        let event = Administrative::credential("CREDENTIAL_REVOKED", &request, &caller, &id, &provider);
        let record = async |event| app.audit.administrative(event).await.map_err(refusals::unrecorded);
        record(event.clone().ended("begun")).await?;
        let outcome = app.broker.revoke(&id).await;
        record(match &outcome {
            Ok(Revocation::Done { .. }) => event.ended("revoked"),
            Ok(Revocation::Unsupported { .. }) => event.ended("unsupported"),
            Err(unended) if unended.upstream_may_have_acted => event.ended("indeterminate"),
            Err(_) => event.undone(),
        })
        .await?;
        Ok(outcome.map_err(|unended| unended.why))
    });
    match tokio::time::timeout(END_AT_MOST, whole).await {
        Ok(Ok(ended)) => ended,
        Ok(Err(died)) => Err(Problem::internal(died)),
        Err(_) => Ok(Err(BrokerError::WaitOver)),
    }
}
