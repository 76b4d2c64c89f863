//! OAuth 2.0: a person's consent (3LO), whose refresh token changes with every use, and a service account's own client credentials.
//!
//! Atlassian keeps the old pair alive for ten minutes after a refresh, so one repetition within them is safe; after that a second use ends
//! the whole family. All of these tokens work through the gateway alone.

use crate::answer::Answer;
use crate::place::{Cloud, Place, choose, cloud_id_of, sites, stored_cloud_id};
use crate::refusal::{Grant, of_grant};
use claviger_sdk::oauth::expires_at_ms;
use claviger_sdk::{Account, Credential, Failure, Json, Request, Response, Secret, Token, instance_base, now_ms, query};

/// What a consent asks for where nobody said something else.
const SCOPES: &str = "read:jira-user read:jira-work write:jira-work";
/// Without it there is no refresh token.
const OFFLINE: &str = "offline_access";

/// A token, and where it is used.
pub struct Opened {
    /// The token.
    pub token: Token,
    /// Its site.
    pub place: Place,
}

/// The current token if there is one, else one from a refresh. The new refresh token never comes here: the host has stored it before the
/// answer arrives.
///
/// # Errors
/// Atlassian's refusal, classified; `misconfigured` if nobody said which application this is.
pub fn of_person(credential: &mut Credential) -> Result<Opened, Failure> {
    let cloud = Cloud::of(credential.text("url"));
    let (token, ends) = if credential.secret("current-token").is_some() {
        let ends = credential.text("current-token-expires-at-ms").and_then(|at| at.parse().ok());
        (credential.take_secret("current-token")?, ends)
    } else {
        let body = client(credential, "refresh_token")?.secret("refresh_token", credential.require_secret("refresh-token")?);
        let (_, token, ends) = granted(&cloud, Grant::Refresh, body)?;
        (token, ends)
    };
    opened(credential, &cloud, token, ends)
}

/// A token from a service account's id and secret.
///
/// # Errors
/// Atlassian's refusal, classified.
pub fn of_client(credential: &Credential) -> Result<Opened, Failure> {
    let cloud = Cloud::of(credential.text("url"));
    let (_, token, ends) = granted(&cloud, Grant::Client, client(credential, "client_credentials")?)?;
    opened(credential, &cloud, token, ends)
}

fn opened(credential: &Credential, cloud: &Cloud, token: Secret, ends: Option<u64>) -> Result<Opened, Failure> {
    let place = place(credential, cloud, &token, ends)?;
    Ok(Opened {
        token: Token::new(token).expires_at_ms(ends),
        place,
    })
}

/// Where the token is used: the stored cloud id, else that of the stored site, else the one site that the token opens.
///
/// # Errors
/// Atlassian's refusal, classified; `misconfigured` if several sites are open and none is stored.
pub fn place(credential: &Credential, cloud: &Cloud, token: &Secret, ends: Option<u64>) -> Result<Place, Failure> {
    let stored = stored_site(credential);
    let (id, browse) = match (stored_cloud_id(credential)?, credential.kind()) {
        (Some(id), _) => (id.to_owned(), stored),
        // A service account's consent covers its organisation, and its sites are not listed for it.
        (None, crate::OAUTH_CLIENT) => match stored {
            Some(site) => (cloud_id_of(&site)?, Some(site)),
            None => {
                return Err(Failure::invalid_credential(
                    "a credential of kind `oauth-client` needs the field `site` or `cloud-id`; store it and read again",
                ));
            }
        },
        (None, _) => {
            let site = choose(sites(cloud, token, ends)?, stored.as_deref())?;
            (site.id, Some(site.url))
        }
    };
    Ok(Place {
        url: cloud.gateway(&id),
        browse,
        cloud_id: Some(id),
    })
}

/// The site as it was stored: by itself, or as the address of a credential that was given a site where an instance belongs.
fn stored_site(credential: &Credential) -> Option<String> {
    let url = credential
        .text("url")
        .filter(|url| instance_base(Some(url), "").ends_with(".atlassian.net"));
    credential.text("site").or(url).map(|site| instance_base(Some(site), ""))
}

/// Where a person consents.
///
/// # Errors
/// `misconfigured` if nobody said which application this is.
pub fn authorise(credential: &Credential) -> Result<String, Failure> {
    let mut scopes = credential.text("scopes").unwrap_or(SCOPES).to_owned();
    if !scopes.split_whitespace().any(|scope| scope == OFFLINE) {
        scopes = format!("{OFFLINE} {scopes}");
    }
    let query = query(&[
        ("audience", "api.atlassian.com"),
        ("client_id", client_id(credential)?),
        ("scope", &scopes),
        ("response_type", "code"),
        ("prompt", "consent"),
    ]);
    Ok(format!("{}/authorize?{query}", Cloud::of(credential.text("url")).auth))
}

/// Buys the first pair of tokens; the accounts are the sites that the person opened.
///
/// # Errors
/// Atlassian's refusal, classified.
pub fn exchange(credential: &Credential) -> Result<Vec<Account>, Failure> {
    let cloud = Cloud::of(credential.text("url"));
    let body = client(credential, "authorization_code")?
        .secret("code", credential.require_secret("code")?)
        .value("redirect_uri", &credential.require_text("redirect-uri")?.into());
    let (response, token, ends) = granted(&cloud, Grant::Code, body)?;
    if response.take("refresh-token").is_none() {
        return Err(Failure::misconfigured(
            "Atlassian gave no refresh token; let the application ask for `offline_access`",
        ));
    }
    let sites = sites(&cloud, &token, ends)?;
    if sites.is_empty() {
        return Err(Failure::reauth_required(
            "the consent opens no site of Jira; connect again and choose one",
        ));
    }
    let account = |site: crate::place::Site| {
        Account::new(format!("{} ({})", site.name, site.url))
            .field("cloud-id", site.id)
            .field("site", site.url)
    };
    Ok(sites.into_iter().map(account).collect())
}

fn client_id(credential: &Credential) -> Result<&str, Failure> {
    credential.text("client-id").ok_or_else(|| {
        Failure::misconfigured(
            "no application id for Atlassian; set `client_id` for the instance `https://auth.atlassian.com` in the configuration (the credential's \
             `url` stays empty, its site goes into `site`), or store it as `client-id`",
        )
    })
}

/// The members that every request for a token has.
fn client<'a>(credential: &'a Credential, grant: &str) -> Result<Json<'a>, Failure> {
    let body = Json::new()
        .value("grant_type", &grant.into())
        .value("client_id", &client_id(credential)?.into());
    Ok(match credential.secret("client-secret") {
        Some(secret) => body.secret("client_secret", secret),
        None => body,
    })
}

fn granted(cloud: &Cloud, grant: Grant, body: Json<'_>) -> Result<(Response, Secret, Option<u64>), Failure> {
    let response = Request::post(format!("{}/oauth/token", cloud.auth))
        .header("accept", "application/json")
        .header("user-agent", "claviger")
        .body(body)
        .send()?;
    let answer = Answer::read(&response)?;
    of_grant(&answer, grant, now_ms())?;
    let Some(token) = response.take("access-token") else {
        return Err(answer
            .reply
            .marked(Failure::upstream_protocol("Atlassian's answer lacks the access token")));
    };
    let ends = expires_at_ms(&answer.reply, now_ms());
    Ok((response, token, ends))
}
