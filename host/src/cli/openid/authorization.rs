//! A person signs in in their browser: authorisation code with PKCE (RFC 6749, RFC 7636, RFC 8252).

use super::callback::{Callback, Returned};
use super::issuer::{Granted, Issuer, said};
use crate::cli::client::Failure;
use crate::clock::{Clock, fill_random};
use crate::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use std::process::{Command, Stdio};
use std::time::Duration;

/// What is asked for, and how.
pub(in crate::cli) struct Authorization<'a> {
    /// Whom the issuer takes this program for.
    pub client_id: &'a str,
    /// What is asked for.
    pub scope: &'a str,
    /// Whom the token is for, if the issuer has to be told.
    pub resource: Option<&'a str>,
    /// The port that the browser comes back to; zero is any.
    pub port: u16,
    /// Whether to open a browser.
    pub opens: bool,
    /// How long the person has.
    pub within: Duration,
}

/// Sends the person to the issuer and waits until they come back.
pub(in crate::cli) async fn authorize(issuer: &Issuer, asked: &Authorization<'_>, clock: &dyn Clock) -> Result<Granted, Failure> {
    let Some(mut address) = issuer.authorization.clone() else {
        return Err(Failure::Refused(format!("nobody can sign in at `{}` with a browser", issuer.name)));
    };
    let callback = Callback::open(asked.port).await?;
    let back = callback.address.clone();
    let (state, verifier) = (unguessable(), unguessable());
    {
        let mut query = address.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", asked.client_id)
            .append_pair("redirect_uri", &back)
            .append_pair("scope", asked.scope)
            .append_pair("state", state.expose())
            .append_pair("code_challenge", &challenge(&verifier))
            .append_pair("code_challenge_method", "S256");
        if let Some(resource) = asked.resource {
            query.append_pair("resource", resource);
        }
        // Without a new consent no issuer has to give a refresh token (OpenID Connect Core, 11).
        if asked.scope.split(' ').any(|word| word == "offline_access") {
            query.append_pair("prompt", "consent");
        }
    }
    crate::cli::note(&format!("sign in here, within {} s:\n\n  {address}\n", asked.within.as_secs()));
    if asked.opens {
        open(address.as_str());
    }
    let returned = tokio::time::timeout(asked.within, callback.wait(&state)).await;
    let code = match returned {
        Ok(Some(Returned::Code { code, issuer: named })) => {
            // Another issuer's answer that came back here would send this one's code to it (RFC 9207).
            if named.is_some_and(|named| named != issuer.name) {
                return Err(Failure::Refused("another issuer answered; nobody was signed in".to_owned()));
            }
            Secret::new(code)
        }
        Ok(Some(Returned::Declined { error, description })) => {
            return Err(Failure::NotSignedIn(format!(
                "the issuer signs nobody in: {}",
                said(&error, &description)
            )));
        }
        Ok(None) | Err(_) => {
            return Err(Failure::NotSignedIn(format!(
                "nobody came back within {} s; nobody was signed in",
                asked.within.as_secs()
            )));
        }
    };
    let mut form = vec![
        ("grant_type", Secret::new("authorization_code".to_owned())),
        ("code", code),
        ("redirect_uri", Secret::new(back)),
        ("client_id", Secret::new(asked.client_id.to_owned())),
        ("code_verifier", verifier),
    ];
    form.extend(asked.resource.map(|resource| ("resource", Secret::new(resource.to_owned()))));
    issuer.token(&form, clock).await
}

/// 256 random bits, as a URL may hold them.
fn unguessable() -> Secret {
    let mut bytes = [0; 32];
    fill_random(&mut bytes);
    Secret::new(URL_SAFE_NO_PAD.encode(bytes))
}

/// The challenge of a verifier (RFC 7636, 4.2, S256).
fn challenge(verifier: &Secret) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.expose().as_bytes()))
}

/// Shows the address in the person's browser, if there is one: it is on the terminal as well. It is one argument, and begins with `http`.
fn open(address: &str) {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let mut command = Command::new(opener);
    command
        .arg(address)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if command.spawn().is_err() {
        crate::cli::note("no browser could be opened; open the address yourself");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standards_own_example() {
        let verifier = Secret::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned());
        assert_eq!(challenge(&verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn no_two_sign_ins_have_a_text_in_common() {
        assert!(unguessable().expose() != unguessable().expose());
        assert_eq!(unguessable().len(), 43);
    }
}
