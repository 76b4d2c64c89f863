//! Codes that a consent leaves (RFC 6749, section 4.1; RFC 7636), for the providers whose consents are alike: GitLab and Jira.
//!
//! There is nobody to click: whom `login_hint` names consents at once, the first person where there is none. A hint that names nobody
//! stands for somebody who declines.

use super::call::Call;
use super::reply::Reply;
use super::world::{World, digest, slug};
use crate::clock::{Millis, fill_random};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::collections::HashMap;

/// A code is good for so long.
const CODE_MS: Millis = 10 * 60 * 1000;

/// Codes that nobody has used yet, by digest.
#[derive(Default)]
pub(super) struct Codes(HashMap<String, Code>);

/// What a code stands for.
pub(super) struct Code {
    pub(super) account: String,
    pub(super) client_id: String,
    pub(super) scopes: Vec<String>,
    redirect_uri: String,
    challenge: Option<String>,
    at_ms: Millis,
}

/// Sends the browser back to a loopback address, with a code or with the refusal. What is wrong with the request itself is said on a page: nobody
/// is sent to an address that was not registered.
pub(super) fn give(world: &mut World, codes: fn(&mut World) -> &mut Codes, clients: &[String], call: &Call, now_ms: Millis) -> Reply {
    let query = |name: &str| call.query(name).unwrap_or_default();
    let page = |text: &str| Reply::text(400, &format!("The request for authorisation is not valid.\n{text}\n"));
    let (client_id, redirect_uri) = (query("client_id"), query("redirect_uri"));
    if !clients.contains(&client_id) {
        return page("Client authentication failed due to unknown client.");
    }
    if !redirect_uri.starts_with("http://127.0.0.1:") {
        return page("The redirect URI included is not valid.");
    }
    if query("response_type") != "code" || query("scope").is_empty() || query("state").is_empty() {
        return page("Missing required parameter: response_type, scope or state.");
    }
    if !matches!(query("code_challenge_method").as_str(), "S256" | "") {
        return page("The code challenge method must be S256.");
    }
    let hint = query("login_hint");
    let consents = |person: &&super::Person| hint.is_empty() || person.name == hint || person.email == hint;
    let account = world.people.iter().find(consents).map(|person| person.name.clone());
    let back = |key: &str, value: &str| {
        let more = form_urlencoded::Serializer::new(String::new())
            .append_pair(key, value)
            .append_pair("state", &query("state"))
            .finish();
        let separator = if redirect_uri.contains('?') { '&' } else { '?' };
        Reply::empty(302).with("location", format!("{redirect_uri}{separator}{more}"))
    };
    let Some(account) = account else {
        return back("error", "access_denied");
    };
    let mut bytes = [0; 24];
    fill_random(&mut bytes);
    let text = format!("{}-{}", slug(&account), hex::encode(bytes));
    let code = Code {
        account: account.clone(),
        client_id,
        scopes: query("scope").split_whitespace().map(str::to_owned).collect(),
        redirect_uri: redirect_uri.clone(),
        challenge: call.query("code_challenge").filter(|text| !text.is_empty()),
        at_ms: now_ms,
    };
    codes(world).0.insert(digest(&text), code);
    back("code", &text).to("code", &text, Some(&account))
}

impl Codes {
    /// What a presented code stands for. It is gone afterwards, whatever comes of it.
    pub(super) fn take(&mut self, call: &Call, now_ms: Millis) -> Option<Code> {
        let code = self.0.remove(&digest(&call.field("code")?))?;
        let verified = call.field("code_verifier").map(|verifier| {
            let hash = ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes());
            URL_SAFE_NO_PAD.encode(hash)
        });
        let fits = now_ms - code.at_ms <= CODE_MS
            && call.field("redirect_uri").as_deref() == Some(&code.redirect_uri)
            && call.field("client_id").as_deref() == Some(&code.client_id)
            && code.challenge.as_ref().is_none_or(|challenge| verified.as_ref() == Some(challenge));
        fits.then_some(code)
    }
}
