//! GitHub's own paths: the consent under its old name, and a personal access token.

use super::given::{self, Draft};
use super::{account, start};
use crate::api::caller::Known;
use crate::api::input::Input;
use crate::api::problem::{Answer, Problem};
use crate::api::request::RequestContext;
use crate::api::state::App;
use crate::ids::ProviderName;
use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

const PERSONAL: &str = "personal-access-token";
/// What a GitHub App's consent makes.
const APPS_USER: &str = "github-app-user";
/// What a page sends after an App was installed. Whoever knows the number need not have installed anything: it is public in many places.
const INSTALLATION: [&str; 2] = ["installationId", "installation_id"];

/// `POST /api/auth/github/install`: begins a consent, as `connect` does.
pub async fn install(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    mut input: Input,
) -> Answer<(StatusCode, Json<Value>)> {
    let person = given::person(&known, "create")?;
    let has_number = INSTALLATION.iter().any(|key| input.has(key));
    input.ignore(&INSTALLATION);
    let draft = Draft::read(&app, provider()?, input, Some(APPS_USER))?;
    if draft.is_pasted {
        return Err(Problem::validation(
            "an installation is begun by consenting; a token is connected at `/api/auth/github/connect` or `/api/auth/github/pat`",
        ));
    }
    let (status, Json(mut begun)) = start::stored_or_begun(&app, &context, &known, person, draft).await?;
    if let (true, Some(object)) = (has_number, begun.as_object_mut()) {
        object.insert(
            "message".to_owned(),
            json!("an installation's number says nothing of who sends it, so it is not used; consent at `url`"),
        );
    }
    Ok((status, Json(begun)))
}

/// `POST /api/auth/github/pat`
pub async fn connect_token(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    input: Input,
) -> Answer<Json<Value>> {
    let person = given::person(&known, "create")?;
    if !input.has("token") {
        return Err(Problem::validation("no value given for required property token"));
    }
    let draft = Draft::read(&app, provider()?, input, Some(PERSONAL))?;
    if draft.kind()?.name != PERSONAL {
        return Err(Problem::validation("`kind` is `personal-access-token` here"));
    }
    let (_, stored) = start::stored_or_begun(&app, &context, &known, person, draft).await?;
    Ok(stored)
}

/// `GET /api/auth/github/pat/status`
pub async fn token_status(State(app): State<App>, known: Known) -> Answer<Json<Value>> {
    let person = given::person(&known, "read")?;
    let provider = provider()?;
    let account = account::own(&app, &person, &provider)?.filter(|account| account.kind == PERSONAL);
    Ok(Json(account::told(&provider, account.as_deref())))
}

/// `DELETE /api/auth/github/pat`: of an account that is one.
pub async fn disconnect_token(State(app): State<App>, Extension(context): Extension<RequestContext>, known: Known) -> Answer<Json<Value>> {
    let person = given::person(&known, "delete")?;
    let provider = provider()?;
    let account = account::own(&app, &person, &provider)?.filter(|account| account.kind == PERSONAL);
    if account.is_none() {
        return Err(Problem::nothing_there("no personal access token of `github` is connected"));
    }
    account::end(&app, &context, &known, &person, &provider).await.map(Json)
}

fn provider() -> Answer<ProviderName> {
    ProviderName::parse("github").map_err(Problem::internal)
}
