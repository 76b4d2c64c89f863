//! People, roles, and who has which role.

use super::Schemas;
use super::shape::{body, both, flag, patch, record, text, words};
use serde_json::json;

/// Each as it is answered, made and changed.
pub(super) fn schemas() -> Schemas {
    let user = || vec![("username", text()), ("name", text()), ("email", text())];
    let active = || vec![("active", flag())];
    let role = || vec![("display_name", text()), ("description", text()), ("permissions", text())];
    let scope = || words(&["global", "project", "agent", "session", "credential"]);
    let ids = ["user_id", "project_id", "agent_id", "session_id", "credential_id"];
    let targets = || ids.map(|id| (id, json!({ "type": "string", "nullable": true }))).to_vec();
    let binding = || both(vec![("role_id", text()), ("scope", scope())], targets());
    let always = ["role_id", "scope"].into_iter().chain(ids).collect::<Vec<_>>();
    vec![
        ("User", record("User", &["username", "name", "active"], both(user(), active()))),
        ("NewUser", body(&["username", "name"], user())),
        ("UserPatch", patch(both(vec![("name", text()), ("email", text())], active()))),
        (
            "Role",
            record(
                "Role",
                &["name", "permissions", "built_in"],
                both(role(), vec![("name", text()), ("built_in", flag())]),
            ),
        ),
        ("NewRole", body(&["name"], both(role(), vec![("name", text())]))),
        ("RolePatch", patch(role())),
        ("RoleBinding", record("RoleBinding", &always, binding())),
        ("NewRoleBinding", body(&["role_id", "scope"], binding())),
        ("RoleBindingPatch", patch(binding())),
    ]
}
