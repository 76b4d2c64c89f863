//! What a token whose signature fits has to say, and whom it names.

use super::rejection::Rejection;
use crate::clock::Millis;
use crate::config::{ANY_AUDIENCE, Issuer};
use crate::ids::Username;
use serde_json::{Map, Value};

/// No time beyond this is a time, in seconds: the year 33658.
const LAST_SECOND: i64 = 1_000_000_000_000;
/// A subject has no more bytes (OpenID Connect Core, 2).
const LONGEST_SUBJECT: usize = 255;

pub(super) type Claims = Map<String, Value>;

/// What an issuer says of a person beside their name, as far as it is fit to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Profile {
    /// The principal.
    pub username: Username,
    /// For people.
    pub name: Option<String>,
    /// An address of mail.
    pub email: Option<String>,
}

pub(super) fn text<'c>(claims: &'c Claims, name: &str) -> Option<&'c str> {
    claims.get(name).and_then(Value::as_str)
}

/// Whether it is for us and for now; answers when it ends.
pub(super) fn check(claims: &Claims, issuer: &Issuer, now_ms: Millis) -> Result<Millis, Rejection> {
    let for_us = |aud: &Value| aud.as_str().is_some_and(|aud| issuer.audiences.iter().any(|wanted| wanted == aud));
    let audience = match claims.get("aud") {
        Some(Value::Array(several)) => several.iter().any(for_us),
        Some(one) => for_us(one),
        None => false,
    };
    if !audience && !issuer.audiences.iter().any(|wanted| wanted == ANY_AUDIENCE) {
        return Err(Rejection::Audience);
    }
    let ends_at_ms = moment(claims, "exp")?.ok_or(Rejection::NoEnd)?;
    if ends_at_ms <= now_ms {
        return Err(Rejection::Expired);
    }
    let latest = now_ms.saturating_add(i64::try_from(issuer.leeway_s.saturating_mul(1000)).unwrap_or(i64::MAX));
    for name in ["nbf", "iat"] {
        if moment(claims, name)?.is_some_and(|from| from > latest) {
            return Err(Rejection::NotYet);
        }
    }
    Ok(ends_at_ms)
}

/// RFC 7519, 2: seconds since the epoch, perhaps with a fraction, which is cut off.
fn moment(claims: &Claims, name: &str) -> Result<Option<Millis>, Rejection> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    // The cast cuts off, and saturates; what is no time is refused below.
    let seconds = value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64));
    match seconds {
        Some(seconds) if (0..=LAST_SECOND).contains(&seconds) => Ok(Some(seconds * 1000)),
        _ => Err(Rejection::Malformed),
    }
}

/// Whom it is about, for its issuer.
pub(super) fn subject(claims: &Claims) -> Option<&str> {
    text(claims, "sub").filter(|sub| !sub.is_empty() && sub.len() <= LONGEST_SUBJECT)
}

/// The subject of a service account's token, `system:serviceaccount:NAMESPACE:NAME`. What the cluster says beside it has to say the same; a
/// token without it is no bound one, which ends with its pod.
pub(super) fn service_account(claims: &Claims) -> Result<&str, Rejection> {
    let subject = subject(claims).ok_or(Rejection::NoServiceAccount)?;
    let account = subject.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'));
    let (namespace, name) = account.ok_or(Rejection::NoServiceAccount)?;
    let cluster = claims.get("kubernetes.io").ok_or(Rejection::NoServiceAccount)?;
    let said = |pointer: &str| cluster.pointer(pointer).and_then(Value::as_str);
    let same = said("/namespace") == Some(namespace) && said("/serviceaccount/name") == Some(name);
    if same && !namespace.is_empty() && !name.is_empty() && !name.contains(':') {
        Ok(subject)
    } else {
        Err(Rejection::NoServiceAccount)
    }
}

/// The person's name here: the first of the issuer's claims that is there, behind its prefix. What is there and is no name ends the search: a
/// token that half names somebody names nobody.
pub(super) fn username(claims: &Claims, issuer: &Issuer) -> Result<Username, Rejection> {
    let claim = issuer.username_claims.iter().find(|claim| claims.contains_key(*claim));
    let claim = claim.ok_or(Rejection::Nobody)?;
    let said = text(claims, claim).ok_or(Rejection::Nobody)?;
    // Checked before the prefix is put before it: behind one, an empty name or a leading space would pass.
    let bare = Username::parse(said).map_err(|_| Rejection::Nobody)?;
    // OpenID Connect Core, 5.7: an address that nobody checked is what its holder typed.
    if claim == "email" && claims.get("email_verified") != Some(&Value::Bool(true)) {
        return Err(Rejection::UnverifiedMail);
    }
    match &issuer.prefix {
        None => Ok(bare),
        Some(prefix) => Username::parse(format!("{prefix}{bare}")).map_err(|_| Rejection::Nobody),
    }
}

pub(super) fn profile(claims: &Claims, username: Username) -> Profile {
    let fit = |text: &str| {
        let text = text.trim();
        (!text.is_empty() && text.len() <= 255 && !text.chars().any(char::is_control)).then(|| text.to_owned())
    };
    let any = |names: [&str; 2]| names.iter().find_map(|name| text(claims, name)).and_then(fit);
    let parts = [any(["first_name", "given_name"]), any(["last_name", "family_name"])];
    let joined = || Some(parts.iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ")).and_then(|name| fit(&name));
    Profile {
        username,
        name: text(claims, "name").and_then(fit).or_else(joined),
        email: text(claims, "email").and_then(fit),
    }
}
