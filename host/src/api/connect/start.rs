//! The start: a token is stored at once; without one, the person is told where to go.

use super::code::{challenge, hashed, unguessable};
use super::{account, given, instances, kept};
use crate::api::caller::Known;
use crate::api::input::Input;
use crate::api::problem::{Answer, Problem};
use crate::api::refusals;
use crate::api::request::RequestContext;
use crate::api::state::App;
use crate::audit::Administrative;
use crate::broker::Draft;
use crate::clock::{Millis, rfc3339};
use crate::ids::{ConsentId, Username};
use crate::manifest::{Kind, Manifest};
use crate::records::{NewConsent, sealing};
use crate::secret::Secret;
use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

/// How long a person has, in milliseconds. Upstreams' codes live for ten minutes too (RFC 6749, 4.1.2, recommends at most that).
const WITHIN_MS: Millis = 10 * 60_000;

/// `POST /api/auth/{provider}/connect`
pub async fn connect(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path(provider): Path<String>,
    input: Input,
) -> Answer<(StatusCode, Json<Value>)> {
    let person = given::person(&known, "create")?;
    let provider = given::provider(provider)?;
    if instances::are_of(&app, &provider) && !input.has("token") {
        let connected = instances::connect(&app, &context, &known, &person, input).await?;
        return Ok((StatusCode::OK, Json(connected)));
    }
    let draft = given::Draft::read(&app, provider, input, None)?;
    stored_or_begun(&app, &context, &known, person, draft).await
}

/// Stores what was pasted; else begins a consent.
pub(super) async fn stored_or_begun(
    app: &App,
    context: &RequestContext,
    known: &Known,
    person: Username,
    given: given::Draft,
) -> Answer<(StatusCode, Json<Value>)> {
    let kind = given.kind()?.clone();
    if given.is_pasted {
        let new = account::New {
            provider: given.provider,
            kind: kind.name,
            url: given.url,
            email: given.email,
            fields: given.taken.public,
            secrets: given.taken.secret.into_iter().collect(),
            token: None,
        };
        let credential = account::store(app, context, &known.caller, &person, new).await?;
        return Ok((StatusCode::OK, Json(account::connected(&given.manifest, &credential))));
    }
    let draft = Draft {
        provider: given.provider.clone(),
        kind: kind.name.clone(),
        url: given.url.clone(),
        fields: given.taken.public.clone(),
    };
    let begun = begin(app, context, known, person, &given.manifest, &kind, draft).await?;
    Ok((StatusCode::CREATED, Json(begun)))
}

async fn begin(
    app: &App,
    context: &RequestContext,
    known: &Known,
    person: Username,
    manifest: &Manifest,
    kind: &Kind,
    draft: Draft,
) -> Answer<Value> {
    let Some(redirect_uri) = callback_address(app) else {
        return Err(Problem::unavailable(
            "nobody can connect an account by consenting here: the operator has not set `api.public_url`",
            3600,
        ));
    };
    let mut address = app
        .broker
        .authorise(&draft)
        .await
        .map_err(|failure| refusals::of_consent(&manifest.title, failure))?;
    let (id, state) = (ConsentId::make(&*app.clock), unguessable());
    let mut secrets = Vec::new();
    address
        .query_pairs_mut()
        .append_pair("state", &state)
        .append_pair("redirect_uri", &redirect_uri);
    if kind.connect.as_ref().is_some_and(|consent| consent.pkce) {
        let verifier = unguessable();
        address
            .query_pairs_mut()
            .append_pair("code_challenge", &challenge(&verifier))
            .append_pair("code_challenge_method", "S256");
        secrets.push(sealing::seal_of_consent(&app.keyring, &id, kept::VERIFIER, &Secret::new(verifier)));
    }
    let expires_at_ms = app.clock.now_ms() + WITHIN_MS;
    let event = Administrative::consent("CONSENT_STARTED", &context.id, &known.caller, &id, &draft.provider);
    app.audit.administrative(event).await.map_err(refusals::unrecorded)?;
    app.records
        .start_consent(NewConsent {
            id: id.clone(),
            state_hash: hashed(&state),
            username: person,
            provider: draft.provider.clone(),
            kind: draft.kind,
            url: draft.url,
            fields: draft.fields,
            redirect_uri,
            secrets,
            expires_at_ms,
        })
        .await
        .map_err(refusals::by_records)?;
    Ok(json!({ "id": id, "provider": draft.provider, "url": address.as_str(), "expires_at": rfc3339(expires_at_ms) }))
}

/// Where browsers come back to.
fn callback_address(app: &App) -> Option<String> {
    let base = app.config.api.public_url.as_ref()?;
    Some(format!("{}/oauth2callback", base.as_str().trim_end_matches('/')))
}
