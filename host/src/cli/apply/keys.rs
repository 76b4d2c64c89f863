//! A manifest's keys while they are read: what nobody takes is refused in the end.

use crate::cli::client::Failure;
use crate::cli::secret_input::Source;
use serde_json::{Map, Value};
use std::path::PathBuf;

/// Texts that hold JSON on the wire, and are maps for people.
pub(super) fn is_json(key: &str) -> bool {
    matches!(key, "labels" | "annotations" | "environment_variables" | "resource_overrides")
}

/// The keys that nobody has taken yet.
pub(super) struct Keys {
    /// Which file and which document of it.
    pub place: String,
    /// Where its paths are seen from.
    pub folder: PathBuf,
    /// What is left.
    pub keys: Map<String, Value>,
}

impl Keys {
    pub(super) fn refuse(&self, why: &str) -> Failure {
        Failure::Usage(format!("{}: {why}", self.place))
    }

    pub(super) fn required(&mut self, key: &str) -> Result<String, Failure> {
        let text = self.text(key)?.flatten().filter(|text| !text.is_empty());
        text.ok_or_else(|| self.refuse(&format!("`{key}` is missing")))
    }

    /// Not there, cleared, or a text. Labels are a map for people and a text on the wire.
    pub(super) fn text(&mut self, key: &str) -> Result<Option<Option<String>>, Failure> {
        match self.keys.remove(key) {
            None => Ok(None),
            Some(Value::Null) => Ok(Some(None)),
            Some(Value::Object(map)) if is_json(key) => Ok(Some(Some(Value::Object(map).to_string()))),
            Some(value) => match scalar(&value) {
                Some(text) => Ok(Some(Some(text))),
                None => Err(self.refuse(&format!("`{key}` is a text"))),
            },
        }
    }

    /// Not there, cleared, or a number.
    pub(super) fn number(&mut self, key: &str) -> Result<Option<Value>, Failure> {
        match self.keys.remove(key) {
            None => Ok(None),
            Some(value @ (Value::Null | Value::Number(_))) => Ok(Some(value)),
            Some(_) => Err(self.refuse(&format!("`{key}` is a number"))),
        }
    }

    /// `$NAME`, `${NAME}`, `{env: NAME}` or `{file: PATH}`, seen from the manifest's folder.
    pub(super) fn reference(&self, key: &str, value: &Value) -> Result<Source, Failure> {
        let of_map = |key: &str| value.as_object().filter(|map| map.len() == 1)?.get(key)?.as_str();
        let of_text = || {
            let name = value.as_str()?.strip_prefix('$')?;
            Some(name.strip_prefix('{').and_then(|name| name.strip_suffix('}')).unwrap_or(name))
        };
        let is_name = |name: &&str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if let Some(path) = of_map("file") {
            return Ok(Source::File(self.folder.join(path)));
        }
        match of_map("env").or_else(of_text).filter(is_name) {
            Some(name) => Ok(Source::Environment(name.to_owned())),
            None => Err(self.refuse(&format!(
                "`{}` is a secret, and no manifest holds those: say `$NAME` for a variable, or `{{file: PATH}}`. If it was a real one, replace it",
                short(key)
            ))),
        }
    }
}

pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        _ => None,
    }
}

pub(super) fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}
