//! Each frozen schema of a manifest against today's: what was approved then is a manifest still.

use super::frozen::FROZEN;
use super::widening::is_wider;
use crate::source::root;
use anyhow::{Context, Result, ensure};
use claviger::manifest::Manifest;
use serde_json::{Value, json};
use std::path::Path;

fn schema(folder: &Path) -> Result<Value> {
    let path = folder.join("manifest.schema.json");
    let text = std::fs::read_to_string(&path).with_context(|| format!("no `{}`", path.display()))?;
    Ok(serde_json::from_str(&text)?)
}

#[test]
fn what_a_frozen_schema_accepts_is_accepted_today() -> Result<()> {
    let today = schema(&root().join("wit"))?;
    for frozen in FROZEN {
        is_wider(&schema(&frozen.folder())?, &today).with_context(|| format!("against {}", frozen.version))?;
    }
    Ok(())
}

/// One edit of a schema.
type Change = fn(&mut Value);

#[test]
fn a_schema_that_became_narrower_is_refused() -> Result<()> {
    let frozen = schema(&FROZEN[0].folder())?;
    is_wider(&frozen, &frozen)?;
    let changes: [(&str, Change); 9] = [
        ("a key is gone", |schema| {
            drop(schema["properties"].as_object_mut().map(|keys| keys.remove("reveal")))
        }),
        ("a key is required", |schema| {
            schema["required"]
                .as_array_mut()
                .into_iter()
                .for_each(|keys| keys.push(json!("limits")))
        }),
        ("a choice is gone", |schema| {
            schema["$defs"]["endpoint"]["properties"]["method"]["enum"] = json!(["GET", "POST"])
        }),
        ("a type is gone", |schema| {
            schema["properties"]["instance"]["type"] = json!("string")
        }),
        ("a number is lower", |schema| {
            schema["$defs"]["limits"]["properties"]["cpu-ms"]["maximum"] = json!(1000)
        }),
        ("a number is higher", |schema| {
            schema["$defs"]["endpoint"]["properties"]["bases"]["minItems"] = json!(2)
        }),
        ("a pattern is another", |schema| {
            schema["$defs"]["placement"]["properties"]["at"]["pattern"] = json!("^header:")
        }),
        ("a pattern is new", |schema| {
            schema["properties"]["provider"]["pattern"] = json!("^[a-z]+$")
        }),
        ("an alternative is gone", |schema| {
            drop(schema["$defs"]["source"]["oneOf"].as_array_mut().map(Vec::pop))
        }),
    ];
    for (what, change) in changes {
        let mut narrower = frozen.clone();
        change(&mut narrower);
        ensure!(narrower != frozen, "{what}: the schema is as it was");
        ensure!(is_wider(&frozen, &narrower).is_err(), "{what}: it would be let through");
    }
    let mut wider = frozen.clone();
    wider["properties"]["homepage"] = json!({ "type": "string" });
    wider["$defs"]["endpoint"]["properties"]["method"]["enum"] = json!(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "QUERY"]);
    is_wider(&frozen, &wider)
}

/// The host's own reading, which is the last word on a manifest.
#[test]
fn manifests_of_then_are_read_today() -> Result<()> {
    let mut paths: Vec<_> = FROZEN
        .iter()
        .map(|frozen| format!("tests/fixtures/{}/guest/manifest.json", frozen.version))
        .collect();
    paths.extend(["github", "gitlab", "google", "jira", "static"].map(|name| format!("providers/{name}/manifest.json")));
    paths.extend(["rust", "javascript", "python"].map(|language| format!("examples/drop-in-{language}/manifest.json")));
    for path in paths {
        let text = std::fs::read_to_string(root().join(&path)).with_context(|| format!("no `{path}`"))?;
        let manifest = Manifest::parse(&text).map_err(|error| anyhow::anyhow!("{path}: {error}"))?;
        manifest.check().with_context(|| path.clone())?;
    }
    Ok(())
}
