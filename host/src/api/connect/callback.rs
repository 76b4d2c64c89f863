//! The browser comes back. It brings no bearer, so all it can do is to leave the code and be shown a word.

use super::code::{confirmation, hashed};
use super::kept;
use crate::api::problem::Problem;
use crate::api::state::App;
use crate::records::model::{Consent, ConsentStage};
use crate::records::{RecordsError, Step, sealing};
use crate::secret::Secret;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::collections::BTreeMap;

/// An authorisation code of any upstream has less than 2 KiB.
const LONGEST: usize = 8 * 1024;

/// `GET /oauth2callback`
pub async fn returned(State(app): State<App>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    if query.len() > LONGEST {
        return page(
            StatusCode::BAD_REQUEST,
            "This link is not one of ours",
            "Start again where you began.",
        );
    }
    let parameters: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let Some(state) = parameters.get("state").filter(|state| !state.is_empty()) else {
        return page(
            StatusCode::BAD_REQUEST,
            "This link is not one of ours",
            "Start again where you began.",
        );
    };
    let consent = match app.records.consent_of_state(&hashed(state)).await {
        Ok(consent) if consent.stage == ConsentStage::Started => consent,
        Ok(_) | Err(RecordsError::NotFound { .. }) => {
            let said = "Each link is good once, for ten minutes. Start again where you began.";
            return page(StatusCode::BAD_REQUEST, "This link has been used, or its time is over", said);
        }
        Err(error) => {
            return Problem::unavailable("the database cannot be reached", 2)
                .because(error)
                .into_response();
        }
    };
    match parameters.get("code").filter(|code| !code.is_empty()) {
        Some(code) if !parameters.contains_key("error") => kept_for_the_starter(&app, &consent, code).await,
        _ => declined(&app, &consent, parameters.get("error").map(String::as_str)).await,
    }
}

async fn kept_for_the_starter(app: &App, consent: &Consent, code: &str) -> Response {
    let shown = confirmation();
    let seal = |field: &str, text: &str| sealing::seal_of_consent(&app.keyring, &consent.id, field, &Secret::new(text.to_owned()));
    let step = Step {
        secrets: vec![seal(kept::CODE, code), seal(kept::CONFIRMATION, &shown)],
        ..Step::default()
    };
    let stepped = app
        .records
        .step_consent(&consent.id, ConsentStage::Started, ConsentStage::Returned, step)
        .await;
    match stepped {
        Ok(true) => {
            let (first, second) = shown.split_at(4);
            page(
                StatusCode::OK,
                &format!("{first}-{second}"),
                "Type this code where you began, within ten minutes. If you did not begin anything, or somebody sent you here, close this page \
                 and tell nobody the code: whoever has it could connect your account to theirs.",
            )
        }
        Ok(false) => page(StatusCode::BAD_REQUEST, "This link has been used", "Start again where you began."),
        Err(error) => Problem::unavailable("the database cannot be reached", 2)
            .because(error)
            .into_response(),
    }
}

/// What the upstream says instead of a code is the browser's to write, so only its known words are looked at.
async fn declined(app: &App, consent: &Consent, error: Option<&str>) -> Response {
    if let Err(error) = app.records.end_consent(&consent.id).await {
        tracing::warn!(%error, "a consent that was declined stays until its time is over");
    }
    let heading = match error {
        Some("access_denied") => "You declined; nothing was connected",
        _ => "The other side did not agree; nothing was connected",
    };
    page(StatusCode::OK, heading, "You can close this page, or start again where you began.")
}

/// Everything on the page is ours: no script, no style from elsewhere, no frame around it, and no address of it in a `Referer`.
fn page(status: StatusCode, heading: &str, said: &str) -> Response {
    let body = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Claviger</title>\
         <style>body{{font:16px sans-serif;max-width:32em;margin:4em auto;padding:0 1em}}h1{{font:32px monospace}}</style>\
         <h1>{heading}</h1><p>{said}</p></html>"
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (status, headers, body).into_response()
}
