//! What a read of a token answers, in each form that its readers know, and why a read answers what it does.

use super::Schemas;
use super::shape::{count, object, open, text, texts, time};
use serde_json::json;

/// Tokens, the fields of a server, and explanations.
pub(super) fn schemas() -> Schemas {
    // Gerrit's is the list of somebody's instances.
    let instances = json!({ "type": "array", "items": { "type": "object" } });
    vec![
        (
            "Token",
            open(
                &[],
                vec![
                    ("credential_id", text()),
                    ("provider", text()),
                    ("token", text()),
                    ("generation", count()),
                    ("expires_at", time()),
                ],
            ),
        ),
        (
            "SessionToken",
            json!({ "anyOf": [open(&[], vec![("provider", text())]), instances] }),
        ),
        (
            "ServerFields",
            object(&["serverName", "fields"], vec![("serverName", text()), ("fields", texts())]),
        ),
        ("BareToken", object(&["token"], vec![("token", text())])),
        (
            "Explanation",
            open(
                &["kind", "resolution", "reads"],
                vec![
                    ("kind", text()),
                    ("resolution", json!({ "type": "object" })),
                    ("reads", json!({ "type": "array", "items": { "type": "object" } })),
                ],
            ),
        ),
    ]
}
