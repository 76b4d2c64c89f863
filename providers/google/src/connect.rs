//! A person consents in a browser, and the code of that consent buys a grant (RFC 6749, section 4.1, with PKCE).
//!
//! `access_type=offline` asks for a refresh token and `prompt=consent` makes Google give one again to somebody who consented before. The
//! consent is asked to tell whose it is, besides the scopes that are wanted: an account without a name cannot be told from another.

use crate::failures::token::{Shown, check};
use crate::hosts::Hosts;
use crate::{authorised_user, identify, scopes, token, unknown};
use claviger_sdk::{Account, Credential, Failure, Form, Reply, Request, now_ms};
use std::fmt::Write as _;

/// What lets a token tell whose it is.
const TELL_WHO: [&str; 2] = ["openid", "https://www.googleapis.com/auth/userinfo.email"];

/// The address of the consent.
///
/// # Errors
/// What is missing.
pub fn authorise(credential: &Credential) -> Result<String, Failure> {
    expect_person(credential)?;
    let client = credential.require_text("client-id").map_err(|_| no_client())?;
    let mut address = format!("{}?response_type=code", Hosts::of(credential).consent());
    for (key, value) in [
        ("client_id", client),
        ("scope", &wanted(credential.text("scopes"))),
        ("access_type", "offline"),
        ("prompt", "consent"),
    ] {
        // Writing to a string cannot fail.
        let _ = write!(address, "&{key}={}", encoded(value));
    }
    if let Some(email) = credential.text("email") {
        let _ = write!(address, "&login_hint={}", encoded(email));
    }
    Ok(address)
}

/// Buys the grant, and asks whose it is.
///
/// # Errors
/// Google's refusal; `reauth-required` if the consent brought no refresh token.
pub fn exchange(credential: &Credential) -> Result<Vec<Account>, Failure> {
    expect_person(credential)?;
    let mut form = Form::new()
        .text("grant_type", "authorization_code")
        .secret("code", credential.require_secret("code")?)
        .text("redirect_uri", credential.require_text("redirect-uri")?)
        .text("client_id", credential.require_text("client-id").map_err(|_| no_client())?);
    if let Some(secret) = credential.secret("client-secret") {
        form = form.secret("client_secret", secret);
    }
    if let Some(verifier) = credential.secret("code-verifier") {
        form = form.secret("code_verifier", verifier);
    }
    let hosts = Hosts::of(credential);
    let response = Request::post(hosts.token())
        .header("accept", "application/json")
        .header("user-agent", "claviger")
        .body(form)
        .send()?;
    let reply = Reply::read(&response)?;
    let asked = wanted(credential.text("scopes"));
    check(&reply, Shown::Code, &asked, now_ms())?;
    if response.take("refresh-token").is_none() {
        return Err(reply.marked(Failure::reauth_required(
            "Google gave no refresh token with this consent; take the application's access away at myaccount.google.com/connections and \
             connect again",
        )));
    }
    let granted = reply.text("/scope").and_then(scopes::told).unwrap_or(asked);
    let access = token::taken(&response, &reply)?;

    let response = Request::new("GET", hosts.userinfo())
        .header("accept", "application/json")
        .header("user-agent", "claviger")
        .bearer(&access)
        .send()?;
    let reply = Reply::read(&response)?;
    if !reply.is_success() {
        return Err(reply.failure_by_status(crate::failures::GOOGLE, now_ms()));
    }
    let identity = identify::of(&reply);
    let Some(email) = identity.get("email") else {
        return Err(reply.marked(Failure::insufficient_scope(
            "the consent does not let Google tell whose account it is; connect again and leave the address of mail ticked",
            Some("https://www.googleapis.com/auth/userinfo.email"),
        )));
    };
    Ok(vec![Account::new(email).field("email", email).field("scopes", granted)])
}

/// The scopes to ask consent for: those that are stored, and what tells whose they are.
fn wanted(stored: Option<&str>) -> String {
    let stored = stored.unwrap_or_default();
    let mut wanted: Vec<&str> = stored.split_whitespace().collect();
    wanted.extend(TELL_WHO.iter().filter(|scope| !scopes::holds(stored, scope)));
    wanted.join(" ")
}

fn encoded(text: &str) -> String {
    // As `application/x-www-form-urlencoded`, which is what a query is read as.
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn expect_person(credential: &Credential) -> Result<(), Failure> {
    match credential.kind() {
        authorised_user::KIND => Ok(()),
        other => Err(unknown(other)),
    }
}

fn no_client() -> Failure {
    Failure::misconfigured(
        "there is no OAuth client to connect with; set `client_id` and its secret in the `[[instance]]` of `google` at \
         `https://oauth2.googleapis.com`",
    )
}
