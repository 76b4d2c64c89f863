//! A service account's token for somebody else who may make it: `generateAccessToken`, alone or at the end of a chain of delegates.

use crate::failures::iam;
use crate::hosts::Hosts;
use crate::token::{Extent, finish, taken};
use crate::{authorised_user, documents, scopes, service_account, target};
use claviger_sdk::{Credential, Failure, Json, Narrowing, Reply, Request, Secret, Token, now_ms, rfc3339_ms};
use serde_json::json;

/// The kind's name.
pub const KIND: &str = "impersonated-service-account";

/// What a source needs to impersonate, and no more.
pub const SOURCE_SCOPE: &str = "https://www.googleapis.com/auth/iam";

/// The longest that Google gives without a policy of the organisation's.
const LIFETIME: &str = "3600s";

/// A token of the account `target`, from the source that is stored: a person's grant or a key.
///
/// # Errors
/// Google's refusal, or what is missing.
pub fn mint(credential: &Credential, narrowing: &Narrowing) -> Result<Token, Failure> {
    documents::check(credential)?;
    let target = target::parse("target", credential.require_text("target")?)?;
    let scope = scopes::asked(credential.text("scopes"), narrowing)?;
    let (response, reply) = if credential.secret("private-key").is_some() {
        service_account::trade(credential, None, SOURCE_SCOPE)?
    } else if credential.secret("refresh-token").is_some() {
        // All that was granted: a person's grant is asked for `cloud-platform`, seldom for `iam`, and Google refuses what was not granted.
        authorised_user::refresh(credential, None)?
    } else {
        return Err(Failure::invalid_credential(format!(
            "a credential of kind `{KIND}` needs a source: the field `refresh-token` with `client-id` and `client-secret`, or \
             `private-key` with `client-email`; store one"
        )));
    };
    let source = taken(&response, &reply)?;
    generate(credential, &source, &target, &scope)
}

/// A token of `target`, for the holder of `source`.
///
/// # Errors
/// Google's refusal.
pub fn generate(credential: &Credential, source: &Secret, target: &str, scope: &str) -> Result<Token, Failure> {
    let scopes: Vec<&str> = scope.split_whitespace().collect();
    let body = Json::new()
        .value("scope", &json!(scopes))
        .value("lifetime", &json!(LIFETIME))
        .value("delegates", &json!(target::delegates(credential)?));
    let response = Request::post(Hosts::of(credential).impersonation(target))
        .header("accept", "application/json")
        .header("user-agent", "claviger")
        .bearer(source)
        .body(body)
        .send()?;
    let reply = Reply::read(&response)?;
    iam::check(&reply, target, now_ms())?;
    let token = taken(&response, &reply)?;
    let end = reply.text("/expireTime").and_then(rfc3339_ms);
    let end = end.ok_or_else(|| reply.marked(Failure::upstream_protocol("Google's answer does not say when the token ends")))?;
    Ok(finish(
        credential,
        token,
        end,
        Extent {
            email: Some(target).filter(|target| target.contains('@')),
            scopes: Some(scope),
        },
    ))
}
