//! All of a person's accounts at a glance, and of a consent how far it is.

use super::{account, given};
use crate::api::caller::Known;
use crate::api::documents;
use crate::api::problem::{Answer, Problem};
use crate::api::refusals;
use crate::api::state::App;
use crate::clock::rfc3339;
use crate::ids::{ConsentId, ProviderName, Username};
use crate::records::model::{ConsentStage, Credential};
use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Names that the platform's pages show and no component serves.
const OF_THE_PAGES: [&str; 2] = ["coderabbit", documents::GERRIT];
/// Serves every other name, and is nobody's account.
const SERVES_OTHERS: &str = "static";

/// `GET /api/auth/integrations/status`: every provider that is loaded, and what else the caller has connected.
pub async fn integrations(State(app): State<App>, known: Known) -> Answer<Json<Value>> {
    let person = given::person(&known, "read")?;
    let accounts = accounts(&app, &person)?;
    let mut titles: BTreeMap<String, String> = BTreeMap::new();
    for (name, loaded) in app.catalog.list().into_iter().filter(|(name, _)| name != SERVES_OTHERS) {
        let title = loaded.map_or_else(|_| name.clone(), |loaded| loaded.manifest().title.clone());
        titles.insert(name, title);
    }
    for name in OF_THE_PAGES.into_iter().chain(accounts.keys().map(ProviderName::as_str)) {
        titles.entry(name.to_owned()).or_insert_with(|| documents::title(name).to_owned());
    }
    let mut body = Map::new();
    for (name, title) in titles {
        let Ok(provider) = ProviderName::parse(name.clone()) else {
            continue;
        };
        let mut told = account::told(&provider, accounts.get(&provider).map(|account| &**account));
        if let Some(told) = told.as_object_mut() {
            told.insert("title".to_owned(), json!(title));
        }
        body.insert(name, told);
    }
    Ok(Json(Value::Object(body)))
}

fn accounts(app: &App, person: &Username) -> Answer<BTreeMap<ProviderName, Arc<Credential>>> {
    crate::api::read_index(app, |index| {
        let own = index
            .credentials()
            .filter(|credential| credential.connected_to.as_ref() == Some(person));
        own.map(|credential| (credential.provider.clone(), Arc::clone(credential)))
            .collect()
    })
}

/// The query of [`consent`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    id: Option<String>,
}

/// `GET /oauth2callback/status?id=…`: whether the browser has come back, for whoever sent it.
pub async fn consent(
    State(app): State<App>,
    known: Known,
    which: Result<Query<Which>, axum::extract::rejection::QueryRejection>,
) -> Answer<Json<Value>> {
    let id = which.ok().and_then(|Query(which)| which.id);
    let id = id.ok_or_else(|| Problem::bad_request("the one parameter is `id`, as the start of the consent answered it"))?;
    let unknown = || Problem::nothing_there("no such consent is under way for you; start again");
    let person = known.caller.principal().ok_or_else(unknown)?;
    let id = ConsentId::parse(id).map_err(|_| unknown())?;
    let consent = match app.records.consent(&id).await {
        Err(crate::records::RecordsError::NotFound { .. }) => return Err(unknown()),
        found => found.map_err(refusals::by_records)?,
    };
    if consent.username != *person {
        return Err(unknown());
    }
    let status = match consent.stage {
        ConsentStage::Started => "started",
        ConsentStage::Returned => "returned",
        ConsentStage::Exchanging => "exchanging",
        ConsentStage::Choosing => "choosing",
    };
    Ok(Json(json!({
        "id": consent.id,
        "provider": consent.provider,
        "status": status,
        "expires_at": rfc3339(consent.expires_at_ms),
    })))
}
