//! A person's consent and the code that it leaves (RFC 6749, section 4.1; RFC 7636).
//!
//! There is nobody to click: whom `login_hint` names consents at once, the first person where there is none. A hint that names nobody stands
//! for somebody who declines.

use super::{Principal, error, grant, issue, token_body, words};
use crate::clock::{Millis, fill_random};
use crate::dev::upstream::call::Call;
use crate::dev::upstream::reply::Reply;
use crate::dev::upstream::world::{World, digest, slug};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A code is good for so long.
const CODE_MS: Millis = 10 * 60 * 1000;

/// What a code stands for.
pub(super) struct Code {
    account: String,
    scopes: Vec<String>,
    redirect_uri: String,
    challenge: Option<String>,
    offline: bool,
    at_ms: Millis,
}

pub(super) fn consent(world: &mut World, call: &Call, now_ms: Millis) -> Reply {
    let query = |name: &str| call.query(name).unwrap_or_default();
    let page = |text: &str| Reply::text(400, &format!("Access blocked: Authorisation Error\n{text}\n"));
    if query("client_id") != world.google.client_id {
        return page("Error 401: invalid_client. The OAuth client was not found.");
    }
    let redirect_uri = query("redirect_uri");
    if !redirect_uri.starts_with("http://127.0.0.1:") {
        return page("Error 400: redirect_uri_mismatch");
    }
    let scopes: Vec<String> = words(call.query("scope").as_deref())
        .iter()
        .map(|scope| grant::full(scope).to_owned())
        .collect();
    if query("response_type") != "code" || scopes.is_empty() {
        return page("Error 400: invalid_request. Required parameter is missing: response_type or scope");
    }
    if !matches!(query("code_challenge_method").as_str(), "S256" | "") {
        return page("Error 400: invalid_request. Invalid code_challenge_method");
    }
    let hint = query("login_hint");
    let consents = |person: &&crate::dev::upstream::Person| hint.is_empty() || [&person.name, &person.email].contains(&&hint);
    let account = world.people.iter().find(consents).map(|person| person.name.clone());
    let back = |parameters: &[(&str, &str)]| {
        let more = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(parameters)
            .append_pair("state", &query("state"))
            .finish();
        let separator = if redirect_uri.contains('?') { '&' } else { '?' };
        Reply::empty(302).with("location", format!("{redirect_uri}{separator}{more}"))
    };
    let Some(account) = account else {
        return back(&[("error", "access_denied")]);
    };
    let mut bytes = [0; 24];
    fill_random(&mut bytes);
    let code = format!("4/0{}-{}", slug(&account), hex::encode(bytes));
    let told = scopes.join(" ");
    let stands_for = Code {
        account: account.clone(),
        scopes,
        redirect_uri: redirect_uri.clone(),
        challenge: call.query("code_challenge"),
        // Without both, a person who consented before brings no refresh token.
        offline: query("access_type") == "offline" && query("prompt") == "consent",
        at_ms: now_ms,
    };
    world.google.codes.insert(digest(&code), stands_for);
    back(&[("code", &code), ("scope", &told)]).to("code", &code, Some(&account))
}

/// Buys the first tokens with a code, which is gone afterwards, whatever comes of it.
pub(super) fn exchange(world: &mut World, call: &Call, now_ms: Millis) -> Reply {
    let Some(presented) = call.field("code") else {
        return error(400, "invalid_request", "Missing required parameter: code");
    };
    if let Err(refusal) = grant::client(world, call) {
        return refusal.to("code", &presented, None);
    }
    let Some(code) = world.google.codes.remove(&digest(&presented)) else {
        return error(400, "invalid_grant", "Malformed auth code.").to("code", &presented, None);
    };
    let said = |reply: Reply| reply.to("code", &presented, Some(&code.account));
    if now_ms - code.at_ms > CODE_MS {
        return said(error(400, "invalid_grant", "Bad Request"));
    }
    if call.field("redirect_uri").as_deref() != Some(&code.redirect_uri) {
        return said(error(400, "redirect_uri_mismatch", "Bad Request"));
    }
    let verified = call.field("code_verifier").map(|verifier| {
        let hash = ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes());
        URL_SAFE_NO_PAD.encode(hash)
    });
    match (&code.challenge, verified) {
        (Some(_), None) => return said(error(400, "invalid_grant", "Missing code verifier.")),
        (Some(challenge), Some(verified)) if *challenge != verified => {
            return said(error(400, "invalid_grant", "Invalid code verifier."));
        }
        (None, Some(_)) => return said(error(400, "invalid_grant", "code_verifier or verifier is not needed.")),
        _ => {}
    }
    let number = world.google.next(&code.account, code.scopes.clone());
    let principal = Principal::Person(code.account.clone());
    let issued = issue(world, "ya29.a0", &code.account, principal, &code.scopes, Some(number), now_ms);
    let mut body = token_body(&issued, &code.scopes);
    if code.offline {
        body["refresh_token"] = grant::refresh_token(&code.account, number).into();
    }
    said(Reply::json(200, body).with("cache-control", "no-store"))
}
