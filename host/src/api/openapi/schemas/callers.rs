//! Who calls: what a bearer stands for, a session's service account, and the turns that say for whom a session works.

use super::Schemas;
use super::shape::{body, object, open, text, time};
use serde_json::json;

/// The caller, and what tells the server about callers.
pub(super) fn schemas() -> Schemas {
    vec![
        (
            "Caller",
            open(
                &["method"],
                vec![
                    ("kind", text()),
                    ("user", json!({ "type": "string", "nullable": true })),
                    ("method", text()),
                    ("project", text()),
                    ("session", text()),
                ],
            ),
        ),
        (
            "ServiceAccount",
            body(&["issuer", "subject"], vec![("issuer", text()), ("subject", text())]),
        ),
        (
            "NewTurn",
            object(
                &["project", "session", "run"],
                vec![
                    ("project", text()),
                    ("session", text()),
                    ("run", text()),
                    ("user", text()),
                    ("bearer", text()),
                ],
            ),
        ),
        (
            "OpenTurn",
            object(
                &["id", "token", "expires_at"],
                vec![("id", text()), ("token", text()), ("expires_at", time())],
            ),
        ),
    ]
}
