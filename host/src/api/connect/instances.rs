//! Gerrit: a person has several instances, all in one account. Connecting one puts it into the list, disconnecting the last ends the account.

use super::{account, document, given};
use crate::api::caller::Known;
use crate::api::credentials;
use crate::api::documents::{self, GERRIT, Instance, Instances, Proof};
use crate::api::input::Input;
use crate::api::problem::{Answer, Problem};
use crate::api::request::RequestContext;
use crate::api::state::App;
use crate::clock::rfc3339;
use crate::egress::Address;
use crate::ids::{ProviderName, Username};
use crate::records::model::Credential;
use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

/// Instances of one person. Each is asked for by their runner; nobody reviews in more places.
const MOST: usize = 32;
/// Others of the person's requests may change the list meanwhile; they cannot do so often.
const TRIES: usize = 5;
/// Bytes of a `.gitcookies` file: a line for each of a hundred hosts.
const LONGEST: usize = 64 * 1024;

/// Whether this provider's accounts are lists here: Gerrit's, unless a component of that name is loaded.
pub(super) fn are_of(app: &App, provider: &ProviderName) -> bool {
    let own = || credentials::manifest(app, provider).is_ok_and(|manifest| documents::is_own(&manifest, provider));
    provider.as_str() == GERRIT && !own()
}

/// Puts one into the person's list, in the place of the one of that name.
pub(super) async fn connect(app: &App, context: &RequestContext, known: &Known, person: &Username, input: Input) -> Answer<Value> {
    let new = read(input)?;
    let shown = shown(&new);
    change(app, context, known, person, "ACCOUNT_CONNECTED", |list| {
        list.retain(|old| old.name != new.name);
        if list.len() >= MOST {
            return Err(Problem::conflict(format!("{MOST} instances are connected; disconnect one first")));
        }
        list.push(new.clone());
        Ok(())
    })
    .await?;
    let mut body = json!({ "connected": true, "provider": GERRIT, "message": "Gerrit instance connected" });
    merge(&mut body, shown);
    Ok(body)
}

/// Reads an instance: `instanceName`, `url`, and `username` with `httpToken`, or `gitcookiesContent`.
pub(super) fn read(mut input: Input) -> Answer<Instance> {
    let name = input.required("instanceName")?;
    let url = input.required("url")?;
    let method = input.optional("authMethod")?.filter(|method| !method.is_empty());
    let username = input.optional("username")?.filter(|name| !name.is_empty());
    let token = input.secret("httpToken")?.filter(|token| !token.is_empty());
    let cookies = input.secret("gitcookiesContent")?.filter(|cookies| !cookies.is_empty());
    input.finish()?;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if !(1..=63).contains(&name.len()) || !name.bytes().all(is_name) || name.bytes().all(|byte| byte == b'.') {
        return Err(Problem::validation(
            "`instanceName` must be 1 to 63 letters, digits, `.`, `_` or `-`",
        ));
    }
    let address = Address::parse(&url).map_err(|why| Problem::validation(format!("`url`: {why}")))?;
    let proof = match (username, token, cookies) {
        (Some(username), Some(token), None) => Proof::Basic { username, token },
        (None, None, Some(cookies)) => Proof::Cookies(cookies),
        _ => {
            return Err(Problem::validation(
                "an instance needs `username` and `httpToken`, or `gitcookiesContent` alone",
            ));
        }
    };
    let fits = match &proof {
        Proof::Basic { username, token } => {
            token.is_one_line() && token.len() <= LONGEST && username.len() <= 255 && !username.chars().any(char::is_control)
        }
        Proof::Cookies(cookies) => cookies.len() <= LONGEST,
    };
    if !fits {
        return Err(Problem::validation(
            "`username` and `httpToken` are lines without control characters, `gitcookiesContent` has at most 64 KiB",
        ));
    }
    if method.is_some_and(|method| method != proof.method()) {
        return Err(Problem::validation(format!(
            "`authMethod` must be `http_basic` or `git_cookies`; with these keys it is `{}`",
            proof.method()
        )));
    }
    Ok(Instance {
        name,
        url: address.as_str().to_owned(),
        proof,
    })
}

/// `GET /api/auth/gerrit/instances`
pub async fn list(State(app): State<App>, known: Known) -> Answer<Json<Value>> {
    let person = given::person(&known, "read")?;
    let stored = stored(&app, &person).await?;
    let instances: Vec<Value> = stored
        .iter()
        .flat_map(|(account, list)| list.iter().map(|instance| told(account, instance)))
        .collect();
    Ok(Json(json!({ "instances": instances })))
}

/// `GET /api/auth/gerrit/{instance}/status`
pub async fn status(State(app): State<App>, known: Known, Path(name): Path<String>) -> Answer<Json<Value>> {
    let person = given::person(&known, "read")?;
    let stored = stored(&app, &person).await?;
    let found = stored.as_ref().and_then(|(account, list)| {
        let instance = list.iter().find(|instance| instance.name == name)?;
        Some(told(account, instance))
    });
    Ok(Json(found.unwrap_or_else(
        || json!({ "connected": false, "instanceName": credentials::shown(&name) }),
    )))
}

/// `DELETE /api/auth/gerrit/{instance}/disconnect`
pub async fn disconnect(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path(name): Path<String>,
) -> Answer<Json<Value>> {
    let person = given::person(&known, "delete")?;
    let gone = || Problem::nothing_there(format!("no Gerrit instance `{}` is connected", credentials::shown(&name)));
    let (_, list) = stored(&app, &person).await?.ok_or_else(gone)?;
    if list.iter().all(|instance| instance.name == name) && !list.is_empty() {
        account::end(&app, &context, &known, &person, &provider()?).await?;
    } else {
        change(&app, &context, &known, &person, "ACCOUNT_DISCONNECTED", |list| {
            let before = list.len();
            list.retain(|instance| instance.name != name);
            if list.len() < before { Ok(()) } else { Err(gone()) }
        })
        .await?;
    }
    Ok(Json(
        json!({ "connected": false, "instanceName": credentials::shown(&name), "message": "Gerrit instance disconnected" }),
    ))
}

/// Changes the list that there is at that moment: of two changes at once the second sees the first.
async fn change(
    app: &App,
    context: &RequestContext,
    known: &Known,
    person: &Username,
    event: &'static str,
    edit: impl Fn(&mut Vec<Instance>) -> Answer<()>,
) -> Answer<()> {
    let kind = credentials::manifest(app, &provider()?)?.default_kind.clone();
    for _ in 0..TRIES {
        let (old, mut list) = stored(app, person)
            .await?
            .map_or((None, Vec::new()), |(old, list)| (Some(old), list));
        edit(&mut list)?;
        let text = Instances(list).written().map_err(Problem::internal)?;
        let new = document::new(provider()?, kind.clone(), text);
        let outcome = match &old {
            None => account::create(app, context, &known.caller, person, &new).await,
            Some(old) => account::replace(app, context, &known.caller, old, &new, event).await,
        };
        match outcome {
            Err(problem) if problem.status() == StatusCode::CONFLICT => {}
            stored => {
                app.broker.removed(&stored?.id);
                return Ok(());
            }
        }
    }
    Err(Problem::conflict("the instances are being changed by others; try again"))
}

async fn stored(app: &App, person: &Username) -> Answer<Option<(Credential, Vec<Instance>)>> {
    let provider = provider()?;
    if !are_of(app, &provider) {
        return Err(Problem::nothing_there(
            "a provider `gerrit` is loaded, which has no instances; its account is at `/api/auth/gerrit/status`",
        ));
    }
    let Some((account, text)) = document::of(app, person, &provider).await? else {
        return Ok(None);
    };
    let Some(text) = text else { return Ok(Some((account, Vec::new()))) };
    match Instances::read(&text) {
        Some(list) => Ok(Some((account, list.0))),
        None => Err(Problem::conflict(
            "what is stored for Gerrit is one value and no list of instances; disconnect it first (`DELETE /api/auth/gerrit/disconnect`)",
        )),
    }
}

fn provider() -> Answer<ProviderName> {
    ProviderName::parse(GERRIT).map_err(Problem::internal)
}

/// What may be told of one: nothing that opens it.
fn shown(instance: &Instance) -> Value {
    let mut shown = json!({ "instanceName": instance.name, "url": instance.url, "authMethod": instance.proof.method() });
    if let Proof::Basic { username, .. } = &instance.proof {
        merge(&mut shown, json!({ "username": username }));
    }
    shown
}

fn told(account: &Credential, instance: &Instance) -> Value {
    let mut told = json!({ "connected": true, "updatedAt": rfc3339(account.updated_at_ms) });
    merge(&mut told, shown(instance));
    told
}

fn merge(into: &mut Value, more: Value) {
    if let (Some(into), Value::Object(more)) = (into.as_object_mut(), more) {
        into.extend(more);
    }
}
