//! `GET /api/ambient/v1/openapi.html`: the operations as a page for people. It asks nobody for anything: no script, no font, no picture, and its one
//! style is named to the browser by its digest.

use super::operations::{OPERATIONS, Operation, Security};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use std::fmt::Write as _;
use std::sync::LazyLock;

const STYLE: &str = "body{font:15px sans-serif;max-width:72em;margin:2em auto;padding:0 1em}table{border-collapse:collapse}\
                     td{padding:.2em .8em .2em 0;vertical-align:top}code{font:13px monospace}";

/// `GET /api/ambient/v1/openapi.html`
pub async fn served() -> Response {
    static PAGE: LazyLock<(String, String)> = LazyLock::new(|| (policy(), page()));
    let (policy, page) = &*PAGE;
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, policy.as_str()),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, page.as_str()).into_response()
}

fn policy() -> String {
    let style = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    format!("default-src 'none'; style-src 'sha256-{style}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
}

fn page() -> String {
    let mut tags: Vec<&str> = Vec::new();
    for operation in OPERATIONS {
        if !tags.contains(&operation.tag()) {
            tags.push(operation.tag());
        }
    }
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Claviger's API</title><style>{STYLE}</style>\
         <h1>Claviger's API, version {}</h1><p>For programs: <a href=\"openapi\">OpenAPI 3</a>.</p>",
        env!("CARGO_PKG_VERSION")
    );
    for tag in tags {
        let rows: String = OPERATIONS.iter().filter(|operation| operation.tag() == tag).map(row).collect();
        // Writing into a text does not fail.
        let _ = write!(page, "<h2>{}</h2><table>{rows}</table>", escaped(tag));
    }
    page + "</html>"
}

fn row(operation: &Operation) -> String {
    let open = match operation.security {
        Security::Bearer => "",
        Security::Nobody => " <em>without a bearer</em>",
    };
    let (method, path, summary) = (operation.method.to_uppercase(), operation.path, operation.summary);
    format!(
        "<tr><td><code>{method}</code><td><code>{}</code><td>{}{open}</tr>",
        escaped(path),
        escaped(summary)
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
