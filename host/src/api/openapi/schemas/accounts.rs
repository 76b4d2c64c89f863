//! Connected accounts: what a person types or consents to, and what is said of an account afterwards.

use super::super::reference;
use super::Schemas;
use super::shape::{body, flag, object, open, text, texts, time, words};
use serde_json::json;

/// Accounts, consents, servers with free fields, trials and revocations.
pub(super) fn schemas() -> Schemas {
    let instance = || {
        vec![
            ("connected", flag()),
            ("instanceName", text()),
            ("url", text()),
            ("authMethod", text()),
            ("username", text()),
            ("updatedAt", time()),
        ]
    };
    let instances = json!({ "type": "array", "items": reference("GerritInstance") });
    vec![
        (
            "Connect",
            object(
                &[],
                vec![
                    ("token", text()),
                    ("kind", text()),
                    ("fields", texts()),
                    ("url", text()),
                    ("email", text()),
                ],
            ),
        ),
        ("Install", object(&[], vec![("kind", text()), ("url", text()), ("fields", texts())])),
        (
            "PersonalToken",
            object(
                &["token"],
                vec![("token", text()), ("url", text()), ("email", text()), ("fields", texts())],
            ),
        ),
        ("NewServer", body(&["fields"], vec![("fields", texts())])),
        (
            "Server",
            object(&["message", "serverName"], vec![("message", text()), ("serverName", text())]),
        ),
        (
            "ServerStatus",
            object(
                &["connected", "serverName"],
                vec![
                    ("connected", flag()),
                    ("serverName", text()),
                    ("fieldNames", json!({ "type": "array", "items": text() })),
                    ("updatedAt", time()),
                ],
            ),
        ),
        ("Message", object(&["message"], vec![("message", text())])),
        ("GerritInstance", open(&["connected", "instanceName"], instance())),
        ("GerritInstances", object(&["instances"], vec![("instances", instances)])),
        (
            "Trial",
            open(
                &["valid", "checked"],
                vec![
                    ("valid", json!({ "type": "boolean", "nullable": true })),
                    ("checked", flag()),
                    ("error", text()),
                    ("reason_code", text()),
                ],
            ),
        ),
        (
            "Accounts",
            json!({ "type": "object", "additionalProperties": reference("Account") }),
        ),
        (
            "Consent",
            object(
                &["id", "provider", "status", "expires_at"],
                vec![
                    ("id", text()),
                    ("provider", text()),
                    ("status", words(&["started", "returned", "exchanging", "choosing"])),
                    ("expires_at", time()),
                ],
            ),
        ),
        (
            "Complete",
            object(&["id", "code"], vec![("id", text()), ("code", text()), ("account", text())]),
        ),
        ("Account", open(&[], vec![("connected", flag()), ("provider", text())])),
        ("StartedConsent", open(&[], vec![("id", text())])),
        (
            "Identity",
            open(&["provider"], vec![("provider", text()), ("kind", text()), ("checked_at", time())]),
        ),
        ("Revocation", open(&["outcome"], vec![("outcome", text()), ("remaining", text())])),
    ]
}
