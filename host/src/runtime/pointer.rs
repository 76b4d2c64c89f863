//! JSON pointers (RFC 6901), with which a manifest names the places of an answer.

/// A pointer's segments, unescaped; `None` if it is none.
#[must_use]
pub fn segments(pointer: &str) -> Option<Vec<String>> {
    if pointer.is_empty() {
        return Some(Vec::new());
    }
    let path = pointer.strip_prefix('/')?;
    Some(
        path.split('/')
            .map(|segment| segment.replace("~1", "/").replace("~0", "~"))
            .collect(),
    )
}
