//! The files that may turn a `Secret` into text. Adding one is a decision; this test makes it one.

use crate::source::{code_of, files, is_test_file, without_tests};
use std::collections::BTreeMap;

/// File, and why it has to.
const MAY_EXPOSE: [(&str, &str); 0] = [];

#[test]
fn secrets_are_exposed_in_few_places() {
    let mut found = BTreeMap::new();
    for file in files("host/src", &[".rs"]) {
        if is_test_file(&file.path) {
            continue;
        }
        let calls = without_tests(&code_of(&file.text)).matches(".expose()").count();
        if calls > 0 {
            found.insert(file.path, calls);
        }
    }
    let listed: Vec<&str> = MAY_EXPOSE.iter().map(|(path, _)| *path).collect();
    let new: Vec<_> = found.iter().filter(|(path, _)| !listed.contains(&path.as_str())).collect();
    assert!(
        new.is_empty(),
        "files that expose a secret and are not on the list of those that may: {new:?}"
    );
    let stale: Vec<_> = listed.iter().filter(|path| !found.contains_key(**path)).collect();
    assert!(
        stale.is_empty(),
        "files on the list that expose nothing any more; take them off: {stale:?}"
    );
}
