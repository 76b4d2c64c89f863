//! What is about the server itself, and how it says no.

use super::Schemas;
use super::shape::{count, flag, object, open, text, words};
use serde_json::json;

/// Its description, version, keys and readiness; errors in both forms.
pub(super) fn schemas() -> Schemas {
    vec![
        (
            "Metadata",
            open(&["id", "kind", "href"], vec![("id", text()), ("kind", text()), ("href", text())]),
        ),
        (
            "Version",
            object(
                &["version", "build_time", "git_tag"],
                vec![("version", text()), ("build_time", text()), ("git_tag", text())],
            ),
        ),
        ("Description", json!({ "type": "object" })),
        (
            "PublishedKeys",
            object(&["keys"], vec![("keys", json!({ "type": "array", "items": { "type": "object" } }))]),
        ),
        ("Readiness", open(&["ready"], vec![("ready", flag())])),
        (
            "Error",
            object(
                &["id", "kind", "href", "code", "reason"],
                vec![
                    ("id", text()),
                    ("kind", words(&["Error"])),
                    ("type", text()),
                    ("href", text()),
                    ("code", text()),
                    ("reason", text()),
                    ("reason_code", text()),
                    ("operation_id", text()),
                    ("status", count()),
                ],
            ),
        ),
        ("ShortError", object(&["error"], vec![("error", text())])),
    ]
}
