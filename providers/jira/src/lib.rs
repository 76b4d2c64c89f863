//! Jira, in Atlassian's cloud and on servers of one's own: tokens that people make by hand, OAuth grants, personal access tokens.
//!
//! Atlassian lets nobody make a shorter-lived token of one that was made by hand, nor narrow any.

pub mod answer;
pub mod api_token;
pub mod data_center;
pub mod identity;
pub mod oauth;
pub mod place;
pub mod refusal;

use claviger_sdk::{Account, Connect, Credential, Failure, Identify, Identity, Narrowing, Provider, Revoke, Token};
use place::Place;

const API_TOKEN: &str = "api-token";
const SCOPED_API_TOKEN: &str = "scoped-api-token";
const SERVICE_ACCOUNT_TOKEN: &str = "service-account-token";
const OAUTH: &str = "oauth";
const OAUTH_CLIENT: &str = "oauth-client";
const DATA_CENTER_TOKEN: &str = "data-center-token";

/// How a token is shown that is no half of a Basic credential.
const BEARER: &str = "bearer";

/// The provider.
pub struct Jira;

impl Provider for Jira {
    const MANIFEST: &'static str = include_str!("../manifest.json");

    fn mint(mut credential: Credential, narrowing: &Narrowing) -> Result<Token, Failure> {
        narrowing.refuse(credential.kind())?;
        match credential.kind() {
            API_TOKEN => {
                let url = api_token::site(&credential)?;
                let email = api_token::require_email(&credential)?.to_owned();
                let token = Token::new(credential.take_secret("token")?);
                Ok(token.field("url", Some(url)).field("email", Some(email)))
            }
            SCOPED_API_TOKEN | SERVICE_ACCOUNT_TOKEN => {
                let (place, _) = api_token::locate(&credential)?;
                let email = api_token::email(&credential)?.map(str::to_owned);
                let token = Token::new(credential.take_secret("token")?);
                Ok(at(token, place).field("email", email))
            }
            OAUTH => {
                let opened = oauth::of_person(&mut credential)?;
                Ok(at(opened.token, opened.place)
                    .field("email", credential.text("email"))
                    .field("authorization", Some(BEARER)))
            }
            OAUTH_CLIENT => {
                let opened = oauth::of_client(&credential)?;
                Ok(at(opened.token, opened.place)
                    .field("email", credential.text("email"))
                    .field("authorization", Some(BEARER)))
            }
            DATA_CENTER_TOKEN => {
                let url = data_center::base(&credential)?;
                let email = credential.text("email").map(str::to_owned);
                let token = Token::new(credential.take_secret("token")?);
                Ok(token
                    .field("url", Some(url))
                    .field("email", email)
                    .field("authorization", Some(BEARER))
                    .field("personal-token", Some("yes")))
            }
            other => Err(unknown(other)),
        }
    }
}

impl Identify for Jira {
    fn identify(credential: Credential) -> Result<Identity, Failure> {
        identity::identify(&credential)
    }
}

impl Revoke for Jira {
    fn revoke(credential: Credential) -> Result<Option<String>, Failure> {
        let instead = match credential.kind() {
            DATA_CENTER_TOKEN => return data_center::end(&credential),
            API_TOKEN | SCOPED_API_TOKEN => {
                "Atlassian lets nothing but a person end an API token: its owner revokes it at \
                 `https://id.atlassian.com/manage-profile/security/api-tokens`, or an organisation's administrator does at `https://admin.atlassian.com`"
            }
            SERVICE_ACCOUNT_TOKEN | OAUTH_CLIENT => {
                "Atlassian lets nothing but an administrator end a service account's credential: revoke it at `https://admin.atlassian.com` under \
                 Directory, Service accounts"
            }
            OAUTH => {
                "Atlassian has no way to end one grant from outside: its owner removes the application at \
                 `https://id.atlassian.com/manage-profile/apps`; what was handed out ends within the hour"
            }
            other => return Err(unknown(other)),
        };
        Err(Failure::unsupported(instead))
    }
}

impl Connect for Jira {
    fn authorise(credential: Credential) -> Result<String, Failure> {
        oauth::authorise(&credential)
    }

    fn exchange(credential: Credential) -> Result<Vec<Account>, Failure> {
        oauth::exchange(&credential)
    }
}

/// The token with its place, as the manifest's consumers name it.
fn at(token: Token, place: Place) -> Token {
    token
        .field("url", Some(place.url))
        .field("browse-url", place.browse)
        .field("cloud-id", place.cloud_id)
}

fn unknown(kind: &str) -> Failure {
    Failure::unsupported(format!("`{kind}` is no kind of Jira credential"))
}

claviger_sdk::export_provider!(Jira, identify, revoke, connect);

#[cfg(test)]
mod tests;
