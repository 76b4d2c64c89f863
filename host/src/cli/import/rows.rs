//! From a dump's rows to typed things: names, ages, texts. Everything that is strange is said by table and id.

use super::dump::Row;
use crate::api::details::{Holds, Key};
use crate::clock::{Millis, from_rfc3339};
use crate::records::{AGELESS_MS, Details, DetailsPatch};
use serde_json::Value;

/// A text of any column may have this many bytes; the API takes no larger body.
const LONGEST_TEXT: usize = 1024 * 1024;

/// A row's id, fit for a message.
pub(super) fn shown_id(row: Row<'_>) -> String {
    let id = row.given("id").unwrap_or("without an id");
    id.chars().filter(|c| !c.is_control()).take(64).collect()
}

/// Whether the platform deleted it, which it does by writing down when.
pub(super) fn is_deleted(row: Row<'_>) -> bool {
    row.given("deleted_at").is_some()
}

/// When it was made, and when it was changed. One without an age is older than all that have one, as the platform itself sorts them.
pub(super) fn ages(row: Row<'_>) -> Result<(Millis, Millis), String> {
    let at = |column: &str| match row.given(column) {
        None => Ok(None),
        Some(text) => moment(text).map(Some).ok_or_else(|| format!("its `{column}` is no time")),
    };
    let created = at("created_at")?.unwrap_or(AGELESS_MS);
    Ok((created, at("updated_at")?.unwrap_or(created)))
}

/// `2026-08-17 10:00:00.123456+00`, as PostgreSQL writes it; without an offset it is UTC.
fn moment(text: &str) -> Option<Millis> {
    let (day, time) = text.split_once([' ', 'T'])?;
    let at = time.find(['+', '-', 'Z']).unwrap_or(time.len());
    let (clock, offset) = (time.get(..at)?, time.get(at..)?);
    let offset = match offset.len() {
        0 => "Z".to_owned(),
        3 => format!("{offset}:00"),
        _ => offset.to_owned(),
    };
    from_rfc3339(&format!("{day}T{clock}{offset}"))
}

/// A text, if it is given. Beside line breaks and tabs no control characters, as over the API.
pub(super) fn text(row: Row<'_>, column: &str) -> Result<Option<String>, String> {
    match row.given(column) {
        Some(text) if text.len() > LONGEST_TEXT => Err(format!("its `{column}` is longer than {LONGEST_TEXT} bytes")),
        Some(text) if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) => {
            Err(format!("its `{column}` has control characters"))
        }
        other => Ok(other.map(str::to_owned)),
    }
}

/// What clients store with a project or an agent.
pub(super) fn details(row: Row<'_>, keys: &[Key]) -> Result<Details, String> {
    let mut patch = DetailsPatch::new();
    for key in keys {
        let value = match key.holds {
            Holds::Text => text(row, key.name)?.map(Value::from),
            Holds::Number | Holds::Count => match row.given(key.name) {
                None => None,
                Some(number) => Some(number_of(key.holds, number).ok_or_else(|| format!("its `{}` is no such number", key.name))?),
            },
        };
        patch.extend(value.map(|value| (key.name.to_owned(), Some(value))));
    }
    Ok(Details::default().changed(patch))
}

fn number_of(holds: Holds, text: &str) -> Option<Value> {
    match holds {
        Holds::Count => text.parse::<i64>().ok().filter(|count| *count >= 0).map(Value::from),
        _ => text
            .parse::<f64>()
            .ok()
            .filter(|number| number.is_finite() && *number >= 0.0)
            .map(Value::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_postgresql_writes_them() {
        for (text, ms) in [
            ("2026-08-17 10:00:00.123456+00", 1_786_960_800_123),
            ("2026-08-17 12:00:00.123+02", 1_786_960_800_123),
            ("2026-08-17 15:30:00+05:30", 1_786_960_800_000),
            ("2026-08-17T10:00:00Z", 1_786_960_800_000),
            ("2026-08-17 10:00:00", 1_786_960_800_000),
        ] {
            assert_eq!(moment(text), Some(ms), "{text}");
        }
        for text in [
            "",
            "infinity",
            "2026-08-17",
            "2026-13-17 10:00:00+00",
            "yesterday at ten",
            "2026-08-17 10:00:00+é",
        ] {
            assert_eq!(moment(text), None, "{text}");
        }
    }
}
