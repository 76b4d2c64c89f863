//! Lists: paging, order and the envelope that clients iterate over.

use super::problem::{Answer, Problem};
use serde::Deserialize;
use serde_json::{Value, json};

/// The parameters that every list takes.
#[derive(Debug, Default, Deserialize)]
pub struct ListQuery {
    page: Option<i64>,
    size: Option<i64>,
    /// The client's filter, `tree-search-language`; see [`super::search`].
    pub search: Option<String>,
    #[serde(rename = "orderBy")]
    order_by: Option<String>,
}

/// Refuses a filter: an answer that ignored it would look like a filtered one.
///
/// # Errors
/// 400 if there is one.
pub fn refuse_search(query: &ListQuery) -> Answer<()> {
    match &query.search {
        Some(search) if !search.trim().is_empty() => Err(Problem::bad_request(
            "`search` is not supported by this version; filter the list yourself",
        )),
        _ => Ok(()),
    }
}

/// The largest page; also what a negative size means on the wire.
const LARGEST: i64 = 65_500;
const USUAL: i64 = 100;

/// One page of `items`, in the list envelope. `size` counts this page, `total` everything; a page past the end is empty, not an error,
/// for clients iterate until they see one.
///
/// # Errors
/// 400 if the order names a key that the items do not have.
pub fn page(kind: &'static str, mut items: Vec<Value>, query: &ListQuery) -> Answer<Value> {
    if let Some(order) = query.order_by.as_deref().filter(|order| !order.trim().is_empty()) {
        sort(&mut items, order)?;
    }
    let total = items.len();
    let page = query.page.unwrap_or(1).max(1);
    let size = match query.size.unwrap_or(USUAL) {
        size if !(0..=LARGEST).contains(&size) => LARGEST,
        size => size,
    };
    let size = usize::try_from(size).unwrap_or(0);
    let skip = usize::try_from(page - 1).unwrap_or(usize::MAX).saturating_mul(size);
    let items: Vec<Value> = items.into_iter().skip(skip).take(size).collect();
    Ok(json!({ "kind": kind, "page": page, "size": items.len(), "total": total, "items": items }))
}

fn sort(items: &mut [Value], order: &str) -> Answer<()> {
    let bad = || Problem::bad_request(format!("bad order value '{order}'"));
    // The last key is applied first: the sort is stable.
    for part in order.rsplit(',') {
        let mut words = part.split_whitespace();
        let key = words.next().ok_or_else(bad)?;
        let descending = match words.next().map(str::to_ascii_lowercase).as_deref() {
            None | Some("asc") => false,
            Some("desc") => true,
            Some(_) => return Err(bad()),
        };
        if words.next().is_some() || !ORDERABLE.contains(&key) {
            return Err(bad());
        }
        items.sort_by(|a, b| {
            let by = text(a, key).cmp(text(b, key));
            if descending { by.reverse() } else { by }
        });
    }
    Ok(())
}

const ORDERABLE: [&str; 12] = [
    "id",
    "name",
    "created_at",
    "updated_at",
    "provider",
    "scope",
    "user_id",
    "project_id",
    "agent_id",
    "session_id",
    "credential_id",
    "role_id",
];

fn text<'a>(item: &'a Value, key: &str) -> &'a str {
    item.get(key).and_then(Value::as_str).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(query: &ListQuery) -> (Vec<String>, u64) {
        let items = ["b", "c", "a"].map(|name| json!({ "name": name })).to_vec();
        let list = page("RoleList", items, query).unwrap();
        let names = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["name"].as_str().unwrap().to_owned())
            .collect();
        (names, list["total"].as_u64().unwrap())
    }

    #[test]
    fn pages_past_the_end_are_empty() {
        let query = ListQuery {
            page: Some(3),
            size: Some(2),
            ..ListQuery::default()
        };
        assert_eq!(names(&query), (vec![], 3));
        let query = ListQuery {
            page: Some(2),
            size: Some(2),
            order_by: Some("name desc".to_owned()),
            ..ListQuery::default()
        };
        assert_eq!(names(&query), (vec!["a".to_owned()], 3));
        let query = ListQuery {
            size: Some(0),
            ..ListQuery::default()
        };
        assert_eq!(names(&query), (vec![], 3));
        let query = ListQuery {
            page: Some(i64::MAX),
            size: Some(-1),
            ..ListQuery::default()
        };
        assert_eq!(names(&query), (vec![], 3));
    }

    #[test]
    fn a_strange_order_is_refused() {
        for order in ["token", "name sideways", "name asc asc", ","] {
            assert!(
                page(
                    "RoleList",
                    vec![],
                    &ListQuery {
                        order_by: Some(order.to_owned()),
                        ..ListQuery::default()
                    }
                )
                .is_err(),
                "{order}"
            );
        }
    }
}
