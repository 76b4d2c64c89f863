//! The target of the lists' filter language: what a client writes into `search`.
//!
//! Whatever it is, it is read or refused, and what is read only takes away from what it is handed.

use super::search::{Cell, Column, Filter, Type};
use std::collections::BTreeSet;

struct Row {
    id: &'static str,
    name: Option<&'static str>,
    size: Option<i64>,
    made_ms: i64,
    on: bool,
}

const COLUMNS: &[Column<Row>] = &[
    Column {
        name: "id",
        holds: Type::Text,
        read: |row| Cell::text(row.id),
    },
    Column {
        name: "name",
        holds: Type::Text,
        read: |row| Cell::maybe(row.name),
    },
    Column {
        name: "size",
        holds: Type::Number,
        read: |row| row.size.map_or(Cell::Null, Cell::number),
    },
    Column {
        name: "made",
        holds: Type::Time,
        read: |row| Cell::number(row.made_ms),
    },
    Column {
        name: "on",
        holds: Type::Flag,
        read: |row| Cell::flag(row.on),
    },
];

const fn row(id: &'static str, name: Option<&'static str>, size: Option<i64>, made_ms: i64, on: bool) -> Row {
    Row {
        id,
        name,
        size,
        made_ms,
        on,
    }
}

static ROWS: [Row; 6] = [
    row("a", Some("github-pat"), Some(1), 0, false),
    row("b", Some("it's %_\\"), Some(20), 1, true),
    row("c", None, None, 86_400_000, false),
    row("d", Some(""), Some(-3), 1_786_960_800_000, true),
    row("e", Some("größe"), Some(0), -1, false),
    row("a", Some("') or (id <> '"), Some(9_007_199_254_740_991), 253_402_300_799_999, true),
];

/// The places of the rows that are kept; `None` where the filter does not read, or is too dear.
fn kept(filter: &str) -> Option<BTreeSet<usize>> {
    let rows: Vec<usize> = (0..ROWS.len()).collect();
    let Some(filter) = Filter::read(filter, "things", COLUMNS).ok()? else {
        return Some(rows.into_iter().collect());
    };
    let refs: Vec<&Row> = ROWS.iter().collect();
    let kept = filter.keep(refs).ok()?;
    let place = |row: &&Row| ROWS.iter().position(|own| std::ptr::eq(own, *row));
    let places: Vec<usize> = kept.iter().filter_map(place).collect();
    assert_eq!(places.len(), kept.len(), "it keeps what it was not handed");
    assert!(places.is_sorted(), "it changes the order");
    Some(places.into_iter().collect())
}

/// The target.
///
/// # Panics
/// If a filter brings something back, or means something else in parentheses than without.
pub fn target(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Some(alone) = kept(&text) else { return };
    if text.trim().is_empty() {
        return;
    }
    // One level deeper it may be too deep or too long; what reads means the same.
    if let Some(inside) = kept(&format!("({text})")) {
        assert_eq!(inside, alone, "parentheses change it");
    }
    if let Some(opposite) = kept(&format!("not ({text})")) {
        assert!(opposite.is_disjoint(&alone), "it holds, and its opposite does");
    }
    // The hole of the platform: a filter beside the client's is not escaped from, whatever the client's says.
    if let Some(both) = kept(&format!("({text}) and id = 'b'")) {
        assert!(
            both.iter().all(|place| ROWS[*place].id == "b" && alone.contains(place)),
            "it escapes"
        );
    }
    if let Some(either) = kept(&format!("({text}) or id = 'b'")) {
        assert!(either.is_superset(&alone) && either.contains(&1), "it swallows");
    }
}
