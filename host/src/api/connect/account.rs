//! A person's connected account: stored, shown, ended.

use super::given;
use crate::api::account;
use crate::api::caller::Known;
use crate::api::change::recorded;
use crate::api::credentials;
use crate::api::present;
use crate::api::problem::{Answer, Problem};
use crate::api::refusals;
use crate::api::request::RequestContext;
use crate::api::state::App;
use crate::audit::Administrative;
use crate::broker::Revocation;
use crate::clock::{Millis, rfc3339};
use crate::identity::Caller;
use crate::ids::{CredentialId, Generation, ProviderName, Username};
use crate::manifest::Manifest;
use crate::records::model::{Credential, CredentialState};
use crate::records::{CredentialPatch, NewCredential, Ownership, sealing};
use crate::secret::Secret;
use axum::Json;
use axum::extract::{Extension, Path, State};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A refresh of the account that is being replaced may move its generation under us; it cannot do so often.
const TRIES: usize = 5;

/// What a connected account is stored with.
pub(super) struct New {
    pub(super) provider: ProviderName,
    pub(super) kind: String,
    pub(super) url: Option<String>,
    pub(super) email: Option<String>,
    pub(super) fields: BTreeMap<String, String>,
    pub(super) secrets: Vec<(String, Secret)>,
    /// The first token of a rotating kind, and its end.
    pub(super) token: Option<(Secret, Option<Millis>)>,
}

/// Makes the person's account, or gives the one they have its new secrets: its id stays.
pub(super) async fn store(app: &App, context: &RequestContext, caller: &Caller, person: &Username, new: New) -> Answer<Credential> {
    for _ in 0..TRIES {
        let stored = match find(app, person, &new.provider).await? {
            None => create(app, context, caller, person, &new).await,
            Some(old) => replace(app, context, caller, &old, &new, "ACCOUNT_CONNECTED").await,
        };
        match stored {
            Err(problem) if problem.status() == axum::http::StatusCode::CONFLICT => {}
            stored => {
                let stored = stored?;
                app.broker.removed(&stored.id);
                return Ok(stored);
            }
        }
    }
    Err(Problem::conflict("the account is being changed by others; try again"))
}

/// From the records, not from the index: what was stored a moment ago by another replica counts.
pub(super) async fn find(app: &App, person: &Username, provider: &ProviderName) -> Answer<Option<Credential>> {
    match app.records.connected_account(person, provider).await {
        Ok(found) => Ok(found),
        Err(error) => Err(refusals::by_records(error)),
    }
}

/// Makes it; a conflict if the person has one by now.
pub(super) async fn create(app: &App, context: &RequestContext, caller: &Caller, person: &Username, new: &New) -> Answer<Credential> {
    let id = CredentialId::make(&*app.clock);
    let credential = NewCredential {
        name: format!("{} of {person}", new.provider),
        description: None,
        provider: new.provider.clone(),
        kind: new.kind.clone(),
        url: new.url.clone(),
        email: new.email.clone(),
        labels: None,
        annotations: None,
        fields: new.fields.clone(),
        ownership: Ownership::ConnectedTo(person.clone()),
        secrets: sealed(app, &id, Generation::FIRST, new),
        token: token(app, &id, Generation::FIRST, new),
        id: id.clone(),
    };
    let event = Administrative::credential("ACCOUNT_CONNECTED", &context.id, caller, &id, &new.provider);
    recorded(app, event, app.records.create_credential(credential)).await
}

/// Gives it new secrets; a conflict if it is no longer the one that was looked at.
pub(super) async fn replace(
    app: &App,
    context: &RequestContext,
    caller: &Caller,
    old: &Credential,
    new: &New,
    event: &'static str,
) -> Answer<Credential> {
    if !caller.scopes().allow("credential", "update") {
        return Err(Problem::forbidden_because(
            "an account is connected already, and this key may not change credentials",
        ));
    }
    let next = old.generation.next();
    let patch = CredentialPatch {
        kind: Some(new.kind.clone()),
        url: Some(new.url.clone()),
        email: Some(new.email.clone()),
        fields: Some(new.fields.clone()),
        secrets: sealed(app, &old.id, next, new),
        token: token(app, &old.id, next, new),
        ..CredentialPatch::default()
    };
    let event = Administrative::credential(event, &context.id, caller, &old.id, &old.provider);
    recorded(app, event, app.records.update_credential(&old.id, old.generation, patch)).await
}

fn sealed(app: &App, id: &CredentialId, generation: Generation, new: &New) -> Vec<crate::records::model::SealedField> {
    let seal = |(field, value): &(String, Secret)| sealing::seal_field(&app.keyring, id, field, generation, value);
    new.secrets.iter().map(seal).collect()
}

fn token(app: &App, id: &CredentialId, generation: Generation, new: &New) -> Option<crate::records::model::SealedToken> {
    let (token, expires_at_ms) = new.token.as_ref()?;
    let now_ms = app.clock.now_ms();
    Some(sealing::seal_token(&app.keyring, id, generation, token, now_ms, *expires_at_ms))
}

/// The answer to whoever has just connected.
pub(super) fn connected(manifest: &Manifest, credential: &Credential) -> Value {
    json!({
        "connected": true,
        "provider": credential.provider,
        "credential_id": credential.id,
        "message": format!("{} account connected", manifest.title),
    })
}

/// `GET /api/auth/{provider}/status`: of the caller's own account, and of nobody else's.
pub async fn status(State(app): State<App>, known: Known, Path(provider): Path<String>) -> Answer<Json<Value>> {
    let provider = credentials::provider(provider)?;
    let may = known.caller.scopes().allow("credential", "read");
    let person = known.caller.principal().filter(|_| may).ok_or_else(Problem::forbidden)?;
    let account = own(&app, person, &provider)?;
    Ok(Json(told(&provider, account.as_deref())))
}

/// What may be told of an account, or that there is none.
pub(super) fn told(provider: &ProviderName, account: Option<&Credential>) -> Value {
    let Some(credential) = account else {
        return json!({ "connected": false, "provider": provider });
    };
    json!({
        "connected": credential.state != CredentialState::NeedsReconnect,
        "provider": provider,
        "credential_id": credential.id,
        "kind": credential.kind,
        "state": present::state(credential),
        "url": credential.url,
        "email": credential.email,
        "fields": credential.fields,
        "updatedAt": rfc3339(credential.updated_at_ms),
    })
}

/// `POST` and `DELETE /api/auth/{provider}/disconnect`
pub async fn disconnect(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path(provider): Path<String>,
) -> Answer<Json<Value>> {
    let provider = credentials::provider(provider)?;
    let person = given::person(&known, "delete")?;
    end(&app, &context, &known, &person, &provider).await.map(Json)
}

/// Ended at the upstream where that can be done, and forgotten here whatever it says.
pub(super) async fn end(app: &App, context: &RequestContext, known: &Known, person: &Username, provider: &ProviderName) -> Answer<Value> {
    let nothing = || Problem::nothing_there(format!("no `{provider}` account is connected"));
    let credential = own(app, person, provider)?.ok_or_else(nothing)?;
    let ended = account::end(app, context, &known.caller, &credential).await?;
    let event = Administrative::credential("ACCOUNT_DISCONNECTED", &context.id, &known.caller, &credential.id, provider);
    recorded(app, event, app.records.delete_credential(&credential.id)).await?;
    app.broker.removed(&credential.id);
    let (revoked, remaining) = match ended {
        Ok(Revocation::Done { remaining }) => (true, remaining),
        Ok(Revocation::Unsupported { advice }) => (false, Some(advice)),
        Err(failure) => (
            false,
            Some(format!(
                "`{provider}` did not confirm that the access has ended ({}); look there and end it",
                failure.code()
            )),
        ),
    };
    let mut body =
        json!({ "connected": false, "provider": provider, "revoked": revoked, "message": format!("{provider} account disconnected") });
    if let (Some(remaining), Some(object)) = (remaining, body.as_object_mut()) {
        object.insert("remaining".to_owned(), json!(remaining));
    }
    Ok(body)
}

/// The person's account, as the index has it.
pub(super) fn own(app: &App, person: &Username, provider: &ProviderName) -> Answer<Option<Arc<Credential>>> {
    super::super::read_index(app, |index| index.connected_account(person, provider).map(Arc::clone))
}
