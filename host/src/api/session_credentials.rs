//! A session's own ids for credentials: one per provider, in the map that its runner gets at the start. What such an id stands for is
//! settled at each read, as it is for a read by provider: the account of whoever's turn it is, else what the session was granted. So a
//! runner that knows ids alone has the sender's token in every turn.

use super::caller::Known;
use super::credentials;
use super::documents;
use super::problem::{Answer, Problem};
use super::state::App;
use super::tokens;
use crate::access::{Index, Target, TokenRequest, manage};
use crate::identity::Caller;
use crate::ids::{CredentialId, ProjectId, ProviderName};
use crate::records::model::Session;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The read that an id asks for, if it is one of a running or ended session's. Below a project, only of that project's.
pub(super) fn request(app: &App, id: &CredentialId, project: Option<&ProjectId>) -> Answer<Option<TokenRequest>> {
    let Some(handle) = id.session_handle() else { return Ok(None) };
    super::read_index(app, |index| {
        let session = index.session_with(handle)?;
        if index.credential(id).is_some() || project.is_some_and(|project| *project != session.project_id) {
            return None;
        }
        let own = |provider: &ProviderName| CredentialId::of_session(&session.project_id, &session.id, provider) == *id;
        let provider = providers(app, index, session).into_iter().find(own)?;
        let target = Target::InSession(session.project_id.clone(), session.id.clone(), provider);
        Some(TokenRequest::of(target).named(id.clone()))
    })
}

/// What an id stands for now, without its token: for whoever may read that.
pub(super) async fn shown(app: &App, known: &Known, id: &CredentialId, project: Option<&ProjectId>) -> Answer<Value> {
    tokens::follow_other_replicas(app, known).await?;
    let request = request(app, id, project)?.ok_or_else(|| Problem::not_found("Credential", id.as_str()))?;
    let permit = tokens::permit(app, known, &request).map_err(|denial| super::refusals::denied(app, &request, denial))?;
    let mut shown = credentials::shown_as(app, permit.credential());
    if let Some(object) = shown.as_object_mut() {
        object.insert("id".to_owned(), json!(id));
        object.insert("href".to_owned(), json!(format!("/api/ambient/v1/credentials/{id}")));
        object.insert("stands_for".to_owned(), json!(mark(id, &permit.credential().id)));
    }
    Ok(shown)
}

/// Tells whose credential an id stands for from whose it stood for before, and nothing else of it.
fn mark(id: &CredentialId, of: &CredentialId) -> String {
    let text = format!("{id} {of}");
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// The key that runners encrypt their session's id with; nothing without an exchange. Asked for before a session is started: while it is being made
/// nothing is to begin that could not be told of it.
pub(super) async fn exchange_key(app: &App) -> Answer<Option<Arc<str>>> {
    let Some(exchange) = &app.exchange else { return Ok(None) };
    match exchange.public_key().await {
        Ok(key) => Ok(Some(key)),
        Err(error) => Err(Problem::unavailable("the key of the token exchange is not there yet", 5).because(error)),
    }
}

/// What a runner is started with. The address of the session's own bearer is for whoever runs its runner: the platform, which opens turns, or the person
/// who made it, while nobody else may write to it. With that bearer one reads in the turns of others.
pub(super) fn environment(app: &App, caller: &Caller, session: &Session, key: Option<&str>) -> Answer<Map<String, Value>> {
    let ids: BTreeMap<ProviderName, CredentialId> = super::read_index(app, |index| {
        let providers = providers(app, index, session).into_iter();
        providers
            .map(|provider| {
                let id = CredentialId::of_session(&session.project_id, &session.id, &provider);
                (provider, id)
            })
            .collect()
    })?;
    let mut environment = Map::new();
    // A variable is text: the map is JSON in it.
    environment.insert("CREDENTIAL_IDS".to_owned(), json!(json!(ids).to_string()));
    let runs_it = if caller.is_service() {
        manage::may_open_turns(caller)
    } else {
        let alone = super::read_index(app, |index| !index.others_may_message(session))?;
        alone && !session.joined && caller.principal() == Some(&session.created_by)
    };
    if let (Some(exchange), Some(key), true) = (&app.exchange, key, runs_it) {
        let address = exchange.address_of(session);
        environment.insert("AMBIENT_CP_TOKEN_URL".to_owned(), json!(address.expose()));
        environment.insert("AMBIENT_CP_TOKEN_PUBLIC_KEY".to_owned(), json!(key));
    }
    Ok(environment)
}

/// What somebody in this session may have connected, and what the session was granted. Gerrit's list has no form in the read by id, so a runner is to
/// ask for it by session and provider, which it does where there is no id.
fn providers(app: &App, index: &Index, session: &Session) -> BTreeSet<ProviderName> {
    let loaded = app.catalog.list().into_iter();
    let loaded = loaded.filter_map(|(name, _)| ProviderName::parse(name).ok());
    let granted = index.granted_providers(&session.project_id, &session.id).cloned();
    let has_form = |provider: &ProviderName| {
        let own = || {
            app.catalog
                .get(provider.as_str())
                .is_ok_and(|own| documents::is_own(own.manifest(), provider))
        };
        provider.as_str() != documents::GERRIT || own()
    };
    loaded.chain(granted).filter(has_form).collect()
}
