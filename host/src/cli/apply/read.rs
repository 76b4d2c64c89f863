//! From files to documents: YAML of several documents, JSON, a list of either.

use crate::cli::client::Failure;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::io::Read;
use std::path::{Path, PathBuf};

/// One manifest as it was written.
pub(super) struct Document {
    /// Which file and which document of it, for messages.
    pub place: String,
    /// Where its paths are seen from.
    pub folder: PathBuf,
    /// Its keys.
    pub keys: Map<String, Value>,
}

/// The documents of a file, of the files of a folder, or of standard input.
pub(super) fn documents(given: &str) -> Result<Vec<Document>, Failure> {
    if given == "-" {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .map_err(|why| Failure::Usage(format!("standard input cannot be read: {why}")))?;
        return parse(&text, "standard input", Path::new("."));
    }
    let path = Path::new(given);
    let unreadable = |path: &Path, why: std::io::Error| Failure::Usage(format!("`{}` cannot be read: {why}", path.display()));
    let mut files = vec![path.to_owned()];
    if path.is_dir() {
        let entries = std::fs::read_dir(path).map_err(|why| unreadable(path, why))?;
        files = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|file| is_manifest(file))
            .collect();
        files.sort();
    }
    let mut documents = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).map_err(|why| unreadable(&file, why))?;
        let folder = file.parent().unwrap_or(Path::new("."));
        documents.extend(parse(&text, &file.display().to_string(), folder)?);
    }
    Ok(documents)
}

fn is_manifest(file: &Path) -> bool {
    let extension = file.extension().and_then(|extension| extension.to_str());
    file.is_file() && extension.is_some_and(|extension| ["yaml", "yml", "json"].contains(&extension))
}

fn parse(text: &str, name: &str, folder: &Path) -> Result<Vec<Document>, Failure> {
    let mut found = Vec::new();
    // JSON is read as the YAML that it is.
    for document in serde_norway::Deserializer::from_str(text) {
        let number = found.len() + 1;
        let value = Value::deserialize(document).map_err(|why| {
            let place = why.location().map(|at| format!(" at line {}, column {}", at.line(), at.column()));
            Failure::Usage(format!("`{name}` is no YAML{}", place.unwrap_or_default()))
        })?;
        let values = match value {
            Value::Null => vec![],
            Value::Array(values) => values,
            value => vec![value],
        };
        for value in values {
            let place = format!("`{name}`, document {number}");
            let Value::Object(keys) = value else {
                return Err(Failure::Usage(format!("{place} is no manifest: it has no keys")));
            };
            found.push(Document {
                place,
                folder: folder.to_owned(),
                keys,
            });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<String> {
        let documents = parse(text, "x", Path::new(".")).unwrap();
        documents.iter().map(|document| document.keys["kind"].to_string()).collect()
    }

    #[test]
    fn several_documents_and_json_are_read() {
        assert_eq!(kinds("kind: A\n---\n---\nkind: B\n"), ["\"A\"", "\"B\""]);
        assert_eq!(
            kinds(r#"[{"kind": "A"}, {"kind": "B", "fields": {"a": null}}]"#),
            ["\"A\"", "\"B\""]
        );
        assert_eq!(kinds(""), [""; 0]);
    }

    #[test]
    fn what_does_not_read_is_told_by_its_place_and_not_repeated() {
        for text in ["token: [ghp_0123", "- ghp_0123", "ghp_0123", "token: !x ghp_0123\n\tghp_0123"] {
            let why = parse(text, "x", Path::new(".")).err().unwrap().to_string();
            assert!(why.contains("`x`") && !why.contains("ghp_"), "{why}");
        }
    }
}
