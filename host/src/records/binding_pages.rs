//! All bindings, for the snapshot: thousands in one row.
//!
//! A row takes 15 to 20 µs on its way from SQLite's own thread, most of it waking each other: 20 s for a million bindings, and the index is
//! wanted within ten. So the database joins the columns of many rows into one text. No id or name can have a control character, which
//! `ids` sees to, so the separators are two of them.

use super::database::Transactional;
use super::error::{RecordsError, Result};
use super::model::Binding;
use super::row::{Fields, Stored};
use crate::clock::Millis;
use crate::ids::InvalidId;
use crate::records::model::Scope;

const BETWEEN_FIELDS: &str = "\u{1f}";
const BETWEEN_ROWS: &str = "\u{1e}";

/// 5,000 bindings are less than a megabyte. The ids alone are paged through, so that what the page holds is read where it lies.
const PAGE: &str = "SELECT MAX(id) AS last, string_agg(fields, $3) AS bindings FROM (
     SELECT id, id || $2 || role_id || $2 || scope || $2 || COALESCE(user_id, '') || $2 || COALESCE(project_id, '') || $2 || COALESCE(agent_id, '')
         || $2 || COALESCE(session_id, '') || $2 || COALESCE(credential_id, '') || $2 || CAST(created_at_ms AS TEXT) || $2 || CAST(updated_at_ms AS TEXT)
         AS fields
     FROM role_bindings WHERE id > $1 ORDER BY id LIMIT 5000) AS page";

/// Every binding.
pub(super) async fn all(view: &mut Transactional) -> Result<Vec<Binding>> {
    let (mut bindings, mut last) = (Vec::new(), String::new());
    loop {
        let query = sqlx::query(PAGE).bind(last.clone()).bind(BETWEEN_FIELDS).bind(BETWEEN_ROWS);
        let Some(row) = view.optional(query).await? else {
            return Ok(bindings);
        };
        let row = Fields {
            row: &row,
            table: "role_bindings",
        };
        let (Some(next), Some(page)) = (row.maybe_text("last")?, row.maybe_text("bindings")?) else {
            return Ok(bindings);
        };
        last = next;
        for fields in page.split(BETWEEN_ROWS) {
            bindings.push(read(fields)?);
        }
    }
}

fn read(fields: &str) -> Result<Binding> {
    let mut fields = fields.split(BETWEEN_FIELDS);
    let binding = Binding {
        id: id("id", next(&mut fields, "id")?)?,
        role_id: id("role_id", next(&mut fields, "role_id")?)?,
        scope: Scope::from_word(next(&mut fields, "scope")?).ok_or_else(|| damaged("scope", "holds an unknown word"))?,
        user_id: maybe_id("user_id", next(&mut fields, "user_id")?)?,
        project_id: maybe_id("project_id", next(&mut fields, "project_id")?)?,
        agent_id: maybe_id("agent_id", next(&mut fields, "agent_id")?)?,
        session_id: maybe_id("session_id", next(&mut fields, "session_id")?)?,
        credential_id: maybe_id("credential_id", next(&mut fields, "credential_id")?)?,
        created_at_ms: moment("created_at_ms", next(&mut fields, "created_at_ms")?)?,
        updated_at_ms: moment("updated_at_ms", next(&mut fields, "updated_at_ms")?)?,
    };
    match fields.next() {
        None => Ok(binding),
        Some(_) => Err(damaged("id", "has a control character somewhere in its row")),
    }
}

fn next<'a>(fields: &mut impl Iterator<Item = &'a str>, column: &'static str) -> Result<&'a str> {
    fields
        .next()
        .ok_or_else(|| damaged(column, "is missing, or a control character stands before it"))
}

fn id<T: TryFrom<String, Error = InvalidId>>(column: &'static str, text: &str) -> Result<T> {
    T::try_from(text.to_owned()).map_err(|error| damaged(column, &error.to_string()))
}

/// The schema lets no id be empty: an empty text is none.
fn maybe_id<T: TryFrom<String, Error = InvalidId>>(column: &'static str, text: &str) -> Result<Option<T>> {
    if text.is_empty() { Ok(None) } else { id(column, text).map(Some) }
}

fn moment(column: &'static str, text: &str) -> Result<Millis> {
    text.parse().map_err(|_| damaged(column, "is no number"))
}

fn damaged(column: &'static str, reason: &str) -> RecordsError {
    RecordsError::Damaged {
        table: "role_bindings",
        column,
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_row_that_does_not_split_is_damaged_and_never_another_binding() {
        let row = ["b1", "r1", "project", "alice", "atlas", "", "", "", "1", "2"];
        let binding = read(&row.join("\u{1f}")).unwrap();
        assert_eq!(binding.user_id.unwrap().as_str(), "alice");
        assert_eq!((binding.agent_id, binding.created_at_ms, binding.updated_at_ms), (None, 1, 2));
        for (at, text) in [
            (0, ""),
            (2, "galaxy"),
            (3, "ali\u{1f}ce"),
            (3, " alice"),
            (8, "soon"),
            (9, ""),
            (9, "2\u{1f}3"),
        ] {
            let mut wrong = row;
            wrong[at] = text;
            assert!(read(&wrong.join("\u{1f}")).is_err(), "{at} {text:?}");
        }
        assert!(read(&row[..9].join("\u{1f}")).is_err());
    }
}
