//! Consent and the token endpoint. What is refused here is refused with status 200 and words in the body, and answered as a form unless
//! JSON is asked for.

use super::state::{ACCESS_S, Code, Pair, REFRESH_S};
use super::{lifetime_ms, message};
use crate::clock::Millis;
use crate::dev::upstream::call::Call;
use crate::dev::upstream::reply::Reply;
use crate::dev::upstream::world::World;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

/// The scope with which an OAuth App asks for tokens that expire.
const EXPIRING: &str = "offline_access";

/// The page on which a person consents. Here everybody does so at once: the one that `login` names, else the first.
pub(super) fn authorize(world: &mut World, call: &Call, now_ms: Millis) -> Reply {
    let given = |name: &str| call.query(name).filter(|text| !text.is_empty());
    let (Some(client_id), Some(redirect_uri)) = (given("client_id"), given("redirect_uri")) else {
        return message(404, "Not Found");
    };
    let login = given("login");
    let account = match &login {
        Some(login) => world.person(login).map(|person| person.name.clone()),
        None => world.people.first().map(|person| person.name.clone()),
    };
    let (Some(account), true) = (account, world.github.applications.contains_key(&client_id)) else {
        return message(404, "Not Found");
    };
    let Ok(mut back) = url::Url::parse(&redirect_uri) else {
        return message(404, "Not Found");
    };
    if given("code_challenge").is_some() && given("code_challenge_method").as_deref() != Some("S256") {
        back.query_pairs_mut().append_pair("error", "invalid_request");
    } else {
        let scopes = given("scope")
            .unwrap_or_default()
            .split([' ', ','])
            .filter(|scope| !scope.is_empty())
            .map(str::to_owned)
            .collect();
        let code = Code::new(&client_id, &account, &redirect_uri, scopes, given("code_challenge"));
        back.query_pairs_mut().append_pair("code", &world.github.consented(code, now_ms));
    }
    if let Some(state) = given("state") {
        back.query_pairs_mut().append_pair("state", &state);
    }
    Reply::empty(302).with("location", back.as_str())
}

/// Buys tokens with a consent's code, or with a refresh token.
pub(super) fn access_token(world: &mut World, call: &Call, now_ms: Millis) -> Reply {
    let client_id = call.field("client_id").unwrap_or_default();
    if !world.github.applications.contains_key(&client_id) {
        return answer(call, 404, &json!({ "error": "Not Found" }));
    }
    let presented = call.field("refresh_token");
    let without_secret =
        presented.as_deref().is_some_and(|refresh| world.github.is_of_a_device(refresh)) && call.field("client_secret").is_none();
    if !without_secret && !world.github.is_client(&client_id, &call.field("client_secret").unwrap_or_default()) {
        return refuse(
            call,
            "incorrect_client_credentials",
            "The client_id and/or client_secret passed are incorrect.",
        );
    }
    match call.field("grant_type").as_deref() {
        None | Some("authorization_code") => exchange(world, call, &client_id, now_ms),
        Some("refresh_token") => refresh(world, call, &client_id, &presented.unwrap_or_default(), now_ms),
        Some(_) => refuse(call, "unsupported_grant_type", "The provided grant_type is not supported."),
    }
}

fn exchange(world: &mut World, call: &Call, client_id: &str, now_ms: Millis) -> Reply {
    let text = call.field("code").unwrap_or_default();
    let code = world.github.code(&text, now_ms).filter(|code| code.client_id == client_id);
    let Some(code) = code.filter(|code| proves(code, call)) else {
        return refuse(call, "bad_verification_code", "The code passed is incorrect or expired.");
    };
    if call.field("redirect_uri").is_some_and(|uri| uri != code.redirect_uri) {
        return refuse(
            call,
            "redirect_uri_mismatch",
            "The redirect_uri MUST match the registered callback URL for this application.",
        );
    }
    let expires = world
        .github
        .applications
        .get(client_id)
        .is_some_and(|application| application.is_github_app)
        || code.scopes.iter().any(|scope| scope == EXPIRING);
    let life_ms = expires.then(|| lifetime_ms(world, ACCESS_S));
    let scopes: Vec<String> = code.scopes.into_iter().filter(|scope| scope != EXPIRING).collect();
    let pair = world.github.make(client_id, &code.account, scopes.clone(), life_ms, false, now_ms);
    granted(call, &pair, &scopes, life_ms).to("consent", &text, Some(&code.account))
}

/// RFC 7636, 4.6.
fn proves(code: &Code, call: &Call) -> bool {
    let Some(challenge) = &code.challenge else { return true };
    let verifier = call.field("code_verifier").unwrap_or_default();
    let digest = ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes());
    URL_SAFE_NO_PAD.encode(digest) == *challenge
}

fn refresh(world: &mut World, call: &Call, client_id: &str, presented: &str, now_ms: Millis) -> Reply {
    let Some((old, device)) = world.github.spend(presented, client_id, now_ms) else {
        return refuse(call, "bad_refresh_token", "The refresh token passed is incorrect or expired.").to("refresh-token", presented, None);
    };
    let life_ms = Some(lifetime_ms(world, ACCESS_S));
    let pair = world
        .github
        .make(client_id, &old.account, old.scopes.clone(), life_ms, device, now_ms);
    granted(call, &pair, &old.scopes, life_ms).to("refresh-token", presented, Some(&old.account))
}

fn granted(call: &Call, pair: &Pair, scopes: &[String], life_ms: Option<Millis>) -> Reply {
    let mut body = json!({ "access_token": pair.access, "scope": scopes.join(","), "token_type": "bearer" });
    if let (Some(refresh), Some(life_ms)) = (&pair.refresh, life_ms) {
        body["expires_in"] = json!(life_ms / 1000);
        body["refresh_token"] = json!(refresh);
        body["refresh_token_expires_in"] = json!(REFRESH_S);
    }
    answer(call, 200, &body)
}

fn refuse(call: &Call, error: &str, description: &str) -> Reply {
    let uri = "https://docs.github.com/apps/managing-oauth-apps/troubleshooting-oauth-app-access-token-request-errors/";
    answer(
        call,
        200,
        &json!({ "error": error, "error_description": description, "error_uri": uri }),
    )
}

fn answer(call: &Call, status: u16, body: &Value) -> Reply {
    if call.header("accept").is_some_and(|accept| accept.contains("json")) {
        return Reply::json(status, body.clone());
    }
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let none = Map::new();
    let pairs = body
        .as_object()
        .unwrap_or(&none)
        .iter()
        .map(|(key, value)| (key.clone(), text(value)));
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    Reply::text(status, &form).with("content-type", "application/x-www-form-urlencoded; charset=utf-8")
}
