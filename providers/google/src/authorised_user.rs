//! A person's grant to a client: a refresh token that stays what it is.

use crate::failures::token::{Shown, check};
use crate::hosts::Hosts;
use crate::token::{self, Extent};
use crate::{documents, scopes};
use claviger_sdk::oauth::Refresh;
use claviger_sdk::{Credential, Failure, Narrowing, Reply, Request, Response, Token, now_ms};

/// The kind's name.
pub const KIND: &str = "authorised-user";

/// A token of the grant, or of a part of it.
///
/// # Errors
/// Google's refusal, or what is missing.
pub fn mint(credential: &Credential, narrowing: &Narrowing) -> Result<Token, Failure> {
    documents::check(credential)?;
    let scope = scopes::of_grant(credential.text("scopes"), narrowing)?;
    let (response, reply) = refresh(credential, scope.as_deref())?;
    let granted = reply.text("/scope");
    if !narrowing.is_empty()
        && let (Some(granted), Some(asked)) = (granted, &scope)
        && let Some(more) = scopes::beyond(granted, asked)
    {
        // A wider token never answers a narrower request.
        return Err(reply.marked(Failure::upstream_protocol(format!(
            "Google granted `{more}`, which was not asked for; the token is thrown away"
        ))));
    }
    token::of(
        credential,
        &response,
        &reply,
        Extent {
            email: None,
            scopes: granted.or(scope.as_deref()),
        },
    )
}

/// Refreshes the grant, for these scopes or for all of it.
///
/// # Errors
/// Google's refusal, or what is missing.
pub fn refresh(credential: &Credential, scope: Option<&str>) -> Result<(Response, Reply), Failure> {
    let grant = Refresh {
        refresh_token: credential.require_secret("refresh-token")?,
        client_id: credential.require_text("client-id")?,
        client_secret: credential.secret("client-secret"),
        redirect_uri: None,
    };
    // Unlike at GitLab, a scope here is of this one token: the grant stays as it is.
    let form = match scope {
        Some(scope) => grant.form().text("scope", scope),
        None => grant.form(),
    };
    let response = Request::post(Hosts::of(credential).token())
        .header("accept", "application/json")
        .header("user-agent", "claviger")
        .body(form)
        .send()?;
    let reply = Reply::read(&response)?;
    check(&reply, Shown::RefreshToken, scope.unwrap_or_default(), now_ms())?;
    Ok((response, reply))
}
