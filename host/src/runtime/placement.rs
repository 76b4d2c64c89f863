//! Where a secret stands in a request, and whether the approved manifest lets it stand there. Pure.
//!
//! The body is written with an unguessable marker for each secret, read back with a strict reader, and each marker has to be a whole value at an
//! approved key. What is sent is written anew from what was read, so the upstream cannot see another structure than the one that was checked.
//! Only then the secrets take their markers' places. Anything that does not read is refused; nothing is ever placed "as far as possible".

use super::bind::Encoding;
use super::headers;
use super::held::{HostSecret, Origin};
use super::limits::{REQUEST_BODY_BYTES, REQUEST_HEADERS};
use crate::json;
use crate::manifest::{Endpoint, PlacedAs};
use crate::secret::Secret;
use serde_json::Value;
use url::Url;
use zeroize::Zeroizing;

/// A piece of a header or body.
pub enum Piece<'a> {
    /// A literal.
    Text(&'a str),
    /// A secret in an encoding.
    Secret(&'a HostSecret, Encoding),
}

/// A request as the guest drew it.
pub struct Draft<'a> {
    /// Headers.
    pub headers: Vec<(&'a str, Vec<Piece<'a>>)>,
    /// The body.
    pub body: Vec<Piece<'a>>,
}

/// A request with its secrets in place.
pub struct Placed {
    /// Headers, names in lower case.
    pub headers: Vec<(String, Secret)>,
    /// The body.
    pub body: Secret,
    /// The stored fields that went in, in any form.
    pub fields: Vec<String>,
}

/// How the secrets of a body are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Form,
    Json,
}

/// Checks a request and puts its secrets in. `marker` gives an unguessable word of letters and digits each time.
///
/// # Errors
/// Which position is not approved, in words for the operator, without any value.
pub fn place(endpoint: &Endpoint, url: &Url, draft: &Draft<'_>, marker: &mut dyn FnMut() -> String) -> Result<Placed, String> {
    let mut placed = Placed {
        headers: Vec::new(),
        body: Secret::new(String::new()),
        fields: Vec::new(),
    };
    if draft.headers.len() > REQUEST_HEADERS {
        return Err(format!("a request may have {REQUEST_HEADERS} headers"));
    }
    for (name, pieces) in &draft.headers {
        let name = headers::name(name)?;
        if placed.headers.iter().any(|(other, _)| *other == name) {
            return Err(format!("the header `{name}` is there twice"));
        }
        let value = header(endpoint, url, &name, pieces, &mut placed.fields)?;
        placed.headers.push((name, value));
    }
    placed.body = body(endpoint, url, &placed.headers, &draft.body, marker, &mut placed.fields)?;
    Ok(placed)
}

fn header(endpoint: &Endpoint, url: &Url, name: &str, pieces: &[Piece<'_>], fields: &mut Vec<String>) -> Result<Secret, String> {
    let mut text = Zeroizing::new(String::new());
    let mut secret = None;
    for piece in pieces {
        match piece {
            Piece::Text(part) if secret.is_none() => text.push_str(part),
            Piece::Text("") => {}
            Piece::Text(_) => return Err(format!("in the header `{name}`, text follows a secret")),
            Piece::Secret(held, Encoding::Plain) if secret.is_none() => secret = Some(*held),
            Piece::Secret(..) => return Err(format!("the header `{name}` may hold one secret, written plain")),
        }
    }
    headers::value(name, &text)?;
    let Some(held) = secret else {
        return Ok(Secret::new(std::mem::take(&mut text)));
    };
    approve(endpoint, url, held, &format!("header:{name}"), &text, fields)?;
    if !headers::is_value(held.value.expose()) {
        return Err(format!(
            "the secret for the header `{name}` holds a line break or another character that no header may hold"
        ));
    }
    let mut value = String::with_capacity(text.len() + held.value.len());
    value.push_str(&text);
    value.push_str(held.value.expose());
    Ok(Secret::new(value))
}

/// Every origin of the secret must be approved at this position, in its form.
fn approve(endpoint: &Endpoint, url: &Url, held: &HostSecret, at: &str, prefix: &str, fields: &mut Vec<String>) -> Result<(), String> {
    if held.origins.is_empty() {
        return Err(format!("what is placed at `{at}` was made of text alone; write it as text"));
    }
    for origin in &held.origins {
        let approved = |place: &crate::manifest::Placement| {
            place.field == origin.field && place.form == origin.form && place.at == at && place.prefix == prefix
        };
        if !endpoint.places.iter().any(approved) {
            return Err(format!(
                "endpoint `{}` may not have `{}`{} at `{at}`{}",
                endpoint.name,
                origin.field,
                form_in_words(origin.form),
                if prefix.is_empty() {
                    String::new()
                } else {
                    format!(" after `{prefix}`")
                },
            ));
        }
        at_its_instance(origin, url)?;
        if !fields.contains(&origin.field) {
            fields.push(origin.field.clone());
        }
    }
    Ok(())
}

/// The operator's own client goes to the instance that it is registered at, and nowhere else. A host below the instance's own is part of it
/// (`api.github.com` is github.com's, `api.acme.ghe.com` is that tenant's), as far as the approved endpoints go there at all.
fn at_its_instance(origin: &Origin, url: &Url) -> Result<(), String> {
    match &origin.only_at {
        Some(instance) if instance.origin() != url.origin() && !is_below(url, instance) => Err(format!(
            "the operator's `{}` belongs to `{}` and may not go elsewhere",
            origin.field,
            instance.origin().ascii_serialization()
        )),
        _ => Ok(()),
    }
}

/// Whether that address is at a name below the instance's, otherwise reached alike.
fn is_below(url: &Url, instance: &Url) -> bool {
    let (Some(url::Host::Domain(host)), Some(url::Host::Domain(parent))) = (url.host(), instance.host()) else {
        return false;
    };
    let below = host.strip_suffix(parent).is_some_and(|label| label.ends_with('.'));
    below && url.scheme() == instance.scheme() && url.port_or_known_default() == instance.port_or_known_default()
}

fn form_in_words(form: PlacedAs) -> &'static str {
    match form {
        PlacedAs::Plain => "",
        PlacedAs::Signed => " as a signature",
        PlacedAs::Joined => " as part of something joined",
    }
}

fn body(
    endpoint: &Endpoint,
    url: &Url,
    headers: &[(String, Secret)],
    pieces: &[Piece<'_>],
    marker: &mut dyn FnMut() -> String,
    fields: &mut Vec<String>,
) -> Result<Secret, String> {
    let mut text = Zeroizing::new(String::new());
    let mut marks: Vec<(String, &HostSecret)> = Vec::new();
    let format = format_of(headers);
    for piece in pieces {
        match piece {
            Piece::Text(part) => text.push_str(part),
            Piece::Secret(held, encoding) => {
                let mark = marker();
                match (format, encoding) {
                    (Some(Format::Form), Encoding::FormUrlencoded) => text.push_str(&mark),
                    (Some(Format::Json), Encoding::JsonString) => {
                        text.push('"');
                        text.push_str(&mark);
                        text.push('"');
                    }
                    (Some(Format::Form), _) => return Err("in a form body a secret is written `form-urlencoded`".to_owned()),
                    (Some(Format::Json), _) => return Err("in a JSON body a secret is written `json-string`".to_owned()),
                    (None, _) => {
                        return Err("a body with secrets must have the content type of a form or of JSON".to_owned());
                    }
                }
                marks.push((mark, held));
            }
        }
        if text.len() > REQUEST_BODY_BYTES {
            return Err(format!("a request's body may have {REQUEST_BODY_BYTES} bytes"));
        }
    }
    let Some(format) = format.filter(|_| !marks.is_empty()) else {
        return Ok(Secret::new(std::mem::take(&mut text)));
    };
    let (written, positions) = match format {
        Format::Form => read_form(&text)?,
        Format::Json => read_json(&text)?,
    };
    for (mark, held) in &marks {
        let mut places = positions.iter().filter(|(_, value)| value == mark);
        let (Some((at, _)), None) = (places.next(), places.next()) else {
            return Err("a secret in the body must be the whole value of its key".to_owned());
        };
        approve(endpoint, url, held, at, "", fields)?;
    }
    Ok(fill(&written, &marks, format))
}

fn format_of(headers: &[(String, Secret)]) -> Option<Format> {
    let (_, value) = headers.iter().find(|(name, _)| name == "content-type")?;
    let kind = value.expose().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match kind.as_str() {
        "application/x-www-form-urlencoded" => Some(Format::Form),
        "application/json" => Some(Format::Json),
        other if other.starts_with("application/") && other.ends_with("+json") => Some(Format::Json),
        _ => None,
    }
}

/// A body written anew, and every text in it with its position.
type Read = (Zeroizing<String>, Vec<(String, String)>);

/// The form written anew, and every value with its position.
fn read_form(text: &str) -> Result<Read, String> {
    let mut positions: Vec<(String, String)> = Vec::new();
    let mut written = form_urlencoded::Serializer::new(String::new());
    for (key, value) in form_urlencoded::parse(text.as_bytes()) {
        let at = format!("form:{key}");
        if positions.iter().any(|(other, _)| *other == at) {
            return Err("the form names a key twice".to_owned());
        }
        written.append_pair(&key, &value);
        positions.push((at, value.into_owned()));
    }
    Ok((Zeroizing::new(written.finish()), positions))
}

/// The JSON written anew, and every string with its position.
fn read_json(text: &str) -> Result<Read, String> {
    let value = json::parse(text.as_bytes()).map_err(|reason| format!("a body with secrets must read as JSON: {reason}"))?;
    let mut positions = Vec::new();
    strings(&value, "json:", &mut positions);
    Ok((Zeroizing::new(value.to_string()), positions))
}

fn strings(value: &Value, at: &str, positions: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => positions.push((at.to_owned(), text.clone())),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                strings(item, &format!("{at}/{index}"), positions);
            }
        }
        Value::Object(entries) => {
            for (key, item) in entries {
                strings(item, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), positions);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Puts the secrets where their markers are.
fn fill(written: &str, marks: &[(String, &HostSecret)], format: Format) -> Secret {
    let encoded: Vec<(String, Zeroizing<String>)> = marks
        .iter()
        .map(|(mark, held)| match format {
            Format::Form => (
                mark.clone(),
                Zeroizing::new(form_urlencoded::byte_serialize(held.value.expose().as_bytes()).collect()),
            ),
            Format::Json => (format!("\"{mark}\""), Zeroizing::new(Value::from(held.value.expose()).to_string())),
        })
        .collect();
    // Room for all of it, so that no half-written copy is left behind by growing.
    let mut text = String::with_capacity(written.len() + encoded.iter().map(|(_, value)| value.len()).sum::<usize>());
    let mut rest = written;
    while let Some((at, mark, value)) = encoded
        .iter()
        .filter_map(|(mark, value)| rest.find(mark.as_str()).map(|at| (at, mark, value)))
        .min_by_key(|(at, ..)| *at)
    {
        text.push_str(rest.get(..at).unwrap_or_default());
        text.push_str(value);
        rest = rest.get(at + mark.len()..).unwrap_or_default();
    }
    text.push_str(rest);
    Secret::new(text)
}

#[cfg(test)]
mod tests;
