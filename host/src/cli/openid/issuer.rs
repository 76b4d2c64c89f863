//! An issuer: its discovery document, and its token endpoint (RFC 6749, RFC 7636, RFC 8707).

use crate::cli::client::{Failure, http, is_loopback, text, unreachable};
use crate::clock::{Clock, Millis};
use crate::secret::Secret;
use serde_json::Value;
use std::path::PathBuf;
use url::Url;

/// Keycloak's document has 6 KiB; a token with every group of a large company has 100.
const LARGEST: usize = 1024 * 1024;
/// What an issuer writes of an error for people, in characters.
const LONGEST_DESCRIPTION: usize = 200;

/// An issuer that was found.
pub(in crate::cli) struct Issuer {
    http: reqwest::Client,
    /// Exactly as its document names it.
    pub name: String,
    /// Where a person goes, if it has that.
    pub authorization: Option<Url>,
    token: Url,
    /// Whether a client's secret stands in the body; else in the header, which is what every issuer has to take (RFC 6749, 2.3.1).
    secret_in_body: bool,
}

/// What an issuer gave.
pub(in crate::cli) struct Granted {
    /// The bearer.
    pub access: Secret,
    /// What brings the next one.
    pub refresh: Option<Secret>,
    /// When the bearer ends, if the issuer said so.
    pub expires_at_ms: Option<Millis>,
}

impl Issuer {
    /// Reads the discovery document of the issuer at `address` (OpenID Connect Discovery 1.0, section 4).
    pub(in crate::cli) async fn discover(address: &str, ca_file: Option<&PathBuf>) -> Result<Self, Failure> {
        let given = safe(address, "the issuer's address").map_err(Failure::Usage)?;
        let mut document = given.clone();
        if let Ok(mut segments) = document.path_segments_mut() {
            segments.pop_if_empty().extend([".well-known", "openid-configuration"]);
        }
        let http = http(ca_file, &given)?;
        let (status, body) = answer(http.get(document), &given).await?;
        if status != 200 {
            return Err(refused(
                &given,
                &format!("answers {status} instead of its configuration; is it an issuer?"),
            ));
        }
        let name = text(&body, "issuer");
        if name.trim_end_matches('/') != address.trim_end_matches('/') {
            return Err(refused(
                &given,
                "has a configuration of another issuer; write it exactly as the issuer calls itself",
            ));
        }
        // An issuer beyond this machine has no business with this machine's loopback.
        let endpoint = |key: &str| match safe(text(&body, key), key) {
            Ok(url) if is_loopback(&url) && !is_loopback(&given) => Err(refused(&given, &format!("has its `{key}` on loopback"))),
            Ok(url) => Ok(url),
            Err(why) => Err(refused(&given, &format!("has a configuration that cannot be used: {why}"))),
        };
        if let Some(methods) = body.get("code_challenge_methods_supported").and_then(Value::as_array)
            && !methods.iter().any(|method| method == "S256")
        {
            return Err(refused(&given, "does not take PKCE with S256"));
        }
        let authorization = match body.get("authorization_endpoint") {
            Some(_) => Some(endpoint("authorization_endpoint")?),
            None => None,
        };
        let methods = body.get("token_endpoint_auth_methods_supported").and_then(Value::as_array);
        Ok(Self {
            secret_in_body: methods.is_some_and(|methods| methods.iter().any(|method| method == "client_secret_post")),
            http,
            name: name.to_owned(),
            authorization,
            token: endpoint("token_endpoint")?,
        })
    }

    /// Exchanges a grant for a token. `form` may hold secrets: it goes into the request's body and nowhere else.
    pub(in crate::cli) async fn token(&self, form: &[(&str, Secret)], clock: &dyn Clock) -> Result<Granted, Failure> {
        let mut body = form_urlencoded::Serializer::new(String::new());
        let field = |wanted: &str| form.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value);
        let pair = field("client_id").zip(field("client_secret")).filter(|_| !self.secret_in_body);
        for (name, value) in form {
            if *name != "client_secret" || pair.is_none() {
                body.append_pair(name, value.expose());
            }
        }
        let mut request = self
            .http
            .post(self.token.clone())
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .body(body.finish());
        if let Some((id, secret)) = pair {
            let encoded = |text: &Secret| form_urlencoded::byte_serialize(text.expose().as_bytes()).collect::<String>();
            request = request.basic_auth(encoded(id), Some(encoded(secret)));
        }
        let asked_at_ms = clock.now_ms();
        let (status, mut body) = answer(request, &self.token).await?;
        if status != 200 {
            let why = said(text(&body, "error"), text(&body, "error_description"));
            return Err(Failure::NotSignedIn(format!(
                "the issuer `{}` gives no token: {why} ({status}); sign in again with `claviger login`",
                self.name
            )));
        }
        let mut secret = |key: &str| match body.get_mut(key).map(Value::take) {
            Some(Value::String(text)) if !text.is_empty() => Some(Secret::new(text)),
            _ => None,
        };
        let (access, refresh) = (secret("access_token"), secret("refresh_token"));
        if !text(&body, "token_type").eq_ignore_ascii_case("bearer") {
            return Err(refused(&self.token, "gives a token that is no bearer"));
        }
        Ok(Granted {
            access: access.ok_or_else(|| refused(&self.token, "answers without an access token"))?,
            refresh,
            expires_at_ms: body
                .get("expires_in")
                .and_then(Value::as_i64)
                .map(|seconds| asked_at_ms.saturating_add(seconds.clamp(0, 366 * 86_400) * 1000)),
        })
    }
}

/// An error as an issuer names it, fit for a terminal.
pub(super) fn said(code: &str, description: &str) -> String {
    let plain = |text: &str| -> String {
        let shown = text.chars().take(LONGEST_DESCRIPTION);
        shown.map(|c| if c.is_control() { ' ' } else { c }).collect()
    };
    match (code, description) {
        ("", _) => "it does not say why".to_owned(),
        (code, "") => format!("`{}`", plain(code)),
        (code, description) => format!("`{}`, {}", plain(code), plain(description)),
    }
}

/// An address that a secret may go to.
fn safe(address: &str, what: &str) -> Result<Url, String> {
    let url = Url::parse(address).map_err(|why| format!("{what} does not read ({why})"))?;
    if url.host().is_none() || !(url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url))) {
        return Err(format!("{what} must be https (plain http is for this machine's loopback alone)"));
    }
    if url.username() != "" || url.password().is_some() || url.fragment().is_some() {
        return Err(format!("{what} may have neither user nor fragment"));
    }
    Ok(url)
}

async fn answer(request: reqwest::RequestBuilder, to: &Url) -> Result<(u16, Value), Failure> {
    let shown = {
        let mut shown = to.clone();
        shown.set_query(None);
        shown
    };
    let mut response = request.send().await.map_err(|why| unreachable(&shown, why))?;
    let status = response.status().as_u16();
    let mut body = zeroize::Zeroizing::new(Vec::new());
    while let Some(chunk) = response.chunk().await.map_err(|why| unreachable(&shown, why))? {
        body.extend_from_slice(&chunk);
        if body.len() > LARGEST {
            return Err(refused(&shown, &format!("answers with more than {LARGEST} bytes")));
        }
    }
    match (status, serde_json::from_slice(&body)) {
        (_, Ok(body)) => Ok((status, body)),
        (200, Err(_)) => Err(refused(&shown, "answers with something that is not JSON; is it an issuer?")),
        (_, Err(_)) => Ok((status, Value::Null)),
    }
}

fn refused(at: &Url, why: &str) -> Failure {
    Failure::Refused(format!("`{at}` {why}"))
}

#[cfg(test)]
mod tests {
    use super::{safe, said};

    #[test]
    fn secrets_go_over_https_or_to_this_machine() {
        for fine in [
            "https://sso.example.com/realms/a",
            "http://127.0.0.1:1/x",
            "http://[::1]:1",
            "http://localhost:1",
        ] {
            assert!(safe(fine, "it").is_ok(), "{fine}");
        }
        for bad in [
            "http://sso.example.com",
            "http://127.0.0.1.example.com",
            "ftp://127.0.0.1",
            "https://me@sso.example.com",
            "https://sso.example.com#a",
            "sso.example.com",
            "",
        ] {
            assert!(safe(bad, "it").is_err(), "{bad}");
        }
    }

    #[test]
    fn an_error_is_shown_without_control_characters_and_short() {
        assert_eq!(said("access_denied", "no\u{1b}[2J"), "`access_denied`, no [2J");
        assert_eq!(said("", "x"), "it does not say why");
        assert!(said("a", &"x".repeat(10_000)).len() < 300);
    }
}
