//! What the schema cannot say of a manifest: that it opens nothing that is always closed, and that the secrets which it names exist. The host
//! refuses the same when a component is added; here its author hears of it first.

use serde_json::Value;

/// What is called like this in an answer is a secret. Compared in lower case and without signs: `accessToken` is `access_token`. The
/// host's list (`host/src/manifest/closed.rs`) is the judge; a test of the repository compares the two.
const CLOSED: [&str; 14] = [
    "accesstoken",
    "refreshtoken",
    "idtoken",
    "token",
    "clientsecret",
    "privatekey",
    "secret",
    "password",
    "passphrase",
    "assertion",
    "clientassertion",
    "apikey",
    "rawtoken",
    "sessiontoken",
];

/// The same for an answer's headers.
const CLOSED_HEADERS: [&str; 4] = ["set-cookie", "set-cookie2", "authorization", "proxy-authorization"];

/// Secrets that the host gives for one call, fields of no kind.
const GIVEN: [&str; 3] = ["current-token", "code", "code-verifier"];

/// The first thing that an endpoint opens, places or takes and may not.
pub(super) fn check(manifest: &Value) -> Result<(), String> {
    let secrets: Vec<&str> = list(manifest, "kinds")
        .flat_map(|kind| list(kind, "fields"))
        .filter(|field| field.get("secret") == Some(&Value::Bool(true)))
        .map(|field| text(field, "name"))
        .collect();
    for endpoint in list(manifest, "endpoints") {
        let at = text(endpoint, "name");
        for pointer in list(endpoint, "opens").filter_map(Value::as_str) {
            if let Some(name) = pointer.split('/').find(|name| is_closed(name)) {
                return Err(format!(
                    "endpoint `{at}`: `{name}` of `{pointer}` is the name of a secret and can never be opened; use `takes`"
                ));
            }
            if list(endpoint, "takes").any(|take| text(take, "pointer") == pointer) {
                return Err(format!("endpoint `{at}`: `{pointer}` is opened and taken"));
            }
        }
        for header in list(endpoint, "open-headers").filter_map(Value::as_str) {
            if CLOSED_HEADERS.contains(&header.to_ascii_lowercase().as_str()) {
                return Err(format!("endpoint `{at}`: the header `{header}` can never be opened"));
            }
        }
        for place in list(endpoint, "places") {
            let field = text(place, "field");
            if !GIVEN.contains(&field) && !secrets.contains(&field) {
                return Err(format!(
                    "endpoint `{at}`: `{field}`, which is placed, is no secret field of any kind"
                ));
            }
        }
        for take in list(endpoint, "takes") {
            let replaced = take.pointer("/is/replaces/field").and_then(Value::as_str);
            if let Some(field) = replaced.filter(|field| !secrets.contains(field)) {
                return Err(format!(
                    "endpoint `{at}`: `{field}`, which is replaced, is no secret field of any kind"
                ));
            }
        }
    }
    Ok(())
}

pub(super) fn is_closed(name: &str) -> bool {
    let plain: String = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    CLOSED.contains(&plain.as_str())
}

fn list<'a>(of: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    of.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(of: &'a Value, key: &str) -> &'a str {
    of.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::check;
    use serde_json::{Value, json};

    fn told(endpoint: Value) -> String {
        let fields = json!([{ "name": "key", "secret": true }, { "name": "id" }]);
        let manifest = json!({ "kinds": [{ "name": "k", "fields": fields }], "endpoints": [endpoint] });
        check(&manifest).err().unwrap_or_default()
    }

    #[test]
    fn what_the_host_would_refuse_is_refused() {
        for (endpoint, words) in [
            (
                json!({ "name": "e", "opens": ["/data/accessToken"] }),
                "`accessToken` of `/data/accessToken`",
            ),
            (
                json!({ "name": "e", "open-headers": ["Set-Cookie"] }),
                "`Set-Cookie` can never be opened",
            ),
            (json!({ "name": "e", "places": [{ "field": "id" }] }), "`id`, which is placed"),
            (
                json!({ "name": "e", "takes": [{ "name": "t", "pointer": "/t", "is": { "replaces": { "field": "kye" } } }] }),
                "`kye`, which is replaced",
            ),
            (
                json!({ "name": "e", "opens": ["/x"], "takes": [{ "name": "t", "pointer": "/x", "is": { "token": {} } }] }),
                "`/x` is opened and taken",
            ),
        ] {
            let told = told(endpoint);
            assert!(told.contains(words), "`{told}` does not say {words}");
        }
    }

    #[test]
    fn what_is_fine_passes() {
        let places = json!([{ "field": "key" }, { "field": "current-token" }]);
        let takes = json!([{ "name": "t", "pointer": "/t", "is": { "replaces": { "field": "key" } } }]);
        let fine =
            json!({ "name": "e", "opens": ["/token_type", "/expires_in"], "open-headers": ["date"], "places": places, "takes": takes });
        assert_eq!(told(fine), "");
    }
}
