//! OAuth grants. GitLab ends the old refresh token and the old access token with every refresh, at once, so a token that is
//! still good is handed out again rather than made anew.

use crate::instance::base;
use crate::refusal::of_grant;
use claviger_sdk::oauth::{Refresh, expires_at_ms};
use claviger_sdk::{Account, Credential, Failure, Form, Reply, Request, Response, Token, now_ms, query};

/// What a consent asks for where nobody said something else: it covers the API and Git, and an application is usually registered for it.
const SCOPES: &str = "api";

/// The current token if there is one, else one from a refresh. The new refresh token never comes here: the host has stored it
/// before the answer arrives.
///
/// # Errors
/// GitLab's refusal, classified; `misconfigured` if nobody said which application this is.
pub fn token(credential: &mut Credential) -> Result<Token, Failure> {
    if credential.secret("current-token").is_some() {
        let ends = credential.text("current-token-expires-at-ms").and_then(|at| at.parse().ok());
        return Ok(Token::new(credential.take_secret("current-token")?).expires_at_ms(ends));
    }
    let grant = Refresh {
        refresh_token: credential.require_secret("refresh-token")?,
        client_id: client_id(credential)?,
        client_secret: credential.secret("client-secret"),
        redirect_uri: credential.text("redirect-uri"),
    };
    let (response, reply) = granted(credential, grant.form())?;
    let token = response
        .take("access-token")
        .ok_or_else(|| reply.marked(Failure::upstream_protocol("GitLab's answer lacks the access token")))?;
    Ok(Token::new(token).expires_at_ms(expires_at_ms(&reply, now_ms())))
}

/// Where a person consents.
///
/// # Errors
/// `misconfigured` if nobody said which application this is.
pub fn authorise(credential: &Credential) -> Result<String, Failure> {
    let query = query(&[
        ("client_id", client_id(credential)?),
        ("response_type", "code"),
        ("scope", credential.text("scopes").unwrap_or(SCOPES)),
    ]);
    Ok(format!("{}/oauth/authorize?{query}", base(credential)))
}

/// Buys the first pair of tokens, and asks whose they are.
///
/// # Errors
/// GitLab's refusal, classified.
pub fn exchange(credential: &Credential) -> Result<Vec<Account>, Failure> {
    let redirect_uri = credential.require_text("redirect-uri")?;
    let mut form = Form::new()
        .text("grant_type", "authorization_code")
        .secret("code", credential.require_secret("code")?)
        .text("client_id", client_id(credential)?)
        .text("redirect_uri", redirect_uri);
    if let Some(verifier) = credential.secret("code-verifier") {
        form = form.secret("code_verifier", verifier);
    }
    if let Some(secret) = credential.secret("client-secret") {
        form = form.secret("client_secret", secret);
    }
    let (response, reply) = granted(credential, form)?;
    let token = response
        .take("access-token")
        .ok_or_else(|| reply.marked(Failure::upstream_protocol("GitLab's answer lacks the access token")))?;
    if response.take("refresh-token").is_none() {
        return Err(reply.marked(Failure::upstream_protocol("GitLab's answer lacks the refresh token")));
    }
    // The code is spent and the grant is good whoever it belongs to: who that is decides its title alone. A refresh has to name the
    // redirect address of the consent.
    let account = match crate::identity::whose(credential, &token) {
        Ok(identity) => {
            let login = identity.get("login").unwrap_or("somebody");
            let account = Account::new(format!("{login} at {}", base(credential)));
            let known = ["user-name", "email"];
            let known = known.into_iter().filter_map(|key| Some((key, identity.get(key)?)));
            known.fold(account, |account, (key, value)| account.field(key, value))
        }
        Err(_) => Account::new(format!("an account at {}", base(credential))),
    };
    Ok(vec![account.field("redirect-uri", redirect_uri)])
}

/// The application's id.
///
/// # Errors
/// `misconfigured` if neither the credential nor the operator names one.
pub fn client_id(credential: &Credential) -> Result<&str, Failure> {
    credential.text("client-id").ok_or_else(|| {
        Failure::misconfigured(format!(
            "no application id for `{}`; set `client_id` for that instance in the configuration, or store it as `client-id`",
            base(credential)
        ))
    })
}

/// The token endpoint's answer to a form, if it is a grant.
fn granted(credential: &Credential, form: Form<'_>) -> Result<(Response, Reply), Failure> {
    let response = Request::post(format!("{}/oauth/token", base(credential)))
        .header("accept", "application/json")
        .header("user-agent", "claviger")
        .body(form)
        .send()?;
    let reply = Reply::read(&response)?;
    of_grant(&reply, now_ms())?;
    Ok((response, reply))
}
