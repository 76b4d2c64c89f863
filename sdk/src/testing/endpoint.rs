//! A request against the manifest: which endpoint allows it, and where secrets may stand in it.

use crate::{Encoding, Failure, Part, Request, Retry};
use serde_json::Value;

fn denied(code: &str, message: String) -> Failure {
    Failure::new(code, message, Retry::Never)
}

/// The strings of a list.
pub(super) fn strings(of: &Value, key: &str) -> Vec<String> {
    let list = of.get(key).and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(|text| text.as_str().map(str::to_owned))
        .collect()
}

/// The endpoint that allows this request.
pub(super) fn of(manifest: &Value, instance: Option<&str>, request: &Request<'_>) -> Result<Value, Failure> {
    let endpoints = manifest.get("endpoints").and_then(Value::as_array);
    let allowed = |endpoint: &&Value| {
        endpoint.get("method").and_then(Value::as_str) == Some(request.method)
            && strings(endpoint, "bases").iter().any(|base| {
                rest_after(base, instance, &request.url).is_some_and(|rest| {
                    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
                    let template = endpoint.get("path").and_then(Value::as_str).unwrap_or_default();
                    let keys = strings(endpoint, "query");
                    path_matches(template, path)
                        && form_urlencoded::parse(query.as_bytes()).all(|(key, _)| keys.iter().any(|allowed| *allowed == key))
                })
            })
    };
    endpoints.into_iter().flatten().find(allowed).cloned().ok_or_else(|| {
        denied(
            "egress-denied",
            format!("no endpoint of the manifest allows `{} {}`", request.method, request.url),
        )
    })
}

/// What follows the base, if the address begins with it.
fn rest_after<'a>(base: &str, instance: Option<&str>, url: &'a str) -> Option<&'a str> {
    if let Some(suffix) = base.strip_prefix("https://*") {
        let host_end = url.strip_prefix("https://")?.find('/')? + "https://".len();
        return url.get(..host_end)?.ends_with(suffix).then(|| url.get(host_end..))?;
    }
    let base = base.replace("{instance}", instance?.trim_end_matches('/'));
    url.strip_prefix(&base).filter(|rest| rest.starts_with('/'))
}

fn path_matches(template: &str, path: &str) -> bool {
    let (expected, given): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    expected.len() == given.len()
        && expected
            .iter()
            .zip(given)
            .all(|(segment, part)| *segment == part || (segment.starts_with('{') && !part.is_empty()))
}

/// Each secret stands where the manifest puts it.
pub(super) fn check_places(endpoint: &Value, request: &Request<'_>) -> Result<(), Failure> {
    for (name, parts) in &request.headers {
        let prefix = match parts.first() {
            Some(Part::Text(text)) => text.as_str(),
            _ => "",
        };
        for (index, part) in parts.iter().enumerate() {
            if let Part::Secret(secret, encoding) = part {
                let alone = index + 1 == parts.len() && index < 2 && *encoding == Encoding::Plain;
                let at = format!("header:{}", name.to_ascii_lowercase());
                check(endpoint, &secret.0, &at, prefix, alone)?;
            }
        }
    }
    for (index, part) in request.body.iter().enumerate() {
        if let Part::Secret(secret, encoding) = part {
            let before = match index.checked_sub(1).and_then(|at| request.body.get(at)) {
                Some(Part::Text(text)) => text.as_str(),
                _ => "",
            };
            let after = match request.body.get(index + 1) {
                Some(Part::Text(text)) => text.chars().next(),
                _ => None,
            };
            let (at, whole) = match encoding {
                Encoding::FormUrlencoded => {
                    let key = before
                        .strip_suffix('=')
                        .and_then(|text| text.rsplit('&').next())
                        .unwrap_or_default();
                    (format!("form:{key}"), matches!(after, None | Some('&')))
                }
                Encoding::JsonString => {
                    let (at, ends) = json_place(&request.body, index, before);
                    (at, after.is_some_and(|next| ends.contains(&next)))
                }
                other => (format!("body, written {other:?}"), false),
            };
            check(endpoint, &secret.0, &at, "", whole)?;
        }
    }
    Ok(())
}

/// Where in a JSON body a secret stands, as the SDK writes one: a member of the outermost object, or an element of an array that is one.
/// And what may follow it.
fn json_place(body: &[Part<'_>], index: usize, before: &str) -> (String, &'static [char]) {
    let key_of = |text: &str, end: &str| text.strip_suffix(end).and_then(|text| text.rsplit('"').next()).map(str::to_owned);
    if let Some(key) = key_of(before, "\":") {
        return (format!("json:/{key}"), &[',', '}']);
    }
    let earlier = body.iter().take(index).rev().filter_map(|part| match part {
        Part::Text(text) => Some(text.as_str()),
        Part::Secret(..) => None,
    });
    let (mut element, mut key) = (0, None);
    for text in earlier {
        key = key_of(text, "\":[");
        if key.is_some() || text != "," {
            break;
        }
        element += 1;
    }
    (format!("json:/{}/{element}", key.unwrap_or_default()), &[',', ']'])
}

fn check(endpoint: &Value, handle: &super::Handle, at: &str, prefix: &str, whole: bool) -> Result<(), Failure> {
    let text = |place: &Value, key: &str, default: &str| place.get(key).and_then(Value::as_str).unwrap_or(default).to_owned();
    let places = endpoint.get("places").and_then(Value::as_array);
    let placed = places.into_iter().flatten().any(|place| {
        text(place, "field", "") == handle.field
            && text(place, "as", "plain") == handle.form
            && text(place, "at", "") == at
            && text(place, "prefix", "") == prefix
    });
    if placed && whole {
        return Ok(());
    }
    let (field, form) = (&handle.field, handle.form);
    Err(denied(
        "placement-denied",
        format!("the manifest does not place `{field}` ({form}) at `{at}` after `{prefix}`"),
    ))
}
