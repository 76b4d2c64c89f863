//! Tokens that people and administrators make by hand: classic ones, which work at the site, and scoped ones (a service account's are
//! always scoped), which work through the gateway alone. Nothing in a token says which it is.

use crate::answer::Answer;
use crate::identity::{Shown, ask};
use crate::place::{Cloud, Place, cloud_id_of, stored_cloud_id};
use crate::refusal::{At, of_api};
use claviger_sdk::{Credential, Failure, instance_base, now_ms};

/// The site that is stored. Clients append paths to the address; two slashes in a row are another page to Jira.
///
/// # Errors
/// `invalid-credential` if there is none.
pub fn site(credential: &Credential) -> Result<String, Failure> {
    Ok(instance_base(Some(credential.require_text("url")?), ""))
}

/// The account's address. Its half of a Basic credential ends at the first colon, and a header at the first line's end.
///
/// # Errors
/// `invalid-credential` if it could not be one half of a Basic credential.
pub fn email(credential: &Credential) -> Result<Option<&str>, Failure> {
    match credential.text("email") {
        Some(email) if email.chars().any(|c| c == ':' || c.is_control() || c.is_whitespace()) => Err(Failure::invalid_credential(
            "field `email` has a colon, a space or a control character; store the account's e-mail address",
        )),
        other => Ok(other),
    }
}

/// The same where a call cannot do without.
///
/// # Errors
/// `invalid-credential`, also if there is none.
pub fn require_email(credential: &Credential) -> Result<&str, Failure> {
    email(credential)?.map_or_else(|| credential.require_text("email"), Ok)
}

/// How the token is shown: with its account's address, and alone where a service account has none.
///
/// # Errors
/// `invalid-credential`, naming the field.
pub fn shown(credential: &Credential) -> Result<Shown<'_>, Failure> {
    let token = credential.require_secret("token")?;
    Ok(match email(credential)? {
        Some(email) => Shown::Basic(email, token),
        None => Shown::Bearer(token),
    })
}

/// Where a scoped token is used, and what Jira said of its account if it was asked on the way.
///
/// With a stored cloud id nobody is asked. Else the site first, for a classic token is often taken for a scoped one; a site that does not
/// accept it tells its cloud id, and the gateway has the last word. A service account's token is never good at the site.
///
/// # Errors
/// The site's refusal, unless the gateway accepts the token or says which scope it lacks.
pub fn locate(credential: &Credential) -> Result<(Place, Option<Answer>), Failure> {
    let (site, cloud) = (site(credential)?, Cloud::of(credential.text("url")));
    let through_gateway = |id: &str| Place {
        url: cloud.gateway(id),
        browse: Some(site.clone()),
        cloud_id: Some(id.to_owned()),
    };
    if let Some(id) = stored_cloud_id(credential)? {
        return Ok((through_gateway(id), None));
    }
    if credential.kind() == crate::SERVICE_ACCOUNT_TOKEN {
        return Ok((through_gateway(&cloud_id_of(&site)?), None));
    }
    let shown = shown(credential)?;
    let at_site = ask(&site, At::Site, &shown)?;
    if at_site.reply.is_success() {
        let place = Place {
            url: site,
            browse: None,
            cloud_id: None,
        };
        return Ok((place, Some(at_site)));
    }
    let refused = of_api(&at_site, At::Site, None, now_ms());
    if at_site.reply.status != 401 {
        return Err(refused);
    }
    let place = through_gateway(&cloud_id_of(&site)?);
    let at_gateway = ask(&place.url, At::Gateway, &shown)?;
    if at_gateway.reply.is_success() {
        return Ok((place, Some(at_gateway)));
    }
    match of_api(&at_gateway, At::Gateway, None, now_ms()) {
        // It is known there: a token needs no scope for its own account to be of use.
        failure if failure.code == claviger_sdk::codes::INSUFFICIENT_SCOPE => Ok((place, Some(at_gateway))),
        failure if failure.code == claviger_sdk::codes::REAUTH_REQUIRED => Err(refused),
        failure => Err(failure),
    }
}
