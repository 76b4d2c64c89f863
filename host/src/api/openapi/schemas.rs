//! What bodies and answers look like. What clients store with a record is taken from the tables by which it is read.

use crate::api::details::{self, Holds, Key};
use serde_json::{Map, Value, json};

/// All schemas by name.
pub fn all() -> Value {
    let mut schemas = Map::new();
    let mut put = |name: &str, schema: Value| {
        schemas.insert(name.to_owned(), schema);
    };

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
    put(
        "Credential",
        record(
            "Credential",
            &["name", "provider", "credential_kind", "fields", "generation", "state", "connected"],
            both(
                credential(),
                vec![
                    ("credential_kind", text()),
                    ("fields", json!({ "type": "object", "additionalProperties": text() })),
                    ("generation", count()),
                    ("state", words(&["usable", "empty", "needs-reconnect", "indeterminate"])),
                    ("connected", json!({ "type": "boolean" })),
                    ("stands_for", text()),
                    ("warnings", json!({ "type": "array", "items": text() })),
                ],
            ),
        ),
    );
    put("NewCredential", body(&["name", "provider"], both(credential(), secret())));
    put("CredentialPatch", patch(both(credential(), secret())));

    let policy = || ("credential_policy", words(&["bindings", "sender-only", "owner"]));
    let project = |name: Value| both(vec![("name", name), ("description", text()), policy()], kept(details::PROJECT));
    put("Project", record("Project", &["name", "credential_policy"], project(text())));
    let pattern = json!({ "type": "string", "minLength": 2, "maxLength": 63, "pattern": "^[a-z][a-z0-9-]*[a-z0-9]$" });
    put("NewProject", body(&["name"], project(pattern)));
    put(
        "ProjectPatch",
        patch(both(vec![("description", text()), policy()], kept(details::PROJECT))),
    );

    let agent = || both(vec![("name", text()), ("project_id", text())], kept(details::AGENT));
    let current = vec![("current_session_id", text())];
    put("Agent", record("Agent", &["name", "project_id"], both(agent(), current)));
    put("NewAgent", body(&["project_id", "name"], agent()));
    put("AgentPatch", patch(both(vec![("name", text())], kept(details::AGENT))));
    put("AgentStart", patch(vec![("prompt", text())]));
    put(
        "StartedAgent",
        object(
            &["session", "starting_prompt"],
            vec![("session", super::reference("Session")), ("starting_prompt", text())],
        ),
    );

    let phase = || words(&["Pending", "Creating", "Running", "Stopping", "Stopped", "Completed", "Failed"]);
    let session = || {
        both(
            vec![("name", text()), ("project_id", text()), ("agent_id", text())],
            kept(details::SESSION),
        )
    };
    put(
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
                    (
                        "environment",
                        json!({ "type": "object", "additionalProperties": { "type": "string" } }),
                    ),
                ],
            ),
        ),
    );
    let asked_for = vec![("trigger", words(&["schedule"])), ("turn", text())];
    put("NewSession", body(&["name"], both(session(), asked_for)));
    put("SessionPatch", patch(both(vec![("name", text())], kept(details::SESSION))));
    put("SessionStatus", patch(vec![("phase", phase())]));

    let user = || vec![("username", text()), ("name", text()), ("email", text())];
    let active = || vec![("active", json!({ "type": "boolean" }))];
    put("User", record("User", &["username", "name", "active"], both(user(), active())));
    put("NewUser", body(&["username", "name"], user()));
    put("UserPatch", patch(both(vec![("name", text()), ("email", text())], active())));

    let role = || vec![("display_name", text()), ("description", text()), ("permissions", text())];
    put(
        "Role",
        record(
            "Role",
            &["name", "permissions", "built_in"],
            both(role(), vec![("name", text()), ("built_in", json!({ "type": "boolean" }))]),
        ),
    );
    put("NewRole", body(&["name"], both(role(), vec![("name", text())])));
    put("RolePatch", patch(role()));

    let scope = || words(&["global", "project", "agent", "session", "credential"]);
    let ids = ["user_id", "project_id", "agent_id", "session_id", "credential_id"];
    let targets = || ids.map(|id| (id, json!({ "type": "string", "nullable": true }))).to_vec();
    let binding = || both(vec![("role_id", text()), ("scope", scope())], targets());
    let always = ["role_id", "scope"].into_iter().chain(ids).collect::<Vec<_>>();
    put("RoleBinding", record("RoleBinding", &always, binding()));
    put("NewRoleBinding", body(&["role_id", "scope"], binding()));
    put("RoleBindingPatch", patch(binding()));

    for kind in ["Credential", "Project", "Agent", "Session", "User", "Role", "RoleBinding", "Error"] {
        let items = json!({ "type": "array", "items": super::reference(kind) });
        let page = vec![
            ("page", count()),
            ("size", count()),
            ("total", count()),
            ("items", items),
            ("kind", text()),
        ];
        put(&format!("{kind}List"), object(&["kind", "page", "size", "total", "items"], page));
    }

    // With `fields` an item has what was asked for; then nothing of this is required.
    let open = |required: &[&str], properties| {
        let mut schema = object(required, properties);
        if let Some(object) = schema.as_object_mut() {
            object.insert("additionalProperties".to_owned(), json!(true));
        }
        schema
    };
    put(
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
    );
    // Gerrit's is the list of somebody's instances.
    let instances = json!({ "type": "array", "items": { "type": "object" } });
    put(
        "SessionToken",
        json!({ "anyOf": [open(&[], vec![("provider", text())]), instances] }),
    );
    let fields = json!({ "type": "object", "additionalProperties": text() });
    put(
        "ServerFields",
        object(&["serverName", "fields"], vec![("serverName", text()), ("fields", fields)]),
    );
    put("BareToken", object(&["token"], vec![("token", text())]));
    put(
        "Explanation",
        open(
            &["kind", "resolution", "reads"],
            vec![
                ("kind", text()),
                ("resolution", json!({ "type": "object" })),
                ("reads", json!({ "type": "array", "items": { "type": "object" } })),
            ],
        ),
    );
    put(
        "Connect",
        object(
            &[],
            vec![
                ("token", text()),
                ("kind", text()),
                ("fields", json!({ "type": "object", "additionalProperties": text() })),
                ("url", text()),
                ("email", text()),
            ],
        ),
    );
    let fields = || json!({ "type": "object", "additionalProperties": text() });
    put(
        "Install",
        object(&[], vec![("kind", text()), ("url", text()), ("fields", fields())]),
    );
    put(
        "PersonalToken",
        object(
            &["token"],
            vec![("token", text()), ("url", text()), ("email", text()), ("fields", fields())],
        ),
    );
    put("NewServer", body(&["fields"], vec![("fields", fields())]));
    put(
        "Server",
        object(&["message", "serverName"], vec![("message", text()), ("serverName", text())]),
    );
    let flag = || json!({ "type": "boolean" });
    put(
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
    );
    put("Message", object(&["message"], vec![("message", text())]));
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
    put("GerritInstance", open(&["connected", "instanceName"], instance()));
    let instances = json!({ "type": "array", "items": super::reference("GerritInstance") });
    put("GerritInstances", object(&["instances"], vec![("instances", instances)]));
    put(
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
    );
    put(
        "Accounts",
        json!({ "type": "object", "additionalProperties": super::reference("Account") }),
    );
    put(
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
    );
    put(
        "Complete",
        object(&["id", "code"], vec![("id", text()), ("code", text()), ("account", text())]),
    );
    put(
        "Account",
        open(&[], vec![("connected", json!({ "type": "boolean" })), ("provider", text())]),
    );
    put("StartedConsent", open(&[], vec![("id", text())]));
    put(
        "Identity",
        open(&["provider"], vec![("provider", text()), ("kind", text()), ("checked_at", time())]),
    );
    put(
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
    );
    put("Revocation", open(&["outcome"], vec![("outcome", text()), ("remaining", text())]));
    put(
        "ServiceAccount",
        body(&["issuer", "subject"], vec![("issuer", text()), ("subject", text())]),
    );
    put(
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
    );
    put(
        "OpenTurn",
        object(
            &["id", "token", "expires_at"],
            vec![("id", text()), ("token", text()), ("expires_at", time())],
        ),
    );
    put(
        "Metadata",
        open(&["id", "kind", "href"], vec![("id", text()), ("kind", text()), ("href", text())]),
    );
    put(
        "Version",
        object(
            &["version", "build_time", "git_tag"],
            vec![("version", text()), ("build_time", text()), ("git_tag", text())],
        ),
    );
    put("Description", json!({ "type": "object" }));
    put(
        "PublishedKeys",
        object(&["keys"], vec![("keys", json!({ "type": "array", "items": { "type": "object" } }))]),
    );
    put("Readiness", open(&["ready"], vec![("ready", json!({ "type": "boolean" }))]));
    put(
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
    );
    put("ShortError", object(&["error"], vec![("error", text())]));

    for kind in ["Credential", "Project", "Agent", "Session", "User", "Role", "RoleBinding"] {
        let whole = super::reference(kind);
        let properties = schemas.get(kind).and_then(|schema| schema.get("properties")).cloned();
        let part = json!({
            "type": "object",
            "description": "With `fields`: what was asked for, and the id.",
            "properties": properties,
            "required": ["id"],
            "additionalProperties": false,
        });
        if let Some(items) = schemas
            .get_mut(&format!("{kind}List"))
            .and_then(|list| list.pointer_mut("/properties/items/items"))
        {
            *items = json!({ "anyOf": [whole, part] });
        }
    }
    Value::Object(schemas)
}

type Properties = Vec<(&'static str, Value)>;

fn text() -> Value {
    json!({ "type": "string" })
}

fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

fn words(words: &[&str]) -> Value {
    json!({ "type": "string", "enum": words })
}

fn kept(keys: &'static [Key]) -> Properties {
    let schema = |holds| match holds {
        Holds::Text => text(),
        Holds::Number => json!({ "type": "number", "minimum": 0, "maximum": 1_000_000_000 }),
        Holds::Count => json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX }),
    };
    keys.iter().map(|key| (key.name, schema(key.holds))).collect()
}

fn both(mut one: Properties, other: Properties) -> Properties {
    one.extend(other);
    one
}

fn object(required: &[&str], properties: Properties) -> Value {
    let properties: Map<String, Value> = properties.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
    let mut schema = json!({ "type": "object", "properties": properties });
    if let (false, Some(object)) = (required.is_empty(), schema.as_object_mut()) {
        object.insert("required".to_owned(), json!(required));
    }
    schema
}

/// A body that makes something: what it does not know it refuses.
fn body(required: &[&str], properties: Properties) -> Value {
    let mut schema = object(required, properties);
    if let Some(object) = schema.as_object_mut() {
        object.insert("additionalProperties".to_owned(), json!(false));
    }
    schema
}

/// A body that changes something: `null` clears.
fn patch(properties: Properties) -> Value {
    let nullable = properties.into_iter().map(|(name, mut schema)| {
        if let Some(object) = schema.as_object_mut() {
            object.insert("nullable".to_owned(), json!(true));
        }
        (name, schema)
    });
    object(&[], nullable.collect())
}

/// A record as it is answered.
fn record(kind: &str, required: &[&str], properties: Properties) -> Value {
    let envelope = vec![
        ("id", text()),
        ("kind", words(&[kind])),
        ("href", text()),
        ("created_at", time()),
        ("updated_at", time()),
    ];
    let always = ["id", "kind", "href", "created_at", "updated_at"];
    let required: Vec<&str> = always.into_iter().chain(required.iter().copied()).collect();
    body(&required, both(envelope, properties))
}
