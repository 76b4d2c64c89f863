//! What a command says: tables for people, the API's own JSON for programs, ids alone for the shell.
//!
//! Text that somebody else wrote is shown without control characters: a terminal would obey them.

use super::client::{Failure, text};
use serde_json::{Value, json};
use std::io::Write;

/// How the answer is wanted.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct Output {
    /// `json`: the API's own answer.
    #[arg(short = 'o', long = "output", value_enum, value_name = "FORMAT")]
    format: Option<Format>,
    /// Ids alone.
    #[arg(short, long, conflicts_with = "format")]
    quiet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Json,
    Table,
}

/// A column's head, and its text of an item.
pub(super) type Column<'a> = (&'a str, &'a dyn Fn(&Value) -> String);

impl Output {
    /// A list.
    pub(super) fn list(self, kind: &str, items: &[Value], columns: &[Column<'_>]) -> Result<(), Failure> {
        if self.format == Some(Format::Json) {
            return json(&json!({ "kind": kind, "page": 1, "size": items.len(), "total": items.len(), "items": items }));
        }
        if self.quiet {
            return items.iter().try_for_each(|item| line(text(item, "id")));
        }
        if items.is_empty() {
            super::note("none");
            return Ok(());
        }
        let head = columns.iter().map(|(head, _)| (*head).to_owned()).collect();
        let rows = items
            .iter()
            .map(|item| columns.iter().map(|(_, cell)| plain(&cell(item))).collect());
        table(std::iter::once(head).chain(rows).collect())
    }

    /// One thing, as lines of name and value.
    pub(super) fn one(self, item: &Value) -> Result<(), Failure> {
        if self.format == Some(Format::Json) {
            return json(item);
        }
        if self.quiet {
            let id = [text(item, "id"), text(item, "user")];
            return line(id.into_iter().find(|id| !id.is_empty()).unwrap_or_default());
        }
        let mut rows = Vec::new();
        for (key, value) in item.as_object().into_iter().flatten() {
            if matches!(key.as_str(), "kind" | "href" | "warnings") {
                continue;
            }
            match value {
                Value::Null => {}
                Value::Object(inner) => {
                    rows.extend(inner.iter().map(|(name, value)| vec![format!("{key}.{name}"), shown(value)]));
                }
                value => rows.push(vec![key.clone(), shown(value)]),
            }
        }
        table(rows)
    }

    /// A thing that was just made or changed: `done` and its id, with what its owner should look at again.
    pub(super) fn changed(self, done: &str, item: &Value) -> Result<(), Failure> {
        for warning in item.get("warnings").and_then(Value::as_array).into_iter().flatten() {
            super::note(&format!("look again: {}", shown(warning)));
        }
        match (self.format, self.quiet) {
            (Some(Format::Json), _) => json(item),
            (_, true) => line(text(item, "id")),
            _ => line(&plain(&format!("{done} {}", text(item, "id")))),
        }
    }
}

/// A value of an answer, for people.
pub(super) fn shown(value: &Value) -> String {
    plain(&match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    })
}

/// Without control characters.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Rows, each column as wide as its widest cell.
pub(super) fn table(rows: Vec<Vec<String>>) -> Result<(), Failure> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let wide: Vec<usize> = (0..columns)
        .map(|at| {
            rows.iter()
                .filter_map(|row| row.get(at))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    rows.iter().try_for_each(|row| {
        let cells: Vec<String> = row.iter().zip(&wide).map(|(cell, wide)| format!("{cell:<wide$}")).collect();
        line(cells.join("  ").trim_end())
    })
}

/// JSON for programs.
pub(super) fn json(value: &Value) -> Result<(), Failure> {
    line(&serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string()))
}

/// A line of the answer.
pub(super) fn line(text: &str) -> Result<(), Failure> {
    write(&format!("{text}\n"))
}

/// The answer as it is. A reader that has seen enough (`| head`) is no failure.
pub(super) fn write(text: &str) -> Result<(), Failure> {
    let mut output = std::io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(why) if why.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::Refused(format!("the answer cannot be written to standard output: {why}")))
        }
        _ => Ok(()),
    }
}
