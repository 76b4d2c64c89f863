//! Whether a manifest makes sense. Its form is serde's to judge; this is what the form cannot say.
//!
//! Everything that an approval could be tricked by is refused here: a placement of a field that does not exist, an opened secret, two things of one name.
//! Bases, paths and methods of endpoints are judged by `egress`, which matches them.

mod consumers;

use super::closed::{is_closed_header, is_closed_name};
use super::{
    Ability, CODE, CODE_VERIFIER, CURRENT_TOKEN, CURRENT_TOKEN_EXPIRES, Endpoint, Expiry, FORMAT, Kind, Manifest, PlacedAs, Placement,
    Take, Taken,
};
use crate::ids::ProviderName;
use std::collections::BTreeSet;

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct Problem {
    /// `kind app-installation, field private-key`
    pub place: String,
    /// Why it is refused.
    pub reason: String,
}

/// Names that the host fills.
const RESERVED: [&str; 4] = [CURRENT_TOKEN, CURRENT_TOKEN_EXPIRES, CODE, CODE_VERIFIER];
/// What the host adds to the address of a consent.
const HOSTS_OWN: [&str; 4] = ["state", "redirect_uri", "code_challenge", "code_challenge_method"];
/// Names of secrets that live for long: what an answer calls so is never *the token*.
const LONG_LIVED: [&str; 5] = ["refresh_token", "id_token", "client_secret", "private_key", "refreshToken"];
/// A manifest lists at most so many of anything: more is not read by the person who approves.
const MOST: usize = 64;

type Checked = Result<(), Problem>;

fn problem(place: impl Into<String>, reason: impl Into<String>) -> Checked {
    Err(Problem {
        place: place.into(),
        reason: reason.into(),
    })
}

impl Manifest {
    /// Checks the sense of a manifest.
    ///
    /// # Errors
    /// The first [`Problem`].
    pub fn check(&self) -> Checked {
        if self.manifest != FORMAT {
            return problem("manifest", format!("this host reads format {FORMAT}, not {}", self.manifest));
        }
        if ProviderName::parse(self.provider.clone()).is_err() {
            return problem("provider", "must be 1 to 63 letters, digits, `.`, `_` or `-`");
        }
        if !is_version(&self.version) {
            return problem("version", "must be three numbers like `1.2.3`, optionally with `-` and a suffix");
        }
        printable("title", &self.title)?;
        at_most("kinds", self.kinds.len())?;
        at_most("endpoints", self.endpoints.len())?;
        unique("kinds", self.kinds.iter().map(|kind| kind.name.as_str()))?;
        unique("endpoints", self.endpoints.iter().map(|endpoint| endpoint.name.as_str()))?;
        if self.kind(&self.default_kind).is_none() {
            return problem("default-kind", format!("there is no kind `{}`", self.default_kind));
        }
        for kind in &self.kinds {
            kind.check()?;
            self.check_consent(kind)?;
            if let Some(own) = &kind.consumers {
                consumers::check(&format!("kind `{}`, consumers", kind.name), own)?;
            }
        }
        for endpoint in &self.endpoints {
            endpoint.check(self)?;
        }
        consumers::check("consumers", &self.consumers)?;
        let abilities: BTreeSet<_> = self.abilities.iter().collect();
        let narrowing: BTreeSet<_> = self.narrowing.iter().collect();
        if abilities.len() != self.abilities.len() || narrowing.len() != self.narrowing.len() {
            return problem("abilities and narrowing", "each may be there once");
        }
        Ok(())
    }

    fn check_consent(&self, kind: &Kind) -> Checked {
        let Some(consent) = &kind.connect else { return Ok(()) };
        let place = format!("kind `{}`, connect", kind.name);
        if !self.abilities.contains(&Ability::Connect) {
            return problem(place, "the abilities lack `connect`");
        }
        match self.endpoints.iter().find(|endpoint| endpoint.name == consent.authorise) {
            None => problem(place, format!("there is no endpoint `{}`", consent.authorise)),
            Some(endpoint) if endpoint.method != "GET" => problem(place, "a browser is sent with GET"),
            // The host adds these itself: a provider that could write them could lead a consent elsewhere.
            Some(endpoint) => match endpoint.query.iter().find(|key| HOSTS_OWN.contains(&key.as_str())) {
                Some(key) => problem(place, format!("the query key `{key}` is the host's to write")),
                None => Ok(()),
            },
        }
    }

    /// The secret fields of this name, over all kinds.
    fn has_secret_field(&self, name: &str) -> bool {
        self.kinds.iter().any(|kind| kind.field(name).is_some_and(|field| field.secret))
    }
}

impl Kind {
    fn check(&self) -> Checked {
        let place = format!("kind `{}`", self.name);
        named(&place, &self.name)?;
        printable(&place, &self.title)?;
        at_most(&place, self.fields.len())?;
        unique(&place, self.fields.iter().map(|field| field.name.as_str()))?;
        match self.field(&self.token_fills) {
            // What is never stored can be filled by nothing; but a document fills its other fields.
            Some(field) if field.configured && !self.document => {
                return problem(place, format!("`token-fills` names `{}`, which is never stored", self.token_fills));
            }
            Some(field) if field.secret => {}
            Some(_) => return problem(place, format!("`token-fills` names `{}`, which is not secret", self.token_fills)),
            None => return problem(place, format!("`token-fills` names `{}`, which is no field", self.token_fills)),
        }
        for field in &self.fields {
            let place = format!("{place}, field `{}`", field.name);
            named(&place, &field.name)?;
            printable(&place, &field.label)?;
            if RESERVED.contains(&field.name.as_str()) {
                return problem(place, "the host fills this name itself");
            }
            if field.secret && matches!(field.name.as_str(), "url" | "email") {
                return problem(place, "`url` and `email` are the credential's public keys and cannot be secret");
            }
            if field.configured && (!field.secret || field.client || field.pointer.is_some()) {
                return problem(
                    place,
                    "what is `configured` is a secret of its own: neither stored, nor a client's, nor in a document",
                );
            }
            if field.client && field.required {
                return problem(place, "the operator may provide it, so a credential cannot be required to");
            }
            match &field.pointer {
                Some(_) if !self.document => return problem(place, "has a pointer, but the kind takes no `document`"),
                Some(pointer) if !is_pointer(pointer) => return problem(place, format!("`{pointer}` is no JSON pointer")),
                _ => {}
            }
        }
        match &self.rotation {
            Some(rotation) if !self.field(&rotation.field).is_some_and(|field| field.secret) => problem(
                place,
                format!("`rotation` names `{}`, which is no secret field of it", rotation.field),
            ),
            _ => Ok(()),
        }
    }
}

impl Endpoint {
    fn check(&self, manifest: &Manifest) -> Checked {
        let place = format!("endpoint `{}`", self.name);
        named(&place, &self.name)?;
        at_most(
            &place,
            self.places.len().max(self.opens.len()).max(self.takes.len()).max(self.query.len()),
        )?;
        for (index, placement) in self.places.iter().enumerate() {
            placement.check(&place, manifest)?;
            if self.places.iter().skip(index + 1).any(|other| other == placement) {
                return problem(place, format!("the placement at `{}` is there twice", placement.at));
            }
            if !placement.at.starts_with("header:") && matches!(self.method.as_str(), "GET" | "HEAD") {
                return problem(place, format!("`{}`: a {} has no body", placement.at, self.method));
            }
        }
        for pointer in &self.opens {
            if !is_pointer(pointer) {
                return problem(place, format!("`opens`: `{pointer}` is no JSON pointer"));
            }
            if let Some(name) = pointer.split('/').find(|name| is_closed_name(name)) {
                return problem(
                    place,
                    format!("`opens`: `{name}` is the name of a secret and can never be opened; use `takes`"),
                );
            }
        }
        for header in &self.open_headers {
            if !is_header(header) || is_closed_header(header) {
                return problem(place, format!("`open-headers`: `{header}` can never be opened"));
            }
        }
        unique(&place, self.takes.iter().map(|take| take.name.as_str()))?;
        unique(&place, self.takes.iter().map(|take| take.pointer.as_str()))?;
        for take in &self.takes {
            take.check(&place, manifest)?;
            if self.opens.contains(&take.pointer) {
                return problem(place, format!("`{}` is opened and taken; a secret cannot be opened", take.pointer));
            }
        }
        let tokens = self.takes.iter().filter(|take| matches!(take.what, Taken::Token { .. })).count();
        if tokens > 1 {
            return problem(place, "an answer has one token at most");
        }
        Ok(())
    }
}

impl Placement {
    fn check(&self, place: &str, manifest: &Manifest) -> Checked {
        let place = format!("{place}, placement at `{}`", self.at);
        let given = [CURRENT_TOKEN, CODE, CODE_VERIFIER].contains(&self.field.as_str());
        if !given && !manifest.has_secret_field(&self.field) {
            return problem(place, format!("`{}` is no secret field of any kind", self.field));
        }
        if given && self.form == PlacedAs::Signed {
            return problem(place, "a token signs nothing");
        }
        match self.at.split_once(':') {
            Some(("header", name)) if is_header(name) && name == name.to_ascii_lowercase() => {
                let visible = |byte: u8| (b' '..=b'~').contains(&byte);
                if self.prefix.len() > 64 || !self.prefix.bytes().all(visible) {
                    return problem(place, "the prefix must be at most 64 visible ASCII characters");
                }
                Ok(())
            }
            Some(("form", key)) if !key.is_empty() => self.without_prefix(place),
            Some(("json", pointer)) if is_pointer(pointer) && !pointer.is_empty() => self.without_prefix(place),
            _ => problem(place, "must be `header:name` in lower case, `form:key` or `json:/pointer`"),
        }
    }

    fn without_prefix(&self, place: String) -> Checked {
        if self.prefix.is_empty() {
            Ok(())
        } else {
            problem(place, "a prefix stands in headers alone; in a body a secret is a whole value")
        }
    }
}

impl Take {
    fn check(&self, place: &str, manifest: &Manifest) -> Checked {
        let place = format!("{place}, take `{}`", self.name);
        named(&place, &self.name)?;
        if !is_pointer(&self.pointer) || self.pointer.is_empty() || self.pointer.contains('*') {
            return problem(
                place,
                format!("`{}` must be a JSON pointer to one value, without `*`", self.pointer),
            );
        }
        match &self.what {
            Taken::Replaces { field, .. } if !manifest.has_secret_field(field) => {
                problem(place, format!("replaces `{field}`, which is no secret field of any kind"))
            }
            Taken::Token { .. } if self.pointer.rsplit('/').next().is_some_and(|last| LONG_LIVED.contains(&last)) => problem(
                place,
                format!(
                    "`{}` is the name of a secret that lives for long, so it is not the token",
                    self.pointer
                ),
            ),
            Taken::Token {
                expires: Some(Expiry { pointer, since, .. }),
            }
            | Taken::Replaces {
                expires: Some(Expiry { pointer, since, .. }),
                ..
            } => match std::iter::once(pointer).chain(since).find(|pointer| !is_pointer(pointer)) {
                Some(pointer) => problem(place, format!("`{pointer}` is no JSON pointer")),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

fn is_version(text: &str) -> bool {
    let (core, suffix) = text.split_once(['-', '+']).unwrap_or((text, "x"));
    let numbers: Vec<&str> = core.split('.').collect();
    let number = |part: &&str| (1..=9).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let suffix_ok = !suffix.is_empty() && suffix.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-+".contains(&byte));
    text.len() <= 64 && numbers.len() == 3 && numbers.iter().all(number) && suffix_ok
}

/// RFC 6901: empty, or `/` and segments in which `~` is followed by `0` or `1`.
fn is_pointer(text: &str) -> bool {
    (text.is_empty() || text.starts_with('/'))
        && text.len() <= 256
        && text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']))
        && !text.chars().any(char::is_control)
}

fn is_header(name: &str) -> bool {
    !name.is_empty() && name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

fn named(place: &str, name: &str) -> Checked {
    let fits = (1..=63).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if fits {
        Ok(())
    } else {
        problem(place, "a name must be 1 to 63 letters, digits, `-`, `_` or `.`")
    }
}

/// What is shown to the person who approves must not be able to redraw the terminal.
fn printable(place: &str, text: &str) -> Checked {
    if !text.is_empty() && text.len() <= 200 && !text.chars().any(char::is_control) {
        Ok(())
    } else {
        problem(place, "what people read must be 1 to 200 bytes without control characters")
    }
}

fn at_most(place: &str, count: usize) -> Checked {
    if count <= MOST {
        Ok(())
    } else {
        problem(place, format!("at most {MOST} of a kind are read"))
    }
}

fn unique<'a>(place: &str, names: impl Iterator<Item = &'a str>) -> Checked {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return problem(place, format!("`{name}` is there twice"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
