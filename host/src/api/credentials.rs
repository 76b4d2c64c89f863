//! Credentials, without their tokens.

use super::caller::Known;
use super::change::recorded;
use super::columns;
use super::details::written;
use super::input::{Change, Input};
use super::intake::{self, Given, Taken};
use super::listing::{self, ListQuery};
use super::pattern;
use super::present;
use super::problem::{Answer, Problem};
use super::refusals;
use super::request::RequestContext;
use super::session_credentials;
use super::state::App;
use crate::access::manage;
use crate::audit::Administrative;
use crate::egress::Address;
use crate::ids::{CredentialId, Generation, ProviderName};
use crate::manifest::{Kind, Manifest, TokenSource};
use crate::records::model::{Credential, SealedField};
use crate::records::{CredentialPatch, NewCredential, Ownership, sealing};
use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Names have this many bytes at most.
const LONGEST_NAME: usize = 16 * 1024;

/// What answers say and requests cannot change. Clients send back what they got.
const READ_ONLY: [&str; 8] = [
    "id",
    "href",
    "created_at",
    "updated_at",
    "generation",
    "state",
    "connected",
    "warnings",
];

/// `GET /credentials`
pub async fn list(State(app): State<App>, known: Known, query: ListQuery) -> Answer<Json<Value>> {
    let provider = query.other("provider")?;
    let mut visible: Vec<Arc<Credential>> = super::read_index(&app, |index| {
        index
            .credentials()
            .filter(|credential| provider.is_none_or(|provider| credential.provider.as_str() == provider))
            .filter(|credential| manage::sees_credential(index, &known.caller, credential))
            .map(Arc::clone)
            .collect()
    })?;
    visible.sort_by(|a, b| a.id.cmp(&b.id));
    listing::answer(&columns::CREDENTIALS, visible, |credential| shown_as(&app, credential), &query)
}

/// `GET /credentials/{id}`. An id of a session shows what it stands for now. A name that only one visible credential has is accepted too: the command line looks up that way.
pub async fn get(State(app): State<App>, known: Known, Path(id): Path<String>) -> Answer<Json<Value>> {
    let found = super::read_index(&app, |index| {
        let by_id = CredentialId::parse(id.clone()).ok().and_then(|id| index.credential(&id).cloned());
        if let Some(credential) = by_id {
            return Some(credential).filter(|credential| manage::sees_credential(index, &known.caller, credential));
        }
        let mut named = index
            .credentials()
            .filter(|credential| credential.name == id && manage::sees_credential(index, &known.caller, credential));
        let first = named.next().map(Arc::clone);
        if named.next().is_some() { None } else { first }
    })?;
    match (found, CredentialId::parse(id.as_str())) {
        (Some(credential), _) => Ok(Json(shown_as(&app, &credential))),
        (None, Ok(id)) => session_credentials::shown(&app, &known, &id, None).await.map(Json),
        (None, Err(_)) => Err(Problem::not_found("Credential", &shown(&id))),
    }
}

/// `POST /credentials`: made, and its maker's, in one transaction.
pub async fn create(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    input: Input,
) -> Answer<(StatusCode, Json<Value>)> {
    let owner = manage::may_create_credential(&known.caller)
        .map_err(|why| refusals::refused(why, "Credential", "new"))?
        .clone();
    make(&app, &context, &known, input, Ownership::Owner(owner)).await
}

/// Makes a credential of this ownership from a body.
pub(super) async fn make(
    app: &App,
    context: &RequestContext,
    known: &Known,
    mut input: Input,
    ownership: Ownership,
) -> Answer<(StatusCode, Json<Value>)> {
    if input.optional("id")?.is_some() {
        return Err(Problem::validation("id must be empty"));
    }
    input.ignore(&["created_at", "updated_at", "href"]);
    let name = name(input.required("name")?)?;
    let provider = provider_of(app, input.required("provider")?)?;
    let manifest = manifest(app, &provider)?;
    let kind = intake::kind(&manifest, kind_name(&mut input)?.as_deref())?;
    let (token, fields) = (input.secret("token")?, input.texts("fields")?.unwrap_or_default());
    let url = url(app, &provider, &manifest, kind, input.optional("url")?)?;
    let email = given(&mut input, "email")?
        .map(one_line)
        .transpose()?
        .filter(|email| !email.is_empty());
    let description = given(&mut input, "description")?;
    let (labels, annotations) = (given(&mut input, "labels")?, given(&mut input, "annotations")?);
    input.finish()?;

    let brought = Given {
        token: token.filter(|token| !token.is_empty()),
        fields,
    };
    let stores_something = !brought.is_empty();
    let mut taken = intake::take(&manifest, kind, brought)?;
    taken.warnings.extend(pattern::unusual_mail(email.as_deref()));
    if stores_something {
        // Without token and fields the platform stores an empty credential, to be filled by a patch.
        intake::complete(kind, &have(&taken, url.as_deref(), email.as_deref()))?;
    }
    let id = CredentialId::make(&*app.clock);
    let new = NewCredential {
        secrets: seal(app, &id, Generation::FIRST, &taken),
        id,
        name,
        description,
        provider,
        kind: kind.name.clone(),
        url,
        email,
        labels,
        annotations,
        fields: taken.public,
        ownership,
        token: None,
    };
    let event = Administrative::credential("CREDENTIAL_CREATED", &context.id, &known.caller, &new.id, &new.provider);
    let credential = recorded(app, event, app.records.create_credential(new.clone())).await?;
    Ok((
        StatusCode::CREATED,
        Json(present::warning(shown_as(app, &credential), &taken.warnings)),
    ))
}

/// `PATCH /credentials/{id}`. Another provider, kind or instance drops the secrets: they were not given for it.
pub async fn patch(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path(id): Path<String>,
    input: Input,
) -> Answer<Json<Value>> {
    let old = changeable(&app, &known, &id, "update")?;
    change(&app, &context, &known, &old, input).await
}

/// Changes a credential that this caller may change.
pub(super) async fn change(app: &App, context: &RequestContext, known: &Known, old: &Credential, mut input: Input) -> Answer<Json<Value>> {
    input.ignore(&READ_ONLY);
    if input.optional("credential_kind")?.is_some_and(|kind| kind != old.kind) {
        return Err(Problem::validation(
            "`credential_kind` is what answers say; to change it, send `kind`",
        ));
    }
    let provider = match input.optional("provider")? {
        Some(name) => provider_of(app, name)?,
        None => old.provider.clone(),
    };
    let new_name = input.optional("name")?.map(name).transpose()?;
    let named = kind_name(&mut input)?.or_else(|| (provider == old.provider).then(|| old.kind.clone()));
    let (new_url, new_email) = (input.change("url")?, changed(&mut input, "email")?);
    let new_email = match new_email {
        Change::Set(email) => Change::Set(one_line(email)?),
        other => other,
    };
    let brought = Given {
        token: input.secret("token")?,
        fields: input.texts("fields")?.unwrap_or_default(),
    };
    let description = changed(&mut input, "description")?;
    let (labels, annotations) = (changed(&mut input, "labels")?, changed(&mut input, "annotations")?);
    input.finish()?;

    let manifest = manifest(app, &provider)?;
    let kind = intake::kind(&manifest, named.as_deref())?;
    let address = match new_url {
        Change::Keep => old.url.clone(),
        Change::Clear => None,
        Change::Set(address) => url(app, &provider, &manifest, kind, Some(address))?,
    };
    let moved = provider != old.provider || kind.name != old.kind || address != old.url;
    let email = new_email.apply(old.email.clone()).filter(|email| !email.is_empty());
    let brings_fields = !brought.is_empty();
    let mut taken = intake::take(&manifest, kind, brought)?;
    if email != old.email {
        taken.warnings.extend(pattern::unusual_mail(email.as_deref()));
    }
    if moved && brings_fields {
        intake::complete(kind, &have(&taken, address.as_deref(), email.as_deref()))?;
    }
    let mut fields = if moved { BTreeMap::new() } else { old.fields.clone() };
    fields.extend(taken.public.clone());

    let patch = CredentialPatch {
        name: new_name,
        description: description.into_patch(),
        provider: Some(provider),
        kind: Some(kind.name.clone()),
        url: Some(address),
        email: Some(email),
        labels: labels.into_patch(),
        annotations: annotations.into_patch(),
        fields: Some(fields),
        secrets: seal(app, &old.id, old.generation.next(), &taken),
        token: None,
    };
    let event = Administrative::credential("CREDENTIAL_UPDATED", &context.id, &known.caller, &old.id, &old.provider);
    let update = app.records.update_credential(&old.id, old.generation, patch);
    let credential = recorded(app, event, update).await?;
    if moved {
        app.broker.removed(&credential.id);
    } else {
        app.broker.fresh_start(&credential.id);
    }
    Ok(Json(present::warning(shown_as(app, &credential), &taken.warnings)))
}

/// `DELETE /credentials/{id}`: gone with its secrets, tokens and bindings.
pub async fn delete(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path(id): Path<String>,
) -> Answer<StatusCode> {
    let credential = changeable(&app, &known, &id, "delete")?;
    remove(&app, &context, &known, &credential).await
}

/// Removes a credential that this caller may remove.
pub(super) async fn remove(app: &App, context: &RequestContext, known: &Known, credential: &Credential) -> Answer<StatusCode> {
    let event = Administrative::credential(
        "CREDENTIAL_DELETED",
        &context.id,
        &known.caller,
        &credential.id,
        &credential.provider,
    );
    recorded(app, event, app.records.delete_credential(&credential.id)).await?;
    app.broker.removed(&credential.id);
    Ok(StatusCode::NO_CONTENT)
}

/// A credential as it is answered.
pub(super) fn shown_as(app: &App, credential: &Credential) -> Value {
    let loaded = app.catalog.get(credential.provider.as_str()).ok();
    let kind = loaded.as_ref().and_then(|loaded| loaded.manifest().kind(&credential.kind));
    present::credential(credential, kind)
}

/// The credential, if this caller may do that to it.
pub(super) fn changeable(app: &App, known: &Known, id: &str, action: &str) -> Answer<Arc<Credential>> {
    super::read_index(app, |index| {
        let credential = CredentialId::parse(id).ok().and_then(|id| index.credential(&id).cloned());
        manage::may_change_credential(index, &known.caller, credential.as_deref(), action)
            .and_then(|()| credential.ok_or(manage::Refused::NotFound))
    })?
    .map_err(|why| refusals::refused(why, "Credential", &shown(id)))
}

pub(super) fn seal(app: &App, id: &CredentialId, generation: Generation, taken: &Taken) -> Vec<SealedField> {
    taken
        .secret
        .iter()
        .map(|(field, value)| sealing::seal_field(&app.keyring, id, field, generation, value))
        .collect()
}

pub(super) fn have<'a>(taken: &'a Taken, url: Option<&str>, email: Option<&str>) -> BTreeSet<&'a str> {
    let fields = taken.public.keys().chain(taken.secret.keys()).map(String::as_str);
    fields.chain(url.map(|_| "url")).chain(email.map(|_| "email")).collect()
}

pub(super) fn manifest(app: &App, provider: &ProviderName) -> Answer<Arc<Manifest>> {
    let loaded = app.catalog.get(provider.as_str()).map_err(|unavailable| {
        Problem::unavailable(format!("the provider component for `{provider}` does not load"), 60).because(unavailable)
    })?;
    Ok(Arc::clone(loaded.manifest()))
}

/// The credential's kind. `Credential` is the envelope's word, which clients send back as they got it.
pub(super) fn kind_name(input: &mut Input) -> Answer<Option<String>> {
    Ok(input.optional("kind")?.filter(|kind| !kind.is_empty() && kind != "Credential"))
}

pub(super) fn provider(name: String) -> Answer<ProviderName> {
    ProviderName::parse(name).map_err(|why| Problem::validation(why.to_string()))
}

/// The same for a credential. `GitHub` beside `github` would be served as if nobody knew it: what was stored would be handed out.
fn provider_of(app: &App, text: String) -> Answer<ProviderName> {
    let name = provider(text)?;
    let same_but_for_case = |known: &String| known.eq_ignore_ascii_case(name.as_str()) && known != name.as_str();
    match app.catalog.list().into_iter().map(|(known, _)| known).find(same_but_for_case) {
        Some(known) => Err(Problem::validation(format!("`provider` is spelt `{known}`"))),
        None => Ok(name),
    }
}

/// An instance's address. A kind that asks an upstream may do so only where the operator allows it; that is said now, not at the
/// first read.
pub(super) fn url(app: &App, provider: &ProviderName, manifest: &Manifest, kind: &Kind, url: Option<String>) -> Answer<Option<String>> {
    let Some(url) = url.filter(|url| !url.is_empty()) else {
        return Ok(None);
    };
    let address = Address::parse(&url).map_err(|why| Problem::validation(format!("`url`: {why}")))?;
    if kind.token == TokenSource::Minted {
        app.egress
            .instance_for(provider.as_str(), manifest, Some(&url))
            .map_err(|why| Problem::validation(format!("`url`: {why}")))?;
    }
    Ok(Some(address.as_str().to_owned()))
}

fn name(name: String) -> Answer<String> {
    if name.len() > LONGEST_NAME {
        return Err(Problem::validation(format!("`name` is longer than {LONGEST_NAME} bytes")));
    }
    if name.chars().any(char::is_control) {
        return Err(Problem::validation("`name` has control characters"));
    }
    Ok(name)
}

/// An `email`, which ends up in the environment of processes and in commits.
fn one_line(email: String) -> Answer<String> {
    if email.chars().any(char::is_control) {
        return Err(Problem::validation("`email` has line breaks or tabs"));
    }
    Ok(email)
}

/// A text with which a credential is made.
fn given(input: &mut Input, key: &'static str) -> Answer<Option<String>> {
    input.optional(key)?.map(|text| written(key, text)).transpose()
}

/// A text that a patch changes.
fn changed(input: &mut Input, key: &'static str) -> Answer<Change<String>> {
    Ok(match input.change(key)? {
        Change::Set(text) => Change::Set(written(key, text)?),
        other => other,
    })
}

/// An id as it may be repeated in an answer.
pub(super) fn shown(id: &str) -> String {
    id.chars().filter(|c| !c.is_control()).take(64).collect()
}
