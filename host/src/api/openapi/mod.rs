//! `GET /api/ambient/v1/openapi`: the description of what is served, for generators of clients and for those who test the server with it.
//!
//! Operations are a table ([`operations`]), schemas JSON ([`schemas`]); what is the same everywhere (errors, paging, security) is put in here. A test
//! compares the table with the router and with `docs/api.md`, another one what the server answers with the schemas.

mod operations;
pub mod page;
mod schemas;

use super::problem::Problem;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use operations::{Operation, Security, Takes};
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

/// `GET /api/ambient/v1/openapi`
pub async fn served() -> Response {
    static TEXT: LazyLock<String> = LazyLock::new(|| document().to_string());
    match TEXT.as_str() {
        "" => Problem::internal("the description is empty").into_response(),
        text => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
    }
}

fn document() -> Value {
    let mut paths = Map::new();
    for operation in operations::OPERATIONS {
        let path = paths.entry(operation.path.to_owned()).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(operation.method.to_owned(), described(operation));
        }
    }
    json!({
        "openapi": "3.0.3",
        "info": {
            "title": "Claviger",
            "description": "Credentials for agents: who may have which token, for whom, in which session.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": schemas::all(),
            "securitySchemes": { "bearer": { "type": "http", "scheme": "bearer" } },
        },
    })
}

fn described(operation: &Operation) -> Value {
    let mut parameters: Vec<Value> = path_parameters(operation.path).collect();
    parameters.extend(operation.takes.iter().flat_map(|takes| query_parameters(*takes)));
    let mut responses = Map::new();
    for (status, schema) in operation.answers {
        responses.insert(status.to_string(), response("As asked.", (!schema.is_empty()).then_some(*schema)));
    }
    let error = if operation.short_errors { "ShortError" } else { "Error" };
    for status in operation.refusals() {
        responses
            .entry(status.to_string())
            .or_insert_with(|| response(meaning(status), Some(error)));
    }
    // The server's http layer answers these by itself, without a body.
    for status in operation.unread() {
        responses.insert(status.to_string(), response(meaning(status), None));
    }
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [operation.tag()],
        "responses": responses,
        "security": match operation.security {
            Security::Bearer => json!([{ "bearer": [] }]),
            Security::Nobody => json!([]),
        },
    });
    if let Some(object) = described.as_object_mut() {
        if !parameters.is_empty() {
            object.insert("parameters".to_owned(), Value::Array(parameters));
        }
        if let Some(schema) = operation.body {
            let content = json!({ "application/json": { "schema": reference(schema) } });
            object.insert("requestBody".to_owned(), json!({ "required": true, "content": content }));
        }
    }
    described
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn response(description: &str, schema: Option<&str>) -> Value {
    match schema {
        // For people in a browser.
        Some("html") => json!({ "description": description, "content": { "text/html": { "schema": { "type": "string" } } } }),
        Some("text") => json!({ "description": description, "content": { "text/plain": { "schema": { "type": "string" } } } }),
        Some(schema) => json!({ "description": description, "content": { "application/json": { "schema": reference(schema) } } }),
        None => json!({ "description": description }),
    }
}

const fn meaning(status: u16) -> &'static str {
    match status {
        400 => "Something in the request will not do.",
        401 => "No bearer, or none that is known.",
        403 => "Not allowed.",
        404 => "Not there, or not for this caller.",
        408 => "The body was too slow.",
        409 => "It exists already, changed meanwhile, or is in another state.",
        413 => "The body is too large.",
        414 => "The address is longer than 64 KiB.",
        431 => "The headers are too long.",
        502 => "The upstream, or the credential's standing there.",
        503 => "Not now; see `Retry-After`.",
        504 => "The provider's call took too long.",
        _ => "Refused.",
    }
}

fn path_parameters(path: &str) -> impl Iterator<Item = Value> {
    let names = path.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0));
    names.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string", "minLength": 1 } }))
}

fn query_parameters(takes: Takes) -> Vec<Value> {
    let text =
        |name: &str, description: &str| json!({ "name": name, "in": "query", "description": description, "schema": { "type": "string" } });
    let number = |name: &str, description: &str, least: i64| json!({ "name": name, "in": "query", "description": description, "schema": { "type": "integer", "format": "int64", "minimum": least } });
    let several = |name: &str, description: &str| {
        let schema = json!({ "type": "array", "items": { "type": "string", "minLength": 1, "maxLength": 1024 } });
        json!({ "name": name, "in": "query", "description": description, "schema": schema, "style": "form", "explode": true })
    };
    match takes {
        Takes::List => vec![
            number("page", "Which page, from 1.", 1),
            number(
                "size",
                "Items a page; 0 for the total alone, a negative one for as many as there may be.",
                -1,
            ),
            text("search", "A filter: `name like '%x%' and (a = 'b' or c is null)`."),
            text("orderBy", "`name desc, created_at`"),
            text("fields", "The items with these fields alone: `id,name`."),
        ],
        Takes::Provider => vec![text("provider", "Of this provider.")],
        Takes::Project => vec![
            text("project_id", "Of this project."),
            json!({ "name": "X-Ambient-Project", "in": "header", "description": "Of this project, if `project_id` is not given.", "schema": { "type": "string" } }),
        ],
        Takes::DefaultProject => {
            vec![
                json!({ "name": "X-Ambient-Project", "in": "header", "description": "The project, if the body names none.", "schema": { "type": "string" } }),
            ]
        }
        Takes::Token => vec![
            number("min_ttl", "It must last for so many seconds.", 0),
            number("rejected", "The generation of a token that the upstream rejected.", 1),
            several("repository", "Only this repository, where the provider can narrow."),
            several("permission", "Only this permission: `contents:read`."),
            several("scope", "Only this scope."),
        ],
        Takes::Consumer => vec![json!({
            "name": "consumer",
            "in": "query",
            "description": "Who will use it.",
            "schema": { "type": "string", "enum": ["session", "environment", "git"] },
        })],
        Takes::Consent => {
            let mut id = text("id", "As the start of the consent answered it.");
            if let Some(object) = id.as_object_mut() {
                object.insert("required".to_owned(), json!(true));
            }
            vec![id]
        }
        Takes::Question => {
            let mut provider = text("provider", "Which provider.");
            if let Some(object) = provider.as_object_mut() {
                object.insert("required".to_owned(), json!(true));
            }
            vec![
                provider,
                text("agent", "For this agent."),
                text("session", "In this session."),
                text("user", "For this person; without it, the caller."),
            ]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_reference_leads_somewhere_and_every_schema_is_used() {
        let document = document();
        let text = document.to_string();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let used: BTreeSet<&str> = text
            .split("#/components/schemas/")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        let there: BTreeSet<&str> = schemas.keys().map(String::as_str).collect();
        assert_eq!(used, there);
    }

    #[test]
    fn operation_ids_are_unique_and_every_operation_can_succeed() {
        let mut ids = BTreeSet::new();
        for operation in operations::OPERATIONS {
            assert!(ids.insert(operation.id), "{} twice", operation.id);
            assert!(
                operation.answers.iter().any(|(status, _)| (200..300).contains(status)),
                "{}",
                operation.id
            );
            assert!(!operation.summary.is_empty());
        }
    }
}
