//! An answer, reduced to what the manifest opens, as the host reduces it.

use super::endpoint::strings;
use super::references::is_closed;
use serde_json::{Map, Value};

/// What the endpoint's pointers open, without what it takes and without what is called like a secret. Elements of arrays that nothing
/// opens are null, so that the others keep their places.
pub(super) fn reduced(whole: &Value, endpoint: &Value) -> Value {
    let takes = endpoint.get("takes").and_then(Value::as_array);
    let takes = takes.into_iter().flatten().filter_map(|take| take.get("pointer")?.as_str());
    let (opens, holes) = (strings(endpoint, "opens"), takes.map(segments).collect::<Vec<_>>());
    let opens: Vec<_> = opens.iter().map(|pointer| segments(pointer)).collect();
    keep(whole, &opens, &holes).unwrap_or_else(|| Value::Object(Map::new()))
}

fn keep(value: &Value, opens: &[Vec<String>], holes: &[Vec<String>]) -> Option<Value> {
    if holes.iter().any(Vec::is_empty) {
        return None;
    }
    let whole = opens.iter().any(Vec::is_empty);
    let below = |key: &str, item: &Value| {
        let mut opens = through(opens, key);
        if whole {
            opens.push(Vec::new());
        }
        (!opens.is_empty()).then(|| keep(item, &opens, &through(holes, key)))?
    };
    match value {
        Value::Object(members) => {
            let open = members.iter().filter(|(key, _)| !is_closed(key));
            let kept: Map<_, _> = open.filter_map(|(key, item)| Some((key.clone(), below(key, item)?))).collect();
            (whole || !kept.is_empty()).then_some(Value::Object(kept))
        }
        Value::Array(items) => {
            let numbered = items.iter().enumerate();
            let kept: Vec<_> = numbered
                .map(|(index, item)| below(&index.to_string(), item).unwrap_or(Value::Null))
                .collect();
            (whole || kept.iter().any(|item| !item.is_null())).then_some(Value::Array(kept))
        }
        scalar => whole.then(|| scalar.clone()),
    }
}

/// What is left of the pointers that go through this key.
fn through(pointers: &[Vec<String>], key: &str) -> Vec<Vec<String>> {
    let rest = pointers.iter().filter_map(|pointer| pointer.split_first());
    rest.filter(|(first, _)| *first == "*" || *first == key)
        .map(|(_, rest)| rest.to_vec())
        .collect()
}

fn segments(pointer: &str) -> Vec<String> {
    pointer
        .split('/')
        .skip(1)
        .map(|segment| segment.replace("~1", "/").replace("~0", "~"))
        .collect()
}
