//! A person connects an account by consenting at GitHub (RFC 6749, 4.1, with PKCE).

use crate::answer::{Answer, described};
use crate::instance::Instance;
use crate::oauth::{ask, client_id};
use claviger_sdk::oauth::expires_at_ms;
use claviger_sdk::{Account, Credential, Failure, Form, Reply, Secret, query};

/// With this scope an OAuth App asks for tokens that expire, whatever its settings say.
const EXPIRING: &str = "offline_access";

/// Where to send the person.
///
/// # Errors
/// `misconfigured` if nobody said which application this is.
pub fn authorise(credential: &Credential) -> Result<String, Failure> {
    let scopes = scopes(credential);
    let mut pairs = vec![("client_id", client_id(credential)?)];
    pairs.extend(scopes.as_deref().map(|scopes| ("scope", scopes)));
    Ok(format!("{}/login/oauth/authorize?{}", Instance::of(credential).web, query(&pairs)))
}

/// A GitHub App has permissions instead of scopes; an OAuth App that asks for none may see what is public. Which kind it is decides whether
/// tokens expire, not who writes scopes.
fn scopes(credential: &Credential) -> Option<String> {
    let kind = credential.kind();
    let asked = credential.text("scopes").filter(|_| kind != "github-app-user").unwrap_or_default();
    let mut scopes: Vec<&str> = asked
        .split([' ', ','])
        .filter(|scope| !scope.is_empty() && *scope != EXPIRING)
        .collect();
    if kind == "oauth-app-user" {
        scopes.push(EXPIRING);
    }
    (!scopes.is_empty()).then(|| scopes.join(" "))
}

/// Buys the first tokens with the code of a consent.
///
/// # Errors
/// GitHub's refusal, classified; `misconfigured` if what it gave does not fit the kind: a token that ends where one was to be stored for
/// good, or the reverse.
pub fn exchange(credential: &Credential) -> Result<Vec<Account>, Failure> {
    let instance = Instance::of(credential);
    let mut form = Form::new()
        .text("client_id", client_id(credential)?)
        .secret("code", credential.require_secret("code")?)
        .text("redirect_uri", credential.require_text("redirect-uri")?);
    for (key, field) in [("client_secret", "client-secret"), ("code_verifier", "code-verifier")] {
        if let Some(secret) = credential.secret(field) {
            form = form.secret(key, secret);
        }
    }
    let (response, reply) = ask(&instance, form)?;
    let Some(token) = response.take("access-token") else {
        return Err(reply.marked(Failure::upstream_protocol("GitHub's answer lacks the access token")));
    };
    let refreshes = response.take("refresh-token").is_some();
    fits(credential.kind(), &reply, refreshes)?;
    let title = login(&instance, &token).unwrap_or_else(|| format!("an account at {}", instance.host()));
    Ok(vec![Account::new(title)])
}

fn fits(kind: &str, reply: &Reply, refreshes: bool) -> Result<(), Failure> {
    let ends = expires_at_ms(reply, 0).is_some();
    let wrong = |message: &str| Err(reply.marked(Failure::misconfigured(message)));
    match kind {
        "oauth-user-token" if ends => {
            wrong("GitHub gave a token that expires; connect as `oauth-app-user` or, with a GitHub App, as `github-app-user`")
        }
        "oauth-user-token" => Ok(()),
        _ if refreshes => Ok(()),
        _ => wrong(
            "GitHub gave no refresh token: expiry of user tokens is turned off in the App's settings; turn it on, or connect as \
             `oauth-user-token`",
        ),
    }
}

/// For the person to see which account it was. GitHub may not know the new token everywhere yet, so nothing hangs on it.
fn login(instance: &Instance, token: &Secret) -> Option<String> {
    let answer = Answer::to(described("GET", &format!("{}/user", instance.api)).bearer(token)).ok()?;
    let login = answer.reply.text("/login").filter(|_| answer.reply.is_success())?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (!login.is_empty() && login.chars().all(plain)).then(|| format!("{login} at {}", instance.host()))
}
