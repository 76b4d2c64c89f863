//! Lists: search, order, paging, and the envelope that clients iterate over.
//!
//! A list is made in one direction: what the caller sees, of that what the client's filter keeps, of that one page. [`answer`] is handed the first
//! and never anything else, so no filter can bring back what was left out.

use super::problem::{Answer, Problem};
use super::search::{Column, Filter};
use super::state::App;
use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde_json::{Value, json};
use std::borrow::Borrow;

/// The parameters that every list takes. Any other is for the list itself, or for nobody.
#[derive(Debug, Default)]
pub struct ListQuery {
    page: Option<i64>,
    size: Option<i64>,
    search: Option<String>,
    order_by: Option<String>,
    fields: Option<String>,
    others: Vec<(String, String)>,
}

/// A list of records of type `T`: what clients call it, and what can be searched and ordered by.
pub struct Resource<T: 'static> {
    /// The envelope's `kind`.
    pub kind: &'static str,
    /// What a column's name may be prefixed with.
    pub table: &'static str,
    /// What can be searched and ordered by.
    pub columns: &'static [Column<T>],
    /// What else an item has, for `fields`.
    pub others: &'static [&'static str],
}

/// The largest page; also what a negative size means on the wire.
const LARGEST: i64 = 65_500;
const USUAL: i64 = 100;
/// A list is ordered by at most so many columns.
const MOST_ORDERS: usize = 8;

impl FromRequestParts<App> for ListQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Answer<Self> {
        Self::read(parts.uri.query().unwrap_or(""))
    }
}

impl ListQuery {
    /// Reads the query of an address.
    ///
    /// # Errors
    /// 400 if a parameter comes twice or is no number where one is wanted.
    pub fn read(query: &str) -> Answer<Self> {
        let mut read = Self::default();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*key {
                "page" => once(&mut read.page, "page", number("page", &value)?)?,
                "size" => once(&mut read.size, "size", number("size", &value)?)?,
                "search" => once(&mut read.search, "search", value.into_owned())?,
                "orderBy" => once(&mut read.order_by, "orderBy", value.into_owned())?,
                "fields" => once(&mut read.fields, "fields", value.into_owned())?,
                _ => read.others.push((key.into_owned(), value.into_owned())),
            }
        }
        Ok(read)
    }

    /// A parameter of the list itself. An empty one is none.
    ///
    /// # Errors
    /// 400 if it comes twice.
    pub fn other(&self, name: &'static str) -> Answer<Option<&str>> {
        let mut found = None;
        for (_, value) in self.others.iter().filter(|(key, _)| key == name) {
            once(&mut found, name, value.as_str())?;
        }
        Ok(found.filter(|value| !value.is_empty()))
    }
}

fn once<T>(place: &mut Option<T>, name: &'static str, value: T) -> Answer<()> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Problem::bad_request(format!("`{name}` is given twice"))),
    }
}

fn number(name: &'static str, text: &str) -> Answer<i64> {
    text.trim()
        .parse()
        .map_err(|_| Problem::bad_request(format!("`{name}` must be a whole number")))
}

/// One page of what the caller sees, in the list envelope. `size` counts this page, `total` everything that the filter keeps; a page past the
/// end is empty, not an error, for clients iterate until they see one. `visible` comes in the order that the list has if none is asked for.
///
/// # Errors
/// 400 if search, order or fields do not read, or name what there is not.
pub fn answer<T, I: Borrow<T>>(
    resource: &Resource<T>,
    visible: Vec<I>,
    present: impl Fn(&T) -> Value,
    query: &ListQuery,
) -> Answer<Json<Value>> {
    let unread = |why| Problem::bad_request(format!("Failed to parse search query: {why}"));
    let filter = query
        .search
        .as_deref()
        .map(|text| Filter::read(text, resource.table, resource.columns));
    let mut items = match filter.transpose().map_err(unread)?.flatten() {
        Some(filter) => filter.keep(visible).map_err(unread)?,
        None => visible,
    };
    if let Some(order) = query.order_by.as_deref().filter(|order| !order.trim().is_empty()) {
        sort(&mut items, resource.columns, order)?;
    }
    let fields = query
        .fields
        .as_deref()
        .map(|fields| chosen(resource, fields))
        .transpose()?
        .flatten();
    let total = items.len();
    let page = query.page.unwrap_or(1).max(1);
    let size = match query.size.unwrap_or(USUAL) {
        size if !(0..=LARGEST).contains(&size) => LARGEST,
        size => size,
    };
    let size = usize::try_from(size).unwrap_or(0);
    let skip = usize::try_from(page - 1).unwrap_or(usize::MAX).saturating_mul(size);
    let items: Vec<Value> = items
        .iter()
        .skip(skip)
        .take(size)
        .map(|item| reduced(present(item.borrow()), fields.as_deref()))
        .collect();
    Ok(Json(
        json!({ "kind": resource.kind, "page": page, "size": items.len(), "total": total, "items": items }),
    ))
}

fn sort<T, I: Borrow<T>>(items: &mut [I], columns: &'static [Column<T>], order: &str) -> Answer<()> {
    let bad = || Problem::bad_request(format!("bad order value '{}'", order.chars().take(256).collect::<String>()));
    let mut keys = Vec::new();
    for part in order.split(',') {
        let mut words = part.split_whitespace();
        let name = words.next().ok_or_else(bad)?;
        let column = columns.iter().find(|column| column.name == name).ok_or_else(bad)?;
        let descending = match words.next().map(str::to_ascii_lowercase).as_deref() {
            None | Some("asc") => false,
            Some("desc") => true,
            Some(_) => return Err(bad()),
        };
        if words.next().is_some() || keys.len() == MOST_ORDERS {
            return Err(bad());
        }
        keys.push((column, descending));
    }
    items.sort_by(|a, b| {
        let by = keys.iter().map(|(column, descending)| {
            let by = (column.read)(a.borrow()).order(&(column.read)(b.borrow()));
            if *descending { by.reverse() } else { by }
        });
        by.into_iter().find(|by| by.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
    });
    Ok(())
}

/// The names in `fields`, with `id`. `None` if there is none: that is everything.
fn chosen<T>(resource: &Resource<T>, fields: &str) -> Answer<Option<Vec<String>>> {
    let names: Vec<&str> = fields.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let known = |name: &str| ALWAYS.contains(&name) || resource.others.contains(&name) || resource.columns.iter().any(|c| c.name == name);
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        return Err(Problem::bad_request(format!(
            "`fields`: there is no field `{}`",
            unknown.chars().take(64).collect::<String>()
        )));
    }
    if names.is_empty() {
        return Ok(None);
    }
    Ok(Some(names.into_iter().chain(["id"]).map(str::to_owned).collect()))
}

/// What every item has beside its columns.
const ALWAYS: [&str; 3] = ["id", "kind", "href"];

fn reduced(mut item: Value, fields: Option<&[String]>) -> Value {
    if let (Some(fields), Some(object)) = (fields, item.as_object_mut()) {
        object.retain(|key, _| fields.iter().any(|field| field == key));
    }
    item
}

#[cfg(test)]
mod tests {
    use super::super::search::{Cell, Type};
    use super::*;

    struct Thing(&'static str, Option<i64>);

    const THINGS: Resource<Thing> = Resource {
        kind: "ThingList",
        table: "things",
        columns: &[
            Column {
                name: "name",
                holds: Type::Text,
                read: |thing| Cell::text(thing.0),
            },
            Column {
                name: "size",
                holds: Type::Number,
                read: |thing| thing.1.map_or(Cell::Null, Cell::number),
            },
        ],
        others: &["extra"],
    };

    fn list(query: &str) -> Answer<Value> {
        let things = vec![Thing("b", Some(2)), Thing("c", None), Thing("a", Some(10))];
        let show = |thing: &Thing| json!({ "id": thing.0, "name": thing.0, "extra": 1, "kind": "Thing" });
        answer(&THINGS, things, show, &ListQuery::read(query)?).map(|Json(list)| list)
    }

    fn names(query: &str) -> (Vec<String>, u64) {
        let list = list(query).unwrap();
        let name = |item: &Value| item["name"].as_str().unwrap().to_owned();
        (
            list["items"].as_array().unwrap().iter().map(name).collect(),
            list["total"].as_u64().unwrap(),
        )
    }

    #[test]
    fn pages_past_the_end_are_empty() {
        assert_eq!(names("page=3&size=2"), (vec![], 3));
        assert_eq!(names("page=2&size=2&orderBy=name%20desc"), (vec!["a".to_owned()], 3));
        assert_eq!(names("size=0"), (vec![], 3));
        assert_eq!(names(&format!("page={}&size=-1", i64::MAX)), (vec![], 3));
        assert_eq!(names("size=-1").0.len(), 3);
        assert_eq!(names("size=65501&page=0").0.len(), 3);
    }

    #[test]
    fn numbers_are_ordered_as_numbers_and_what_is_unset_comes_last() {
        assert_eq!(names("orderBy=size").0, ["b", "a", "c"]);
        assert_eq!(names("orderBy=size desc, name asc").0, ["c", "a", "b"]);
    }

    #[test]
    fn the_total_is_what_the_filter_keeps() {
        assert_eq!(names("search=size%20%3E%201&size=1&orderBy=name"), (vec!["a".to_owned()], 2));
        assert_eq!(names("search=%20").1, 3);
    }

    #[test]
    fn fields_reduce_the_items_and_keep_the_id() {
        let list = list("fields=name, kind&search=name%3D'a'").unwrap();
        assert_eq!(list["items"], json!([{ "id": "a", "name": "a", "kind": "Thing" }]));
        assert_eq!(list["kind"], "ThingList");
        assert_eq!(super::tests::list("fields=").unwrap()["items"][0]["extra"], 1);
    }

    #[test]
    fn what_is_strange_is_refused() {
        for query in [
            "orderBy=token",
            "orderBy=name sideways",
            "orderBy=name asc asc",
            "orderBy=,",
            "orderBy=name,name,name,name,name,name,name,name,name",
            "fields=secret",
            "size=ten",
            "page=1&page=2",
            "search=a&search=b",
            "search=token%3D'x'",
        ] {
            assert_eq!(list(query).unwrap_err().status(), 400, "{query}");
        }
    }
}
