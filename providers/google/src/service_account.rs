//! A service account, for itself or, where domain-wide delegation allows it, for a person.

use crate::assertion::{Assertion, GRANT_TYPE};
use crate::failures::token::{Shown, check, their_clock_ms};
use crate::hosts::Hosts;
use crate::token::{self, Extent};
use crate::{documents, scopes};
use claviger_sdk::{Credential, Failure, Form, Level, Narrowing, Reply, Request, Response, Token, log, now_ms, sign_rs256};

/// The kind's name.
pub const KIND: &str = "service-account";

/// A token of the account.
///
/// # Errors
/// Google's refusal, or what is missing.
pub fn mint(credential: &Credential, narrowing: &Narrowing) -> Result<Token, Failure> {
    documents::check(credential)?;
    let scope = scopes::asked(credential.text("scopes"), narrowing)?;
    let subject = credential.text("subject");
    let (response, reply) = trade(credential, subject, &scope)?;
    let account = credential.require_text("client-email")?;
    token::of(
        credential,
        &response,
        &reply,
        Extent {
            email: subject.or(Some(account)),
            scopes: Some(&scope),
        },
    )
}

/// Trades an assertion for a token. Out of time by this machine's clock, it is signed once more by Google's.
///
/// # Errors
/// Google's refusal, or what is missing.
pub fn trade(credential: &Credential, subject: Option<&str>, scope: &str) -> Result<(Response, Reply), Failure> {
    let now = now_ms();
    let failure = match attempt(credential, subject, scope, now) {
        Err(failure) => failure,
        traded => return traded,
    };
    let Some(theirs) = their_clock_ms(&failure, now) else {
        return Err(failure);
    };
    let skew = failure.get("clock-skew-seconds").unwrap_or_default();
    log(
        Level::Warn,
        &format!("this machine's clock is {skew} s ahead of Google's; the assertion is signed once more by Google's clock"),
    );
    // Of the second failure only its class is new: by how much the clock is off was seen the first time.
    attempt(credential, subject, scope, theirs).map_err(|second| if second.code == failure.code { failure } else { second })
}

fn attempt(credential: &Credential, subject: Option<&str>, scope: &str, at_ms: u64) -> Result<(Response, Reply), Failure> {
    let claims = Assertion {
        account: credential.require_text("client-email")?,
        subject,
        scope,
    }
    .claims(at_ms);
    let key = credential.require_secret("private-key")?;
    let assertion = sign_rs256(key, credential.text("private-key-id"), &claims)?;
    let response = Request::post(Hosts::of(credential).token())
        .header("accept", "application/json")
        .header("user-agent", "claviger")
        .body(Form::new().text("grant_type", GRANT_TYPE).secret("assertion", &assertion))
        .send()?;
    let reply = Reply::read(&response)?;
    check(&reply, Shown::Assertion, scope, now_ms())?;
    Ok((response, reply))
}
