//! What each client makes of an answer: which statuses it takes, and what it has to be able to read.

use anyhow::{Context, Result, bail, ensure};
use claviger_tests::raw::RawAnswer;
use serde_json::Value;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rules {
    /// Exact statuses, typed fields, RFC 3339 times; `null` reads as "".
    Go,
    /// Any 2xx; an error is read only if it is JSON with `code`.
    Python,
    /// Any 2xx, 204 without a body; `code` and `reason` of an error if they are texts.
    TypeScript,
    /// 200 with a JSON object; whatever else is "none", but for 401 and 403.
    Runner,
}

/// A field of a generated type.
#[derive(Clone, Copy)]
enum Field {
    /// A text; absent and `null` read as "".
    Text,
    /// A text or `null`, and always there.
    Pointer,
    Flag,
    Number,
    /// 32 bits.
    Count,
}

const CREDENTIAL: &[(&str, Field)] = &[
    ("name", Field::Text),
    ("description", Field::Text),
    ("provider", Field::Text),
    ("token", Field::Text),
    ("url", Field::Text),
    ("email", Field::Text),
    ("labels", Field::Text),
    ("annotations", Field::Text),
];
const ROLE: &[(&str, Field)] = &[
    ("name", Field::Text),
    ("display_name", Field::Text),
    ("description", Field::Text),
    ("permissions", Field::Text),
    ("built_in", Field::Flag),
];
const ROLE_BINDING: &[(&str, Field)] = &[
    ("role_id", Field::Text),
    ("scope", Field::Text),
    ("user_id", Field::Pointer),
    ("project_id", Field::Pointer),
    ("agent_id", Field::Pointer),
    ("session_id", Field::Pointer),
    ("credential_id", Field::Pointer),
];
const PROJECT: &[(&str, Field)] = &[
    ("name", Field::Text),
    ("description", Field::Text),
    ("labels", Field::Text),
    ("annotations", Field::Text),
    ("prompt", Field::Text),
    ("status", Field::Text),
];
const AGENT: &[(&str, Field)] = &[
    ("project_id", Field::Text),
    ("parent_agent_id", Field::Text),
    ("owner_user_id", Field::Text),
    ("name", Field::Text),
    ("display_name", Field::Text),
    ("description", Field::Text),
    ("prompt", Field::Text),
    ("repo_url", Field::Text),
    ("workflow_id", Field::Text),
    ("llm_model", Field::Text),
    ("llm_temperature", Field::Number),
    ("llm_max_tokens", Field::Count),
    ("bot_account_name", Field::Text),
    ("resource_overrides", Field::Text),
    ("environment_variables", Field::Text),
    ("current_session_id", Field::Text),
    ("labels", Field::Text),
    ("annotations", Field::Text),
];
const SESSION: &[(&str, Field)] = &[
    ("name", Field::Text),
    ("project_id", Field::Text),
    ("agent_id", Field::Text),
    ("created_by_user_id", Field::Text),
    ("phase", Field::Text),
    ("kube_cr_name", Field::Text),
    ("environment_variables", Field::Text),
];
const USER: &[(&str, Field)] = &[("username", Field::Text), ("name", Field::Text), ("email", Field::Text)];

fn fields_of(kind: &str) -> Option<&'static [(&'static str, Field)]> {
    Some(match kind {
        "Credential" => CREDENTIAL,
        "Role" => ROLE,
        "RoleBinding" => ROLE_BINDING,
        "Project" => PROJECT,
        "Agent" => AGENT,
        "Session" => SESSION,
        "User" => USER,
        _ => return None,
    })
}

impl Rules {
    /// Reads an answer as this client does, and returns its body (`null` without one).
    pub fn read(self, method: &str, answer: &RawAnswer, kind: &str) -> Result<Value> {
        let status = answer.status;
        if kind == "Error" {
            return self.error(answer);
        }
        let taken = match (self, method) {
            // What starts something answers 201 to whoever began it, and 200 to whoever came later.
            (Self::Go, "POST") => status == 201 || (status == 200 && ["Session", "StartedAgent"].contains(&kind)),
            (Self::Go, "DELETE") => status == 204,
            (Self::Go | Self::Runner, _) => status == 200,
            (Self::Python | Self::TypeScript, _) => (200..300).contains(&status),
        };
        ensure!(taken, "{self:?} does not take {status} for {method}: {}", answer.body);
        if status == 204 {
            ensure!(answer.body.is_empty(), "204 with a body: {}", answer.body);
            return Ok(Value::Null);
        }
        let content = answer.header("content-type").unwrap_or_default();
        ensure!(content.starts_with("application/json"), "it is `{content}`");
        let body: Value = serde_json::from_str(&answer.body).with_context(|| format!("no JSON: {}", answer.body))?;
        match kind.strip_suffix("List") {
            Some(item) => list(&body, kind, item)?,
            None if fields_of(kind).is_some() => object(&body, kind)?,
            None if kind == "StartedAgent" => object(&body["session"], "Session")?,
            None if kind == "Token" => token(&body)?,
            None => ensure!(body.is_object(), "no object: {body}"),
        }
        Ok(body)
    }

    fn error(self, answer: &RawAnswer) -> Result<Value> {
        ensure!(answer.status >= 400, "{} is no error", answer.status);
        let body: Value = serde_json::from_str(&answer.body).with_context(|| format!("an error that is no JSON: {}", answer.body))?;
        let texts: &[&str] = if self == Self::Runner {
            &["error"]
        } else {
            &["code", "reason", "id", "href"]
        };
        for key in texts {
            let is_text = body[key].as_str().is_some_and(|text| !text.is_empty());
            // A runner also reads the API's own addresses, whose errors are in the envelope.
            ensure!(
                is_text || (self == Self::Runner && body["reason"].is_string()),
                "no text `{key}` in {body}"
            );
        }
        if self == Self::Runner {
            ensure!(![401, 403].contains(&answer.status), "it fails a whole turn: {}", answer.status);
        }
        Ok(body)
    }
}

fn list(body: &Value, kind: &str, item: &str) -> Result<()> {
    ensure!(body["kind"] == kind, "not a {kind}: {body}");
    let items = body["items"].as_array().with_context(|| format!("items are no list: {body}"))?;
    for key in ["page", "size", "total"] {
        ensure!(
            body[key].as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
            "`{key}` of {body}"
        );
    }
    ensure!(
        body["size"] == items.len() && body["total"].as_u64() >= Some(items.len() as u64),
        "{body}"
    );
    items.iter().try_for_each(|one| object(one, item))
}

fn object(body: &Value, kind: &str) -> Result<()> {
    ensure!(body["kind"] == kind, "not a {kind}: {body}");
    for key in ["id", "href"] {
        ensure!(body[key].as_str().is_some_and(|text| !text.is_empty()), "no `{key}` in {body}");
    }
    for key in ["created_at", "updated_at"] {
        let text = body[key].as_str().with_context(|| format!("no `{key}` in {body}"))?;
        ensure!(is_rfc3339(text), "`{text}` is no time for Go");
    }
    for (key, field) in fields_of(kind).unwrap_or_default() {
        let (there, value) = (body.get(*key).is_some(), &body[*key]);
        let reads = match field {
            Field::Text => value.is_null() || value.is_string(),
            Field::Pointer => there && (value.is_null() || value.as_str().is_some_and(|text| !text.is_empty())),
            Field::Flag => value.is_null() || value.is_boolean(),
            Field::Number => value.is_null() || value.is_number(),
            Field::Count => value.is_null() || value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
        };
        ensure!(reads, "`{key}` does not read: {body}");
    }
    Ok(())
}

fn token(body: &Value) -> Result<()> {
    for key in ["credential_id", "provider", "token"] {
        ensure!(body[key].is_string(), "no text `{key}` in the answer");
    }
    Ok(())
}

/// As `time.Time` of Go reads it: digits, `T`, and a zone; a fraction may be there.
fn is_rfc3339(text: &str) -> bool {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let Some(rest) = shape.strip_prefix("0000-00-00T00:00:00") else {
        return false;
    };
    let rest = match rest.strip_prefix('.') {
        Some(fraction) => {
            let zone = fraction.trim_start_matches('0');
            if zone.len() == fraction.len() {
                return false;
            }
            zone
        }
        None => rest,
    };
    matches!(rest, "Z" | "+00:00" | "-00:00")
}

/// Which rules a file's client has.
pub fn of_file(name: &str) -> Result<Rules> {
    Ok(match name {
        "go-sdk" | "acpctl" | "control-plane" | "sidecar" => Rules::Go,
        "python-sdk" => Rules::Python,
        "typescript-sdk" | "ui" => Rules::TypeScript,
        "runner" => Rules::Runner,
        other => bail!("nobody knows what `{other}` makes of an answer"),
    })
}

#[test]
fn times_are_read_as_go_reads_them() {
    for good in ["2026-08-17T10:00:00Z", "2026-08-17T10:00:00.123456Z", "2026-08-17T10:00:00.1+00:00"] {
        assert!(is_rfc3339(good), "{good}");
    }
    for bad in [
        "",
        "2026-08-17",
        "2026-08-17 10:00:00Z",
        "2026-08-17T10:00:00",
        "2026-08-17T10:00:00.Z",
        "1786960800",
    ] {
        assert!(!is_rfc3339(bad), "{bad}");
    }
}
