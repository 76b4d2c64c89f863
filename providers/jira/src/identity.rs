//! Whom Jira takes a token for.
//!
//! Many of Jira's pages answer an anonymous reader with 200, so only an answer that names an account counts.

use crate::answer::Answer;
use crate::place::{Cloud, Place};
use crate::refusal::{At, of_api};
use claviger_sdk::{Credential, Encoding, Failure, Identity, Part, Request, Secret, is_address, join, now_ms};

/// Longer than any name that Jira takes.
const LONGEST: usize = 255;

/// How a token is shown.
pub enum Shown<'a> {
    /// With the account's address, as a Basic credential.
    Basic(&'a str, &'a Secret),
    /// Alone.
    Bearer(&'a Secret),
}

/// Asks for one's own account.
///
/// # Errors
/// The host's.
pub fn ask(base: &str, at: At, shown: &Shown<'_>) -> Result<Answer, Failure> {
    let version = if at == At::DataCenter { 2 } else { 3 };
    let request = Request::new("GET", format!("{base}/rest/api/{version}/myself"))
        .header("accept", "application/json")
        .header("user-agent", "claviger");
    let response = match shown {
        Shown::Bearer(token) => request.bearer(token).send()?,
        Shown::Basic(email, token) => {
            let user = Part::Text(format!("{email}:"));
            let pair = join(&[user, Part::Secret(token, Encoding::Plain)], Encoding::Base64);
            request.basic(&pair).send()?
        }
    };
    Answer::read(&response)
}

/// Who it is, from the answer to [`ask`].
///
/// # Errors
/// Jira's refusal, classified; `reauth-required` for an answer to nobody in particular.
pub fn read(answer: &Answer, at: At, ends_ms: Option<u64>, now_ms: u64) -> Result<Identity, Failure> {
    let reply = &answer.reply;
    if !reply.is_success() {
        return Err(of_api(answer, at, ends_ms, now_ms));
    }
    let failed = answer.sign_in.as_deref().is_some_and(|word| word.contains("AUTHENTICATED_FAILED"));
    let text = |pointer: &str| reply.text(pointer).and_then(name);
    let id = if at == At::DataCenter {
        text("/key").or_else(|| text("/name"))
    } else {
        text("/accountId")
    };
    let Some(id) = id.filter(|_| !failed) else {
        return Err(reply.marked(Failure::reauth_required(
            "Jira answers as if nobody had signed in: the token has expired or was revoked; store a new one or connect again",
        )));
    };
    if reply.json.pointer("/active").and_then(serde_json::Value::as_bool) == Some(false) {
        return Err(reply.marked(Failure::suspended(
            "Jira has switched the account off; an administrator there has to allow it again",
        )));
    }
    let email = text("/emailAddress").filter(|text| is_address(text));
    let login = if at == At::DataCenter { text("/name") } else { email };
    Ok(Identity::new()
        .id(Some(id))
        .login(login)
        .display_name(text("/displayName"))
        .user_name(text("/displayName"))
        .email(email))
}

/// Asks with the token that is in use, where it is used.
///
/// # Errors
/// Jira's refusal, classified.
pub fn identify(credential: &Credential) -> Result<Identity, Failure> {
    let ends = || credential.text("current-token-expires-at-ms").and_then(|at| at.parse().ok());
    match credential.kind() {
        crate::API_TOKEN => {
            let site = crate::api_token::site(credential)?;
            let email = crate::api_token::require_email(credential)?;
            let answer = ask(&site, At::Site, &Shown::Basic(email, credential.require_secret("token")?))?;
            read(&answer, At::Site, None, now_ms())
        }
        crate::SCOPED_API_TOKEN | crate::SERVICE_ACCOUNT_TOKEN => {
            let (place, answer) = crate::api_token::locate(credential)?;
            let at = if place.cloud_id.is_some() { At::Gateway } else { At::Site };
            let answer = match answer {
                Some(answer) => answer,
                None => ask(&place.url, at, &crate::api_token::shown(credential)?)?,
            };
            read(&answer, at, None, now_ms())
        }
        crate::OAUTH | crate::OAUTH_CLIENT => {
            let token = credential.require_secret("current-token")?;
            let place: Place = crate::oauth::place(credential, &Cloud::of(credential.text("url")), token, ends())?;
            let answer = ask(&place.url, At::Gateway, &Shown::Bearer(token))?;
            read(&answer, At::Gateway, ends(), now_ms())
        }
        crate::DATA_CENTER_TOKEN => {
            let base = crate::data_center::base(credential)?;
            let answer = ask(&base, At::DataCenter, &Shown::Bearer(credential.require_secret("token")?))?;
            read(&answer, At::DataCenter, None, now_ms())
        }
        other => Err(crate::unknown(other)),
    }
}

/// A text of one line, without what would end a name in Git's configuration.
#[must_use]
pub fn name(text: &str) -> Option<&str> {
    let text = text.trim();
    let fits = !text.is_empty() && text.len() <= LONGEST && !text.chars().any(|c| c.is_control() || c == '<' || c == '>');
    fits.then_some(text)
}
