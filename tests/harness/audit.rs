//! The audit trail, as a stranger with a text editor sees it.

use anyhow::{Context, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The segment files below a data folder, in the order of their names.
///
/// # Errors
/// The folder cannot be read.
pub fn segments(data: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![data.join("audit")];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder)
            .with_context(|| format!("no `{}`", folder.display()))?
            .flatten()
        {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "jsonl") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// All records.
///
/// # Errors
/// A line that is not JSON.
pub fn records(data: &Path) -> Result<Vec<Value>> {
    let mut records = Vec::new();
    for path in segments(data)? {
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        for line in text.lines() {
            records.push(serde_json::from_str(line).with_context(|| format!("not a record: {line}"))?);
        }
    }
    Ok(records)
}

/// The records of one event.
///
/// # Errors
/// As [`records`].
pub fn of_event(data: &Path, event: &str) -> Result<Vec<Value>> {
    Ok(records(data)?
        .into_iter()
        .filter(|record| record.get("event").is_some_and(|e| e == event))
        .collect())
}

/// How many bytes the trail has.
///
/// # Errors
/// The folder cannot be read.
pub fn bytes(data: &Path) -> Result<u64> {
    segments(data)?.iter().map(|path| Ok(std::fs::metadata(path)?.len())).sum()
}
