//! Credentials: what is answered, and what is sent. A secret is sent only, and marked so.

use super::Schemas;
use super::shape::{body, both, count, flag, patch, record, text, texts, words};
use serde_json::json;

/// A credential, a new one, and a change of one.
pub(super) fn schemas() -> Schemas {
    let credential = || {
        vec![
            ("name", text()),
            ("description", text()),
            ("provider", text()),
            ("url", text()),
            ("email", text()),
            ("labels", text()),
            ("annotations", text()),
        ]
    };
    let secret = || {
        vec![
            ("token", json!({ "type": "string", "writeOnly": true })),
            ("kind", text()),
            (
                "fields",
                json!({ "type": "object", "additionalProperties": text(), "writeOnly": true }),
            ),
        ]
    };
    vec![
        (
            "Credential",
            record(
                "Credential",
                &["name", "provider", "credential_kind", "fields", "generation", "state", "connected"],
                both(
                    credential(),
                    vec![
                        ("credential_kind", text()),
                        ("fields", texts()),
                        ("generation", count()),
                        ("state", words(&["usable", "empty", "needs-reconnect", "indeterminate"])),
                        ("connected", flag()),
                        ("stands_for", text()),
                        ("warnings", json!({ "type": "array", "items": text() })),
                    ],
                ),
            ),
        ),
        ("NewCredential", body(&["name", "provider"], both(credential(), secret()))),
        ("CredentialPatch", patch(both(credential(), secret()))),
    ]
}
