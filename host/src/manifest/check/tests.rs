use super::*;
use serde_json::{Value, json};

fn good() -> Value {
    json!({
        "manifest": 1,
        "provider": "gitlab",
        "version": "0.1.0",
        "title": "GitLab",
        "default-kind": "oauth",
        "kinds": [{
            "name": "oauth",
            "title": "OAuth",
            "token": "minted",
            "token-fills": "refresh-token",
            "document": true,
            "fields": [
                {"name": "refresh-token", "label": "Refresh token", "secret": true, "required": true, "pointer": "/refresh_token"},
                {"name": "client-id", "label": "Client id", "client": true},
                {"name": "client-secret", "label": "Client secret", "secret": true, "client": true}
            ],
            "rotation": {"field": "refresh-token"}
        }],
        "endpoints": [{
            "name": "token",
            "method": "POST",
            "bases": ["{instance}"],
            "path": "/oauth/token",
            "places": [
                {"field": "refresh-token", "at": "form:refresh_token"},
                {"field": "current-token", "at": "header:authorization", "prefix": "Bearer "}
            ],
            "opens": ["/error", "/items/*/name"],
            "open-headers": ["retry-after"],
            "takes": [
                {"name": "token", "pointer": "/access_token", "is": {"token": {"expires": {"pointer": "/expires_in", "as": "seconds"}}}},
                {"name": "next", "pointer": "/refresh_token", "is": {"replaces": {"field": "refresh-token"}}}
            ]
        }],
        "consumers": {"session": {}}
    })
}

fn problem_of(pointer: &str, value: Value) -> String {
    let mut manifest = good();
    let (parent, last) = pointer.rsplit_once('/').unwrap();
    match manifest.pointer_mut(parent).unwrap() {
        Value::Object(members) => drop(members.insert(last.to_owned(), value)),
        items => *items.pointer_mut(&format!("/{last}")).unwrap() = value,
    }
    let manifest = Manifest::parse(&manifest.to_string()).unwrap();
    manifest.check().unwrap_err().to_string()
}

#[test]
fn a_good_manifest_passes() {
    Manifest::parse(&good().to_string()).unwrap().check().unwrap();
}

#[test]
fn each_nonsense_is_named() {
    let cases = [
        ("/manifest", json!(2), "format 1"),
        ("/provider", json!("a/b"), "provider"),
        ("/version", json!("1.0"), "version"),
        ("/title", json!("Git\u{1b}[2JLab"), "control"),
        ("/default-kind", json!("pat"), "no kind `pat`"),
        ("/kinds/0/token-fills", json!("client-id"), "not secret"),
        ("/kinds/0/fields/0/name", json!("current-token"), "token-fills"),
        ("/kinds/0/fields/1/name", json!("current-token"), "host fills"),
        ("/kinds/0/fields/2/name", json!("url"), "cannot be secret"),
        ("/kinds/0/fields/0/pointer", json!("refresh"), "JSON pointer"),
        ("/kinds/0/document", json!(false), "document"),
        ("/kinds/0/rotation/field", json!("client-id"), "no secret field"),
        ("/endpoints/0/places/0/field", json!("other"), "no secret field"),
        ("/endpoints/0/places/0/field", json!("client-id"), "no secret field"),
        ("/endpoints/0/places/0/at", json!("query:token"), "must be"),
        ("/endpoints/0/places/1/at", json!("header:Authorization"), "lower case"),
        ("/endpoints/0/places/1/prefix", json!("Bearer\r\n"), "visible"),
        ("/endpoints/0/method", json!("GET"), "no body"),
        ("/endpoints/0/opens/0", json!("/refresh_token"), "never be opened"),
        ("/endpoints/0/opens/0", json!("/data/clientSecret/x"), "never be opened"),
        ("/endpoints/0/opens/0", json!("error"), "JSON pointer"),
        ("/endpoints/0/open-headers/0", json!("Set-Cookie"), "never be opened"),
        ("/endpoints/0/takes/0/pointer", json!("/a/*"), "without `*`"),
        ("/endpoints/0/takes/0/pointer", json!("/error"), "opened and taken"),
        (
            "/endpoints/0/takes/1/is",
            json!({"replaces": {"field": "client-id"}}),
            "no secret field",
        ),
        ("/endpoints/0/takes/1/is", json!({"token": {}}), "lives for long"),
        (
            "/endpoints/0/takes/1",
            json!({"name": "again", "pointer": "/token_again", "is": {"token": {}}}),
            "one token",
        ),
        ("/kinds/0/fields/2/configured", json!(true), "secret of its own"),
        ("/kinds/0/connect", json!({"authorise": "token"}), "lack `connect`"),
    ];
    for (pointer, value, wanted) in cases {
        let problem = problem_of(pointer, value.clone());
        assert!(problem.contains(wanted), "{pointer} = {value}: {problem}");
    }
}

#[test]
fn what_is_never_stored_is_filled_by_a_document_alone() {
    let with = |document: bool| {
        let mut manifest = good();
        let kind = &mut manifest["kinds"][0];
        kind["document"] = document.into();
        kind["fields"][0] = json!({"name": "refresh-token", "label": "Subject token", "secret": true, "configured": true});
        Manifest::parse(&manifest.to_string()).unwrap().check()
    };
    with(true).unwrap();
    let problem = with(false).unwrap_err().to_string();
    assert!(problem.contains("never stored"), "{problem}");
}

/// A manifest whose kind can be connected, with one thing changed.
fn consenting(change: impl FnOnce(&mut Value)) -> Result<(), String> {
    let mut manifest = good();
    manifest["abilities"] = json!(["connect"]);
    manifest["kinds"][0]["connect"] = json!({"authorise": "consent", "pkce": true});
    let consent =
        json!({"name": "consent", "method": "GET", "bases": ["https://up.example"], "path": "/authorise", "query": ["client_id"]});
    manifest["endpoints"].as_array_mut().unwrap().push(consent);
    change(&mut manifest);
    let manifest = Manifest::parse(&manifest.to_string()).unwrap();
    manifest.check().map_err(|problem| problem.to_string())
}

#[test]
fn what_protects_a_consent_is_the_hosts_to_write() {
    consenting(|_| ()).unwrap();
    for key in ["state", "redirect_uri", "code_challenge", "code_challenge_method"] {
        let refused = consenting(|manifest| manifest["endpoints"][1]["query"] = json!(["client_id", key])).unwrap_err();
        assert!(refused.contains("host's to write"), "{refused}");
    }
    let refused = consenting(|manifest| manifest["endpoints"][1]["method"] = json!("POST")).unwrap_err();
    assert!(refused.contains("with GET"), "{refused}");
    let refused = consenting(|manifest| manifest["kinds"][0]["connect"]["authorise"] = json!("elsewhere")).unwrap_err();
    assert!(refused.contains("no endpoint"), "{refused}");
}

#[test]
fn two_of_one_name_are_refused() {
    let mut manifest = good();
    let kind = manifest["kinds"][0].clone();
    manifest["kinds"].as_array_mut().unwrap().push(kind);
    assert!(
        Manifest::parse(&manifest.to_string())
            .unwrap()
            .check()
            .unwrap_err()
            .to_string()
            .contains("twice")
    );
}
