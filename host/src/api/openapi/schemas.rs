//! What bodies and answers look like, a file for each family. What clients store with a record is taken from the tables by which it is read.
//!
//! A schema that no operation names, and a name without a schema, fail a test (`super::tests`).

mod accounts;
mod callers;
mod credentials;
mod people;
mod reads;
mod resources;
mod server;
mod shape;

use serde_json::{Map, Value, json};
use shape::{count, object, text};

/// Names, and the schema of each.
type Schemas = Vec<(&'static str, Value)>;

/// All schemas by name.
pub fn all() -> Value {
    let families = [
        credentials::schemas(),
        resources::schemas(),
        people::schemas(),
        reads::schemas(),
        callers::schemas(),
        accounts::schemas(),
        server::schemas(),
    ];
    let named = families.into_iter().flatten().map(|(name, schema)| (name.to_owned(), schema));
    let mut schemas: Map<String, Value> = named.collect();

    for kind in ["Credential", "Project", "Agent", "Session", "User", "Role", "RoleBinding", "Error"] {
        let items = json!({ "type": "array", "items": super::reference(kind) });
        let page = vec![
            ("page", count()),
            ("size", count()),
            ("total", count()),
            ("items", items),
            ("kind", text()),
        ];
        schemas.insert(format!("{kind}List"), object(&["kind", "page", "size", "total", "items"], page));
    }

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
