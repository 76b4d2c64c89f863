//! "Does this token work?": asked of the upstream, by the provider's own component, through the same door as everything else. Nothing is stored.
//!
//! Whoever asks has the token already and could ask the upstream themselves; so what they learn is the upstream's word on it, from the instances alone that
//! the operator approved, a few times a minute. Where nobody can be asked, the answer says so and claims nothing.

use super::given::{self, Draft};
use super::instances;
use crate::api::caller::Known;
use crate::api::documents;
use crate::api::input::Input;
use crate::api::problem::{Answer, Problem};
use crate::api::refusals;
use crate::api::request::RequestContext;
use crate::api::state::App;
use crate::audit::Administrative;
use crate::broker::{BrokerError, Trial};
use crate::ids::CredentialId;
use crate::manifest::TokenSource;
use axum::Json;
use axum::extract::{Extension, Path, State};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// `POST /api/auth/{provider}/test`
pub async fn test(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path(provider): Path<String>,
    input: Input,
) -> Answer<Json<Value>> {
    let person = given::person(&known, "create")?;
    let provider = given::provider(provider)?;
    if instances::are_of(&app, &provider) && !input.has("token") {
        instances::read(input)?;
        return Ok(unasked(
            "no component is loaded that could ask a Gerrit; what is stored will be handed out as it is",
        ));
    }
    let draft = Draft::read(&app, provider, input, None)?;
    let loaded = app.catalog.get(draft.provider.as_str());
    let loaded = loaded.map_err(|unavailable| Problem::unavailable("the provider component does not load", 60).because(unavailable))?;
    let kind = draft.kind()?;
    if !draft.is_pasted {
        return Err(Problem::validation(
            "there is nothing to test: send a `token`, or the kind's `fields`",
        ));
    }
    if kind.token == TokenSource::Static && !loaded.can_identify() {
        let title = title(&draft);
        return Ok(unasked(&format!(
            "no component is loaded that could ask {title}; what is stored will be handed out as it is"
        )));
    }
    if kind.rotation.is_some() {
        return Ok(unasked(
            "using this secret once replaces it, so a test would spend it; connect it, and the first read tells",
        ));
    }
    app.egress
        .instance_for(draft.provider.as_str(), &draft.manifest, draft.url.as_deref())
        .map_err(|why| Problem::validation(format!("`url`: {why}")))?;
    if !app.trials().take(&person, app.clock.now_ms()) {
        return Err(Problem::unavailable(
            "you have tested too often; wait a little",
            super::pace::EVERY_S,
        ));
    }
    // Never stored: the records of this test are found by it.
    let id = CredentialId::make(&*app.clock);
    let event = Administrative::credential("ACCOUNT_TESTED", &context.id, &known.caller, &id, &draft.provider);
    let record = async |outcome| {
        let recorded = app.audit.administrative(event.clone().ended(outcome)).await;
        recorded.map_err(refusals::unrecorded)
    };
    record("begun").await?;
    let tried = app.broker.try_out(trial(&draft, kind.name.clone(), id.clone())).await;
    record(match &tried {
        Ok(_) => "valid",
        Err(error) => error.code(),
    })
    .await?;
    answered(&draft, tried)
}

fn trial(draft: &Draft, kind: String, id: CredentialId) -> Trial {
    let mut fields = draft.taken.public.clone();
    fields.extend(draft.email.as_ref().map(|email| ("email".to_owned(), email.clone())));
    let secrets = draft.taken.secret.iter();
    Trial {
        id,
        provider: draft.provider.clone(),
        kind,
        url: draft.url.clone(),
        fields,
        secrets: secrets.map(|(name, value)| (name.clone(), value.clone())).collect(),
    }
}

fn answered(draft: &Draft, tried: Result<Option<BTreeMap<String, String>>, BrokerError>) -> Answer<Json<Value>> {
    match tried {
        Ok(identity) => {
            let mut body = Map::new();
            body.insert("valid".to_owned(), json!(true));
            body.insert("checked".to_owned(), json!(true));
            for (key, field) in [
                ("login", "login"),
                ("displayName", "display-name"),
                ("userName", "user-name"),
                ("email", "email"),
            ] {
                if let Some(text) = identity.as_ref().and_then(|identity| identity.get(field)) {
                    body.insert(key.to_owned(), json!(text));
                }
            }
            Ok(Json(Value::Object(body)))
        }
        Err(BrokerError::Unsupported(_)) => Ok(unasked(&format!("{} does not tell whether such a token works", title(draft)))),
        Err(refused @ (BrokerError::NeedsReconnect(_) | BrokerError::Misconfigured(_) | BrokerError::MissingScope(_))) => Ok(Json(json!({
            "valid": false,
            "checked": true,
            "error": format!("{}: {refused}", title(draft)),
            "reason_code": refused.code(),
        }))),
        Err(failure) => Err(refusals::of_consent(title(draft), failure)),
    }
}

/// Neither valid nor not.
fn unasked(why: &str) -> Json<Value> {
    Json(json!({ "valid": null, "checked": false, "error": why }))
}

fn title(draft: &Draft) -> &str {
    if documents::is_own(&draft.manifest, &draft.provider) {
        &draft.manifest.title
    } else {
        documents::title(draft.provider.as_str())
    }
}
