//! An identity of another issuer, traded at Google's Security Token Service (RFC 8693).
//!
//! The subject token is read anew for each exchange from where the operator said: such tokens live for minutes, and one that was stored
//! would be dead by the next read. What a pasted document says of where to find it (`credential_source`: a file, an address, a program to
//! run) is not among the fields, because whoever wrote the document would choose what this server reads, asks or runs.

use crate::failures::sts;
use crate::hosts::Hosts;
use crate::token::{self, Extent};
use crate::{documents, impersonation, scopes, target};
use claviger_sdk::{Credential, Failure, Form, Narrowing, Reply, Request, Token, now_ms};
use serde_json::json;

/// The kind's name.
pub const KIND: &str = "external-account";

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// What almost every issuer gives.
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// A token of the identity itself, or of the service account that it impersonates.
///
/// # Errors
/// Google's refusal, or what is missing.
pub fn mint(credential: &Credential, narrowing: &Narrowing) -> Result<Token, Failure> {
    documents::check(credential)?;
    let scope = scopes::asked(credential.text("scopes"), narrowing)?;
    let target = credential.text("target").map(|text| target::parse("target", text)).transpose()?;
    let audience = credential.require_text("audience")?;
    let subject_token = credential.require_secret("subject-token")?;
    let asked = if target.is_some() {
        impersonation::SOURCE_SCOPE
    } else {
        scope.as_str()
    };
    let mut form = Form::new()
        .text("grant_type", GRANT_TYPE)
        .text("audience", audience)
        .text("scope", asked)
        .text("requested_token_type", ACCESS_TOKEN)
        .secret("subject_token", subject_token)
        .text("subject_token_type", credential.text("subject-token-type").unwrap_or(JWT));
    if let Some(project) = credential.text("workforce-project") {
        form = form.text("options", &json!({ "userProject": project }).to_string());
    }
    let response = Request::post(Hosts::of(credential).exchange())
        .header("accept", "application/json")
        .header("user-agent", "claviger")
        .body(form)
        .send()?;
    let reply = Reply::read(&response)?;
    sts::check(&reply, asked, now_ms())?;
    match target {
        Some(target) => impersonation::generate(credential, &token::taken(&response, &reply)?, &target, &scope),
        None => {
            let extent = Extent {
                email: None,
                scopes: Some(&scope),
            };
            token::of(credential, &response, &reply, extent)
        }
    }
}
