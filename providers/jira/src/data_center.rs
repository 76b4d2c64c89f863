//! Personal access tokens of a server of somebody's own (Data Center). They are shown alone: as half of a Basic credential they are refused.

use crate::answer::Answer;
use crate::refusal::{At, of_api};
use claviger_sdk::{Credential, Failure, Request, instance_base, now_ms};
use serde_json::Value;

/// The server, with the path that Jira lives below.
///
/// # Errors
/// `invalid-credential` if none is stored.
pub fn base(credential: &Credential) -> Result<String, Failure> {
    Ok(instance_base(Some(credential.require_text("url")?), ""))
}

/// Ends the token by its id, stored or found. The server does not say which of an account's tokens is asking, so with several there is
/// nobody to end.
///
/// # Errors
/// The server's refusal, classified; `unsupported` if the token cannot be told from others.
pub fn end(credential: &Credential) -> Result<Option<String>, Failure> {
    let tokens = format!("{}/rest/pat/latest/tokens", base(credential)?);
    let id = match credential.text("token-id") {
        Some(id) if is_id(id) => id.to_owned(),
        Some(_) => return Err(Failure::invalid_credential("field `token-id` must be the number of the token")),
        None => {
            let answer = call("GET", &tokens, credential)?;
            match answer.reply.status {
                // What the server no longer knows has ended.
                401 => return Ok(None),
                200..=299 => only(&answer.reply.json).ok_or_else(|| {
                    Failure::unsupported(format!(
                        "the server does not say which of the account's tokens this is; store its number as `token-id`, or revoke it at \
                         `{}/secure/ViewProfile.jspa` under Personal Access Tokens",
                        base(credential).unwrap_or_default()
                    ))
                })?,
                _ => return Err(of_api(&answer, At::DataCenter, None, now_ms())),
            }
        }
    };
    let answer = call("DELETE", &format!("{tokens}/{id}"), credential)?;
    match answer.reply.status {
        200..=299 | 401 | 404 => Ok(None),
        _ => Err(of_api(&answer, At::DataCenter, None, now_ms())),
    }
}

/// The id of the only token in the list.
#[must_use]
pub fn only(list: &Value) -> Option<String> {
    match list.as_array()?.as_slice() {
        [token] => token.get("id")?.as_u64().map(|id| id.to_string()),
        _ => None,
    }
}

fn is_id(text: &str) -> bool {
    (1..=19).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn call(method: &'static str, url: &str, credential: &Credential) -> Result<Answer, Failure> {
    let response = Request::new(method, url)
        .header("accept", "application/json")
        .header("user-agent", "claviger")
        .bearer(credential.require_secret("token")?)
        .send()?;
    Answer::read(&response)
}
