//! Projects, agents and sessions. What clients store with them is taken from the tables by which it is read.

use super::super::reference;
use super::Schemas;
use super::shape::{body, both, kept, object, patch, record, text, texts, words};
use crate::api::details;
use serde_json::{Value, json};

/// Each as it is answered, made and changed.
pub(super) fn schemas() -> Schemas {
    let policy = || ("credential_policy", words(&["bindings", "sender-only", "owner"]));
    let project = |name: Value| both(vec![("name", name), ("description", text()), policy()], kept(details::PROJECT));
    let pattern = json!({ "type": "string", "minLength": 2, "maxLength": 63, "pattern": "^[a-z][a-z0-9-]*[a-z0-9]$" });
    let agent = || both(vec![("name", text()), ("project_id", text())], kept(details::AGENT));
    let current = vec![("current_session_id", text())];
    let phase = || words(&["Pending", "Creating", "Running", "Stopping", "Stopped", "Completed", "Failed"]);
    let session = || {
        both(
            vec![("name", text()), ("project_id", text()), ("agent_id", text())],
            kept(details::SESSION),
        )
    };
    let asked_for = vec![("trigger", words(&["schedule"])), ("turn", text())];
    vec![
        ("Project", record("Project", &["name", "credential_policy"], project(text()))),
        ("NewProject", body(&["name"], project(pattern))),
        (
            "ProjectPatch",
            patch(both(vec![("description", text()), policy()], kept(details::PROJECT))),
        ),
        ("Agent", record("Agent", &["name", "project_id"], both(agent(), current))),
        ("NewAgent", body(&["project_id", "name"], agent())),
        ("AgentPatch", patch(both(vec![("name", text())], kept(details::AGENT)))),
        ("AgentStart", patch(vec![("prompt", text())])),
        (
            "StartedAgent",
            object(
                &["session", "starting_prompt"],
                vec![("session", reference("Session")), ("starting_prompt", text())],
            ),
        ),
        (
            "Session",
            record(
                "Session",
                &["name", "project_id", "trigger", "phase", "created_by_user_id", "kube_cr_name"],
                both(
                    session(),
                    vec![
                        ("trigger", words(&["person", "api-key", "schedule"])),
                        ("phase", phase()),
                        ("created_by_user_id", text()),
                        ("kube_cr_name", text()),
                        // In the answer to a start.
                        ("environment", texts()),
                    ],
                ),
            ),
        ),
        ("NewSession", body(&["name"], both(session(), asked_for))),
        ("SessionPatch", patch(both(vec![("name", text())], kept(details::SESSION)))),
        ("SessionStatus", patch(vec![("phase", phase())])),
    ]
}
