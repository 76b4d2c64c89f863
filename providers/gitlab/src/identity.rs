//! Whom GitLab takes a token for, and as whom they commit.
//!
//! The address for commits is the one that the account chose for that (`commit_email`), else the one it shows, else the private form
//! that GitLab makes up for everybody. Project and group tokens are accounts of their own (bots) and have all of this too.

use crate::instance::{Parts, api, base};
use crate::refusal::of_api;
use claviger_sdk::{Credential, Failure, Identity, Reply, Request, Secret, is_address, now_ms};

/// Longer than any name that Git or GitLab takes.
const LONGEST: usize = 255;

/// Asks with the token that is in use.
///
/// # Errors
/// GitLab's refusal, classified; `unsupported` for a deploy token, which cannot use the API.
pub fn identify(credential: &Credential) -> Result<Identity, Failure> {
    if credential.kind() == crate::DEPLOY_TOKEN {
        return Err(Failure::unsupported(
            "a deploy token belongs to no account and cannot use GitLab's API; its user name is stored with it",
        ));
    }
    whose(credential, credential.require_secret("current-token")?)
}

/// Whose token that is.
///
/// # Errors
/// GitLab's refusal, classified.
pub fn whose(credential: &Credential, token: &Secret) -> Result<Identity, Failure> {
    let response = Request::new("GET", api(credential, "/user"))
        .header("accept", "application/json")
        .header("user-agent", "claviger")
        .bearer(token)
        .send()?;
    let reply = Reply::read(&response)?;
    if !reply.is_success() {
        return Err(of_api(&reply, now_ms()));
    }
    let parts = Parts::of(&base(credential));
    read(&reply, parts.as_ref().map_or("", Parts::name))
}

/// Reads `GET /user`; `host` is the instance's, for the private form of an address.
///
/// # Errors
/// `upstream-protocol` if the answer names no account, `suspended` if it is switched off there.
pub fn read(reply: &Reply, host: &str) -> Result<Identity, Failure> {
    let (Some(id), Some(login)) = (reply.number("/id"), reply.text("/username").and_then(name)) else {
        return Err(reply.marked(Failure::upstream_protocol("GitLab's answer names no account")));
    };
    if let Some(state @ ("blocked" | "banned" | "deactivated" | "ldap_blocked")) = reply.text("/state") {
        return Err(reply.marked(Failure::suspended(format!(
            "GitLab has switched the account off ({state}); an administrator there has to allow it again"
        ))));
    }
    let shown = reply.text("/name").and_then(name);
    let chosen = ["/commit_email", "/email", "/public_email"]
        .into_iter()
        .find_map(|pointer| reply.text(pointer).and_then(address))
        .map(str::to_owned);
    let private = Some(format!("{id}-{login}@users.noreply.{host}")).filter(|text| address(text).is_some());
    Ok(Identity::new()
        .id(Some(id.to_string()))
        .login(Some(login))
        .display_name(shown)
        .user_name(shown.or(Some(login)))
        .email(chosen.or(private)))
}

/// A name that Git can keep on its line.
fn name(text: &str) -> Option<&str> {
    let text = text.trim();
    let fits = !text.is_empty() && text.len() <= LONGEST && !text.chars().any(|c| c.is_control() || c == '<' || c == '>');
    fits.then_some(text)
}

/// An address of mail, as far as Git minds.
fn address(text: &str) -> Option<&str> {
    name(text).filter(|text| is_address(text))
}
